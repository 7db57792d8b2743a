"""What a function of Python gives back when it is knocked out, in one line of code."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from cde_orchestrator.adapters.proving.knock_out.sites import Edit, Edits
from cde_orchestrator.domain.proofs import HowKnockedOut

Function = ast.FunctionDef | ast.AsyncFunctionDef

NOTHING, OTHER = "None", "object"
"""The other value is the same each time: a test that compares a result with itself stays green."""
# Where Python itself asks for a type, another one would be an error of every caller.
_PROTOCOLS = {
    "__hash__": ("0", "id({0})"),
    "__len__": ("0", "7919"),
    "__length_hint__": ("0", "7919"),
    "__bool__": ("False", "True"),
    "__int__": ("0", "7919"),
    "__index__": ("0", "7919"),
    "__sizeof__": ("0", "7919"),
    "__float__": ("0.0", "7919.0"),
    "__complex__": ("0j", "7919j"),
    "__str__": ("''", "'knocked out'"),
    "__repr__": ("''", "'knocked out'"),
    "__format__": ("''", "'knocked out'"),
    "__fspath__": ("''", "'knocked out'"),
    "__bytes__": ("b''", "b'knocked out'"),
    "__iter__": ("iter(())", "iter((object,))"),
    "__reversed__": ("iter(())", "iter((object,))"),
    "__await__": ("iter(())", "iter(())"),
    "__dir__": ("[]", "['knocked_out']"),
    "__prepare__": ("{{}}", "{{}}"),
    "__mro_entries__": ("()", "()"),
    "__class_getitem__": ("{0}", "{0}"),
    # Whatever else these did would be an error of every attribute.
    "__getattribute__": ("object.__getattribute__({0}, {1})",) * 2,
    "__setattr__": ("object.__setattr__({0}, {1}, {2})",) * 2,
    "__delattr__": ("object.__delattr__({0}, {1})",) * 2,
}
_STATEMENTS = {
    # An iterator that never ends would hang whoever reads it.
    "__next__": ("raise StopIteration", "raise StopIteration"),
    "__anext__": ("raise StopAsyncIteration", "raise StopAsyncIteration"),
}
_WITHOUT_STATE = frozenset(
    {"object", "int", "float", "str", "bytes", "tuple", "frozenset", "Generic"}
)


_NEVER, _ALWAYS = '__name__ == ""', '__name__ != ""'
"""A module always has a name; no compiler knows it, and both have the same length."""


def guarded(nothing: str, other: str, between: str) -> dict[HowKnockedOut, str]:
    """Two statements under conditions; what holds is all that differs, in the control none."""
    return {
        how: f"if {one}: {nothing}{between}if {two}: {other}"
        for how, (one, two) in _CONDITIONS.items()
    }


def chosen(text: bytes, span: tuple[int, int], nothing: bytes, other: bytes | None = None) -> Edits:
    """Edits that choose between an expression and others; in the control it is as it was."""
    start, end = span
    values = (text[start:end], nothing, nothing if other is None else other)
    return {
        how: (Edit(start, end, b"((%s) if %s else (%s) if %s else (%s))" % _woven(values, tests)),)
        for how, tests in _CHOICES.items()
    }


def _woven(values: Sequence[bytes], tests: Sequence[str]) -> tuple[bytes, ...]:
    keep, one = (test.encode() for test in tests)
    return values[0], keep, values[1], one, values[2]


_CONDITIONS: Mapping[HowKnockedOut, tuple[str, str]] = {
    "nothing": (_ALWAYS, _NEVER),
    "other": (_NEVER, _ALWAYS),
    "control": (_NEVER, _NEVER),
}
_CHOICES: Mapping[HowKnockedOut, tuple[str, str]] = {
    "nothing": (_NEVER, _ALWAYS),
    "other": (_NEVER, _NEVER),
    "control": (_ALWAYS, _NEVER),
}


def is_generator(function: Function) -> bool:
    """Whether it yields; what its inner functions do is theirs."""
    return any(isinstance(each, ast.Yield | ast.YieldFrom) for each in own_nodes(function))


def instead(function: Function, owner: ast.ClassDef | None) -> tuple[str, str]:
    """Statements that end a function at its start: with nothing, and with a value like no other."""
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    if is_generator(function):
        return _of_a_generator(function)
    if owner is not None and function.name in _STATEMENTS:
        return _STATEMENTS[function.name]
    if owner is not None and names:
        if function.name == "__init__":
            return _of_a_constructor(function, owner, names[0])
        if function.name == "__new__" and (given := _given_to_new(owner, names)):
            return (f"return super().__new__({given})",) * 2
        if function.name in _PROTOCOLS:
            nothing, other = (
                f"return {text.format(*names, *names[-1:] * 2)}"
                for text in _PROTOCOLS[function.name]
            )
            return nothing, other
    nothing, other = (
        _of_a_decorator(function, names)
        or _of_what_gives_back(function, names, is_method=owner is not None)
        or (NOTHING, OTHER)
    )
    return f"return {nothing}", f"return {other}"


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """What is in the body of a function, but not in functions and classes in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _of_a_generator(function: Function) -> tuple[str, str]:
    """A generator stays one; a context manager has to yield once."""
    decorators = (ast.unparse(each) for each in function.decorator_list)
    if any(name.endswith("contextmanager") for name in decorators):
        return f"yield {NOTHING}; return", f"yield {OTHER}; return"
    return "return", f"yield {OTHER}; return"


