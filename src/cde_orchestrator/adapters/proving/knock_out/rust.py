"""Rust: what is a function, and what is given back in its place."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from cde_orchestrator.adapters.proving.knock_out.grammars import SILENT, Part, instead_of_literal
from cde_orchestrator.adapters.proving.knock_out.items import NONE
from cde_orchestrator.adapters.proving.knock_out.sites import Edits, in_conditions

if TYPE_CHECKING:
    from tree_sitter import Node

_INTEGERS = "i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize"
_CONSTANTS = {
    **dict.fromkeys(_INTEGERS.split(), ("0", "113")),
    **dict.fromkeys(("f32", "f64"), ("0.0", "113.5")),
    "bool": ("false", "true"),
    "char": ("'\\0'", "'\\u{1}'"),
    "str": ('""', '"knocked out"'),
    "()": ("()", "()"),
}
"""Values of types, nothing and like no other, which also a ``const fn`` may give back."""
_MADE = {
    "String": ("String::new()", 'String::from("knocked out")'),
    "Vec": ("Vec::new()", "Vec::new()"),
    "Option": ("None", "None"),
    **dict.fromkeys(
        ("HashMap", "HashSet", "BTreeMap", "BTreeSet", "VecDeque", "PathBuf", "Duration"),
        ("Default::default()", "Default::default()"),
    ),
}
_PANIC = 'panic!("knocked out")'
_SCOPES = {"impl_item": "type", "trait_item": "name", "mod_item": "name"}
_TEST = frozenset({"test", "bench"})


class Rust:
    """The rules of the language: what was left out would not compile."""

    literals: frozenset[str] | None = frozenset(
        {
            *("integer_literal", "float_literal", "char_literal", "boolean_literal"),
            *("string_literal", "raw_string_literal"),
        }
    )

    def function(self, node: Node) -> tuple[str, Node] | None:
        """Name of a function, and what has its body."""
        is_function = node.type == "function_item"
        return (_text(node.child_by_field_name("name")), node) if is_function else None

    def scope(self, node: Node) -> str:
        """Name of what is no function, but has functions in it; empty if it has none."""
        field = _SCOPES.get(node.type)
        return _text(node.child_by_field_name(field)).partition("<")[0] if field else ""

    def part(self, node: Node) -> Part:
        """What a node outside of functions is."""
        if node.type == "attribute_item":
            return Part("before")
        if node.type in _SCOPES:
            body = node.child_by_field_name("body")
            nodes = body.children if body else []
            return Part("inside", nodes=nodes, scope=self.scope(node))
        if node.type in {"const_item", "static_item", "macro_definition"}:
            value = node.child_by_field_name("value")
            return Part("value", f"= {_text(node.child_by_field_name('name'))}", value=value)
        return SILENT

    def values(self, node: Node) -> tuple[bytes, bytes] | None:
        """Of the type of a literal."""
        return instead_of_literal(node)

    def is_of_tests(self, before: Collection[str]) -> bool:
        """Whether attributes say that what follows is a test's."""
        return not _TEST.isdisjoint(before)

    def edits(self, name: str, function: Node) -> Edits:
        """What knocks a function out; no lint complains of code that never runs after an ``if``."""
        body = function.child_by_field_name("body")
        if body is None or not any("comment" not in each.type for each in body.named_children):
            return NONE
        words = [_text(each) for each in function.children if each.type == "function_modifiers"]
        is_constant = any("const" in each.split() for each in words)
        values = _values(function.child_by_field_name("return_type"), constant=is_constant)
        nothing, other = _statements(values)
        return in_conditions(body.start_byte + 1, nothing, other, "")


def _statements(values: tuple[str, str] | None) -> tuple[str, str]:
    """What ends a function: where no value is known to be possible, a panic."""
    if values is None:
        return f"{_PANIC};", f"{_PANIC};"
    return f"return {values[0]};", f"return {values[1]};"


def _values(type_: Node | None, *, constant: bool) -> tuple[str, str] | None:
    """Values of a type: nothing, and like no other; None where none are known."""
    if type_ is None:
        return "()", "()"
    text = _text(type_)
    if text in _CONSTANTS and text != "str":
        return _CONSTANTS[text]
    if type_.type == "reference_type":
        inner = _text(type_.child_by_field_name("type"))
        return _CONSTANTS["str"] if inner == "str" and "mut" not in text.split() else None
    if type_.type == "tuple_type":
        return _joined([_values(each, constant=constant) for each in type_.named_children])
    name = text.partition("<")[0].rpartition("::")[2].strip()
    if name == "Result" and type_.type == "generic_type":
        words = type_.child_by_field_name("type_arguments")
        first = words.named_children[0] if words and words.named_children else None
        values = _values(first, constant=constant) if first is not None else None
        return None if values is None else (f"Ok({values[0]})", f"Ok({values[1]})")
    if constant and name not in {"Option", "Vec"}:
        return None
    return _MADE.get(name)


def _joined(parts: list[tuple[str, str] | None]) -> tuple[str, str] | None:
    known = [each for each in parts if each is not None]
    if len(known) < len(parts):
        return None
    nothing, other = (", ".join(each[index] for each in known) for index in (0, 1))
    return f"({nothing},)", f"({other},)"


def _text(node: Node | None) -> str:
    return "" if node is None else " ".join((node.text or b"").decode(errors="replace").split())
