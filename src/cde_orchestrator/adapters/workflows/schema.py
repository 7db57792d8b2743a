"""What a workflow file may say: each rule once, and for each breach a place and a remedy."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any, get_args

from cde_orchestrator.adapters.workflows.values import (
    ID_LIMIT,
    SLUG,
    WIDE_SLUG,
    Node,
    Rule,
    entries_of,
    fields_of,
    filled,
    flag,
    list_of,
    nearest,
    number,
    one_of,
    slug,
    text_of,
    word,
)
from cde_orchestrator.domain import workflow
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.gate import verdict_words
from cde_orchestrator.domain.names import checked_name
from cde_orchestrator.domain.project_paths import path_problem

FORMAT_VERSION = 1
_CRITERION = r"re:\bAC1\b"
"""What an output has to contain whose criteria are proven later."""


def catalog_from(root: Node, *, packaged: bool, file_digest: str = "") -> workflow.WorkflowCatalog:
    """The workflows of a file, from its top-level node.

    Raises:
        ValidationError: E311, for the first rule that it breaks.
    """
    values = fields_of(root, _TOP_LEVEL, required=("version", "workflows"))
    said = {
        "proof": values.get("proof"),
        "runner": values.get("runner"),
        "file_digest": file_digest,
    }
    workflows: dict[str, workflow.Workflow] = {
        name: _demanding(replace(each, **said)) for name, each in values["workflows"].items()
    }
    default = values.get("default", next(iter(workflows)))
    if default not in workflows:
        remedy = nearest(default, workflows, "Name one of")
        raise root.value["default"].refuse(f"there is no workflow '{default}'", remedy)
    return workflow.WorkflowCatalog(
        default=default, workflows=workflows, source=root.source, packaged=packaged
    )


def _demanding(made: workflow.Workflow) -> workflow.Workflow:
    """The workflow, in which what proving needs is required where criteria must be proven."""
    proven = {phase.proves for phase in made.phases if made.must_prove(phase)}

    def demanded(phase: workflow.Phase, output: workflow.Output) -> workflow.Output:
        if phase.proves is not None and output.id == workflow.PROOFS:
            return replace(output, required=made.must_prove(phase))
        if output.id not in proven or any("AC1" in each for each in output.must_contain):
            return output
        return replace(output, must_contain=(*output.must_contain, _CRITERION))

    phases = (
        replace(phase, outputs=tuple(demanded(phase, output) for output in phase.outputs))
        for phase in made.phases
    )
    return replace(made, phases=tuple(phases))


def _runner(node: Node) -> workflow.RunnerSetting:
    """A known runner, several, or a command that writes a JUnit file."""
    if isinstance(node.value, dict):
        return workflow.RunnerSetting(**fields_of(node, _RUNNER, required=tuple(_RUNNER)))
    known = partial(one_of, workflow.RUNNERS)
    names = list_of(known, _RUNNER_REMEDY, node) if isinstance(node.value, list) else (known(node),)
    if not names:
        raise node.refuse("it names no runner", _RUNNER_REMEDY)
    return workflow.RunnerSetting(names=names)


def _stated(rule: Rule, node: Node) -> Any:
    found = rule(node)
    if not found:
        raise node.refuse("it is empty", "Write at least one item, or use another runner")
    return found


def _pattern(node: Node) -> str:
    """A pattern of paths in the project, as ``src/**`` or ``*.py``."""
    pattern = filled(node)
    if problem := path_problem(pattern.removesuffix("/")):
        raise node.refuse(problem, "Write a pattern of paths in the project, such as src/**")
    return pattern


def _changes(node: Node) -> Mapping[str, Any]:
    """What a phase says of changes, as its fields."""
    if not isinstance(node.value, dict):
        return {"changes": one_of(get_args(workflow.Changes), node)}
    fields = fields_of(node, _CHANGES, required=("required",))
    if not fields["required"]:
        remedy = "Write required: true, or remove changes"
        raise node.value["required"].refuse("it is false", remedy)
    paths, exclude = fields.get("paths", ()), fields.get("exclude", ())
    return {"changes": "required", "change_paths": paths, "change_exclude": exclude}


def _status(node: Node) -> str:
    status = slug(WIDE_SLUG, node)
    if status in CLOSED_STATUSES:
        reason = f"'{status}' is the status of a feature that is closed"
        raise node.refuse(reason, "Use a word for the work of the phase, such as reviewing")
    return status


def _agent(node: Node) -> str:
    name = filled(node)
    try:
        return checked_name(name)
    except ValidationError as error:
        remedy = f"Name an agent of cde agents, such as claude, or write {workflow.OTHER_AGENT}"
        raise node.refuse("it is not the name of an agent", remedy) from error


def _version(node: Node) -> int:
    value = node.value
    if type(value) is not int or value < FORMAT_VERSION:
        raise node.refuse("it is not a version of the format", f"Write {FORMAT_VERSION}")
    if value > FORMAT_VERSION:
        reason = f"the file has format {value}; this release reads up to {FORMAT_VERSION}"
        raise node.refuse(reason, "Upgrade: pip install --upgrade cde-orchestrator")
    return value


def _file(node: Node) -> str:
    """A path in the project, with no placeholder but ``{feature}``."""
    path = filled(node)
    if problem := path_problem(path):
        example = "specs/{feature}/spec.md"
        remedy = f"Give a file in the project, outside .cde and .git, such as {example}"
        raise node.refuse(problem, remedy)
    if re.search(r"[{}]", path.replace("{feature}", "")):
        raise node.refuse("it has an unknown placeholder", "Use no placeholder but {feature}")
    return path


def _folder(node: Node) -> str:
    folder = str(PurePosixPath(filled(node)))
    if folder != "." and (problem := path_problem(folder)):
        remedy = "Give a folder in the project, such as frontend, or . for the project folder"
        raise node.refuse(problem, remedy)
    return folder


def _plain_file(node: Node) -> str:
    path = filled(node)
    if problem := path_problem(path):
        raise node.refuse(problem, "Give a file in the project, such as build/junit.xml")
    return path


def _prompt(node: Node) -> str:
    prompt = filled(node)
    problem = path_problem(prompt)
    if problem is None and not prompt.endswith(".md"):
        problem = "it does not end in .md"
    if problem:
        remedy = "Name the template by its path in .cde/prompts, such as standard/define.md"
        raise node.refuse(problem, remedy)
    return prompt


def _requirement(node: Node) -> str:
    """A heading, or a regular expression after ``re:``."""
    text = filled(node)
    if text.startswith("re:"):
        try:
            re.compile(text[3:])
        except (re.error, OverflowError, RecursionError) as error:
            remedy = "Correct the regular expression; in YAML put it in single quotes"
            raise node.refuse(f"it is not a regular expression: {error}", remedy) from error
    return text


def _output(node: Node) -> workflow.Output:
    output = workflow.Output(**fields_of(node, _OUTPUT, required=("id", "path")))
    if output.verdict and output.type not in {"markdown", "text"}:
        reason = f"an output of type {output.type} cannot have a verdict line"
        raise node.value["verdict"].refuse(reason, "Remove it, or write type: markdown")
    if output.covers and output.type != "markdown":
        reason = f"an output of type {output.type} cannot list tasks"
        raise node.value["covers"].refuse(reason, "Remove it, or write type: markdown")
    return output


def _verdict(node: Node) -> str:
    """One of the words after ``Verdict:``, as the gate compares them."""
    text = filled(node)
    if verdict_words(text) != text.casefold():
        remedy = "Write only words, such as approved, in one line"
        raise node.refuse(f"'{text}' is not a verdict", remedy)
    return text


def _phase(node: Node) -> workflow.Phase:
    fields = fields_of(node, _PHASE, required=("id", "prompt"))
    made = workflow.Phase(**{**fields, **fields.pop("changes", {})})
    if made.proves is not None and not any(
        output.id == workflow.PROOFS and output.type == "yaml" for output in made.outputs
    ):
        reason = f"the phase has no output '{workflow.PROOFS}' of type yaml"
        remedy = "Add the output: id: proofs, path: specs/{feature}/proofs.yml, type: yaml"
        raise node.value["proves"].refuse(reason, remedy)
    if made.agent and made.handler == "human_input":
        reason = "a person does this phase"
        raise node.value["agent"].refuse(reason, "Remove it, or write handler: agent")
    return made


def _phases(node: Node) -> tuple[workflow.Phase, ...]:
    phases = list_of(_phase, "Write each phase as an item: - id: ...", node)
    if not phases:
        raise node.refuse("there are no phases", "Add at least one phase: - id: ...")
    _check_links(node.value)
    return phases


def _check_links(phases: list[Node]) -> None:
    """What must be unique in a workflow is, and inputs name outputs of earlier phases."""
    phase_ids: set[str] = set()
    output_ids: set[str] = set()
    paths: set[str] = set()
    texts: dict[str, None] = {}
    first = phases[0].value.get("agent")
    if first and first.value == workflow.OTHER_AGENT:
        remedy = "Remove it, or name an agent, such as claude"
        raise first.refuse("no phase comes before it whose agent would be another", remedy)
    for phase in phases:
        _claim(phase.value["id"], phase_ids, "another phase has this id")
        for name in _items(phase, "inputs"):
            if name.value not in output_ids:
                reason = f"no earlier phase has an output '{name.value}'"
                raise name.refuse(reason, nearest(name.value, output_ids, "Name one of"))
        if (proven := phase.value.get("proves")) and proven.value not in texts:
            reason = f"no earlier phase has an output '{proven.value}' of text"
            raise proven.refuse(reason, nearest(proven.value, texts, "Name one of"))
        for output in _items(phase, "outputs"):
            _claim(output.value["id"], output_ids, "another output of the workflow has this id")
            path = output.value["path"]
            _claim(path, paths, "another output of the workflow has this path")
            _check_folders(path, paths)
            _check_covered(output, texts)
        texts |= {
            output.value["id"].value: None
            for output in _items(phase, "outputs")
            if "type" not in output.value or output.value["type"].value in {"markdown", "text"}
        }


def _check_covered(output: Node, texts: Collection[str]) -> None:
    """Tasks cover the criteria of their own output, or of one of an earlier phase."""
    covered, known = output.value.get("covers"), [*texts, output.value["id"].value]
    if covered and covered.value not in known:
        reason = f"neither this output nor one of text of an earlier phase is '{covered.value}'"
        raise covered.refuse(reason, nearest(covered.value, known, "Name one of"))


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
    entries = entries_of(node)
    if not entries:
        raise node.refuse("there are no workflows", "Add one, as in the packaged file")
    workflows = {}
    for name, entry in entries.items():
        if len(name) > ID_LIMIT or not SLUG.fullmatch(name):
            remedy = "Use lower-case letters, digits and single hyphens as its name"
            raise entry.refuse(f"'{name}' is not a usable name", remedy, at_key=True)
        fields = fields_of(entry, _WORKFLOW, required=("phases",))
        workflows[name] = workflow.Workflow(id=name, **fields)
    return workflows


_CHECK_REMEDY = 'Write a list of words, such as ["npm", "test"]; [] means none'
_RUNNER_REMEDY = f"Name one of: {', '.join(workflow.RUNNERS)}"
_LIST_REMEDY = "Write a list, such as [first, second]; [] means none"

_OUTPUT: Mapping[str, Rule] = {
    "id": partial(slug, WIDE_SLUG),
    "path": _file,
    "type": partial(one_of, get_args(workflow.OutputType)),
    "required": flag,
    "min_bytes": partial(number, (int,), 0, 10_000_000),
    "must_contain": partial(list_of, _requirement, _LIST_REMEDY),
    "verdict": partial(list_of, _verdict, _LIST_REMEDY),
    "covers": partial(slug, WIDE_SLUG),
}
_CHANGES: Mapping[str, Rule] = {
    "required": flag,
    "paths": partial(list_of, _pattern, _LIST_REMEDY),
    "exclude": partial(list_of, _pattern, _LIST_REMEDY),
}
_RUNNER: Mapping[str, Rule] = {
    "command": partial(_stated, partial(list_of, word, _CHECK_REMEDY)),
    "junit": _plain_file,
    "tests": partial(_stated, partial(list_of, _pattern, _LIST_REMEDY)),
}
_PHASE: Mapping[str, Rule] = {
    "id": partial(slug, SLUG),
    "description": text_of,
    "handler": partial(one_of, get_args(workflow.Handler)),
    "prompt": _prompt,
    "inputs": partial(list_of, text_of, _LIST_REMEDY),
    "outputs": partial(list_of, _output, "Write each output as an item: - id: ..."),
    "changes": _changes,
    "proves": text_of,
    "check": partial(list_of, word, _CHECK_REMEDY),
    "check_timeout_seconds": partial(number, (int, float), 1, 86_400),
    "check_directory": _folder,
    "status": _status,
    "agent": _agent,
}
_WORKFLOW: Mapping[str, Rule] = {
    "description": text_of,
    "max_attempts": partial(number, (int,), 1, 100),
    "branch": flag,
    "phases": _phases,
}
_TOP_LEVEL: Mapping[str, Rule] = {
    "version": _version,
    "default": text_of,
    "proof": partial(one_of, get_args(workflow.ProofRule)),
    "runner": _runner,
    "workflows": _workflows,
}
