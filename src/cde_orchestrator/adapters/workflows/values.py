"""Values of a workflow file: where each is, and what every rule is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.text import hidden_character
from cde_orchestrator.domain.value import Value

_KEPT = "\n\t\u200c\u200d"
"""Of texts: several scripts and emoji need joiners."""

ID_LIMIT = 40
"""Characters of an id or a status."""

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
WIDE_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
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


class Node(Value):
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


def fields_of(
    node: Node, rules: Mapping[str, Rule], *, required: Collection[str]
) -> dict[str, Any]:
    """The entries of a mapping by name, each as its rule gives it."""
    entries = entries_of(node)
    for name, entry in entries.items():
        if name not in rules:
            raise entry.refuse("there is no such key", nearest(name, rules, "Use"), at_key=True)
    for name in required:
        if name not in entries:
            key = node.child(name)
            raise invalid(node.source, node.line, key, "it is missing", f"Add the key {name}")
    return {name: rules[name](entry) for name, entry in entries.items()}


def entries_of(node: Node) -> dict[str, Node]:
    """The entries of a mapping by name."""
    entries = node.value
    if not isinstance(entries, dict):
        raise wrong_type(node, "a mapping", "Write keys with values, each as key: value")
    return entries


def text_of(node: Node) -> str:
    """A text without characters that are not seen."""
    value = node.value
    if not isinstance(value, str):
        raise wrong_type(node, "text", "Write text; put it in quotes if it looks like a number")
    return visible(node, value, _KEPT)


def visible(node: Node, text: str, kept: str) -> str:
    """The text, if each of its characters is seen or kept."""
    if hidden := hidden_character(text, kept):
        raise node.refuse(
            f"it has the character {hidden}, which is not seen",
            "Remove control and format characters",
        )
    return text


def filled(node: Node) -> str:
    """A text that says something."""
    text = text_of(node)
    if not text.strip():
        raise node.refuse("it is empty", "Write its text, or remove it")
    return text


def word(node: Node) -> str:
    """A word of a command, which a person reads before it is trusted."""
    return visible(node, filled(node), "\n\t")


def slug(pattern: re.Pattern[str], node: Node) -> str:
    """An id of this form."""
    text = text_of(node)
    if len(text) > ID_LIMIT or not pattern.fullmatch(text):
        marks = "hyphens" if pattern is SLUG else "hyphens or underscores"
        remedy = f"Use lower-case letters, digits and single {marks}, at most {ID_LIMIT} characters"
        raise node.refuse(f"'{text}' is not a usable id", remedy)
    return text


def one_of(choices: tuple[str, ...], node: Node) -> str:
    """One of these texts."""
    text = text_of(node)
    if text not in choices:
        remedy = nearest(text, choices, "Write one of")
        raise node.refuse(f"'{text}' is not among the choices", remedy)
    return text


def flag(node: Node) -> bool:
    """True or false."""
    if not isinstance(node.value, bool):
        raise wrong_type(node, "true or false", "Write true or false, without quotes")
    return node.value


def number(kinds: tuple[type, ...], lowest: int, highest: int, node: Node) -> int | float:
    """A number of these kinds and bounds."""
    what = "a whole number" if float not in kinds else "a number"
    remedy = f"Write {what} from {lowest} to {highest}, without quotes"
    value: int | float = node.value
    if type(value) not in kinds:  # a bool is an int to isinstance
        raise wrong_type(node, what, remedy)
    if not lowest <= value <= highest:
        raise node.refuse(f"{value} is out of range", remedy)
    return float(value) if float in kinds else value


def list_of(rule: Rule, remedy: str, node: Node) -> tuple[Any, ...]:
    """A list of what the rule gives."""
    if not isinstance(node.value, list):
        raise wrong_type(node, "a list", remedy)
    return tuple(rule(item) for item in node.value)


def wrong_type(node: Node, expected: str, remedy: str) -> ValidationError:
    """The error for a value of another type."""
    found = _TYPE_WORDS.get(type(node.value), "a value of another kind")
    return node.refuse(f"it is {found}, not {expected}", remedy)


def nearest(name: str, known: Collection[str], verb: str) -> str:
    """The remedy for a name that is not known."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    if close:
        return f"Write {close[0]} instead of {name}"
    return f"{verb}: {', '.join(known)}" if known else "Remove it"
