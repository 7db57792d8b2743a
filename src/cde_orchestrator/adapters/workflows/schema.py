"""What a workflow file may say: each rule once, and for each breach a place and a remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any, TypeAlias, get_args

from cde_orchestrator.domain import workflow
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.gate import verdict_words
from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.domain.text import hidden_character

FORMAT_VERSION = 1
_KEPT = "\n\t\u200c\u200d"
"""Of texts: several scripts and emoji need joiners."""

ID_LIMIT = 40
"""Characters of an id or a status."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_WIDE_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_TYPE_WORDS = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}


_EMPTY: tuple[Any, ...] = (None, "", [])


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file, and where it is.

    Attributes:
        source: the file.
        key: dotted, as ``workflows.standard.phases[2].id``; empty for the whole file.
        line: line where the value begins, from 1.
        key_line: line of the key that it belongs to, from 1.
        value: str, bool, int, float or None; a list or dict of nodes; else what no rule takes.
    """

    source: str
    key: str
    line: int
    key_line: int
    value: Any

    def child(self, name: str | int) -> str:
        """The dotted key of an entry (by name) or an item (by index) of this node."""
        if isinstance(name, int):
            return f"{self.key}[{name}]"
        return f"{self.key}.{name}" if self.key else name

    def refuse(self, reason: str, remedy: str, *, at_key: bool = False) -> ValidationError:
        """The error E311 for this value, or for its key."""
        line = self.key_line if at_key else self.line
        return invalid(self.source, line, self.key or "(top level)", reason, remedy)


Rule: TypeAlias = Callable[[Node], Any]
"""Gives a node's value as the domain wants it, or raises E311."""


def invalid(source: str, line: int, key: str, reason: str, remedy: str) -> ValidationError:
    """The error E311: a place in a workflow file, what is wrong there and how to repair it."""
    return ValidationError.of("E311", path=source, line=line, key=key, reason=reason, remedy=remedy)


def node_of(value: Any, key: str = "") -> Node:
    """The node of a workflow as it is kept, where what is empty says nothing."""
    node = Node("the workflow", key, 1, 1, value)
    if isinstance(value, dict):
        found = {name: node_of(each, node.child(name)) for name, each in value.items()}
        stated = {name: each for name, each in found.items() if each.value not in _EMPTY}
        return replace(node, value=stated)
    if isinstance(value, list | tuple):
        return replace(node, value=[node_of(each, node.child(n)) for n, each in enumerate(value)])
    return node


def catalog_from(root: Node, *, packaged: bool) -> workflow.WorkflowCatalog:
    """The workflows of a file, from its top-level node; E311 for the first rule that it breaks."""
    values = _fields(root, _TOP_LEVEL, required=("version", "workflows"))
    workflows: dict[str, workflow.Workflow] = values["workflows"]
    default = values.get("default", next(iter(workflows)))
    if default not in workflows:
        remedy = _nearest(default, workflows, "Name one of")
        raise root.value["default"].refuse(f"there is no workflow '{default}'", remedy)
    return workflow.WorkflowCatalog(
        default=default, workflows=workflows, source=root.source, packaged=packaged
    )


def _fields(node: Node, rules: Mapping[str, Rule], *, required: Collection[str]) -> dict[str, Any]:
    """The entries of a mapping by name, each as its rule gives it."""
    entries = _entries(node)
    for name, entry in entries.items():
        if name not in rules:
            raise entry.refuse("there is no such key", _nearest(name, rules, "Use"), at_key=True)
    for name in required:
        if name not in entries:
            key = node.child(name)
            raise invalid(node.source, node.line, key, "it is missing", f"Add the key {name}")
    return {name: rules[name](entry) for name, entry in entries.items()}


def _entries(node: Node) -> dict[str, Node]:
    entries = node.value
    if not isinstance(entries, dict):
        raise _wrong_type(node, "a mapping", "Write keys with values, each as key: value")
    return entries


def _text(node: Node) -> str:
    value = node.value
    if not isinstance(value, str):
        raise _wrong_type(node, "text", "Write text; put it in quotes if it looks like a number")
    return _visible(node, value, _KEPT)


def _visible(node: Node, text: str, kept: str) -> str:
    if hidden := hidden_character(text, kept):
        raise node.refuse(
            f"it has the character {hidden}, which is not seen",
            "Remove control and format characters",
        )
    return text


def _filled(node: Node) -> str:
    text = _text(node)
    if not text.strip():
        raise node.refuse("it is empty", "Write its text, or remove it")
    return text


def _word(node: Node) -> str:
    """A word of a command, which a person reads before it is trusted."""
    return _visible(node, _filled(node), "\n\t")


