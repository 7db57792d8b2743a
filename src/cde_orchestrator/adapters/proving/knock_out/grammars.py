"""JavaScript, TypeScript, Go and Rust: what changed by the syntax trees of tree-sitter.

Its grammars come with the extra ``proof``; without them, files are compared by their lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

from cde_orchestrator.adapters.proving.knock_out.items import NONE, Item, Reading, changed_sites
from cde_orchestrator.adapters.proving.knock_out.sites import Edit, Edits, knocked_out, replaced
from cde_orchestrator.domain.proofs import HowKnockedOut

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

COMMENTS = frozenset({"comment", "line_comment", "block_comment", "html_comment"})
_CLOSING = frozenset({")", "]", "}"})

_OF_NUMBERS, _OF_TEXTS = (b"0", b"113"), (b'""', b'"knocked out"')
_OF_LITERALS: Mapping[str, tuple[bytes, bytes]] = {
    **dict.fromkeys(("int_literal", "integer_literal"), _OF_NUMBERS),
    "float_literal": (b"0.0", b"113.5"),
    **dict.fromkeys(("interpreted_string_literal", "string_literal"), _OF_TEXTS),
    **dict.fromkeys(("raw_string_literal",), _OF_TEXTS),
}


def instead_of_literal(value: Node) -> tuple[bytes, bytes] | None:
    """Other values of the type of a constant of Go or Rust; None where none are known."""
    text = value.text or b""
    if text in {b"true", b"false"}:
        return (b"false" if text == b"true" else b"true",) * 2
    nothing, other = _OF_LITERALS.get(value.type, (text, text))
    nothing = other if nothing == text else nothing
    return None if nothing == text else (nothing, nothing if other == text else other)


@dataclass(frozen=True, slots=True)
class Part:
    """What a node outside of functions is.

    Attributes:
        kind: ``inside`` has ``nodes`` to be read in its place; ``before`` belongs to what follows.
        key: what finds its counterpart in the other version.
        scope: name of what its nodes are in.
        head: bytes that are compared by themselves, as the first line of a class.
        instead: what a new one is replaced by; None: it stays.
        value: what of it may have no value, where nothing else changed.
    """

    kind: Literal["inside", "before", "value", "statement", "silent"]
    key: str = ""
    nodes: Sequence[Node] = ()
    scope: str = ""
    head: tuple[int, int] | None = None
    instead: bytes | None = None
    value: Node | None = None


SILENT = Part("silent")


class Rules(Protocol):
    """What is peculiar to a language.

    Attributes:
        literals: types of leaves that may differ where an old value takes the place of a new one;
            None where all may.
    """

    literals: frozenset[str] | None

    def function(self, node: Node) -> tuple[str, Node] | None:
        """Name of a function, and what has its body."""

    def scope(self, node: Node) -> str:
        """Name of what is no function, but has functions in it; empty if it has none."""

    def part(self, node: Node) -> Part:
        """What a node outside of functions is."""

    def values(self, node: Node) -> tuple[bytes, bytes] | None:
        """Nothing, and a value like no other, in the place of a value; None where none are."""

    def is_of_tests(self, before: Collection[str]) -> bool:
        """Whether attributes say that what follows is a test's."""

    def edits(self, name: str, function: Node) -> Edits:
        """What knocks a function out."""


class GrammarSyntax:
    """Knocks functions out by a grammar; what it cannot read is a ValueError."""

    def __init__(self, path: str, before: bytes | None, after: bytes) -> None:
        self._parser, self._rules = _language(PurePosixPath(path).suffix.lower())
        self._after = after
        if not self._is_valid(after):
            raise ValueError(path)
        old = self._reading(before) if before is not None and self._is_valid(before) else None
        self.sites = changed_sites(old, self._reading(after), self._is_valid)

    def knocked_out(self, names: Collection[str], how: HowKnockedOut) -> bytes:
        """The file with the sites of these names knocked out."""
        return knocked_out(self._after, self.sites, names, how, self._is_valid)

    def _is_valid(self, text: bytes) -> bool:
        return not self._parser.parse(text).root_node.has_error

    def _reading(self, text: bytes) -> Reading:
        reader = _Reader(text, self._rules)
        tree = self._parser.parse(text)
        reader.outside(tree.root_node.children, "")
        return Reading(text, tuple(reader.items))


