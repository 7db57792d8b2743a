"""A code is explained wherever one is met, without any project."""

from __future__ import annotations

import json

import pytest

from cde_orchestrator.application.logs.explain_error import (
    explain,
    explain_all,
    explain_in_markdown,
)
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import ValidationError


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_every_code_is_explained_under_its_own_title(code: str) -> None:
    explanation = explain(code)["explanation"]

    assert explanation["code"] == code
    assert explanation["title"] == ERROR_MESSAGES[code].title
    assert json.loads(json.dumps(explanation)) == explanation
    assert ERROR_MESSAGES[code].title in explain_in_markdown(code)


@pytest.mark.parametrize("written", ["E101", "e101", " E101\n"])
def test_a_code_is_known_however_it_is_written(written: str) -> None:
    assert explain(written) == explain("E101")
    assert explain_in_markdown(written) == explain_in_markdown("E101")


@pytest.mark.parametrize("unknown", ["", "101", "E1", "E000", "E101 E102", "{code}", "\uff25101"])
def test_what_is_no_code_is_refused_as_it_was_given(unknown: str) -> None:
    for ask in (explain, explain_in_markdown):
        with pytest.raises(ValidationError) as refused:
            ask(unknown)
        assert refused.value.code == "E321"
        assert refused.value.context["unknown"] == unknown


def test_all_codes_are_told_once_each_within_the_range_of_their_family() -> None:
    families = explain_all()["families"]
    rows = [(family, row) for family in families for row in family["codes"]]

    assert [row["code"] for _, row in rows] == list(ERROR_MESSAGES)
    assert all(family["first"] <= row["code"] <= family["last"] for family, row in rows)
    assert all(row["title"] == ERROR_MESSAGES[row["code"]].title for _, row in rows)
