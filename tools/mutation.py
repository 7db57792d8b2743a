"""Small faults for a module's source: the operators of mutmut, and some of our own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import (
    mutation_operators,
    operator_arg_removal,
    operator_assignment,
)

_LOGGED = m.Call(func=m.Attribute(value=m.Name("log")))
# What a log line says is pinned by few tests, and what a type says by mypy.
_LEFT_ALONE = (
    m.SimpleStatementLine(body=[m.Expr(value=_LOGGED)])
    | m.Annotation()
    | m.Decorator()
    | m.Import()
    | m.ImportFrom()
    | m.Assign(targets=[m.AssignTarget(target=m.Name("__all__") | m.Name("log"))])
    | m.If(test=m.Name("TYPE_CHECKING"))
    | m.Call(func=m.Name("TypeVar") | m.Name("ParamSpec"))
    | m.Subscript(value=m.Name("Literal"))
)
_CAST = m.Call(func=m.Name("cast"), args=[m.Arg(), m.Arg()])


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module's source with one fault.

    Attributes:
        path: the module's, from the root of the repository.
        line: where the fault is, from 1.
        number: tells the mutants of a line apart.
        source: the whole module.
        original: the same without the fault.
    """

    path: str
    line: int
    number: int
    source: str
    original: str

    @property
    def name(self) -> str:
        """What the mutant is called in a report; as long as the source stays, it names it."""
        return f"{self.path}:{self.line}#{self.number}"

    def difference(self) -> list[str]:
        """The lines that differ: those of the module after ``-``, the mutant's after ``+``."""
        lines = difflib.unified_diff(
            self.original.splitlines(), self.source.splitlines(), lineterm="", n=0
        )
        return [line for line in lines if line[0] in "-+" and line[:3] not in {"---", "+++"}]


class Mutable:
    """A module that can be changed.

    Args:
        path: the module's, from the root of the repository.
        source: the whole module.
    """

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.source = source
        wrapper = MetadataWrapper(cst.parse_module(source))
        visitor = _Visitor()
        wrapper.visit(visitor)
        self._module = wrapper.module
        self.places = visitor.found
        """Every possible fault, by its line: the node, and what stands in its place then."""

    def mutant(self, line: int, number: int) -> Mutant | None:
        """One of a line's mutants, from 1; None when it is no program, or the same one."""
        node, change = self.places[line][number - 1]
        changed = self._module.deep_replace(node, change)
        if not isinstance(changed, cst.Module) or changed.code == self.source:
            return None
        if not _compiles(changed.code):
            return None
        return Mutant(self.path, line, number, changed.code, self.source)

    def mutants(self, line: int, text: str) -> Iterator[Mutant]:
        """Those of a line's mutants that may have put the text there: to make each takes long."""
        for number, (_, change) in enumerate(self.places.get(line, ()), start=1):
            code = self._module.code_for_node(change).strip()
            if ("\n" in code or code in text) and (mutant := self.mutant(line, number)):
                yield mutant


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _negated(node: cst.If | cst.While | cst.IfExp) -> Iterator[cst.CSTNode]:
    """``if a`` becomes ``if not (a)``; a comparison has mutants of its own."""
    if not isinstance(node.test, cst.Comparison):
        test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


def _removed(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """What is done for its effect alone becomes ``pass``."""
    target = m.AssignTarget(target=m.Attribute() | m.Subscript())
    effect = m.Expr(value=m.Call() | m.Await()) | m.Raise() | m.AugAssign()
    if len(node.body) == 1 and m.matches(node.body[0], effect | m.Assign(targets=[target])):
        yield node.with_changes(body=[cst.Pass()])


def _without_argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """Each argument that is given by name is omitted."""
    for index, argument in enumerate(node.args):
        if argument.keyword is not None:
            yield node.with_changes(args=[*node.args[:index], *node.args[index + 1 :]])


# Whatever gets None where it needs a value fails at once: such faults would say little.
_TOO_GROSS = {operator_assignment, operator_arg_removal}
_OPERATORS: list[tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]] = [
    *(each for each in mutation_operators if each[1] not in _TOO_GROSS),
    (cst.If, _negated),
    (cst.While, _negated),
    (cst.SimpleStatementLine, _removed),
    (cst.Call, _without_argument),
]


class _Visitor(cst.CSTVisitor):
    """Collects what can be changed."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, list[tuple[cst.CSTNode, cst.CSTNode]]] = {}
        self._line = 1

    def on_visit(self, node: cst.CSTNode) -> bool:
        if m.matches(node, _LEFT_ALONE):
            return False
        if isinstance(node, cst.Call) and m.matches(node, _CAST):
            node.args[1].visit(self)
            return False
        position = self.get_metadata(PositionProvider, node, None)
        line = position.start.line if isinstance(position, cst.metadata.CodeRange) else self._line
        if isinstance(node, cst.BaseExpression | cst.BaseStatement | cst.BaseSmallStatement):
            self._line = line
        for kind, operator in _OPERATORS:
            if isinstance(node, kind):
                for change in operator(node):
                    self.found.setdefault(line, []).append((node, change))
        return True
