"""Tasks on their way through the packaged workflows: listed, ticked, shown, taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.grow_feature import GrowFeature
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SavedReply, SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.proof_views import proof_remarks
from cde_orchestrator.application.task_views import (
    SHOWN_LIMIT,
    TaskView,
    task_line,
    task_views,
    tasks_words,
)
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.tasks import Task
from cde_orchestrator.domain.workflow import Phase, WorkflowCatalog
from tests.fakes import World

WORDS = "Whoever has an account logs in with name and password, and nobody else does so. " * 6
SPEC = (
    f"## Goal\n{WORDS}\n## Scope\n{WORDS}\n## Acceptance criteria\n"
    "- AC1: Given a known name, it greets.\n- AC2: Given no name, it asks again.\n"
)
LISTED = "- T1: the page\n  - Serves: AC1\n- T2: the message, in `shop/page.py`, for AC2\n"
TASKS = f"## Tasks\n{LISTED}\n## Coverage\n{WORDS}\n"
DESIGN = "\n".join(
    f"## {title}\n{WORDS}\n" for title in ("Approach", "Changes", "Failure modes", "Test plan")
)
REPORT = "\n".join(f"## {title}\n{WORDS}\n" for title in ("Changes", "Deviations", "How to verify"))
ONE = {"id": "T1", "text": "the page", "files": [], "criteria": ["AC1"], "done": False}
TWO = {
    "id": "T2",
    "text": "the message, in `shop/page.py`, for AC2",
    "files": ["shop/page.py"],
    "criteria": ["AC2"],
    "done": False,
}


@pytest.fixture
def world(world: World) -> World:
    """A project with the packaged workflows, without changes to demand."""
    world.workflows.packaged = YamlWorkflowRepository().load_packaged()
    world.callers.connection = "one"
    world.run(StartFeature(prompt="Add login", name="login", workflow="standard"))
    submit(world, "define", spec=SPEC)
    return world


def submit(world: World, phase: str, **results: str) -> Any:
    return world.run(SubmitWork(feature_id="login", phase_id=phase, results=results))


def save(world: World, note: str = "", **said: Any) -> SavedReply:
    return world.run(SaveProgress(feature_id="login", note=note, **said))


def shown(world: World) -> list[TaskView]:
    return world.run(GetFeatureStatus(feature_id="login"))["tasks"]


def done(world: World) -> list[str]:
    return [each["id"] for each in shown(world) if each["done"]]


def designed(world: World, design: str = DESIGN) -> World:
    submit(world, "decompose", tasks=TASKS)
    submit(world, "design", design=design)
    return world


def test_accepted_tasks_are_shown_with_their_state(world: World) -> None:
    assert shown(world) == []
    reply = submit(world, "decompose", tasks=TASKS)

    assert reply["tasks"] == {"done": [], "open": ["T1", "T2"]}
    assert "Tasks: 0 of 2 done; open: T1, T2." in proof_remarks(reply)
    assert shown(world) == world.run(ResumeFeature(feature_id="login"))["tasks"] == [ONE, TWO]


def test_tasks_that_leave_a_criterion_out_are_refused(world: World) -> None:
    with pytest.raises(CDEError) as refused:
        submit(world, "decompose", tasks=TASKS.replace("AC2", "that"))
    assert refused.value.code == "E115"
    (problem,) = refused.value.context["outputs"]
    assert problem["output"] == "tasks"
    assert "AC2" in problem["problem"]
    assert shown(world) == []


def test_the_design_may_replace_the_list_and_then_covers_all(world: World) -> None:
    submit(world, "decompose", tasks=TASKS)
    with pytest.raises(CDEError) as refused:
        submit(world, "design", design=f"{DESIGN}\n## Tasks\n- T2: the message, AC2\n")
    assert refused.value.code == "E115"
    submit(world, "design", design=f"{DESIGN}\n## Tasks\n- T3: both in `a.py`, AC1-AC2\n")

    assert [(each["id"], each["files"]) for each in shown(world)] == [("T3", ["a.py"])]


def test_tasks_are_ticked_and_unticked_with_and_without_a_note(world: World) -> None:
    designed(world)
    save(world, done=["t2"])
    reply = save(world, "Half of it", done=["T1"], undone=["T2"])
    assert reply["saved"] is not None
    assert (reply["kept"], reply["tasks"]) == (1, {"done": ["T1"], "open": ["T2"]})
    assert tasks_words(reply["tasks"]) == "Tasks: 1 of 2 done; open: T2."
    reply = save(world, " ", done=["T2"])
    assert (reply["saved"], reply["kept"]) == (None, 1)
    assert tasks_words(reply["tasks"]) == "Tasks: 2 of 2 done."
    save(world, undone=["T1"])
    assert done(world) == ["T2"]


def test_an_unknown_task_changes_nothing(world: World) -> None:
    designed(world)
    before = world.project.feature("login")
    with pytest.raises(CDEError) as refused:
        save(world, "Half of it", done=["T1", "T7"])
    assert refused.value.code == "E153"
    assert refused.value.context["tasks"] == "T1, T2"
    assert world.project.feature("login") == before
    with pytest.raises(CDEError) as refused:
        save(world)
    assert refused.value.code == "E305"
    with pytest.raises(CDEError) as refused:
        save(world, data={"a": 1}, done=["T1"])
    assert refused.value.code == "E305"
    with pytest.raises(CDEError) as refused:
        save(world, "Half of it", done=["T1", "t2"], undone=["T2"])
    assert refused.value.code == "E305"
    assert world.project.feature("login") == before


def test_the_report_ticks_once_it_is_accepted(world: World) -> None:
    designed(world)
    save(world, done=["T2"])
    with pytest.raises(CDEError):
        submit(world, "implement", implementation="- [x] T1: done\n")
    assert done(world) == ["T2"]
    reply = submit(world, "implement", implementation=f"{REPORT}\n- [x] T1: done\n- [ ] T2: no\n")

    assert reply["tasks"] == {"done": ["T1"], "open": ["T2"]}


def test_an_attempt_that_failed_leaves_the_ticks_and_a_rollback_takes_them_back(
    world: World,
) -> None:
    designed(world)
    save(world, done=["T1"])
    world.run(FailPhase(feature_id="login", phase_id="implement", reason="It hangs"))
    assert done(world) == ["T1"]
    world.run(RollbackFeature(feature_id="login", to_phase="implement", reason="Wrong"))
    assert shown(world) == [ONE, TWO]
    world.run(RollbackFeature(feature_id="login", to_phase="decompose", reason="Wrong"))
    assert shown(world) == []


def test_only_a_fresh_reader_is_given_the_tasks(world: World) -> None:
    designed(world)
    assert world.prompts.variables["tasks"] == []
    save(world, done=["T1"])
    world.callers.connection = "two"
    world.run(ResumeFeature(feature_id="login"))
    one = {**ONE, "done": True, "line": "T1: the page (AC1)"}
    assert world.prompts.variables["tasks"] == [one, {**TWO, "line": f"T2: {TWO['text']}"}]


def test_the_reader_that_is_given_the_next_phase_sees_what_was_just_accepted(world: World) -> None:
    world.callers.connection = "two"
    submit(world, "decompose", tasks=TASKS)
    lines = [each.pop("line") for each in world.prompts.variables["tasks"]]
    assert lines == ["T1: the page (AC1)", f"T2: {TWO['text']}"]
    assert world.prompts.variables["tasks"] == [ONE, TWO]


def test_a_list_that_is_carried_into_another_workflow_keeps_its_ticks(world: World) -> None:
    designed(world)
    save(world, done=["T1"])
    packaged = YamlWorkflowRepository().load_packaged()
    standard = packaged.get("standard")
    more = Phase(id="extra", prompt="standard/review.md")
    larger = replace(standard, id="larger", phases=(*standard.phases, more))
    world.workflows.packaged = WorkflowCatalog(
        default="standard",
        workflows={**packaged.workflows, "larger": larger},
        source="packaged",
        packaged=True,
    )
    world.run(GrowFeature(feature_id="login", workflow="larger"))

    assert world.project.feature("login").current_phase == "implement"
    assert shown(world) == [{**ONE, "done": True}, TWO]


def test_what_was_done_before_another_list_is_in_the_note(world: World) -> None:
    world.run(StartFeature(prompt="Add logout", name="logout", workflow="lean"))
    plan = f"{SPEC}\n## Approach\n{WORDS}\n## Tasks\n{LISTED}"
    world.run(SubmitWork(feature_id="logout", phase_id="plan", results={"plan": plan}))
    world.run(SaveProgress(feature_id="logout", note="", done=["T2"]))
    world.run(GrowFeature(feature_id="logout"))
    feature = world.project.feature("logout")

    assert feature.current_phase == "decompose"
    assert "Of its tasks are done: T2." in feature.phases["decompose"].saved()[-1].note
    assert world.run(GetFeatureStatus(feature_id="logout"))["tasks"] == []


def test_tasks_beyond_their_room_keep_id_and_state(world: World) -> None:
    submit(world, "decompose", tasks=TASKS)
    project = world.project
    feature, workflow = project.feature("login"), world.workflows.packaged.get("standard")
    many = [Task(f"T{number}", "x" * 500, ("a.py",), ("AC1",)) for number in range(1, 101)]
    feature.phases["decompose"].tasks = many
    views = task_views(feature, workflow)

    assert len(views) == 100
    assert [bool(each["text"]) for each in views].count(True) == SHOWN_LIMIT // 507
    assert views[-1] == {"id": "T100", "text": "", "files": [], "criteria": [], "done": False}
    assert task_line(views[-1]) == "T100: in the file"
    text = "in `shop/b.py`, for AC12"
    other = TaskView(id="T1", text=text, files=["b.py"], criteria=["AC1", "AC12"], done=False)
    assert task_line(other) == f"T1: {text} (b.py, AC1, AC12)"
    assert task_line(views[0]) == f"T1: {'x' * 500} (a.py, AC1)"
