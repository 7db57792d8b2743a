"""What code of Python comes to whose statements were put under conditions that are known."""

from __future__ import annotations

import ast
from dataclasses import dataclass

_KNOWN = {"__name__ == ''": False, "__name__ != ''": True}


@dataclass
class _Conditions(ast.NodeTransformer):
    """Leaves of conditions what holds; ``original``, what was there before them."""

    original: bool = False

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        self.generic_visit(node)
        holds = _KNOWN.get(ast.unparse(node.test))
        if holds is None:
            return node
        return node.body if holds and not self.original else None

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        holds = _KNOWN.get(ast.unparse(node.test))
        if holds is None:
            return node
        return node.body if holds or self.original else node.orelse


def effect(code: str | bytes) -> str:
    """The code without what never runs."""
    return ast.dump(_Conditions().visit(ast.parse(code)))


def original(code: str | bytes) -> str:
    """The code without what was put under conditions."""
    return ast.dump(_Conditions(original=True).visit(ast.parse(code)))
