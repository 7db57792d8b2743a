"""No answer is longer than a client takes, whatever it is made of."""

from __future__ import annotations

from typing import Any

import pytest

from cde_orchestrator.mcp_tools._boundary import REPLY_LIMIT, reply, reply_page, size

ANSWERS: dict[str, Any] = {
    "small items": {"changes": [{"sequence": number} for number in range(9_000)]},
    "no text at all": {"numbers": list(range(20_000))},
    "short texts": {"names": ["feature"] * 9_000},
    "long texts": {"texts": ["long" * 9_000, '"' * 90_000]},
    "a long mapping": {"inner": {f"key-{number}": number for number in range(9_000)}},
    "long keys": {"k" * 50_000: 1},
    "nothing in it": {},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_fits_and_tells_where_the_whole_is(answer: dict[str, Any]) -> None:
    result = reply(answer, "words\n" * 9_000, "cde state history")
    text = result.content[0]

    assert isinstance(result.structured_content, dict)
    assert text.type == "text"
    assert "cde state history" in text.text
    assert size(result.structured_content, text.text) <= REPLY_LIMIT


def test_a_prompt_is_cut_once_no_other_text_could_be_shorter() -> None:
    prompt = "Do this. " * 1_500
    answer = {"phase": {"prompt": prompt}, "goal": "x" * 9_000, "notes": ["n" * 2_000] * 20}
    fitted = reply(answer, "words", "all").structured_content
    alone = reply({"phase": {"prompt": prompt * 9}}, "words", "all").structured_content

    assert fitted is not None
    assert fitted["phase"]["prompt"] == prompt
    assert alone is not None
    assert len(alone["phase"]["prompt"]) > REPLY_LIMIT - 1_000


def test_rows_are_left_away_until_a_page_fits() -> None:
    rows = [{"summary": "x" * 60} for _ in range(1_000)]
    asked: list[int] = []

    def ask(limit: int) -> dict[str, Any]:
        asked.append(limit)
        return {"changes": rows[:limit]}

    result = reply_page(ask, lambda page: "-\n" * len(page["changes"]), "changes", 1_000, "all")

    assert asked == [1_000, 500, 250]
    assert result.structured_content == {"changes": rows[:250]}


def test_an_answer_has_at_most_the_characters_that_are_documented() -> None:
    assert REPLY_LIMIT == 25_000


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_a_page_whose_only_row_is_too_long_is_cut(limit: int) -> None:
    asked: list[int] = []

    def ask(limit: int) -> dict[str, Any]:
        asked.append(limit)
        assert len(asked) < 10
        return {"changes": [{"summary": "x" * 90_000}] * min(limit, 3)}

    result = reply_page(ask, lambda page: "-\n", "changes", limit, "all")

    assert asked[-1] == 1
    assert result.structured_content is not None
    assert result.structured_content["changes"][0]["summary"].endswith("[cut; in full: all]")


def test_other_scripts_have_as_many_characters_as_latin_ones() -> None:
    text = "\u6f22" * 20_000
    result = reply({"prompt": text}, "words", "all")

    assert result.structured_content == {"prompt": text}
