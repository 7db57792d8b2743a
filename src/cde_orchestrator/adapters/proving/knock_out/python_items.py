"""The parts of a module of Python: functions, values, statements; and how each is knocked out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from cde_orchestrator.adapters.proving.knock_out.items import NONE, Item, Reading, Room
from cde_orchestrator.adapters.proving.knock_out.returns import (
    NOTHING,
    OTHER,
    Function,
    instead,
    instead_of_literal,
    is_generator,
    is_literal,
)
from cde_orchestrator.adapters.proving.knock_out.sites import Edit, Edits, Lines, replaced

_NOT_REPLACED = frozenset({"__slots__", "__all__", "__match_args__"})
"""What has no values of its own, but says which names there are."""
_WITHOUT_FIELDS = frozenset({"Protocol", "TypedDict", "typing.Protocol", "typing.TypedDict"})
_HIDES = (
    "__getattribute__ = (lambda get: lambda self, name: {1} if name == {0} else get(self, name))"
    "(locals().get('__getattribute__', object.__getattribute__))"
)
"""Adds a field to those that cannot be read, in the body of its class."""
_REST_OF_LINE = re.compile(rb"[ \t\f]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")


def reading(text: bytes, tree: ast.Module) -> Reading:
    """The parts of a module; its tree is used up by it."""
    reader = _Reader(text)
    reader.read(tree)
    return Reading(text, tuple(reader.items), reader.rooms)


def _is_no_code(node: ast.stmt) -> bool:
    """Whether it does nothing: a docstring, ``pass``, ``...``."""
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _is_read_by_parts(node: ast.stmt) -> bool:
    """Whether what is in it is compared by itself, as in a condition."""
    if isinstance(node, ast.If | ast.With):
        return True
    return any(isinstance(each, Function | ast.ClassDef) for each in ast.walk(node))


def _imports(node: ast.stmt) -> bool:
    """Whether it imports, if only in some case."""
    return any(isinstance(each, ast.Import | ast.ImportFrom) for each in ast.walk(node))


def _is_stub(function: Function) -> bool:
    """Whether it has no body of its own."""
    return all(
        _is_no_code(node)
        or (
            isinstance(node, ast.Raise)
            and node.exc is not None
            and "NotImplementedError" in {getattr(each, "id", "") for each in ast.walk(node.exc)}
        )
        for node in function.body
    )


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements of a statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
    for name in ("handlers", "cases"):
        for part in getattr(node, name, ()):
            yield part.body


def _names(block: Iterable[ast.AST]) -> Iterator[str]:
    """Names that a block binds, in its conditions too."""
    for node in block:
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((each.asname or each.name.partition(".")[0]) for each in node.names)
        else:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            yield from _names(ast.iter_child_nodes(node))


class _Reader:
    """Reads the items of a module."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.lines = Lines(text)
        self.items: list[Item] = []
        self.rooms: dict[str, Room] = {}
        self.ends: dict[str, tuple[int, str]] = {}

    def read(self, tree: ast.Module) -> None:
        names = frozenset(_names(tree.body))
        if not names & {"*", "__getattr__"}:
            self.rooms[""] = Room(len(self.text), 0, names)
        self._block(tree.body, "", None)

    def _block(self, block: list[ast.stmt], scope: str, owner: ast.ClassDef | None) -> None:
        for node in block:
            if isinstance(node, Function):
                self._function(node, scope, owner)
            elif isinstance(node, ast.ClassDef):
                self._class(node, scope)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                self._value(node, scope)
            elif _is_read_by_parts(node):
                if isinstance(node, ast.If):
                    self._condition(node, scope)
                for part in _blocks(node):
                    self._block(part, scope, owner)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node, scope)
            elif not (_is_no_code(node) or _imports(node)):
                self._statement(node, scope)

    def _function(self, node: Function, scope: str, owner: ast.ClassDef | None) -> None:
        name = scope + node.name
        edits = NONE if _is_stub(node) else self._edits(node, owner)
        start, end = self._span(node)
        body, _ = self._span(node.body[0])
        again = bool(edits["nothing"]) and self._is_first(start) and self._is_first(body)
        parameters = frozenset(
            each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)
        )
        names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        frame = f"{type(node).__name__} {is_generator(node)} {self._column(body)}"
        place = len(self.items)
        self._strip(node, f"{name}.")
        item = Item(
            kind="function",
            key=f"def {name}",
            name=name,
            shape=ast.dump(node),
            start=start,
            end=end,
            column=self._column(start),
            edits=edits,
            room=scope,
            frame=frame,
            body=body if again else 0,
            parameters=parameters,
            uses=parameters & names,
        )
        self.items.insert(place, item)

    def _strip(self, node: ast.AST, scope: str, owner: ast.ClassDef | None = None) -> None:
        """Read the functions in it, and leave nothing but code and their names."""
        for block in _blocks(node):
            kept: list[ast.stmt] = []
            for each in block:
                if isinstance(each, Function):
                    self._function(each, scope, owner)
                    kept.append(ast.Expr(ast.Constant(f"def {each.name}")))
                elif isinstance(each, ast.ClassDef):
                    self._strip(each, f"{scope}{each.name}.", each)
                    kept.append(each)
                elif not _is_no_code(each):
                    self._strip(each, scope, owner)
                    kept.append(each)
            block[:] = kept

    def _class(self, node: ast.ClassDef, scope: str) -> None:
        start, _ = self._span(node)
        first, _ = self._span(node.body[0])
        last, end = self._span(node.body[-1])
        name = f"{scope}{node.name}"
        rest = _REST_OF_LINE.match(self.text, end)
        bases = {ast.unparse(each).partition("[")[0] for each in node.bases}
        names = frozenset(_names(node.body))
        if rest and self._is_first(last):
            if bases <= {"object"} and not node.keywords:
                self.rooms[f"{name}."] = Room(rest.end(), self._column(last), names)
            if not bases & _WITHOUT_FIELDS and "__getattribute__" not in names:
                indent = self.text[last - self._column(last) : last].decode()
                self.ends[f"{name}."] = (rest.end(), f"\n{indent}{_HIDES}")
        known = len(self.items)
        self._block(node.body, f"{name}.", node)
        is_name_alone = len(self.items) == known
        node.body = []
        head = self.text[start:first].rstrip()
        item = Item(
            kind="value",
            key=f"class {name}",
            name=name,
            shape=ast.dump(node),
            start=start,
            end=start + len(head),
            column=self._column(start),
            edits=self._other_base(node) if is_name_alone else NONE,
            last_resort=_bound(start, end, [node.name]) if is_name_alone else NONE,
        )
        self.items.append(item)

    def _other_base(self, node: ast.ClassDef) -> Edits:
        """What makes another kind of error of one; of other classes nothing is known."""
        bases = [ast.unparse(base) for base in node.bases]
        if not bases or not bases[-1].endswith(("Error", "Exception", "Warning")):
            return NONE
        (start, _), (_, end) = self._span(node.bases[0]), self._span(node.bases[-1])
        return replaced(start, end, b"BaseException" if bases == ["Exception"] else b"Exception")

    def _import(self, node: ast.Import | ast.ImportFrom, scope: str) -> None:
        start, end = self._span(node)
        names = sorted(_names([node]))
        shape = ast.dump(node)
        is_bound = "*" not in names and getattr(node, "module", "") != "__future__"
        self.items.append(
            Item(
                kind="statement",
                key=f"{scope} import {names}",
                name="",
                shape=shape,
                frame=shape,
                start=start,
                end=end,
                column=self._column(start),
                last_resort=_bound(start, end, names) if is_bound else NONE,
                comment=self._comment(end),
            )
        )

    def _value(self, node: ast.Assign | ast.AnnAssign, scope: str) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [each.id if isinstance(each, ast.Name) else "" for each in targets]
        if set(names) & _NOT_REPLACED:
            return
        start, end = self._span(node)
        is_function = isinstance(node.value, ast.Lambda) and len(names) == 1 and names[0]
        edits, last_resort = NONE, replaced(start, end, b"pass")
        if node.value is None:
            edits = self._hidden(scope, names[0])
        elif all(names):
            value = self._span(node.value)
            last_resort = replaced(*value, NOTHING.encode(), OTHER.encode())
            is_field = isinstance(node, ast.AnnAssign) and scope in self.ends
            edits = self._new_value(node.value)
            is_made = not isinstance(node.value, ast.Lambda) and not is_literal(node.value)
            if is_made and (is_field or all(map(str.isupper, names))):
                edits = last_resort
        self.items.append(
            Item(
                kind="function" if is_function else "value",
                key=("def " if is_function else "= ")
                + scope
                + " = ".join(map(ast.unparse, targets)),
                name=scope + names[0],
                shape=ast.dump(node),
                start=start,
                end=end,
                column=self._column(start),
                edits=edits,
                last_resort=last_resort,
                comment=self._comment(end),
            )
        )

    def _hidden(self, scope: str, name: str) -> Edits:
        """What hides a field without a value: it can be given still, but never be read."""
        if scope not in self.ends or not name:
            return NONE
        at, line = self.ends[scope]
        return {
            "nothing": (_insert(at, line.format(f"{name!r}", NOTHING)),),
            "other": (_insert(at, line.format(f"{name!r}", OTHER)),),
            "control": (),
        }

    def _new_value(self, value: ast.expr) -> Edits:
        """What a value is knocked out by that was not there before."""
        start, end = self._span(value)
        if isinstance(value, ast.Lambda):
            start, end = self._span(value.body)
            return {
                "nothing": (_insert(start, f"{NOTHING} and ("), _insert(end, ")")),
                "other": (_insert(start, f"{OTHER} or ("), _insert(end, ")")),
                "control": (),
            }
        if not is_literal(value):
            return NONE
        nothing, other = instead_of_literal(ast.literal_eval(value))
        text = self.text[start:end]
        nothing, other = (other, other) if text == nothing else (nothing, other)
        nothing, other = (nothing, nothing) if text == other else (nothing, other)
        return NONE if text == nothing else replaced(start, end, nothing, other)

    def _condition(self, node: ast.If, scope: str) -> None:
        start, end = self._span(node.test)
        self.items.append(
            Item(
                kind="value",
                key=f"{scope} if",
                name="",
                shape=ast.dump(node.test),
                start=start,
                end=end,
            )
        )

    def _statement(self, node: ast.stmt, scope: str) -> None:
        start, end = self._span(node)
        called = ""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
        self.items.append(
            Item(
                kind="statement",
                key=f"{scope} {type(node).__name__} {called}",
                name="",
                shape=ast.dump(node),
                start=start,
                end=end,
                column=self._column(start),
                edits=NONE if any(_names([node])) else replaced(start, end, b"pass"),
                comment=self._comment(end),
            )
        )

    def _edits(self, node: Function, owner: ast.ClassDef | None) -> Edits:
        """One more line before the body, or one more statement where the body is in one line."""
        nothing, other = instead(node, owner)
        body = [each for each in node.body[:1] if not _is_no_code(each)] + node.body[1:]
        if node.name == "__init__" and len(body) > 1 and _calls_init(body[0]):
            body = body[1:]
        start, _ = self._span(body[0])
        if self._is_first(start):
            line = self.lines.number(start) - 1
            at = self.lines.starts[line]
            indent, above = self.text[at:start].decode(), self.lines.lines[line - 1]
            newline = above[len(above.rstrip(b"\r\n")) :].decode()
            return {
                "nothing": (_insert(at, f"{indent}{nothing}  # {other}{newline}"),),
                "other": (_insert(at, f"{indent}{other}  # {nothing}{newline}"),),
                "control": (_insert(at, f"{indent}# {nothing}  # {other}{newline}"),),
            }
        comment = self._comment(self._span(node)[1])
        return {
            "nothing": (_insert(start, f"{nothing}; "),),
            "other": (_insert(start, f"{other}; "),),
            "control": (comment,) if comment else (),
        }

    def _comment(self, end: int) -> Edit | None:
        """A comment at the end of the line, where no code is behind this byte."""
        rest = _REST_OF_LINE.match(self.text, end)
        return _insert(rest.end(), "  # return") if rest else None

    def _span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """Where it begins, with its decorators, and ends."""
        line, column = node.lineno, node.col_offset
        decorators = getattr(node, "decorator_list", [])
        start = self.lines.starts[line - 1] + column
        if decorators:
            first = decorators[0]
            at = self.lines.starts[first.lineno - 1] + first.col_offset
            start = self.text.rindex(b"@", 0, at)
        end_line, end_column = node.end_lineno or line, node.end_col_offset or column
        return start, self.lines.starts[end_line - 1] + end_column

    def _column(self, start: int) -> int:
        return start - self.lines.starts[self.lines.number(start) - 1]

    def _is_first(self, start: int) -> bool:
        """Whether nothing is before this byte in its line."""
        return not self.text[start - self._column(start) : start].strip(b" \t\f")


def _insert(at: int, text: str) -> Edit:
    return Edit(at, at, text.encode())


def _bound(start: int, end: int, names: list[str]) -> Edits:
    """Edits that give names no meaning."""
    targets = "".join(f"{name} = " for name in names)
    return replaced(start, end, f"{targets}{NOTHING}".encode(), f"{targets}{OTHER}".encode())


def _calls_init(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "__init__"
    )
