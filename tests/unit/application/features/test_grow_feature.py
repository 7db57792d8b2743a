"""A feature continues in a larger workflow, with what it has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.grow_feature import (
    GrowFeature,
    GrowReply,
    grown_words,
)
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.workflow import WorkflowCatalog
from tests.fakes import World

SECTIONS = {
    "Goal": "Whoever has an account logs in with name and password, and nobody else does so.",
    "Scope": "In: a page that asks for both. Out: registration, and passwords that were lost.",
    "Acceptance criteria": "- AC1: Given a known name, when the password is right, it greets.\n"
    "- AC2: Given a known name, when the password is wrong, it asks again, and says why.",
    "Approach": "The form that there is already, with one field more; a page of its own lost.",
    "Tasks": "- [ ] T1: the page, in `shop.py`, for AC1 and AC2, with a test for each of them",
}
PLAN = "# Plan\n\n" + "\n\n".join(f"## {title}\n{text}" for title, text in SECTIONS.items())
REPRODUCTION = "\n\n".join(
    f"## {title}\nThe page shows an error, word for word the one that was reported, twice."
    for title in ("Symptom", "Steps", "Cause", "Acceptance criteria")
)
DRAFT = "specs/login/spec.md"


@pytest.fixture
def world(world: World) -> World:
    """A project with the packaged workflows."""
    world.workflows.packaged = YamlWorkflowRepository().load_packaged()
    return world


def start(world: World, workflow: str) -> None:
    world.run(StartFeature(prompt="Add login", name="login", workflow=workflow))


def submit(world: World, phase: str, **results: str) -> Any:
    return world.run(SubmitWork(feature_id="login", phase_id=phase, results=results))


def grow(world: World, workflow: str = "standard", **more: Any) -> GrowReply:
    return world.run(GrowFeature(feature_id="login", workflow=workflow, **more))


def carried(reply: GrowReply) -> list[str]:
    """The phases that count as done."""
    assert reply["grown"] is not None
    return reply["grown"]["phases"]


def code_of(world: World, workflow: str = "standard", **more: Any) -> str:
    with pytest.raises(CDEError) as refused:
        grow(world, workflow, **more)
    return refused.value.code


def planned(world: World, plan: str = PLAN) -> None:
    start(world, "lean")
    submit(world, "plan", plan=plan)


def test_a_plan_becomes_the_specification_and_its_tasks_are_offered(world: World) -> None:
    planned(world)
    world.run(SaveProgress(feature_id="login", phase_id="build", note="Half of it"))
    world.clock.advance()
    before = world.project.feature("login")
    reply = grow(world)
    feature = world.project.feature("login")

    assert reply["grown"] == {"before": "lean", "phases": ["define"], "files": [DRAFT]}
    assert reply["feature"]["workflow"] == "standard"
    assert (feature.current_phase, feature.status) == ("decompose", "decomposing")
    assert reply["phase"] is not None
    assert reply["phase"]["id"] == "decompose"
    spec = world.files.contents[DRAFT].decode()
    assert [f"## {title}" in spec for title in SECTIONS] == [True, True, True, False, False]
    notes = [each.note for each in feature.phases["decompose"].saved()]
    assert notes[0] == "Half of it"
    assert "`specs/login/plan.md`" in notes[1]
    assert SECTIONS["Tasks"] in notes[1]
    assert (feature.base, feature.baseline) == (before.base, before.baseline)
    assert "no longer lean. Done with what was accepted: define" in grown_words(reply)


@pytest.mark.parametrize("to_work", [True, False])
def test_only_who_works_by_the_prompt_is_given_it(world: World, to_work: bool) -> None:
    planned(world)
    world.callers.become("cli")
    world.callers.connection = "one"
    grow(world, agent="ann", takeover=True, to_work=to_work)

    assert world.project.feature("login").phases["decompose"].given == ("one" if to_work else "")


def test_it_is_a_feature_of_the_larger_workflow_from_then_on(world: World) -> None:
    planned(world)
    grow(world)
    tasks = f"## Tasks\n{SECTIONS['Tasks']}\n\n## Coverage\nAC1 and AC2: T1\n\n" + "Words. " * 50
    assert submit(world, "decompose", tasks=tasks)["feature"]["current_phase"] == "design"
    world.files.contents[DRAFT] = b"Rewritten"
    with pytest.raises(CDEError) as refused:
        submit(world, "design", design="x")
    assert refused.value.code == "E132"
    world.run(RollbackFeature(feature_id="login", to_phase="define", reason="Wrong"))
    assert world.project.feature("login").current_phase == "define"
    assert DRAFT not in world.files.contents


@pytest.mark.parametrize("phase", ["plan", "build", "verify"])
def test_lean_grows_at_each_phase(world: World, phase: str) -> None:
    start(world, "lean")
    if phase != "plan":
        submit(world, "plan", plan=PLAN)
    if phase == "verify":
        submit(world, "build")
    done = [] if phase == "plan" else ["define"]
    reply = grow(world)

    assert carried(reply) == done
    assert reply["feature"]["current_phase"] == ("decompose" if done else "define")
    past = world.project.feature("login").phases["define"].past
    assert [each["id"] for each in past][-1] == phase


@pytest.mark.parametrize("phase", ["reproduce", "fix", "verify"])
def test_a_quick_fix_grows_at_each_phase(world: World, phase: str) -> None:
    start(world, "quick-fix")
    fix = "## Change\nshop.py asks again.\n\n## Regression test\ntest_shop.py, " + "words " * 30
    if phase != "reproduce":
        submit(world, "reproduce", reproduction=REPRODUCTION)
    if phase == "verify":
        submit(world, "fix", fix=fix)
    reply = grow(world)

    assert reply["feature"]["current_phase"] == "define"
    saved = world.project.feature("login").phases["define"].saved()
    assert ["## Symptom\nThe page" in each.note for each in saved] == [True] * (
        phase != "reproduce"
    )


def test_a_plan_that_is_too_short_for_a_specification_is_offered(world: World) -> None:
    short = PLAN.replace(SECTIONS["Goal"], "Log in.").replace(SECTIONS["Scope"], "In: it.")
    planned(world, short.replace(SECTIONS["Acceptance criteria"], "- AC1: it greets") + "\nx" * 99)
    reply = grow(world)

    assert reply["grown"] == {"before": "lean", "phases": [], "files": []}
    assert reply["feature"]["current_phase"] == "define"
    (saved,) = world.project.feature("login").phases["define"].saved()
    assert "## Acceptance criteria\n- AC1: it greets" in saved.note
    assert DRAFT not in world.files.contents


@pytest.mark.parametrize("kept", [b"Somebody's own\n", None])
def test_nobody_s_file_is_replaced(world: World, kept: bytes | None) -> None:
    planned(world)
    if kept is None:  # as after a restored state, or a change that was not committed
        other = grow(world)["grown"]
        assert other is not None
        made = world.files.contents[DRAFT]
        world.run(CloseFeature(feature_id="login", outcome="cancelled", reason="Again"))
        world.run(StartFeature(prompt="Add login", name="login-2", workflow="lean"))
        world.files.contents["specs/login-2/spec.md"] = made.replace(b": login\n", b": login-2\n")
        world.files.contents["specs/login-2/spec.md"] = world.files.contents[
            "specs/login-2/spec.md"
        ].replace(b"specs/login/", b"specs/login-2/")
        world.run(SubmitWork(feature_id="login-2", phase_id="plan", results={"plan": PLAN}))
        again = world.run(GrowFeature(feature_id="login-2"))["grown"]
        assert again == {**other, "files": ["specs/login-2/spec.md"]}
        return
    world.files.contents[DRAFT] = kept

    assert carried(grow(world)) == []
    assert world.files.contents[DRAFT] == kept


def test_accepted_texts_at_the_same_paths_are_carried(world: World) -> None:
    start(world, "standard")
    submit(world, "define", spec=PLAN)
    reply = grow(world, "standard-approved")

    assert carried(reply) == ["define"]
    assert reply["feature"]["status"] == "waits_for_person"
    assert world.files.contents[DRAFT].decode().rstrip() == PLAN


def test_what_is_no_longer_kept_or_may_not_be_there_is_not_carried(world: World) -> None:
    planned(world)
    world.objects.contents.clear()

    assert carried(grow(world)) == []


def test_another_workflow_before_anything_was_submitted(world: World) -> None:
    start(world, "standard")
    world.run(SaveProgress(feature_id="login", phase_id="define", note="Small"))
    reply = grow(world, "lean")

    assert reply["grown"] == {"before": "standard", "phases": [], "files": []}
    (saved,) = world.project.feature("login").phases["plan"].saved()
    assert saved.note == "Small"
    assert code_of(world, "nothing") == "E306"


def test_repeated_it_changes_nothing(world: World) -> None:
    planned(world)
    grow(world)
    before = world.project.feature("login")
    reply = grow(world)

    assert reply["grown"] is None
    assert world.project.feature("login").phases == before.phases
    assert grown_words(reply) == "Feature login follows standard already."


def test_a_feature_that_is_closed_is_claimed_by_nobody(world: World) -> None:
    start(world, "standard")
    world.run(CloseFeature(feature_id="login", outcome="failed", reason="No"))

    assert grow(world)["grown"] is None
    assert world.project.feature("login").claim is None


def test_a_text_that_no_note_may_have_is_offered_without_it(world: World) -> None:
    start(world, "quick-fix")
    submit(world, "reproduce", reproduction=REPRODUCTION)
    record = world.project.feature("login").phases["reproduce"].outputs[0]
    world.objects.contents[record.sha256] = b"## Symp\x00tom\nIt breaks."

    grow(world)
    (saved,) = world.project.feature("login").phases["define"].saved()
    assert "## Symptom\nIt breaks." in saved.note


def test_a_smaller_workflow_and_a_closed_feature_are_refused(world: World) -> None:
    start(world, "standard")
    submit(world, "define", spec=PLAN)
    assert code_of(world, "lean") == "E151"
    world.run(CloseFeature(feature_id="login", outcome="failed", reason="No"))
    assert code_of(world, "standard-approved") == "E105"


def test_another_agent_s_feature_is_left_to_it(world: World) -> None:
    planned(world)
    world.callers.become("robot-2", 2)

    assert code_of(world) == "E122"
    assert grow(world, takeover=True)["grown"] is not None
    assert world.project.feature("login").events[-1]["event"] == "taken_over"


def test_an_output_that_others_execute_is_not_carried(world: World) -> None:
    world.trust.careful = True
    known = dict(world.workflows.packaged.workflows)
    first, *rest = known["standard"].phases
    output = replace(first.outputs[0], path=".github/workflows/{feature}.yml")
    known["standard"] = replace(
        known["standard"], phases=(replace(first, outputs=(output,)), *rest)
    )
    world.workflows.packaged = WorkflowCatalog(
        default="standard", workflows=known, source="x", packaged=True
    )
    planned(world)

    assert carried(grow(world)) == []


def test_the_status_says_how_it_was_before(world: World) -> None:
    planned(world)
    grow(world)
    status: Any = world.run(GetFeatureStatus(feature_id="login", detail="full"))

    assert [each["workflow"] for each in status["work"]["define"]["past"]] == ["lean", "lean"]
    assert status["events"][-1]["event"] == "workflow_changed"


@pytest.mark.parametrize(("exit_code", "code"), [(0, "E107"), (1, "E118")])
def test_a_feature_that_grows_while_its_check_runs_keeps_the_larger_workflow(
    world: World, exit_code: int, code: str
) -> None:
    known = dict(world.workflows.packaged.workflows)
    plan, build, verify = known["lean"].phases
    phases = (plan, replace(build, check=("make", "test")), verify)
    known["lean"] = replace(known["lean"], phases=phases)
    known["standard"] = replace(
        known["standard"],
        phases=tuple(
            replace(phase, check=("make", "test") if phase.id == "test" else ())
            for phase in known["standard"].phases
        ),
    )
    world.workflows.packaged = WorkflowCatalog(
        default="standard", workflows=known, source="x", packaged=True
    )
    planned(world)
    world.checks.exit_codes = [exit_code]

    def meanwhile() -> None:
        grow(world)

    world.checks.meanwhile = meanwhile
    with pytest.raises(CDEError) as refused:
        submit(world, "build", notes="# Notes\n\nNone.\n")
    assert refused.value.code == code
    assert world.project.feature("login").current_phase == "decompose"
