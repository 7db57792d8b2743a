"""What text is accepted from people and agents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.text import (
    PROMPT_LIMIT,
    as_file,
    checked_prompt,
    checked_text,
    command_words,
    did_you_mean,
    excerpt_of,
    hidden_character,
    opening_words,
    shortened,
)


@pytest.mark.parametrize(
    "prompt",
    [
        "Add a login page",
        "添加登录页面",
        "أضف صفحة تسجيل الدخول",
        "🚀",
        "👩‍💻 wants dark mode",
        "line one\nline two\ttabbed",
        "{prompt} %s ${HOME}",
    ],
)
def test_a_prompt_in_any_language_is_kept_word_for_word(prompt: str) -> None:
    assert checked_prompt(prompt) == prompt


def test_a_prompt_of_the_longest_length_is_kept() -> None:
    assert checked_prompt("字" * PROMPT_LIMIT) == "字" * PROMPT_LIMIT


def test_blanks_around_a_prompt_are_dropped_and_those_inside_stay() -> None:
    assert checked_prompt("\n  Add  a\n\nlogin page \t\n") == "Add  a\n\nlogin page"


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " ",
        "\n\t\r\n",
        "\u00a0\u2003\u3000",
        "\u200b\u200e\u2060",
        "\x1b\x07",
        "\ufeff",
        " \u200d ",
    ],
)
def test_a_prompt_in_which_nothing_can_be_seen_is_refused(prompt: str) -> None:
    with pytest.raises(ValidationError) as refused:
        checked_prompt(prompt)

    assert refused.value.code == "E301"


def test_a_prompt_that_is_too_long_is_refused_with_both_lengths() -> None:
    with pytest.raises(ValidationError) as refused:
        checked_prompt("a" * (PROMPT_LIMIT + 1))

    assert refused.value.code == "E302"
    assert refused.value.context == {
        "field": "The prompt",
        "length": PROMPT_LIMIT + 1,
        "limit": PROMPT_LIMIT,
    }


@pytest.mark.parametrize("prompt", ["Add\x00login", "\x00", "Add \ud800 login", "\udc80"])
def test_a_prompt_that_cannot_be_stored_as_text_is_refused(prompt: str) -> None:
    with pytest.raises(ValidationError) as refused:
        checked_prompt(prompt)

    assert refused.value.code == "E303"
    assert refused.value.context["field"] == "The prompt"


def test_text_of_exactly_the_limit_is_accepted_and_one_more_character_is_not() -> None:
    assert checked_text("notes", "ab", 2) == "ab"

    with pytest.raises(ValidationError) as refused:
        checked_text("notes", "abc", 2)
    assert refused.value.code == "E302"
    assert refused.value.context["field"] == "notes"


def test_the_refusal_of_a_lone_surrogate_does_not_show_the_codec_behind_it() -> None:
    with pytest.raises(ValidationError) as refused:
        checked_text("notes", "\ud83d", 10)

    assert refused.value.__suppress_context__


@given(st.text(max_size=200))
def test_an_accepted_prompt_can_be_stored_and_is_accepted_again(prompt: str) -> None:
    try:
        accepted = checked_prompt(prompt)
    except ValidationError:
        return

    assert checked_prompt(accepted) == accepted
    assert not accepted.isspace()
    assert accepted.encode().decode() == accepted


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("short", "short"),
        ("x" * 50, "x" * 50),
        ("Add a login page with " + "k" * 40, "Add a login page with"),
        ("k" * 60, ""),
        ("a" * 50 + " b", "a" * 50),
    ],
)
def test_the_opening_ends_between_words(text: str, opening: str) -> None:
    assert opening_words(text) == opening


def test_a_text_that_is_too_long_is_cut_in_the_middle() -> None:
    assert shortened("short", 5) == "short"
    assert shortened("abc" + "x" * 10 + "defghi", 9) == "abc\n[10 characters left out]\ndefghi"


@pytest.mark.parametrize(
    ("text", "data"),
    [("", b""), ("a", b"a\n"), ("a\n", b"a\n"), ("a\n\n", b"a\n\n"), ("ü\r", b"\xc3\xbc\r\n")],
)
def test_a_text_becomes_a_file_whose_last_line_has_its_end(text: str, data: bytes) -> None:
    assert as_file(text) == data


@pytest.mark.parametrize(
    ("data", "limit", "excerpt"),
    [
        (b"\none\ntwo\n", 20, "one\ntwo"),
        (b"one\ntwo\nthree\n", 8, "one\ntwo"),
        (b"one\ntwo\n" * 9, 8, "one\ntwo"),
        (b"abcdefgh", 4, "abc…"),
        (b"abcdefgh" * 9, 4, "abc…"),
        (b"\n\n\nabcdefgh", 5, "a…"),
        (b"\xef\xbb\xbfa\x00\x1b\xe2\x80\xaeb\tc", 20, "ab\tc"),
        (b"a\xffb", 20, "a\ufffdb"),
    ],
)
def test_an_excerpt_is_a_files_first_lines_of_harmless_text(
    data: bytes, limit: int, excerpt: str
) -> None:
    assert excerpt_of(data, len(data), limit) == excerpt


@given(st.binary(max_size=200), st.integers(1, 40))
def test_an_excerpt_needs_no_more_than_a_files_beginning(data: bytes, limit: int) -> None:
    excerpt = excerpt_of(data, len(data), limit)
    assert len(excerpt) <= limit
    assert excerpt_of(data[: 4 * limit], len(data), limit) == excerpt


@pytest.mark.parametrize(
    ("text", "found"),
    [("plain text\n\tof two lines", None), ("a\u202eb", "U+202E"), ("a\u200db", "U+200D")],
)
def test_a_hidden_character_is_named(text: str, found: str | None) -> None:
    assert hidden_character(text) == found


def test_joiners_are_kept_where_texts_need_them() -> None:
    assert hidden_character("\U0001f468\u200d\U0001f4bb", "\n\t\u200d") is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028"])
def test_a_command_of_several_lines_says_where_they_end(end: str) -> None:
    assert command_words(["sh", "-c", f"a # b{end}c"]) == "sh -c 'a # b ⏎ c'"
    assert command_words(["make", "one test"]) == "make 'one test'"


def test_names_like_one_that_is_not_known_are_offered() -> None:
    phases = ["define", "design", "test"]

    assert did_you_mean("desing", phases) == " (did you mean design?)"
    assert did_you_mean("defign", phases, 2) == " (did you mean design or define?)"
    assert did_you_mean("x", phases) == ""