def _slug(pattern: re.Pattern[str], node: Node) -> str:
    text = _text(node)
    if len(text) > ID_LIMIT or not pattern.fullmatch(text):
        marks = "hyphens" if pattern is _SLUG else "hyphens or underscores"
        remedy = f"Use lower-case letters, digits and single {marks}, at most {ID_LIMIT} characters"
        raise node.refuse(f"'{text}' is not a usable id", remedy)
    return text


def _status(node: Node) -> str:
    status = _slug(_WIDE_SLUG, node)
    if status in CLOSED_STATUSES:
        reason = f"'{status}' is the status of a feature that is closed"
        raise node.refuse(reason, "Use a word for the work of the phase, such as reviewing")
    return status


def _one_of(choices: tuple[str, ...], node: Node) -> str:
    text = _text(node)
    if text not in choices:
        remedy = _nearest(text, choices, "Write one of")
        raise node.refuse(f"'{text}' is not among the choices", remedy)
    return text


def _flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise _wrong_type(node, "true or false", "Write true or false, without quotes")
    return node.value


def _number(kinds: tuple[type, ...], lowest: int, highest: int, node: Node) -> int | float:
    what = "a whole number" if float not in kinds else "a number"
    remedy = f"Write {what} from {lowest} to {highest}, without quotes"
    value: int | float = node.value
    if type(value) not in kinds:  # a bool is an int to isinstance
        raise _wrong_type(node, what, remedy)
    if not lowest <= value <= highest:
        raise node.refuse(f"{value} is out of range", remedy)
    return float(value) if float in kinds else value


def _version(node: Node) -> int:
    value = node.value
    if type(value) is not int or value < FORMAT_VERSION:
        raise node.refuse("it is not a version of the format", f"Write {FORMAT_VERSION}")
    if value > FORMAT_VERSION:
        reason = f"the file has format {value}; this release reads up to {FORMAT_VERSION}"
        raise node.refuse(reason, "Upgrade: pip install --upgrade cde-orchestrator")
    return value


def _list_of(rule: Rule, remedy: str, node: Node) -> tuple[Any, ...]:
    if not isinstance(node.value, list):
        raise _wrong_type(node, "a list", remedy)
    return tuple(rule(item) for item in node.value)


def _file(node: Node) -> str:
    """A path in the project, with no placeholder but ``{feature}``."""
    path = _filled(node)
    if problem := path_problem(path):
        example = "specs/{feature}/spec.md"
        remedy = f"Give a file in the project, outside .cde and .git, such as {example}"
        raise node.refuse(problem, remedy)
    if re.search(r"[{}]", path.replace("{feature}", "")):
        raise node.refuse("it has an unknown placeholder", "Use no placeholder but {feature}")
    return path


def _folder(node: Node) -> str:
    folder = str(PurePosixPath(_filled(node)))
    if folder != "." and (problem := path_problem(folder)):
        remedy = "Give a folder in the project, such as frontend, or . for the project folder"
        raise node.refuse(problem, remedy)
    return folder


def _prompt(node: Node) -> str:
    prompt = _filled(node)
    problem = path_problem(prompt)
    if problem is None and not prompt.endswith(".md"):
        problem = "it does not end in .md"
    if problem:
        remedy = "Name the template by its path in .cde/prompts, such as standard/define.md"
        raise node.refuse(problem, remedy)
    return prompt


def _requirement(node: Node) -> str:
    """A heading, or a regular expression after ``re:``."""
    text = _filled(node)
    if text.startswith("re:"):
        try:
            re.compile(text[3:])
        except (re.error, OverflowError, RecursionError) as error:
            remedy = "Correct the regular expression; in YAML put it in single quotes"
            raise node.refuse(f"it is not a regular expression: {error}", remedy) from error
    return text


def _output(node: Node) -> workflow.Output:
    output = workflow.Output(**_fields(node, _OUTPUT, required=("id", "path")))
    if output.verdict and output.type not in {"markdown", "text"}:
        reason = f"an output of type {output.type} cannot have a verdict line"
        raise node.value["verdict"].refuse(reason, "Remove it, or write type: markdown")
    return output


def _verdict(node: Node) -> str:
    """One of the words after ``Verdict:``, as the gate compares them."""
    text = _filled(node)
    if verdict_words(text) != text.casefold():
        remedy = "Write only words, such as approved, in one line"
        raise node.refuse(f"'{text}' is not a verdict", remedy)
    return text


def _phase(node: Node) -> workflow.Phase:
    return workflow.Phase(**_fields(node, _PHASE, required=("id", "prompt")))


