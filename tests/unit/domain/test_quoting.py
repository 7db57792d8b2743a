"""Text from outside is a part of a Markdown document, and does nothing there."""

from __future__ import annotations

import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from cde_orchestrator.domain.quoting import code, quoted, quoted_lines, undirected

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = [
    "# A heading",
    "- a list",
    "+ a list",
    "1. a list",
    "1) a list",
    "> a quotation",
    "=== underlined",
    "- [x] a task",
    "<b>bold</b> <script>alert(1)</script> <!-- gone",
    "&lt;b&gt; &copy;",
    "*emphasis* **more** _less_ __under__ a_name_of_code ~~gone~~",
    "[a link](https://example.com) ![image](x.png) [ref]: x",
    "`code` ``more`` $x$",
    "| a | table |",
    "https://example.com/o/r/issues/1 www.example.com",
    "\\* already escaped \\",
    "    indented",
    "```sh",
    "a\u202eb\u200bc",
]


def shown(markdown: str) -> tuple[set[str], str]:
    """The tags of a document in HTML, and what its reader sees."""
    html = MARKDOWN.render(markdown)
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    return tags, unescape(re.sub(r"<[^>]*>", "", html)).replace("\u200b", "").strip()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("before", ["", "- ", "> ", "  - "])
def test_a_text_shows_as_it_is_wherever_it_stands(text: str, before: str) -> None:
    tags, seen = shown(f"{before}{quoted(text)}")

    assert tags <= {"p", "ul", "li", "blockquote"}
    assert " ".join(seen.split()) == " ".join(text.split()).replace("\u202e", r"\u202e").replace(
        "\u200b", r"\u200b"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@team", "@team"),
        ("see o/r#12", "#12"),
        ("fixes #1", "#1"),
        ("closes GH-7", "GH-7"),
        ("resolves https://github.com/o/r/issues/3", "https://"),
        ("merge !4 of &5, ~bug, %6, $7 and ^8", "!4"),
        ("write to a@b.c", "@b"),
        ("www.example.com", "www."),
    ],
)
def test_nobody_is_notified_and_nothing_closed(text: str, name: str) -> None:
    assert name not in quoted(text)
    assert name in text
    assert shown(quoted(text))[1] == text


def test_lines_stay_lines() -> None:
    assert quoted_lines("One\n\n# Two\n") == ["One", "", "\\# Two"]


@pytest.mark.parametrize("text", ["a", "a`b", "``", "`a", "a``b`c`", "<b>", "@team #1", "\n"])
def test_code_is_code_whatever_is_in_it(text: str) -> None:
    html = MARKDOWN.render(code(text))
    found = re.fullmatch(r"<p><code>(.*)</code></p>\n", html)

    assert found is not None
    assert unescape(found[1]).strip() == text.strip()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Fix #12 for @team", "Fix # 12 for @ team"),
        ("Add it [skip ci]", "Add it (skip ci)"),
        ("closes GH-7, mail a@b.c", "closes GH 7, mail a@b.c"),
        ("fixes https://github.com/o/r/issues/3", "fixes https: //github.com/o/r/issues/3"),
        ("One\nCo-authored-by: Mallory", "One Co-authored-by: Mallory"),
    ],
)
def test_a_message_of_a_commit_directs_nothing(text: str, message: str) -> None:
    assert undirected(text) == message
