"""Reads a YAML file into nodes that know their lines; nothing in it is ever executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import yaml
from yaml import Event, ScalarEvent

from cde_orchestrator.adapters.workflows.values import Node, invalid
from cde_orchestrator.domain.exceptions import ValidationError

DEPTH_LIMIT = 20
"""Levels of nesting; the format has eight."""

# No number that the format allows is longer, and to read very long ones takes very long.
_NUMBER_CHARACTERS = 40
_TYPED = frozenset({"null", "bool", "int", "float"})
_UNUSABLE = object()


def read_document(source: str, data: bytes) -> Node:
    """The node of the only document in a file, which errors call ``source``.

    Raises:
        ValidationError: E310, it is not YAML; E311, it has what this format has no use for.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _not_yaml(source, line, "it is not UTF-8") from error
    return _YamlReader(source, text).document()


def _not_yaml(source: str, line: int, reason: str) -> ValidationError:
    return ValidationError.of("E310", path=source, line=line, reason=reason)


class _YamlReader:
    """Builds nodes from the parser's events, so that nothing in the file is ever executed.

    Nodes that ``yaml.compose`` builds would not do: on deep nesting libyaml ends the process,
    an alias loses its place, and a tag that is written looks like one that is not.

    What YAML allows and this format has no use for is refused on the way: tags, aliases,
    keys that are not words, a key twice in one mapping, several documents, deep nesting.
    """

    def __init__(self, source: str, text: str) -> None:
        self._source = source
        self._events = _events(source, text)
        self._scalars = yaml.SafeLoader("")

    def document(self) -> Node:
        """The node of the only document; an empty file is a node of nothing."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _not_yaml(self._source, _line(event), "a second document begins")
                first = next(self._events)
                root = self._node(first, "", _line(first), 0)
        return root or Node(self._source, "", 1, 1, None)

    def _node(self, event: Event, key: str, key_line: int, depth: int) -> Node:
        node = Node(self._source, key, _line(event), key_line, None)
        if depth > DEPTH_LIMIT:
            reason = f"it is nested deeper than {DEPTH_LIMIT} levels"
            raise _not_yaml(self._source, node.line, reason)
        if isinstance(event, yaml.AliasEvent):
            raise node.refuse("aliases are not supported", "Write the value out in its place")
        if getattr(event, "tag", None) is not None:
            raise node.refuse("tags are not supported", "Remove the word that begins with !")
        if isinstance(event, yaml.ScalarEvent):
            return replace(node, value=self._scalar(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return replace(node, value=self._items(node, depth + 1))
        return replace(node, value=self._entries(node, depth + 1))

    def _items(self, node: Node, depth: int) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, node.child(len(items)), _line(event), depth))
        return items

    def _entries(self, node: Node, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                place = replace(node, line=line)
                raise place.refuse("a key is not a word", "Write each entry as key: value")
            key = node.child(event.value)
            if event.value in entries:
                remedy = f"Keep one of them; the first is on line {entries[event.value].key_line}"
                raise invalid(self._source, line, key, "it is there twice", remedy)
            entries[event.value] = self._node(next(self._events), key, line, depth)
        return entries

    def _scalar(self, event: ScalarEvent) -> Any:
        """The value, typed as YAML has it; other kinds than a Node knows become ``_UNUSABLE``."""
        if not event.implicit[0]:
            return event.value
        # The stubs of PyYAML leave resolve() untyped.
        resolve: Callable[..., str] = self._scalars.resolve
        tag = resolve(yaml.ScalarNode, event.value, event.implicit)
        kind = tag.rpartition(":")[2]
        if kind == "str":
            return event.value
        if kind not in _TYPED or len(event.value) > _NUMBER_CHARACTERS:
            return _UNUSABLE
        try:
            return self._scalars.construct_object(yaml.ScalarNode(tag, event.value))
        except ValueError:
            return _UNUSABLE


def _events(source: str, text: str) -> Iterator[Event]:
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _not_yaml(source, line, f"it has the character U+{ord(found.group()):04X}")
    try:
        yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The parser in Python lets chr() fail on an escape that is no character.
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise _not_yaml(source, mark.line + 1 if mark else 1, reason) from error


def _line(event: Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark else 1