def _of_a_constructor(function: Function, owner: ast.ClassDef, this: str) -> tuple[str, str]:
    """The attributes exist, so that what reads them still does."""
    methods = {each.name for each in owner.body if isinstance(each, Function)}
    names = {
        node.attr: None
        for node in own_nodes(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == this
        and node.attr not in methods
    }
    targets = "".join(f"{this}.{name} = " for name in sorted(names))
    if not targets:
        return "return", "return"
    return f"{targets}{NOTHING}; return", f"{targets}{OTHER}; return"


def _given_to_new(owner: ast.ClassDef, names: list[str]) -> str:
    """What makes an instance of the base class; empty where that is not known."""
    bases = {ast.unparse(base).partition("[")[0] for base in owner.bases}
    if any(base == "type" or base.endswith(("Meta", "Type")) for base in bases):
        return ", ".join(names)
    return names[0] if bases <= _WITHOUT_STATE and not owner.keywords else ""


def _of_a_decorator(function: Function, names: list[str]) -> tuple[str, str] | None:
    """What gives a function of its own back gives one back that does nothing more."""
    inner = _given_back(function)
    if inner is None:
        return None
    if _given_back(inner) is not None:
        return "lambda function: function", "lambda function: function"
    if len(names) == 1 and _is_called(names[0], inner):
        return names[0], f"lambda *_, **__: {OTHER}"
    return f"lambda *_, **__: {NOTHING}", f"lambda *_, **__: {OTHER}"


def _of_what_gives_back(
    function: Function, names: list[str], *, is_method: bool
) -> tuple[str, str] | None:
    """What gives back what it is given, as a decorator that registers does, still does."""
    nodes = list(own_nodes(function))
    returned = {
        each.value.id if isinstance(each.value, ast.Name) else ""
        for each in nodes
        if isinstance(each, ast.Return)
    }
    changed = {
        each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    if not names or returned != {names[0]} or names[0] in changed:
        return None
    return names[0], OTHER if is_method else f"lambda *_, **__: {OTHER}"


def _given_back(function: Function) -> Function | None:
    """The function in it that all its returns give back."""
    returned = [each.value for each in own_nodes(function) if isinstance(each, ast.Return)]
    names = {each.id if isinstance(each, ast.Name) else "" for each in returned}
    inner = {each.name: each for each in function.body if isinstance(each, Function)}
    return inner.get(names.pop()) if len(names) == 1 else None


def _is_called(name: str, function: Function) -> bool:
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == name
        for each in ast.walk(function)
    )


def is_literal(value: ast.expr) -> bool:
    """Whether a value is written out."""
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def instead_of_literal(literal: object) -> tuple[bytes, bytes]:
    """Other values of the type of a constant."""
    if isinstance(literal, bool):
        return (repr(not literal).encode(),) * 2
    if isinstance(literal, int | float | complex | str | bytes):
        other = b"7919" if isinstance(literal, int | float | complex) else None
        empty = repr(type(literal)()).encode()
        return empty, other or (b"'knocked out'" if isinstance(literal, str) else b"b'knocked out'")
    if isinstance(literal, list | dict | tuple | set):
        return (repr(type(literal)()).encode(),) * 2
    return b"object()", b"object()"