def _phases(node: Node) -> tuple[workflow.Phase, ...]:
    phases = _list_of(_phase, "Write each phase as an item: - id: ...", node)
    if not phases:
        raise node.refuse("there are no phases", "Add at least one phase: - id: ...")
    _check_links(node.value)
    return phases


def _check_links(phases: list[Node]) -> None:
    """What must be unique in a workflow is, and inputs name outputs of earlier phases."""
    phase_ids: set[str] = set()
    output_ids: set[str] = set()
    paths: set[str] = set()
    for phase in phases:
        _claim(phase.value["id"], phase_ids, "another phase has this id")
        for name in _items(phase, "inputs"):
            if name.value not in output_ids:
                reason = f"no earlier phase has an output '{name.value}'"
                raise name.refuse(reason, _nearest(name.value, output_ids, "Name one of"))
        for output in _items(phase, "outputs"):
            _claim(output.value["id"], output_ids, "another output of the workflow has this id")
            path = output.value["path"]
            _claim(path, paths, "another output of the workflow has this path")
            _check_folders(path, paths)


def _items(node: Node, name: str) -> list[Node]:
    return node.value[name].value if name in node.value else []


def _claim(node: Node, taken: set[str], reason: str) -> None:
    value = node.value.casefold()  # many a file system takes a.md and A.md for one file
    if value in taken:
        raise node.refuse(reason, "Choose another")
    taken.add(value)


def _check_folders(path: Node, paths: Collection[str]) -> None:
    """No output is a file where another one needs a folder."""
    own = f"{path.value.casefold()}/"
    if any(other.startswith(own) for other in paths):
        raise path.refuse("another output of the workflow is inside it", "Choose another")
    if any(own.startswith(f"{other}/") and own != f"{other}/" for other in paths):
        reason = "another output of the workflow is a file where this one needs a folder"
        raise path.refuse(reason, "Choose another")


def _workflows(node: Node) -> dict[str, workflow.Workflow]:
    entries = _entries(node)
    if not entries:
        raise node.refuse("there are no workflows", "Add one, as in the packaged file")
    workflows = {}
    for name, entry in entries.items():
        if len(name) > ID_LIMIT or not _SLUG.fullmatch(name):
            remedy = "Use lower-case letters, digits and single hyphens as its name"
            raise entry.refuse(f"'{name}' is not a usable name", remedy, at_key=True)
        fields = _fields(entry, _WORKFLOW, required=("phases",))
        workflows[name] = workflow.Workflow(id=name, **fields)
    return workflows


def _wrong_type(node: Node, expected: str, remedy: str) -> ValidationError:
    found = _TYPE_WORDS.get(type(node.value), "a value of another kind")
    return node.refuse(f"it is {found}, not {expected}", remedy)


def _nearest(name: str, known: Collection[str], verb: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    if close:
        return f"Write {close[0]} instead of {name}"
    return f"{verb}: {', '.join(known)}" if known else "Remove it"


_CHECK_REMEDY = 'Write a list of words, such as ["npm", "test"]; [] means none'
_LIST_REMEDY = "Write a list, such as [first, second]; [] means none"

_OUTPUT: Mapping[str, Rule] = {
    "id": partial(_slug, _WIDE_SLUG),
    "path": _file,
    "type": partial(_one_of, get_args(workflow.OutputType)),
    "required": _flag,
    "min_bytes": partial(_number, (int,), 0, 10_000_000),
    "must_contain": partial(_list_of, _requirement, _LIST_REMEDY),
    "verdict": partial(_list_of, _verdict, _LIST_REMEDY),
}
_PHASE: Mapping[str, Rule] = {
    "id": partial(_slug, _SLUG),
    "description": _text,
    "handler": partial(_one_of, get_args(workflow.Handler)),
    "prompt": _prompt,
    "inputs": partial(_list_of, _text, _LIST_REMEDY),
    "outputs": partial(_list_of, _output, "Write each output as an item: - id: ..."),
    "changes": partial(_one_of, get_args(workflow.Changes)),
    "check": partial(_list_of, _word, _CHECK_REMEDY),
    "check_timeout_seconds": partial(_number, (int, float), 1, 86_400),
    "check_directory": _folder,
    "status": _status,
}
_WORKFLOW: Mapping[str, Rule] = {
    "description": _text,
    "max_attempts": partial(_number, (int,), 1, 100),
    "branch": _flag,
    "phases": _phases,
}
_TOP_LEVEL: Mapping[str, Rule] = {
    "version": _version,
    "default": _text,
    "workflows": _workflows,
}
