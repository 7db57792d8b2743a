"""Which tasks of a feature count, and which of them are done."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.feature_tasks import (
    TaskState,
    accepted_tasks,
    keep_ticks,
    tasks_of,
    tick,
)
from cde_orchestrator.domain.tasks import TASKS_LIMIT, Task
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import NOON

ONE, TWO, THREE = (Task(f"T{number}", f"task {number}") for number in (1, 2, 3))


def phase(phase_id: str, *, covers: str | None = None) -> Phase:
    output = Output(id=f"{phase_id}-text", path=f"{phase_id}.md", covers=covers)
    data = Output(id=f"{phase_id}-data", path=f"{phase_id}.json", type="json", required=False)
    return Phase(id=phase_id, outputs=(output, data))


WORKFLOW = Workflow(
    id="w",
    phases=(phase("plan", covers="plan-text"), phase("design", covers="plan-text"), phase("build")),
)
PLAN, DESIGN, BUILD = WORKFLOW.phases


@pytest.fixture
def feature() -> Feature:
    """A feature with two tasks, which is being built."""
    made = Feature.create("p", "Pay", workflow=WORKFLOW, now=NOON)
    made.phases["plan"].tasks = [ONE, TWO]
    made.current_phase = "build"
    return made


def done(feature: Feature) -> list[str]:
    return [each.task.id for each in tasks_of(feature, WORKFLOW) if each.done]


def test_tasks_are_open_until_they_are_ticked(feature: Feature) -> None:
    assert tasks_of(feature, WORKFLOW) == [TaskState(ONE, False), TaskState(TWO, False)]
    tick(feature, WORKFLOW, BUILD, ["t1 ", "T2"], [])
    assert done(feature) == ["T1", "T2"]
    tick(feature, WORKFLOW, BUILD, [], ["T1"])
    assert done(feature) == ["T2"]


def test_several_tasks_are_ticked_with_commas_between_them(feature: Feature) -> None:
    tick(feature, WORKFLOW, BUILD, ["t1, T2,"], [])
    assert done(feature) == ["T1", "T2"]
    tick(feature, WORKFLOW, BUILD, [], ["T1,T2"])
    assert done(feature) == []


@pytest.mark.parametrize(
    ("key", "shown"),
    [("T9", "T9"), ("x" * 99, "x" * 40), ("T2,T9", "T9"), (",", ","), ("", "")],
)
def test_an_unknown_task_is_refused_and_nothing_is_ticked(
    feature: Feature, key: str, shown: str
) -> None:
    with pytest.raises(FeatureError) as refused:
        tick(feature, WORKFLOW, BUILD, ["T1"], [key])
    assert refused.value.code == "E153"
    assert (refused.value.context["task"], refused.value.context["tasks"]) == (shown, "T1, T2")
    assert done(feature) == []
    feature.phases["plan"].tasks = []
    with pytest.raises(FeatureError, match="none so far"):
        tick(feature, WORKFLOW, BUILD, ["T1"], [])


def test_a_task_that_is_said_to_be_done_and_not_is_refused(feature: Feature) -> None:
    with pytest.raises(ValidationError) as refused:
        tick(feature, WORKFLOW, BUILD, ["T1", "T2"], ["t2", "T1"])
    assert refused.value.code == "E305"
    assert refused.value.context["reason"] == "done has T2, T1, too"
    assert done(feature) == []


def test_the_newest_list_counts_and_begins_with_all_open(feature: Feature) -> None:
    tick(feature, WORKFLOW, DESIGN, ["T1"], [])
    assert done(feature) == ["T1"]
    feature.phases["design"].tasks = [ONE, THREE]
    assert tasks_of(feature, WORKFLOW) == [TaskState(ONE, False), TaskState(THREE, False)]


def test_what_is_accepted_lists_tasks_or_ticks_them(feature: Feature) -> None:
    text = b"\xef\xbb\xbf## Tasks\n- [x] T1: pay ghp_" + b"a1B2c3D4e5F6" * 3 + b"\xe2\x80\xae\n"
    tasks, _ = accepted_tasks(feature, WORKFLOW, DESIGN, {"design-text": text})
    assert [task.id for task in tasks] == ["T1"]
    assert "ghp_" not in tasks[0].text
    assert "\u202e" not in tasks[0].text

    feature.phases["build"].ticks = {"T2": True}
    report = {"build-text": b"## Tasks\n- [x] T1\n- [x] T9\n", "build-data": b'{"T1": 1}'}
    assert accepted_tasks(feature, WORKFLOW, BUILD, report) == ([], {"T2": True, "T1": True})
    feature.phases["plan"].tasks = []
    assert accepted_tasks(feature, WORKFLOW, BUILD, report) == ([], {"T2": True})
    many = "## Tasks\n" + "".join(f"- T{number}: a\n" for number in range(1, 200))
    assert len(accepted_tasks(feature, WORKFLOW, PLAN, {"plan-text": many.encode()})[0]) == (
        TASKS_LIMIT
    )


def test_a_rollback_of_a_phase_takes_back_its_ticks_and_its_list(feature: Feature) -> None:
    for record in feature.phases.values():
        record.begin(NOON)
    tick(feature, WORKFLOW, DESIGN, ["T2"], [])
    tick(feature, WORKFLOW, BUILD, ["T1"], [])
    feature.roll_back(BUILD, "Wrong", "ann", WORKFLOW, NOON)
    assert done(feature) == ["T2"]
    feature.roll_back(PLAN, "Wrong", "ann", WORKFLOW, NOON)
    assert tasks_of(feature, WORKFLOW) == []


def test_what_was_done_elsewhere_counts_for_the_same_task_alone(feature: Feature) -> None:
    other = Task("T2", "another")
    before = [TaskState(ONE, True), TaskState(other, True), TaskState(THREE, True)]
    keep_ticks(before, feature, WORKFLOW)
    assert done(feature) == ["T1"]
