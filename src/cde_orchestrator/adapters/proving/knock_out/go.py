"""Go: what is a function, and the zero values that are given back in its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from cde_orchestrator.adapters.proving.knock_out.grammars import SILENT, Part, instead_of_literal
from cde_orchestrator.adapters.proving.knock_out.items import NONE
from cde_orchestrator.adapters.proving.knock_out.sites import Edits, in_conditions

if TYPE_CHECKING:
    from tree_sitter import Node

_INTEGERS = "int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 byte rune uintptr"
_OTHER = {
    **dict.fromkeys(_INTEGERS.split(), "113"),
    **dict.fromkeys(("float32", "float64"), "113.5"),
    "bool": "true",
    "string": '"knocked out"',
    **dict.fromkeys(("any", "interface{}", "interface {}"), 'interface{}("knocked out")'),
}
"""Values like no other, of the types that are known to have them."""
_ERROR = (
    "func() (err error) { defer func() { err, _ = recover().(error) }(); "
    "var m map[int]int; m[0] = 0; return }()"
)
"""An error, and the same each time, for which nothing has to be imported."""
_FUNCTIONS = frozenset({"function_declaration", "method_declaration"})
_SPECS = frozenset({"const_spec", "var_spec"})


class Go:
    """The rules of the language: what was left out would not compile."""

    literals: frozenset[str] | None = frozenset(
        {
            *("int_literal", "float_literal", "imaginary_literal", "rune_literal", "true", "false"),
            *("interpreted_string_literal", "raw_string_literal"),
        }
    )

    def function(self, node: Node) -> tuple[str, Node] | None:
        """Name of a function, and what has its body."""
        if node.type in _FUNCTIONS:
            name = _text(node.child_by_field_name("name"))
            receiver = _receiver(node)
            return f"{receiver}.{name}" if receiver else name, _innermost(node)
        names, values = _named(node)
        if len(names) == len(values) == 1 and values[0].type == "func_literal":
            return _text(names[0]), _innermost(values[0])
        return None

    def scope(self, node: Node) -> str:
        """Nothing else has functions in it that have names."""
        return ""

    def part(self, node: Node) -> Part:
        """What a node outside of functions is."""
        if node.type in {"const_declaration", "var_declaration", "type_declaration"}:
            return Part("inside", nodes=node.named_children)
        if node.type == "var_spec_list":
            return Part("inside", nodes=node.named_children)
        if node.type in _SPECS or node.type == "type_spec":
            values = _named(node)[1] if node.type in _SPECS else []
            value = values[0] if len(values) == 1 else None
            return Part("value", f"= {_text(node.child_by_field_name('name'))}", value=value)
        return SILENT

    def values(self, node: Node) -> tuple[bytes, bytes] | None:
        """Of the type of a literal."""
        return instead_of_literal(node)

    def is_of_tests(self, before: Collection[str]) -> bool:
        """Tests have files of their own."""
        return False

    def edits(self, name: str, function: Node) -> Edits:
        """What knocks a function out."""
        body = function.child_by_field_name("body")
        if body is None or not any(each.type != "comment" for each in body.named_children):
            return NONE
        types = list(_types(function.child_by_field_name("result")))
        at = body.start_byte + 1
        zero = [f"*new({each})" for each in types]
        other = [_other(each) for each in types]
        if other == zero:
            other = [_ERROR if each == "error" else _other(each) for each in types]
        if types and _hides_new(function):
            results = ", ".join(f"_ {each}" for each in types)
            zero = other = [f"func() ({results}) {{ return }}()"]
        return in_conditions(at, _returns(zero), _returns(other), ";")


def _other(of: str) -> str:
    """Another value than that of a new variable; the same where no other is known."""
    if of.startswith("*"):
        return f"new({of[1:]})"
    if of.startswith("[]"):
        return f"{of}{{*new({of[2:]})}}"
    if of.startswith("map["):
        return f"{of}{{}}"
    return _OTHER.get(of, f"*new({of})")


def _hides_new(function: Node) -> bool:
    """Whether a parameter has the name of the function that makes zero values."""
    parts = [function.child_by_field_name(each) for each in ("receiver", "parameters", "result")]
    names = [
        name
        for part in parts
        if part is not None
        for each in part.named_children
        for name in each.children_by_field_name("name")
    ]
    return "new" in map(_text, names)


def _returns(values: list[str]) -> str:
    return f"return {', '.join(values)}".rstrip()


def _types(result: Node | None) -> Iterator[str]:
    """The type of each value that is given back."""
    if result is None:
        return
    if result.type != "parameter_list":
        yield _text(result)
        return
    for each in result.named_children:
        if each.type == "parameter_declaration":
            names = each.children_by_field_name("name")
            yield from [_text(each.child_by_field_name("type"))] * max(1, len(names))


def _receiver(node: Node) -> str:
    """Name of the type that a method is of."""
    waiting = [node.child_by_field_name("receiver")]
    while waiting:
        each = waiting.pop(0)
        if each is not None and each.type == "type_identifier":
            return _text(each)
        waiting += each.named_children if each is not None else []
    return ""


def _named(node: Node) -> tuple[list[Node], list[Node]]:
    """Names and values of a declaration."""
    if node.type in _SPECS:
        value = node.child_by_field_name("value")
        return node.children_by_field_name("name"), value.named_children if value else []
    if node.type in {"short_var_declaration", "assignment_statement"}:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            return left.named_children, right.named_children
    return [], []


def _innermost(function: Node) -> Node:
    """The function that a function does nothing but give back, in a call or by itself."""
    body = function.child_by_field_name("body")
    lists = body.named_children if body else []
    statements = [
        each for one in lists for each in (one.children if one.type == "statement_list" else [one])
    ]
    statements = [each for each in statements if each.is_named and each.type != "comment"]
    if len(statements) != 1 or statements[0].type != "return_statement":
        return function
    values = [one for each in statements[0].named_children for one in each.named_children]
    inner = _literal(values[0]) if len(values) == 1 else None
    return function if inner is None else _innermost(inner)


def _literal(value: Node) -> Node | None:
    if value.type == "func_literal":
        return value
    words = value.child_by_field_name("arguments") if value.type == "call_expression" else None
    only = words.named_children if words else []
    return _literal(only[0]) if len(only) == 1 else None


def _text(node: Node | None) -> str:
    return "" if node is None else " ".join((node.text or b"").decode(errors="replace").split())
