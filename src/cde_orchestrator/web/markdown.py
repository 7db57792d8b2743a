"""Markdown that somebody else wrote, as a tree of elements that are known to be harmless.

No markup is ever made of it: a page builds the elements one by one, and only those listed here.
So a policy that refuses all markup (Trusted Types) holds for it as for everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SHOWN_CHARACTERS = 100_000
"""Characters of a text that are drawn; parsing more would take seconds."""
NODES_LIMIT = 20_000
DEPTH_LIMIT = 40
"""Elements within each other; what is deeper is shown in the innermost one."""
SCHEMES = frozenset({"http", "https", "mailto"})
"""Of addresses that a link may lead to; a relative one leads nowhere from a page of the server."""
_ELEMENTS = frozenset(
    {
        *{"blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"},
        *{"table", "tbody", "td", "th", "thead", "tr"},
    }
)
_NAMES = {"s": "del"}
_TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}

Node = str | list[Any]
"""A text, or an element: its name, what is in it, and what is known of it by name."""


class Drawn(TypedDict):
    """A text as elements; ``partial`` where it goes on."""

    nodes: list[Node]
    partial: bool


def drawn(text: str) -> Drawn:
    """The elements of a Markdown text, the first ones of a long one."""
    part = text[:SHOWN_CHARACTERS]
    walk = _Walk()
    walk.take(_parser().parse(part))
    return {"nodes": walk.top, "partial": walk.is_full or len(part) < len(text)}


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Every address is taken for a link here; which ones lead somewhere is decided below.
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


class _Walk:
    """Puts tokens into a tree, however deep they are."""

    def __init__(self) -> None:
        self.top: list[Node] = []
        self._open = [self.top]
        self._left = NODES_LIMIT

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken."""
        return self._left <= 0

    def take(self, tokens: Sequence[Token]) -> None:
        """Put the tokens, and those in them, where they belong."""
        for token in _flat(tokens):
            if self.is_full:
                return
            self._take(token)

    def _take(self, token: Token) -> None:
        if token.nesting < 0:
            self._open.pop()
        elif token.nesting > 0:
            self._enter(token)
        elif token.type in {"text", "code_inline", "fence", "code_block"}:
            self._write(token)
        elif token.type == "softbreak":
            self._put("\n")
        elif token.type == "image":
            self._put(_link(token, "src", [f"image: {token.content or 'without a name'}"]))
        elif token.tag in _ELEMENTS:  # a rule, or a forced break of a line
            self._put([token.tag, []])

    def _enter(self, token: Token) -> None:
        inner: list[Node] = []
        if token.hidden or len(self._open) > DEPTH_LIMIT:
            self._open.append(self._open[-1])
            return
        self._put(_element(token, inner))
        self._open.append(inner)

    def _write(self, token: Token) -> None:
        text = token.content
        if token.type == "text":
            self._put(text)
        elif token.type == "code_inline":
            self._put(["code", [text]])
        else:
            self._put(["pre", [text]])

    def _put(self, node: Node) -> None:
        self._left -= 1
        self._open[-1].append(node)


def _flat(tokens: Sequence[Token]) -> Iterator[Token]:
    is_item = False
    for token in tokens:
        if token.type == "inline":
            children = token.children or []
            if is_item and children and (mark := _TASKS.get(children[0].content[:4])):
                children[0].content = mark + children[0].content[4:]
            yield from children
        else:
            yield token
        is_item = token.type == "list_item_open" or (is_item and token.type == "paragraph_open")


def _element(token: Token, inner: list[Node]) -> Node:
    if token.type == "link_open":
        return _link(token, "href", inner)
    if token.type == "heading_open":
        # Those of the page come before them.
        level = int(token.tag[1:])
        return [f"h{min(level + 3, 6)}", inner, {"level": level}]
    if token.tag == "ol" and token.attrGet("start") is not None:
        return ["ol", inner, {"start": token.attrGet("start")}]
    if token.tag in {"td", "th"} and (style := str(token.attrGet("style") or "")):
        return [token.tag, inner, {"align": style.removeprefix("text-align:")}]
    name = _NAMES.get(token.tag, token.tag)
    return [name if name in _ELEMENTS else "span", inner]


def _link(token: Token, name: str, inner: list[Node]) -> Node:
    address = str(token.attrGet(name) or "")
    try:
        leads = urlsplit(address).scheme in SCHEMES
    except ValueError:
        leads = False
    return ["a", inner, {"href": address}] if leads else ["span", inner, {"title": address}]