def root_of(path: str, content: bytes) -> Node:
    """The syntax tree of a file.

    Raises:
        ValueError: the grammar is not installed, or does not read it.
    """
    parser, _ = _language(PurePosixPath(path).suffix.lower())
    root = parser.parse(content).root_node
    if root.has_error:
        raise ValueError(path)
    return root


def broken(path: str, content: bytes) -> bytes | None:
    """The file, failing when it is loaded; None where the language is another one."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".rs":
        return content + b'\ncompile_error!("knocked out");\n'
    if suffix == ".go":
        return content + b'\nvar knockedOut int = "knocked out"\n'
    if suffix in _SCRIPTS:
        first, newline, rest = content.partition(b"\n")
        throw = b'throw new Error("knocked out");\n'
        if first.startswith(b"#!"):
            return first + (newline or b"\n") + throw + rest
        mark = b"\xef\xbb\xbf"
        return mark + throw + content[3:] if content.startswith(mark) else throw + content
    return None


_TYPED = frozenset({".ts", ".mts", ".cts", ".tsx"})
_SCRIPTS = _TYPED | {".js", ".mjs", ".cjs", ".jsx"}
SUFFIXES = _SCRIPTS | {".go", ".rs"}


def _language(suffix: str) -> tuple[Parser, Rules]:
    """A parser, and the rules of the language.

    Raises:
        ValueError: the extra is not installed.
    """
    try:
        return _grammar(suffix)
    except ImportError as error:
        raise ValueError(str(error)) from error


def _grammar(suffix: str) -> tuple[Parser, Rules]:
    from tree_sitter import Language, Parser

    from cde_orchestrator.adapters.proving.knock_out import go, javascript, rust

    rules: Rules
    if suffix == ".go":
        import tree_sitter_go

        pointer, rules = tree_sitter_go.language(), go.Go()
    elif suffix == ".rs":
        import tree_sitter_rust

        pointer, rules = tree_sitter_rust.language(), rust.Rust()
    elif suffix in _TYPED:
        import tree_sitter_typescript as typed

        rules = javascript.Script(typed=True)
        pointer = typed.language_tsx() if suffix == ".tsx" else typed.language_typescript()
    else:
        import tree_sitter_javascript

        pointer, rules = tree_sitter_javascript.language(), javascript.Script(typed=False)
    return Parser(Language(pointer)), rules


class _Reader:
    """Reads the items of a file."""

    def __init__(self, text: bytes, rules: Rules) -> None:
        self.text = text
        self.rules = rules
        self.items: list[Item] = []

    def outside(self, nodes: Iterable[Node], scope: str, before: Sequence[str] = ()) -> None:
        """Read nodes that are in no function."""
        waiting = list(before)
        for node in nodes:
            if not node.is_named or node.type in COMMENTS:
                continue
            part = self.rules.part(node)
            if part.kind == "before":
                self._tokens(node, scope, waiting)
                continue
            if not self.rules.is_of_tests(waiting):
                self._outside(node, part, scope, waiting)
            waiting = list(before)

    def _outside(self, node: Node, part: Part, scope: str, before: list[str]) -> None:
        if found := self.rules.function(node):
            self._function(node, *found, scope, before)
            return
        if part.head:
            self._head(node, part, scope, before)
        if part.kind == "inside":
            inner = f"{scope}{part.scope}." if part.scope else scope
            self.outside(part.nodes, inner, () if part.head else before)
            return
        known = len(self.items)
        tokens = list(before)
        self._tokens(node, scope, tokens)
        if part.kind == "silent" or len(self.items) > known:
            return
        instead = part.instead
        start, end = node.start_byte, node.end_byte
        self._add(
            kind="value" if part.kind == "value" else "statement",
            key=f"{scope} {part.key}",
            tokens=tokens,
            span=(start, end),
            edits=NONE if instead is None else replaced(start, end, instead),
            last_resort=self._last_resort(part.value),
            frame=self._frame(node),
        )

    def _last_resort(self, value: Node | None) -> Edits:
        values = None if value is None else self.rules.values(value)
        if value is None or values is None:
            return NONE
        return replaced(value.start_byte, value.end_byte, *values)

    def _head(self, node: Node, part: Part, scope: str, before: list[str]) -> None:
        start, end = part.head or (0, 0)
        tokens = list(before)
        for child in node.children:
            if child.end_byte <= end:
                self._tokens(child, scope, tokens)
        end = start + len(self.text[start:end].rstrip())
        self._add(kind="value", key=f"head {scope}{part.scope}", tokens=tokens, span=(start, end))

    def _function(
        self, node: Node, name: str, function: Node, scope: str, before: Sequence[str] = ()
    ) -> None:
        place = len(self.items)
        tokens = list(before)
        for child in node.children:
            self._tokens(child, f"{scope}{name}.", tokens)
        self._add(
            kind="function",
            key=f"def {scope}{name}",
            name=scope + name,
            tokens=tokens,
            span=(node.start_byte, node.end_byte),
            edits=self.rules.edits(name, function),
        )
        self.items.insert(place, self.items.pop())

    def _add(
        self,
        *,
        kind: Literal["function", "value", "statement"],
        key: str,
        tokens: list[str],
        span: tuple[int, int],
        name: str = "",
        edits: Edits = NONE,
        last_resort: Edits = NONE,
        frame: str = "",
    ) -> None:
        start, end = span
        self.items.append(
            Item(
                kind=kind,
                key=key,
                name=name,
                shape="\0".join(tokens),
                start=start,
                end=end,
                edits=edits,
                last_resort=last_resort,
                frame=frame,
                comment=Edit(end, end, b" /* return */"),
            )
        )

    def _tokens(self, node: Node, scope: str, tokens: list[str]) -> None:
        """Add the tokens of a node; of functions in it their names, and read them."""
        if node.type in COMMENTS:
            return
        if found := self.rules.function(node):
            self._function(node, *found, scope)
            tokens.append(f"def {found[0]}")
            return
        children = node.children
        if not children:
            self._token(node.type, self.text[node.start_byte : node.end_byte], tokens)
            return
        name = self.rules.scope(node)
        inner, position = f"{scope}{name}." if name else scope, node.start_byte
        for child in children:
            if gap := self.text[position : child.start_byte].strip():
                tokens.append(gap.decode(errors="replace"))
            self._tokens(child, inner, tokens)
            position = child.end_byte
        if gap := self.text[position : node.end_byte].strip():
            tokens.append(gap.decode(errors="replace"))

    def _token(self, kind: str, content: bytes, tokens: list[str]) -> None:
        """Add a token as any formatter would have it."""
        text = content.decode(errors="replace")
        if kind == "jsx_text":
            text = " ".join(text.split())
        if text in _CLOSING and tokens and tokens[-1] == ",":
            tokens.pop()
        if kind not in {";", "automatic_semicolon", "\n"} and text:
            tokens.append('"' if kind == "'" else text)

    def _frame(self, node: Node) -> str:
        """What has to be the same in both versions for the old one to take the new one's place."""
        literals = self.rules.literals
        if literals is None:
            return ""
        waiting, kept = [node], []
        while waiting:
            each = waiting.pop()
            if each.type in literals or each.type in COMMENTS:
                kept.append(each.type if each.type in literals else "")
            elif each.children:
                waiting += each.children
            else:
                kept.append(self.text[each.start_byte : each.end_byte].decode(errors="replace"))
        return " ".join(filter(None, kept))
