"""What statements of Python are, and which names they bind."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from cde_orchestrator.adapters.proving.knock_out.returns import Function


def is_no_code(node: ast.stmt) -> bool:
    """Whether it does nothing: a docstring, ``pass``, ``...``."""
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def is_read_by_parts(node: ast.stmt) -> bool:
    """Whether what is in it is compared by itself, as in a condition."""
    if isinstance(node, ast.If | ast.With):
        return True
    return any(isinstance(each, Function | ast.ClassDef) for each in ast.walk(node))


def imports(node: ast.stmt) -> bool:
    """Whether it imports, if only in some case."""
    return any(isinstance(each, ast.Import | ast.ImportFrom) for each in ast.walk(node))


def is_stub(function: Function) -> bool:
    """Whether it has no body of its own."""
    return all(is_no_code(node) for node in function.body)


def is_unwritten(function: Function) -> bool:
    """Whether all it does is to say that it is not implemented."""
    code = [node for node in function.body if not is_no_code(node)]
    return bool(code) and all(
        isinstance(node, ast.Raise)
        and node.exc is not None
        and "NotImplementedError" in {getattr(each, "id", "") for each in ast.walk(node.exc)}
        for node in code
    )


def is_abstract(function: Function) -> bool:
    """Whether classes have to define it before they have instances."""
    names = (ast.unparse(each).rpartition(".")[2] for each in function.decorator_list)
    return any(name.startswith("abstract") for name in names)


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements of a statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
    for name in ("handlers", "cases"):
        for part in getattr(node, name, ()):
            yield part.body


def bound_names(block: Iterable[ast.AST]) -> Iterator[str]:
    """Names that a block binds, in its conditions too."""
    for node in block:
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((each.asname or each.name.partition(".")[0]) for each in node.names)
        else:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            yield from bound_names(ast.iter_child_nodes(node))
