"""The workflows of a project, from ``.cde/workflow.yml`` or the packaged file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.adapters.workflows.schema import Node, catalog_from, invalid
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.workflow import WorkflowCatalog
from cde_orchestrator.infrastructure.system.file_ops import (
    FileOps,
    OsFileOps,
    read_regular_file,
    replace_file,
)
from cde_orchestrator.infrastructure.system.os_errors import error_words, write_failure
from cde_orchestrator.infrastructure.system.spans import WORKFLOW, span

if TYPE_CHECKING:
    from yaml import Event, ScalarEvent

WORKFLOW_FILE = Path(".cde", "workflow.yml")
PACKAGED_FILE = Path(__file__).with_name("packaged") / "workflow.yml"
SIZE_LIMIT_BYTES = 256 * 1024
DEPTH_LIMIT = 20
"""Levels of nesting; the format has eight."""

# No number that the format allows is longer, and to read very long ones takes very long.
_NUMBER_CHARACTERS = 40
_WHOLE_FILE = "(file)"
_TYPED = frozenset({"null", "bool", "int", "float"})
_UNUSABLE = object()
_NO_CHECK = "\n        check: []\n"


class YamlWorkflowRepository:
    """Reads workflows; a file is parsed again only when its content has changed."""

    def __init__(self, ops: FileOps | None = None) -> None:
        self._ops = ops or OsFileOps()

    @span(WORKFLOW)
    def load(self, root: Path) -> WorkflowCatalog:
        """The project's own workflows, or the packaged ones if it has no file.

        Raises:
            ValidationError: E310, the file is not YAML; E311, its content breaks a rule, or
                it cannot be read.
        """
        path = root / WORKFLOW_FILE
        data = _read(path)
        return self.load_packaged() if data is None else _parse(str(path), data)

    def load_packaged(self) -> WorkflowCatalog:
        """The workflows that come with the product."""
        return _parse(str(PACKAGED_FILE), PACKAGED_FILE.read_bytes(), packaged=True)

    def packaged_text(self) -> str:
        """The packaged file, with its comments."""
        return PACKAGED_FILE.read_text(encoding="utf-8")

    def write_default(self, root: Path, check: Sequence[str]) -> bool:
        """Give the project a workflow file of its own, unless it has one.

        Args:
            root: the project's folder.
            check: the command that gates the test phases, as a list of words; may be empty.

        Returns:
            Whether the file was written.

        Raises:
            ValidationError: E311, the command cannot be written in the file.
            StateError: E204, the disk is full; E203, writing failed otherwise.
        """
        path = root / WORKFLOW_FILE
        if os.path.lexists(path):
            return False
        words = json.dumps(list(check), ensure_ascii=False)
        text = self.packaged_text().replace(_NO_CHECK, f"\n        check: {words}\n")
        data = text.encode()
        _parse(str(path), data)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._ops, path, data)
        except OSError as error:
            raise write_failure(path, error) from error
        return True


def _read(path: Path) -> bytes | None:
    try:
        data, size = read_regular_file(path, SIZE_LIMIT_BYTES, follow=True)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not os.path.lexists(path):
            return None
        reason = f"it cannot be read: {error_words(error)}"
        remedy = "Put a readable file there, or remove it to use the packaged workflows"
        raise invalid(str(path), 1, _WHOLE_FILE, reason, remedy) from error
    if size > SIZE_LIMIT_BYTES:
        reason = f"it has {size} bytes; at most {SIZE_LIMIT_BYTES} are accepted"
        raise invalid(str(path), 1, _WHOLE_FILE, reason, "Shorten the file")
    return data


# Keyed by the content itself: a change within the clock's resolution that keeps the size
# would be missed by time, size and inode, and reading costs far less than parsing.
@lru_cache(maxsize=8)
def _parse(source: str, data: bytes, *, packaged: bool = False) -> WorkflowCatalog:
    return catalog_from(_YamlReader(source, _decoded(source, data)).document(), packaged=packaged)


def _decoded(source: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _not_yaml(source, line, "it is not UTF-8") from error


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
        import yaml

        self._source = source
        self._events = _events(source, text)
        self._scalars = yaml.SafeLoader("")

    def document(self) -> Node:
        """The node of the only document; an empty file is a node of nothing."""
        import yaml

        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _not_yaml(self._source, _line(event), "a second document begins")
                first = next(self._events)
                root = self._node(first, "", _line(first), 0)
        return root or Node(self._source, "", 1, 1, None)

    def _node(self, event: Event, key: str, key_line: int, depth: int) -> Node:
        import yaml

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
        import yaml

        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, node.child(len(items)), _line(event), depth))
        return items

    def _entries(self, node: Node, depth: int) -> dict[str, Node]:
        import yaml

        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                place = replace(node, line=line)
                raise place.refuse("a key is not a word", "Write each entry as key: value")
            key = node.child(event.value)
            if event.value in entries:
                remedy = f"Keep one of them; the first is in line {entries[event.value].key_line}"
                raise invalid(self._source, line, key, "it is there twice", remedy)
            entries[event.value] = self._node(next(self._events), key, line, depth)
        return entries

    def _scalar(self, event: ScalarEvent) -> Any:
        """The value, typed as YAML has it; other kinds than a Node knows become ``_UNUSABLE``."""
        import yaml

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
        node = yaml.ScalarNode(tag, event.value)
        try:
            return self._scalars.construct_object(node)
        except ValueError:
            return _UNUSABLE


def _events(source: str, text: str) -> Iterator[Event]:
    import yaml

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
