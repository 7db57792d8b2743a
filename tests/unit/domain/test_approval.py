"""What a person decides is theirs by name, and about the very text that they saw."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.domain.approval import Person, Waiver, waived
from cde_orchestrator.domain.criteria import Criterion, criteria_in
from tests.fakes import NOON

WAIVER = Waiver(
    at=NOON, user="ann", host="desk", channel="terminal", reason="Only\n seen ", text="it is  blue"
)


def test_a_person_is_a_user_of_a_machine() -> None:
    assert Person(user="ann", host="desk", channel="page").name == "ann@desk"


@pytest.mark.parametrize(
    ("text", "covered"), [("it is blue", True), ("it is  blue", True), ("it is red", False)]
)
def test_a_waiver_is_for_one_text(text: str, covered: bool) -> None:
    assert WAIVER.covers(Criterion("AC1", text, 1)) is covered


def test_a_waiver_is_for_all_words_of_a_criterion() -> None:
    before, after = (criteria_in(f"- AC1: {'word ' * 200}{end}")[0] for end in ("so", "else"))
    kept = replace(WAIVER, text=before.text, digest=before.digest)

    assert before.text == after.text
    assert (kept.covers(before), kept.covers(after)) == (True, False)
    assert replace(kept, digest="").covers(after)


def test_of_the_criteria_those_are_waived_that_are_the_same() -> None:
    waivers = {"AC1": WAIVER, "AC2": replace(WAIVER, text="it is red"), "AC9": WAIVER}
    criteria = [Criterion(f"AC{n}", "it is blue", n) for n in (1, 2, 3)]

    assert waived(waivers, criteria) == {"AC1": "Only seen (ann@desk)"}
