"""Placeholders are filled in so that nobody can be fooled."""

from __future__ import annotations

import json
import string
import unicodedata
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.errors.template import (
    VALUE_LIMIT,
    fill,
    json_escaped,
    jsonable,
    placeholders,
    plain,
    shown,
    storable,
)

JOINERS = "\u200c\u200d"
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


@pytest.mark.parametrize("character", [*LINE_BREAKS, "\t"])
def test_a_line_break_of_any_kind_becomes_a_space(character: str) -> None:
    assert plain(f"a{character}b") == "a b"


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\x07",
        "\x08",
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
def test_a_character_that_moves_hides_or_reorders_text_becomes_an_escape(character: str) -> None:
    shown = plain(f"a{character}b")

    assert shown == f"a{ascii(character)[1:-1]}b"
    assert plain(shown) == shown


@pytest.mark.parametrize(
    "text", ["", "a b", "日本語", "Ünïcödé", "🚀", "a/b\\c", "'\"`$", "\u0627\u0644"]
)
def test_visible_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("length", [VALUE_LIMIT, VALUE_LIMIT + 1, VALUE_LIMIT * 4 + 1, 10_000_000])
def test_a_long_value_is_cut_and_says_so(length: int) -> None:
    cut = plain("x" * length)

    assert len(cut) == min(length, VALUE_LIMIT)
    assert cut.endswith("…") == (length > VALUE_LIMIT)


def test_the_limit_can_be_chosen() -> None:
    assert plain("abcdef", 4) == "abc…"
    assert fill("<{text}>", {"text": "abcdef"}, 4) == "<abc…>"


@given(st.text(st.characters() | st.sampled_from(LINE_BREAKS + JOINERS + "\u202e\U000e0001\ud800")))
def test_json_means_the_same_without_a_character_that_could_fool_anybody(text: str) -> None:
    escaped = json_escaped(json.dumps({text: [text]}, ensure_ascii=False, indent=2))

    assert json.loads(escaped) == {text: [text]}
    assert plain(escaped.replace("\n", " "), len(escaped)) == escaped.replace("\n", " ")


def test_text_that_no_encoding_holds_is_written_out() -> None:
    assert storable("a\ud800b\n字") == "a\\ud800b\n字"
    assert storable(7) == "7"


def test_a_value_is_shown_as_harmless_text_of_2000_characters() -> None:
    assert shown("a\nb") == "a b"
    assert len(shown("x" * 2_001)) == 2_000
    assert shown("x" * 2_000) == "x" * 2_000


@pytest.mark.parametrize("value", [None, True, 0, -7, 1.5, "text", [], {}, {"a": [1, {"b": None}]}])
def test_what_json_has_a_word_for_is_kept(value: object) -> None:
    kept = jsonable(value)

    assert kept == value
    assert type(kept) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"a", "b'a'"),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (frozenset({4}), [4]),
        ({(1, 2): {None: "x"}}, {"(1, 2)": {"None": "x"}}),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        ("a\ud800", "a\\ud800"),
    ],
)
def test_what_json_has_no_word_for_becomes_text_or_a_list(value: object, expected: object) -> None:
    assert jsonable(value) == expected


def test_what_lies_too_deep_becomes_text() -> None:
    assert jsonable([[[1]]], depth=2) == [["[1]"]]
    assert jsonable({"a": {"b": {}}}, depth=1) == {"a": "{'b': {}}"}
    assert jsonable([{"a": [1]}], depth=2) == [{"a": "[1]"}]
    assert jsonable([1], depth=0) == "[1]"


def test_what_holds_itself_comes_to_an_end() -> None:
    endless: dict[str, object] = {}
    endless["itself"] = endless

    assert "..." in str(jsonable(endless))


def test_a_sequence_can_be_cut() -> None:
    assert jsonable([1, 2, [3, 4, 5]], members=2) == [1, 2]
    assert jsonable({"a": (1, 2, 3)}, members=2) == {"a": [1, 2]}


def test_text_is_made_as_it_is_wanted() -> None:
    made = jsonable({"a": ["b", 1.5, object]}, lambda value: f"<{type(value).__name__}>")

    assert made == {"<str>": ["<str>", 1.5, "<type>"]}


def test_joiners_that_emoji_and_scripts_need_stay() -> None:
    for text in ("می\u200cشود", "👩\u200d💻"):
        assert plain(text) == text


@given(st.text(st.characters() | st.sampled_from(LINE_BREAKS + "\x1b\u202e")), st.integers(1, 40))
def test_a_value_is_one_harmless_line_within_the_limit(text: str, limit: int) -> None:
    clean = plain(text, limit)

    assert len(clean) <= limit
    assert len(clean.splitlines()) <= 1
    categories = {
        unicodedata.category(character) for character in clean if character not in JOINERS
    }
    assert not categories & {"Cc", "Cf", "Cs"}
    assert plain(clean, limit) == clean


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(string.printable, max_size=20)))
def test_filling_happens_once(context: dict[str, str]) -> None:
    first, second = (plain(context.get(name, "?")) for name in "ab")

    assert fill("{a}|{b}", context) == f"{first}|{second}"
