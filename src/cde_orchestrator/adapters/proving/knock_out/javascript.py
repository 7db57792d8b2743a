"""JavaScript and TypeScript: what is a function, and what is given back in its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from cde_orchestrator.adapters.proving.knock_out.grammars import SILENT, Part
from cde_orchestrator.adapters.proving.knock_out.items import NONE
from cde_orchestrator.adapters.proving.knock_out.sites import Edit, Edits
from cde_orchestrator.domain.proofs import HowKnockedOut

if TYPE_CHECKING:
    from tree_sitter import Node

_DECLARED = frozenset({"function_declaration", "generator_function_declaration"})
_VALUES = frozenset({"arrow_function", "function_expression", "generator_function"})
_GENERATORS = frozenset({"generator_function_declaration", "generator_function"})
_CLASSES = frozenset({"class_declaration", "abstract_class_declaration"})
_NAMED = {
    "variable_declarator": ("name", "value"),
    "assignment_expression": ("left", "right"),
    "pair": ("key", "value"),
    "field_definition": ("property", "value"),
    "public_field_definition": ("name", "value"),
}
"""What gives a name to a value: the fields of both."""
_AROUND = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"}
)
_EXPORTS = ("module.exports", "exports.")


class Script:
    """The rules of both languages."""

    literals: frozenset[str] | None = None

    def __init__(self, *, typed: bool) -> None:
        self._any = " as any" if typed else ""
        # Like no other value, and the same each time: nothing is compared with itself.
        nothing, other = f"(undefined{self._any})", f"(Object{self._any})"
        self._values = nothing.encode(), other.encode()

    def values(self, node: Node) -> tuple[bytes, bytes] | None:
        """Of any type."""
        return self._values

    def function(self, node: Node) -> tuple[str, Node] | None:
        """Name of a function, and what has its body."""
        if node.type in _DECLARED or node.type == "method_definition":
            return _text(node, "name"), _innermost(node)
        if node.type in _NAMED:
            name, value = _NAMED[node.type]
            function = _function_in(node.child_by_field_name(value))
            return None if function is None else (_text(node, name), _innermost(function))
        if node.type == "export_statement":
            function = _function_in(node.child_by_field_name("value"))
            return None if function is None else ("default", _innermost(function))
        return None

    def scope(self, node: Node) -> str:
        """Name of what is no function, but has functions in it; empty if it has none."""
        if node.type in _CLASSES or node.type in {"class", "internal_module"}:
            return _text(node, "name")
        return _text(node, _NAMED[node.type][0]) if node.type in _NAMED else ""

    def part(self, node: Node) -> Part:
        """What a node outside of functions is."""
        if node.type == "decorator":
            return Part("before")
        if node.type in {"lexical_declaration", "variable_declaration"}:
            return Part("inside", nodes=node.named_children)
        if node.type == "export_statement":
            return self._export(node)
        if node.type in _CLASSES or node.type == "internal_module":
            body = node.child_by_field_name("body")
            start, end = node.start_byte, body.start_byte if body else node.end_byte
            nodes = body.children if body else []
            head = (start, end) if node.type in _CLASSES else None
            return Part("inside", nodes=nodes, scope=_text(node, "name"), head=head)
        if node.type in _NAMED:
            return self._named(node)
        if node.type == "enum_declaration":
            return Part("value", f"enum {_text(node, 'name')}")
        if node.type == "expression_statement" and node.named_children:
            return self._expression(node.named_children[0])
        if node.type == "if_statement":
            return Part("statement", "if", instead=b";")
        is_code = node.type.endswith("_statement") and node.type != "import_statement"
        return Part("statement", node.type) if is_code else SILENT

    def _export(self, node: Node) -> Part:
        declaration = node.child_by_field_name("declaration")
        if declaration is not None:
            decorators = [each for each in node.children if each.type == "decorator"]
            return Part("inside", nodes=[*decorators, declaration])
        value = node.child_by_field_name("value")
        if value is not None and _has_functions(value):
            return Part("inside", nodes=value.named_children)
        return Part("value", "default") if value else SILENT

    def _named(self, node: Node) -> Part:
        """What has a name; an object with functions is read like a class."""
        field_of_name, field_of_value = _NAMED[node.type]
        name, value = _text(node, field_of_name), node.child_by_field_name(field_of_value)
        if value is not None and _has_functions(value):
            return Part("inside", nodes=value.named_children, scope=name)
        if _is_import(value) or name.startswith(_EXPORTS):
            return SILENT
        return Part("value", f"= {name}", value=value)

    def _expression(self, node: Node) -> Part:
        if node.type == "internal_module":
            return Part("inside", nodes=[node])
        if node.type == "assignment_expression":
            return self._named(node)
        if node.type == "call_expression":
            words = node.child_by_field_name("arguments")
            first = words.named_children[:1] if words else []
            path = "".join(_content(each) for each in first if each.type == "string")
            return Part("statement", f"{_text(node, 'function')} {path}", instead=b";")
        return SILENT if node.type == "string" else Part("statement", node.type)

    def is_of_tests(self, before: Collection[str]) -> bool:
        """Tests have files of their own."""
        return False

    def edits(self, name: str, function: Node) -> Edits:
        """What knocks a function out."""
        body = function.child_by_field_name("body")
        if body is None:
            return NONE
        nothing, other = f"undefined{self._any}", f"Object{self._any}"
        if body.type != "statement_block":
            start, end = body.start_byte, body.end_byte
            made = _guarded(f"? ({nothing}) :", f"? ({other}) : (", "{}")
            return {how: _around(start, end, text, ")") for how, text in made.items()}
        at = _first_place(name, function, body)
        if at is None:
            return NONE
        if name == "constructor" or any(each.type == "set" for each in function.children):
            left, right = "return;", "return;"
        elif function.type in _GENERATORS or any(each.type == "*" for each in function.children):
            left, right = "return;", f"yield {other}; return;"
        else:
            left, right = f"return {nothing};", f"return {other};"
        before = " " if at == body.start_byte + 1 else "; "
        made = _guarded(f"{{ {left} }}", f"{{ {right} }}", "if ({})")
        return {how: (Edit(at, at, f"{before}{text}".encode()),) for how, text in made.items()}


_ALWAYS, _NEVER = 'typeof Object !== "string"', 'typeof Object === "string"'


_CONDITIONS: Mapping[HowKnockedOut, tuple[str, str]] = {
    "nothing": (_ALWAYS, _NEVER),
    "other": (_NEVER, _ALWAYS),
    "control": (_NEVER, _NEVER),
}


def _guarded(nothing: str, other: str, test: str) -> dict[HowKnockedOut, str]:
    """Two statements or values under conditions; what holds is all that differs."""
    return {
        how: f"{test.format(one)} {nothing} {test.format(two)} {other}"
        for how, (one, two) in _CONDITIONS.items()
    }


def _around(start: int, end: int, before: str, after: str) -> tuple[Edit, ...]:
    return Edit(start, start, before.encode()), Edit(end, end, after.encode())


def _first_place(name: str, function: Node, body: Node) -> int | None:
    """Where the body begins: after directives, in a constructor after that of the base class."""
    at = body.start_byte + 1
    statements = [each for each in body.named_children if each.type != "comment"]
    if not statements:
        return None
    for each in statements:
        if each.type != "expression_statement" or each.named_children[0].type != "string":
            break
        at = each.end_byte
    if name != "constructor" or not _has_base(function):
        return at
    return next((each.end_byte for each in statements if _is_super(each)), None)


def _has_base(constructor: Node) -> bool:
    owner = constructor.parent.parent if constructor.parent else None
    return owner is None or any(each.type == "class_heritage" for each in owner.children)


def _is_super(node: Node) -> bool:
    call = node.named_children[0] if node.named_children else node
    function = call.child_by_field_name("function")
    return function is not None and function.type == "super"


def _function_in(value: Node | None) -> Node | None:
    """The function that a value is, or that is given to what makes it."""
    if value is None or value.type in _VALUES:
        return value
    if value.type in _AROUND:
        return _function_in(value.named_children[0] if value.named_children else None)
    words = value.child_by_field_name("arguments") if _is_wrapper(value) else None
    for each in words.named_children if words else []:
        if each.type in _VALUES or each.type == "call_expression":
            function = _function_in(each)
            if function is not None:
                return function
    return None


def _is_wrapper(value: Node) -> bool:
    """Whether it may make another function of one, as ``memo`` or ``React.memo``."""
    called = value.child_by_field_name("function") if value.type == "call_expression" else None
    owner = called.child_by_field_name("object") if called else None
    return called is not None and (
        called.type == "identifier" or (owner is not None and _content(owner)[:1].isupper())
    )


def _innermost(function: Node) -> Node:
    """The function that a function does nothing but give back."""
    body = function.child_by_field_name("body")
    if body is None:
        return function
    if body.type != "statement_block":
        inner = _function_in(body)
    else:
        statements = [each for each in body.named_children if each.type != "comment"]
        if len(statements) != 1 or statements[0].type != "return_statement":
            return function
        inner = (
            _function_in(statements[0].named_children[0])
            if (statements[0].named_children)
            else None
        )
    return function if inner is None else _innermost(inner)


def _has_functions(value: Node) -> bool:
    """Whether it is an object with functions in it."""
    if value.type != "object":
        return False
    values = [each.child_by_field_name("value") for each in value.named_children]
    return any(each.type == "method_definition" for each in value.named_children) or any(
        _function_in(each) is not None or _has_functions(each) for each in values if each
    )


def _is_import(value: Node | None) -> bool:
    called = value.child_by_field_name("function") if value else None
    return called is not None and called.text in {b"require", b"import"}


def _content(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


def _text(node: Node, name: str) -> str:
    child = node.child_by_field_name(name)
    return "" if child is None else " ".join(_content(child).split())
