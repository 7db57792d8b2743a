"""Adds what is new in a file of JavaScript, TypeScript, Go or Rust to the file as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cde_orchestrator.adapters.proving.knock_out.grammars import root_of
from cde_orchestrator.adapters.proving.knock_out.sites import Edit, edited

if TYPE_CHECKING:
    from tree_sitter import Node

_INSIDE = frozenset(
    {
        *("export_statement", "export_clause", "import_clause", "named_imports"),
        *("lexical_declaration", "variable_declaration", "const_declaration"),
        *("var_declaration", "var_spec_list", "type_declaration"),
    }
)
"""What declares what is in it."""
_OF_OTHERS = frozenset({"import_specifier", "export_specifier"})
"""What gives a name to what another one declares, by its last word."""
_VERSION = re.compile(r"/v[0-9]+$")


def supplied(path: str, before: bytes, after: bytes) -> bytes | None:
    """A file as it was, and after it what only the later one declares; None where nothing is.

    Raises:
        ValueError: the grammar is not installed, or does not read one of them.
    """
    old, new = root_of(path, before), root_of(path, after)
    known = {name for node in old.children for name in _names(node)}
    parts, waiting = list[bytes](), list[bytes]()
    for node in new.children:
        text = node.text or b""
        if node.type == "attribute_item":
            waiting.append(text)
            continue
        names = set(_names(node))
        if names and not names & known:
            parts += [*waiting, text]
        waiting = []
    if not parts:
        return None
    added = b"\n".join([b"", *parts, b""])
    return edited(before, [*_imports(old, new, added), Edit(len(before), len(before), added)])


def _names(node: Node) -> Iterator[str]:
    """Names that a node of a file declares there."""
    kind, name = node.type, node.child_by_field_name("name")
    if kind == "use_declaration":
        yield _text(node)
    elif kind == "impl_item":
        yield _text(node).partition("{")[0]
    elif kind == "method_declaration":
        yield f"{_text(node.child_by_field_name('receiver'))}.{_text(name)}"
    elif kind == "import_statement" or kind in _INSIDE:
        if any(child.type == "default" for child in node.children):
            yield "default"
        elif any(child.type == "*" for child in node.children):
            yield _text(node)
        for child in node.named_children:
            yield from _names(child)
    elif kind in _OF_OTHERS:
        yield _text(node.child_by_field_name("alias") or name)
    elif name is not None:
        yield _text(name)


def _imports(old: Node, new: Node, added: bytes) -> Iterator[Edit]:
    """Imports of Go that what is added needs; one that is not used would be an error."""
    known = {_text(spec) for spec in _specs(old)}
    package = next((each for each in old.children if each.type == "package_clause"), None)
    for spec in _specs(new):
        path = _text(spec.child_by_field_name("path")).strip('"`')
        alias = spec.child_by_field_name("name")
        name = _text(alias) if alias else _VERSION.sub("", path).rpartition("/")[2]
        is_used = re.search(rb"(?<![\w.])%s\." % re.escape(name.encode()), added)
        if package and is_used and _text(spec) not in known:
            end = package.end_byte
            yield Edit(end, end, f"\nimport {_text(spec)}\n".encode())


def _specs(root: Node) -> Iterator[Node]:
    for node in root.children:
        if node.type == "import_declaration":
            waiting = [node]
            while waiting:
                each = waiting.pop()
                if each.type == "import_spec":
                    yield each
                waiting += each.named_children


def _text(node: Node | None) -> str:
    return (node.text or b"").decode(errors="replace") if node is not None else ""
