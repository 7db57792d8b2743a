"""The parts of a module of Python: functions, values, statements; and how each is knocked out."""

from __future__ import annotations

import ast
import re
from functools import partial

from cde_orchestrator.adapters.proving.knock_out.items import NONE, Item, Reading, Room, joined
from cde_orchestrator.adapters.proving.knock_out.python_nodes import (
    blocks,
    bound_names,
    imports,
    is_abstract,
    is_no_code,
    is_read_by_parts,
    is_stub,
    is_unwritten,
)
from cde_orchestrator.adapters.proving.knock_out.returns import (
    NOTHING,
    OTHER,
    Function,
    chosen,
    guarded,
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


class _Reader:
    """Reads the items of a module."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.lines = Lines(text)
        self.items: list[Item] = []
        self.rooms: dict[str, Room] = {}
        self.ends: dict[str, tuple[int, str]] = {}

    def read(self, tree: ast.Module) -> None:
        names = frozenset(bound_names(tree.body))
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
            elif is_read_by_parts(node):
                if isinstance(node, ast.If):
                    self._condition(node, scope)
                for part in blocks(node):
                    self._block(part, scope, owner)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node, scope)
            elif not (is_no_code(node) or imports(node)):
                self._statement(node, scope)

    def _function(self, node: Function, scope: str, owner: ast.ClassDef | None) -> None:
        name = scope + node.name
        edits = NONE if is_stub(node) else self._edits(node, owner)
        if owner is not None and is_abstract(node):
            edits = joined(edits, self._not_abstract(node, owner))
        start, end = self._span(node)
        body, _ = self._span(node.body[0])
        again = bool(edits["nothing"]) and not is_unwritten(node)
        again = again and self._is_first(start) and self._is_first(body)
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
        for block in blocks(node):
            kept: list[ast.stmt] = []
            for each in block:
                if isinstance(each, Function):
                    self._function(each, scope, owner)
                    kept.append(ast.Expr(ast.Constant(f"def {each.name}")))
                elif isinstance(each, ast.ClassDef):
                    self._strip(each, f"{scope}{each.name}.", each)
                    kept.append(each)
                elif not is_no_code(each):
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
        names = frozenset(bound_names(node.body))
        if rest and self._is_first(last):
            if bases <= {"object"} and not node.keywords:
                self.rooms[f"{name}."] = Room(rest.end(), self._column(last), names)
            if not bases & _WITHOUT_FIELDS and "__getattribute__" not in names:
                indent = self.text[last - self._column(last) : last].decode()
                self.ends[f"{name}."] = (rest.end(), f"\n{indent}{_HIDES}")
        known = len(self.items)
        self._block(node.body, f"{name}.", node)
        is_name_alone = len(self.items) == known
        is_empty = not any(
            each.edits["nothing"] or each.last_resort["nothing"] for each in self.items[known:]
        )
        last_resort = self._after_class(node, "{0} = {1}") if is_empty else NONE
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
            last_resort=last_resort,
        )
        self.items.append(item)

    def _after_class(self, node: ast.ClassDef, what: str) -> Edits:
        """What does something to a class once it is made."""
        start, end = self._span(node)
        rest = _REST_OF_LINE.match(self.text, end)
        if rest is None or not self._is_first(start):
            return NONE
        indent = self.text[start - self._column(start) : start].decode()
        nothing, other = (what.format(node.name, each) for each in (NOTHING, OTHER))
        texts = guarded(nothing, other, f"\n{indent}")
        return {how: (_insert(rest.end(), f"\n{indent}{text}"),) for how, text in texts.items()}

    def _not_abstract(self, node: Function, owner: ast.ClassDef) -> Edits:
        """What lets a class have instances without this function."""
        names = "getattr({0}, '__abstractmethods__', frozenset())"
        without = f"{{0}}.__abstractmethods__ = {names} - {{{{{node.name!r}}}}}"
        return self._after_class(owner, without)

    def _other_base(self, node: ast.ClassDef) -> Edits:
        """What makes another kind of error of one; of other classes nothing is known."""
        bases = [ast.unparse(base) for base in node.bases]
        if not bases or not bases[-1].endswith(("Error", "Exception", "Warning")):
            return NONE
        (start, _), (_, end) = self._span(node.bases[0]), self._span(node.bases[-1])
        return replaced(start, end, b"BaseException" if bases == ["Exception"] else b"Exception")

    def _import(self, node: ast.Import | ast.ImportFrom, scope: str) -> None:
        start, end = self._span(node)
        names = sorted(bound_names([node]))
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
                is_import=True,
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
        value = self._span(node.value) if node.value else None
        annotation = getattr(node, "annotation", None)
        if node.value is None or value is None:
            edits = self._hidden(scope, names[0])
        elif all(names):
            last_resort = chosen(self.text, value, NOTHING.encode(), OTHER.encode())
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
                head=" ".join(ast.dump(each) for each in (*targets, annotation) if each),
                value=value,
                instead=partial(chosen, self.text, value) if value else None,
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
            return chosen(self.text, self._span(value.body), NOTHING.encode(), OTHER.encode())
        if not is_literal(value):
            return NONE
        nothing, other = instead_of_literal(ast.literal_eval(value))
        text = self.text[start:end]
        nothing, other = (other, other) if text == nothing else (nothing, other)
        nothing, other = (nothing, nothing) if text == other else (nothing, other)
        return NONE if text == nothing else chosen(self.text, (start, end), nothing, other)

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
                edits=NONE if any(bound_names([node])) else replaced(start, end, b"pass"),
                comment=self._comment(end),
            )
        )

    def _edits(self, node: Function, owner: ast.ClassDef | None) -> Edits:
        """Two more lines before the body, which begins a line of its own for them."""
        nothing, other = instead(node, owner)
        body = [each for each in node.body[:1] if not is_no_code(each)] + node.body[1:]
        if node.name == "__init__" and len(body) > 1 and _calls_init(body[0]):
            body = body[1:]
        (start, _), (first, _) = self._span(body[0]), self._span(node.body[0])
        newline, opening, end = self._newline(start), NONE, ""
        if self._is_first(first):
            indent = self.text[first - self._column(first) : first].decode()
        else:
            above = self.lines.lines[node.lineno - 1].decode()
            indent = above[: len(above) - len(above.lstrip(" \t\f"))] + "    "
            opening = _each_way(first, f"{newline}{indent}") if first != start else NONE
        if not self._is_first(start):
            indent, end = f"{newline}{indent}", f"{newline}{indent}"
            at = start
        else:
            at, end = start - self._column(start), newline
        texts = guarded(nothing, other, newline + indent.lstrip("\r\n"))
        edits = {how: (_insert(at, f"{indent}{text}{end}"),) for how, text in texts.items()}
        return joined(opening, edits)

    def _newline(self, start: int) -> str:
        """What ends the line above this byte, or else its own."""
        number = self.lines.number(start) - 1
        above = self.lines.lines[max(0, number - 1)]
        return above[len(above.rstrip(b"\r\n")) :].decode() or "\n"

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


def _each_way(at: int, text: str) -> Edits:
    """Edits that insert the same whatever is knocked out."""
    return dict.fromkeys(NONE, (_insert(at, text),))


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
