"""In which workflow a feature can continue, and what of its outputs counts there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.growth import (
    carried_phases,
    change_problem,
    is_untouched,
    require_change,
    text_for,
)
from cde_orchestrator.domain.records import Progress
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

NOW = datetime(2025, 11, 10, tzinfo=UTC)
KNOWN = {
    name: replace(each, proof="required")
    for name, each in YamlWorkflowRepository().load_packaged().workflows.items()
}


def feature_in(workflow: str, *, done: int = 0) -> Feature:
    """A feature with so many phases behind it."""
    made = Feature.create("p", "Do it", workflow=KNOWN[workflow], now=NOW)
    for phase in KNOWN[workflow].phases[:done]:
        made.complete_phase(phase.id, [], KNOWN[workflow], NOW)
    return made


@pytest.mark.parametrize(
    ("follows", "wanted", "untouched", "later"),
    [
        ("lean", "standard", None, None),
        ("lean", "standard-approved", None, None),
        ("quick-fix", "standard", None, None),
        ("research", "standard", None, None),
        ("standard", "standard-approved", None, None),
        ("lean", "quick-fix", None, "not larger"),
        ("standard", "lean", None, "not larger"),
        ("standard", "docs", None, "not larger"),
        ("standard-approved", "standard", "fewer phases", "fewer phases"),
        ("standard-approved", "lean", "fewer phases", "fewer phases"),
    ],
)
def test_it_continues_in_a_larger_workflow_or_in_any_before_something_was_submitted(
    follows: str, wanted: str, untouched: str | None, later: str | None
) -> None:
    for done, expected in ((0, untouched), (1, later)):
        feature = feature_in(follows, done=done)
        problem = change_problem(feature, KNOWN[follows], KNOWN[wanted])
        assert problem is None if expected is None else expected in (problem or "")
        if problem is None:
            require_change(feature, KNOWN[follows], KNOWN[wanted])
            continue
        with pytest.raises(FeatureError) as refused:
            require_change(feature, KNOWN[follows], KNOWN[wanted])
        assert refused.value.code == "E151"


@pytest.mark.parametrize(
    ("phase", "lost"),
    [
        (Phase(id="a", check=("make", "test")), "runs a check"),
        (Phase(id="a", changes="required"), "changes files"),
        (Phase(id="a", proves="spec"), "proves criteria"),
    ],
)
def test_a_larger_workflow_that_demands_less_is_refused(phase: Phase, lost: str) -> None:
    small = Workflow(id="small", proof="required", phases=(Phase(id="x"), phase))
    large = Workflow(id="large", phases=tuple(Phase(id=each) for each in "abcd"))
    feature = Feature.create("p", "Do it", workflow=small, now=NOW)
    assert change_problem(feature, small, large) is None
    feature.complete_phase("x", [], small, NOW)

    assert change_problem(feature, small, large) == f"no phase of it {lost}"


def test_a_closed_feature_stays_in_its_workflow() -> None:
    feature = feature_in("lean", done=3)

    with pytest.raises(FeatureError) as refused:
        require_change(feature, KNOWN["lean"], KNOWN["standard"])
    assert refused.value.code == "E105"


def test_what_was_rolled_back_to_its_first_phase_was_touched() -> None:
    workflow, feature = KNOWN["standard"], feature_in("standard", done=1)
    feature.roll_back(workflow.first, "again", "me", workflow, NOW)

    assert not is_untouched(feature, workflow)
    assert is_untouched(feature_in("standard"), workflow)
    feature = feature_in("standard")
    feature.roll_back(workflow.first, "again", "me", workflow, NOW)
    assert not is_untouched(feature, workflow)


def test_phases_of_texts_alone_are_carried_up_to_the_first_other_one() -> None:
    carried = {
        name: [phase.id for phase in carried_phases(workflow)] for name, workflow in KNOWN.items()
    }

    assert carried == {
        "standard": ["define", "decompose", "design"],
        "standard-approved": ["define"],
        "lean": ["plan"],
        "quick-fix": ["reproduce"],
        "research": ["question", "explore"],
        "docs": ["outline"],
    }
    text = Phase(id="text", outputs=(Output(id="o", path="{feature}.md"),))
    last = replace(text, id="last")
    for other in (
        Phase(id="none"),
        replace(text, agent="claude"),
        replace(text, outputs=(Output(id="o", path="shared.md"),)),
        replace(text, outputs=(Output(id="o", path="{feature}.md", verdict=("good",)),)),
    ):
        assert list(carried_phases(Workflow(id="w", phases=(text, other, last)))) == [text]


PLAN = b"""\
# Plan
## Goal ##
Sell more.

### Why
Money.

Scope
-----
In: all.

```
## Tasks
```
"""


def test_a_text_is_made_of_the_sections_that_it_must_contain() -> None:
    output = Output(id="spec", path="s", must_contain=("## Scope", "## Goal", r"re:\bAC1\b"))
    text, is_whole = text_for(output, "shop", [("a.md", b"# None"), ("plan.md", PLAN)])

    assert is_whole
    assert text == (
        "# Spec: shop\n\nTaken from `plan.md`.\n\n"
        "Scope\n-----\nIn: all.\n\n```\n## Tasks\n```\n\n"
        "## Goal ##\nSell more.\n\n### Why\nMoney.\n"
    )


def test_what_is_not_there_makes_no_whole_text() -> None:
    output = Output(id="tasks", path="t", must_contain=("## Goal", "## Tasks"))
    text, is_whole = text_for(output, "shop", [("plan.md", PLAN)])

    assert (is_whole, "Sell more." in text) == (False, True)
    nothing = Output(id="tasks", path="t", must_contain=("## Tasks",))
    assert text_for(nothing, "shop", [("plan.md", PLAN)]) == ("", False)
    assert text_for(Output(id="o", path="o"), "shop", [("plan.md", PLAN)]) == ("", False)
    data = Output(id="o", path="o", type="json", must_contain=("## Goal",))
    assert text_for(data, "shop", [("plan.md", PLAN)]) == ("", False)


def test_another_workflow_begins_with_a_summary_and_all_notes() -> None:
    feature = feature_in("lean", done=1)
    feature.phases["plan"].past = [{"status": "rolled_back"}]
    notes = [Progress(NOW, "me", note) for note in ("first", "second")]
    feature.phases["build"].save(notes[0])
    feature.phases["build"].save(notes[1])
    assert feature.change_workflow(KNOWN["standard"], "me", NOW) == notes

    assert feature.workflow_type == "standard"
    assert (feature.status, feature.current_phase) == ("defining", "define")
    assert list(feature.phases) == [phase.id for phase in KNOWN["standard"].phases]
    assert [
        (each.get("workflow"), each.get("id"), each["status"])
        for each in feature.phases["define"].past
    ] == [
        (None, None, "rolled_back"),
        ("lean", "plan", "completed"),
        ("lean", "build", "in_progress"),
    ]
    assert feature.events[-1] == {
        "event": "workflow_changed",
        "at": NOW.isoformat(),
        "by": "me",
        "before": "lean",
        "after": "standard",
        "phase": "build",
    }
