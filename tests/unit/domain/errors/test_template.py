"""Placeholders are filled in so that nobody can be fooled."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.errors.template import VALUE_LIMIT, fill, placeholders, plain

LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def test_a_template_names_what_it_wants() -> None:
    assert placeholders("'{path}' at {line_1}: {path}") == {"path", "line_1"}
    assert placeholders("no wish, {}, {0}, {Upper}, { path }, {a.b}, {a!r}, {a:>9}") == frozenset()


def test_a_template_is_filled_from_the_context() -> None:
    context = {"path": "/tmp/a", "number": 3, "nothing": None, "list": ["a", "b"]}

    assert fill("{path}: {number}, {nothing}, {list}", context) == "/tmp/a: 3, None, ['a', 'b']"


def test_what_the_context_lacks_is_shown_as_a_question_mark() -> None:
    assert fill("'{path}' at {line}", {"line": 3}) == "'?' at 3"


@pytest.mark.parametrize(
    "value",
    [
        "{path}",
        "{__class__}",
        "{0.__class__.__mro__}",
        "%s %(path)s",
        "${HOME}",
        "\\1 \\g<0>",
        "{",
        "}}",
    ],
)
def test_a_value_is_never_taken_for_a_template(value: str) -> None:
    assert fill("<{value}>", {"value": value, "path": "secret"}) == f"<{value}>"


@pytest.mark.parametrize("template", ["{__class__}", "{path.__class__}", "{0}", "{}", "{path!r}"])
def test_only_plain_names_are_placeholders(template: str) -> None:
    assert fill(template, {"path": "x", "__class__": "y"}) == template


@pytest.mark.parametrize("character", LINE_BREAKS)
def test_a_line_break_of_any_kind_becomes_a_space(character: str) -> None:
    assert plain(f"a{character}b") == "a b"


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\x07",
        "\x08",
        "\t",
        "\x1b",
        "\x7f",
        "\x9b",
        "\xad",
        "\u200b",
        "\u200e",
        "\u202a",
        "\u202e",
        "\u2066",
        "\u2069",
        "\ufeff",
        "\ud800",
        "\U000e0041",
    ],
)
def test_a_character_that_moves_hides_or_reorders_text_becomes_a_space(character: str) -> None:
    assert plain(f"a{character}b") == "a b"


@pytest.mark.parametrize(
    "text", ["", "a b", "日本語", "Ünïcödé", "🚀", "a/b\\c", "'\"`$", "\u0627\u0644"]
)
def test_visible_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("length", [VALUE_LIMIT, VALUE_LIMIT + 1, VALUE_LIMIT * 4 + 1, 10_000_000])
def test_a_long_value_is_cut_and_says_so(length: int) -> None:
    shown = plain("x" * length)

    assert len(shown) == min(length, VALUE_LIMIT)
    assert shown.endswith("…") == (length > VALUE_LIMIT)


def test_the_limit_can_be_chosen() -> None:
    assert plain("abcdef", 4) == "abc…"
    assert fill("<{text}>", {"text": "abcdef"}, 4) == "<abc…>"


@given(st.text(st.characters() | st.sampled_from(LINE_BREAKS + "\x1b\u202e")), st.integers(1, 40))
def test_a_value_is_one_harmless_line_within_the_limit(text: str, limit: int) -> None:
    shown = plain(text, limit)

    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs"}
    assert plain(shown, limit) == shown


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(string.printable, max_size=20)))
def test_filling_happens_once(context: dict[str, str]) -> None:
    first, second = (plain(context.get(name, "?")) for name in "ab")

    assert fill("{a}|{b}", context) == f"{first}|{second}"
