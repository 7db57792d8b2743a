"""No answer is longer than a client takes, whatever it is made of."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.types import CallToolResult, TextContent

from cde_orchestrator.mcp_tools._boundary import reply, reply_page
from cde_orchestrator.mcp_tools._fitting import REPLY_LIMIT, length
from cde_orchestrator.mcp_tools._next import NextView, call

PLACE = {"project": {"name": "shop", "path": "/home/me/shop"}}
NEXT = call("cde_listFeatures", "shows the rest", status="open")


def answered(answer: dict[str, Any], text: str, whole: str) -> tuple[dict[str, Any], str]:
    """Both channels of an answer, each of which fits."""
    return channels(reply({**answer, **PLACE}, text, whole, NEXT))


def channels(result: CallToolResult) -> tuple[dict[str, Any], str]:
    """What one client shows its model, and what another does."""
    (text,) = result.content
    assert isinstance(text, TextContent)
    content = result.structured_content
    assert isinstance(content, dict)
    assert max(length(content), len(text.text)) <= REPLY_LIMIT
    assert {**content, **PLACE, "next": NEXT} == content
    assert "correlation_id" in content
    assert "\n\nNext: cde_listFeatures(status='open'): shows the rest.\n" in text.text
    assert text.text.endswith("\nProject shop at /home/me/shop.")
    return content, text.text


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
    _, text = answered(answer, "words\n" * 9_000, "cde state history")

    assert "cde state history" in text


def test_a_prompt_is_cut_once_nothing_else_could_be_shorter() -> None:
    prompt = "Do this. " * 1_500
    rows = [{"number": number} for number in range(2_000)]
    answer = {
        "phase": {"prompt": prompt, "outputs": rows[:9]},
        "goal": "x" * 9_000,
        "notes": ["n" * 2_000] * 20,
        "rows": rows,
    }
    content, text = answered(answer, f"words {'w' * 19_000}\n\n{prompt}", "all")

    assert content["phase"] == {"prompt": prompt, "outputs": rows[:9]}
    assert len(content["rows"]) < 2_000
    assert text.count(prompt.strip()) == 1
    assert text.index("[cut; in full: all]") < text.index(prompt.strip())


def test_a_prompt_that_is_cut_keeps_its_end_in_both_channels() -> None:
    prompt = "Begin." + "Do this. " * 13_500 + "The gate."
    content, text = answered({"phase": {"prompt": prompt}}, f"words\n\n{prompt}\n", "all")

    for shown in (content["phase"]["prompt"], text.partition("\n\nNext: ")[0]):
        assert shown.endswith("The gate.")
        assert "\n[cut; in full: all]\n" in shown
        assert "Begin." in shown
        assert len(shown) > REPLY_LIMIT - 1_500


def test_a_client_that_shortens_the_middle_keeps_what_is_used() -> None:
    phase = {"prompt": "Do this.", "id": "define"}
    content, _ = answered({"phase": phase, "feature": {"id": "1"}, "kept": []}, "words", "all")

    assert [*content] == ["next", "feature", "kept", "phase", "project", "correlation_id"]
    assert [*content["phase"]] == ["id", "prompt"]


def test_rows_are_left_away_until_a_page_fits() -> None:
    rows = [{"summary": "x" * 60} for _ in range(1_000)]
    asked: list[int] = []

    def ask(limit: int) -> dict[str, Any]:
        asked.append(limit)
        return {"changes": rows[:limit]}

    result = reply_page(
        ask,
        lambda page: "-\n" * len(page["changes"]),
        "changes",
        1_000,
        "all",
        following,
        PLACE["project"],
    )
    content, _ = channels(result)

    assert len(asked) == 2
    assert content["changes"] == rows[: asked[-1]]
    assert length(content) > REPLY_LIMIT - 2_500


def test_an_answer_has_at_most_the_characters_that_are_documented() -> None:
    assert REPLY_LIMIT == 25_000


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_a_page_whose_only_row_is_too_long_is_cut(limit: int) -> None:
    asked: list[int] = []

    def ask(limit: int) -> dict[str, Any]:
        asked.append(limit)
        assert len(asked) < 10
        return {"changes": [{"summary": "x" * 90_000}] * min(limit, 3)}

    result = reply_page(ask, lambda _: "-\n", "changes", limit, "all", following, PLACE["project"])
    content, _ = channels(result)

    assert asked[-1] == 1
    assert content["changes"][0]["summary"].endswith("[cut; in full: all]")


def test_other_scripts_have_as_many_characters_as_latin_ones() -> None:
    text = "\u6f22" * 20_000
    content, shown = answered({"prompt": text}, text, "all")

    assert content["prompt"] == text
    assert text in shown


def following(_: object) -> NextView:
    return NEXT
