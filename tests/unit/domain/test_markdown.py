"""Headings, prose and code are told apart as Markdown tells them."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.markdown import Kind


def kinds(text: str) -> list[str]:
    return [line.kind.value for line in markdown.read(text)]


@pytest.mark.parametrize(
    "inner",
    ["~~~", "``", "```` text", "~~~~", "```` `", "    ````"],
)
def test_what_cannot_close_a_fence_is_code(inner: str) -> None:
    text = f"````\n{inner}\n# No heading\n````\n# Heading\n"
    assert kinds(text) == ["nothing", "code", "code", "nothing", "heading"]


@pytest.mark.parametrize("closing", ["````", "`````", "   ```` \t"])
def test_a_run_of_the_same_marks_that_is_as_long_closes_a_fence(closing: str) -> None:
    assert kinds(f"````text\ncode\n\n{closing}\nprose\n") == [
        "nothing",
        "code",
        "nothing",
        "nothing",
        "prose",
    ]


def test_a_shorter_run_does_not_close_a_fence() -> None:
    assert kinds("````\n```\n# a\n") == ["nothing", "code", "code"]


def test_marks_with_a_mark_behind_them_are_a_span_of_code_and_no_fence() -> None:
    assert kinds("``` `a` ```\n# Heading\n") == ["prose", "heading"]
    assert kinds("~~~ `a`\n# No heading\n") == ["nothing", "code"]


def test_a_comment_of_several_lines_is_no_content_and_keeps_the_numbers() -> None:
    lines = markdown.read(
        "# A\n<!-- one\ntwo\nthree --> \ntext <!-- x --> more\n<!-- never closed\nx"
    )

    assert [(line.number, line.kind) for line in lines[:5]] == [
        (1, Kind.HEADING),
        (2, Kind.NOTHING),
        (3, Kind.NOTHING),
        (4, Kind.NOTHING),
        (5, Kind.PROSE),
    ]
    assert lines[4].text == "text  more"
    assert [line.number for line in lines if line.is_content] == [5]


@pytest.mark.parametrize(
    ("line", "level", "words"),
    [
        ("# One", 1, "One"),
        ("###### Six", 6, "Six"),
        ("   ## Up to three blanks", 2, "Up to three blanks"),
        ("##\tA   few \t blanks  ", 2, "A few blanks"),
        ("## Closed ##", 2, "Closed"),
        ("## Closed\t#\t", 2, "Closed"),
        ("## C#", 2, "C#"),
        ("## MAX", 2, "MAX"),
        ("## X", 2, "X"),
        ("## Issue #", 2, "Issue"),
        ("#", 1, ""),
        ("## ##", 2, ""),
    ],
)
def test_a_heading_has_its_level_and_its_words(line: str, level: int, words: str) -> None:
    assert markdown.read(line) == [markdown.Line(1, Kind.HEADING, words, level)]


@pytest.mark.parametrize("line", ["####### Seven", "#Tag", "    # Code", "text # more"])
def test_what_only_begins_like_a_heading_is_prose(line: str) -> None:
    assert markdown.read(line) == [markdown.Line(1, Kind.PROSE, line.strip(), written=line)]


@pytest.mark.parametrize("line", ["---", "***", "___", "===", "| --- | :-: |", " \t", ""])
def test_rules_and_blank_lines_are_nothing(line: str) -> None:
    assert markdown.read(f"{line}\n") == [markdown.Line(1, Kind.NOTHING, line)]


def test_headings_are_found_by_their_marks_and_words() -> None:
    lines = markdown.read("# A\n## Goal\ntext\n## Goal ##\n```\n## Goal\n```\n")
    assert markdown.headings(lines) == {"# a": [0], "## goal": [1, 3]}


@pytest.mark.parametrize(
    ("heading", "normal"),
    [("  ##  Goal ## ", "## goal"), ("## C#", "## c#"), (" Goal ", "goal")],
)
def test_a_heading_that_is_asked_for_is_brought_into_the_same_shape(
    heading: str, normal: str
) -> None:
    assert markdown.normal(heading) == normal


def test_a_section_reaches_to_the_next_heading_of_its_level_or_above() -> None:
    lines = markdown.read("## A\none\n### Sub\n\ntwo\n## B\nthree\n# C\nfour\n")

    assert [line.text for line in markdown.section(lines, 0)] == ["one", "two"]
    assert [line.text for line in markdown.section(lines, 2)] == ["two"]
    assert [line.text for line in markdown.section(lines, 5)] == ["three"]
    assert [line.text for line in markdown.section(lines, 7)] == ["four"]


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("Goal\n----\n", "## goal"),
        ("Goal\n====\n", "# goal"),
        ("  The   goal #\n   -  \t\n", "## the goal #"),
        ("**Goal**\n=", "# goal"),
        ("- item\n\nGoal\n---\n", "## goal"),
        ("text\n***\nGoal\n---\n", "## goal"),
        ("```\n```\nGoal\n---\n", "## goal"),
    ],
)
def test_a_line_of_text_that_is_underlined_is_a_heading(text: str, heading: str) -> None:
    lines = markdown.read(text)
    assert list(markdown.headings(lines)) == [heading]
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1].kind is Kind.NOTHING


def test_an_underlined_heading_ends_the_section_before_it() -> None:
    lines = markdown.read("One\n===\na\n\nTwo\n---\nb\n\n# Three\nc\n")
    assert [line.text for line in markdown.section(lines, 0)] == ["a", "b"]
    assert [line.text for line in markdown.section(lines, 4)] == ["b"]


@pytest.mark.parametrize(
    "text",
    [
        "- Goal\n---\n",
        "1. Goal\n---\n",
        "> Goal\n---\n",
        "| Goal |\n---\n",
        "    Goal\n---\n",
        "\tGoal\n---\n",
        "Goal\n\n---\n",
        "Goal\n    ---\n",
        "Goal\n-- -\n",
        "Goal\n-=-\n",
        "- item\ngoes on\n---\n",
        "two lines\nof text\n---\n",
        "```\nGoal\n---\n```\n",
        "<!--\nGoal\n---\n-->\n",
        "<div>\nGoal\n---\n",
        "<pre>x</pre>\n---\n",
        "---\n---\n",
    ],
)
def test_what_is_no_paragraph_of_one_line_is_not_made_a_heading(text: str) -> None:
    assert markdown.headings(markdown.read(text)) == {}


@pytest.mark.parametrize(
    "text",
    [
        "<div>\n## Goal\n</div>\n",
        "   </DIV>\n## Goal\n",
        "text\n<details open>\n## Goal\n",
        "<br/>\n## Goal\n",
        "<script>\n\n## Goal\n</script>\n",
        "<pre class='a'>\n\n## Goal\n\n",
        "<?php\n\n## Goal\n?>\n",
        "<!DOCTYPE\n\n## Goal\n>\n",
        "<![CDATA[\n\n## Goal\n]]>\n",
        "<custom-tag a b = 'c' d=\"e\" f=g/>\n## Goal\n",
        "</custom-tag >\n## Goal\n",
        "<!-- one\n## Goal\n-->\n",
        "<!--\n\n## Goal\n",
    ],
)
def test_a_heading_in_html_or_in_a_comment_is_none(text: str) -> None:
    assert markdown.headings(markdown.read(text)) == {}


BLOCK_TAGS = [
    *("address", "article", "aside", "base", "basefont", "blockquote", "body"),
    *("caption", "center", "col", "colgroup", "dd", "details", "dialog", "dir", "div"),
    *("dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frame"),
    *("frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html"),
    *("iframe", "legend", "li", "link", "main", "menu", "menuitem", "nav", "noframes"),
    *("ol", "optgroup", "option", "p", "param", "search", "section", "summary"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "track", "ul"),
]
"""The tags that begin a block within a paragraph too (CommonMark 0.31, 4.6, condition 6)."""


@pytest.mark.parametrize("tag", BLOCK_TAGS)
@pytest.mark.parametrize("written", ["<{}>", "</{}>", "<{}/>", "<{} a", "<{}\ta", "<{}", "   <{}>"])
def test_the_tags_of_blocks_begin_one_in_a_paragraph_too(tag: str, written: str) -> None:
    for spelled in (tag, tag.upper()):
        text = f"text\n{written.format(spelled)}\n## Goal\n\n## After\n"
        assert list(markdown.headings(markdown.read(text))) == ["## after"]


@pytest.mark.parametrize("tag", ["pre", "script", "style", "textarea"])
@pytest.mark.parametrize("written", ["<{}>", "<{} a", "<{}\ta", "<{}"])
def test_the_tags_of_texts_hold_what_follows_up_to_the_end_of_one(tag: str, written: str) -> None:
    for spelled in (tag, tag.upper()):
        text = f"text\n{written.format(spelled)}\n\n## Goal\n</{spelled}>\n## After\n"
        assert list(markdown.headings(markdown.read(text))) == ["## after"]


@pytest.mark.parametrize(
    "tag", ["b", "divx", "xdiv", "h0", "h7", "prep", "spre", "scripted", "img", "pp", "head-er"]
)
def test_other_tags_begin_none_in_a_paragraph(tag: str) -> None:
    text = f"text\n<{tag}>\n## Goal\n"
    assert list(markdown.headings(markdown.read(text))) == ["## goal"]


@pytest.mark.parametrize(
    "text",
    [
        "<div>\n\n## Goal\n",
        "<details>\n<summary>More</summary>\n\n## Goal\n",
        "<pre>x</pre>\n## Goal\n",
        "<?php ?>\n## Goal\n",
        "<?php\n?>\n## Goal\n",
        "<!DOCTYPE\n>\n## Goal\n",
        "<![CDATA[\n]]>\n## Goal\n",
        "<!-- one -->\n## Goal\n",
        "text\n<custom-tag>\n## Goal\n",
        "<https://example.org>\n## Goal\n",
        "<b>text</b>\n## Goal\n",
        "<custom-tag a='>\n## Goal\n",
        "    <div>\n## Goal\n",
        "a < b\n## Goal\n",
        "```\n<div>\n```\n## Goal\n",
    ],
)
def test_a_heading_after_html_is_one(text: str) -> None:
    assert list(markdown.headings(markdown.read(text))) == ["## goal"]


def test_html_is_prose() -> None:
    lines = markdown.read("<div>\n```\ntext\n---\n</div>\n\nafter\n")
    assert [line.kind.value[0] for line in lines] == ["p", "p", "p", "n", "p", "n", "p"]
    assert [line.text for line in lines if line.is_content][1] == "```"


def test_a_line_that_is_no_heading_has_no_level_and_one_that_is_no_prose_was_not_written() -> None:
    heading, prose, rule = markdown.read("# A\n b `c` \n***\n")
    assert (heading.level, heading.written) == (1, "")
    assert (prose.level, prose.written) == (0, " b `c` ")
    assert (rule.level, rule.written) == (0, "")
