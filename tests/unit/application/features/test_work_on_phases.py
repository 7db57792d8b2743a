"""Phases can be trusted, resumed and taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.resume_feature import ResumeFeature, ResumeReply
from cde_orchestrator.application.features.rollback_feature import RollbackFeature, RollbackReply
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.trust_commands import (
    RevokeTrust,
    ShowChecks,
    TrustChecks,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.domain.lease import Process
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.records import PROGRESS_KEPT, PROGRESS_LIMIT_BYTES
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import World, catalog, writing_workflow

SPEC = "specs/login/spec.md"
KEPT_SPEC = "specs/login/spec.attempt-1.md"
REPORT = "specs/login/report.md"
SPEC_TEXT = "## Goal\nLog in\n"


@pytest.fixture
def started(world: World) -> World:
    """A project with the feature ``login``, started by the client robot."""
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


@pytest.fixture
def building(started: World) -> World:
    """The feature in its second phase, which has a check."""
    submit(started)
    return started


def submit(world: World, phase_id: str = "define", text: str = SPEC_TEXT, **more: Any) -> Any:
    output = "spec" if phase_id == "define" else "report"
    results = {output: text} if text else {}
    return world.run(SubmitWork(feature_id="login", phase_id=phase_id, results=results, **more))


def fail(world: World, phase_id: str = "define", reason: str = "It broke") -> Any:
    world.clock.advance()  # one that comes at once is the same call
    return world.run(FailPhase(feature_id="login", phase_id=phase_id, reason=reason))


def resume(world: World, **more: Any) -> ResumeReply:
    return world.run(ResumeFeature(feature_id="login", **more))


def roll_back(world: World, to_phase: str = "define", **more: Any) -> RollbackReply:
    return world.run(
        RollbackFeature(feature_id="login", to_phase=to_phase, reason="Wrong way", **more)
    )


def save(world: World, note: str = "Half way", **more: Any) -> Any:
    return world.run(SaveProgress(feature_id="login", phase_id="define", note=note, **more))


def code_of(world: World, use_case: UseCase[Any]) -> str:
    """The code with which a use case is refused."""
    with pytest.raises(CDEError) as caught:
        world.run(use_case)
    return caught.value.code


def refusal(world: World, phase_id: str = "define", **more: Any) -> CDEError:
    """The error with which a submission is refused."""
    with pytest.raises(CDEError) as caught:
        submit(world, phase_id, **more)
    return caught.value


def record(world: World, phase_id: str) -> PhaseRecord:
    return world.project.feature("login").phases[phase_id]


# Evidence


def test_a_check_that_passes_leaves_evidence(building: World) -> None:
    seen: list[str] = []
    reply = submit(building, "build", "Done", watch=seen.append)
    evidence = record(building, "build").evidence

    assert reply["feature"]["status"] == "completed"
    assert seen == ["$ make test\n", "all well\n"]
    assert evidence is not None
    assert (evidence.command, evidence.exit_code) == (("make", "test"), 0)
    assert evidence.tail == "all well\n"


@pytest.mark.parametrize(("exit_code", "code"), [(2, "E118"), (None, "E119")])
def test_a_check_that_fails_or_hangs_refuses_and_its_evidence_stays(
    building: World, exit_code: int | None, code: str
) -> None:
    building.checks.exit_codes = [exit_code]
    building.checks.printed = "".join(f"line {each}\n" for each in range(60)) + "2 failed\n"
    red = "FAILED a.py::test_a - no"
    building.checks.printed = building.checks.printed.replace("line 59", red)
    error = refusal(building, "build", text="Done")

    assert error.code == code
    assert error.context["tail"] == [*(f"line {each}" for each in range(21, 59)), red, "2 failed"]
    assert "2 failed" not in error.message
    assert building.project.feature("login").current_phase == "build"
    evidence = record(building, "build").evidence
    assert evidence is not None
    assert evidence.exit_code == exit_code
    assert "2 failed" in (resume(building)["last_failure"] or "")
    assert "2 failed" in building.prompts.variables["last_failure"]
    assert building.prompts.variables["failing_tests"] == ["a.py::test_a"]


def test_a_check_that_passes_in_the_end_clears_the_failure(building: World) -> None:
    building.checks.exit_codes = [1]
    refusal(building, "build", text="Done")
    submit(building, "build", "Done")
    evidence = record(building, "build").evidence

    assert evidence is not None
    assert evidence.passed


def test_evidence_that_cannot_be_kept_hides_no_failed_check(building: World) -> None:
    building.checks.exit_codes = [1]
    building.checks.meanwhile = lambda: setattr(
        building.repository, "commit_failure", StateError.of("E204", path="x")
    )

    assert refusal(building, "build", text="Done").code == "E118"


def test_a_check_that_nobody_trusts_is_not_run(building: World) -> None:
    building.trust.careful = True
    error = refusal(building, "build", text="Done")

    assert error.code == "E120"
    assert building.checks.run_checks == []
    assert REPORT not in building.files.contents
    gate = resume(building)["gate"]
    assert gate is not None
    assert gate["check"] is not None
    assert gate["check"]["trusted"] is False


def test_what_a_person_saw_is_trusted_and_nothing_else(building: World) -> None:
    building.trust.careful = True
    shown = building.run(ShowChecks())["checks"]
    digests = frozenset(row["digest"] for row in shown)

    assert [(row["command"], row["trusted"]) for row in shown] == [(["make", "test"], False)]
    assert shown[0]["used_by"] == ["standard/build"]
    assert code_of(building, TrustChecks(digests=frozenset({"0" * 64}))) == "E128"
    assert building.run(TrustChecks(digests=digests))["checks"][0]["trusted"] is True
    assert submit(building, "build", "Done")["phase"] is None


def test_trust_is_taken_back(building: World) -> None:
    building.trust.careful = True
    digests = frozenset(row["digest"] for row in building.run(ShowChecks())["checks"])
    building.run(TrustChecks(digests=digests))
    reply = building.run(RevokeTrust())

    assert [row["trusted"] for row in reply["checks"]] == [False]
    assert refusal(building, "build", text="Done").code == "E120"


def test_a_check_that_no_workflow_has_any_more_is_shown_while_it_is_trusted(world: World) -> None:
    digests = frozenset(row["digest"] for row in world.run(ShowChecks())["checks"])
    world.run(TrustChecks(digests=digests))
    world.workflows.own = catalog(Workflow.canonical(), packaged=False)
    reply = world.run(ShowChecks())

    assert reply["checks"] == []
    assert [(row["kind"], row["command"]) for row in reply["others"]] == [
        ("check", ["make", "test"])
    ]


def test_the_commands_that_open_features_keep_are_shown_too(building: World) -> None:
    other = replace(writing_workflow().phases[1], check=("rm", "x"), inputs=())
    building.workflows.own = catalog(Workflow(id="standard", phases=(other,)), packaged=False)
    shown = building.run(ShowChecks())["checks"]
    assert [row["command"] for row in shown] == [["rm", "x"], ["make", "test"]]

    building.run(CloseFeature(feature_id="login", outcome="failed", reason="No"))
    assert len(building.run(ShowChecks())["checks"]) == 1


def test_the_check_runs_on_the_files_that_were_given(building: World) -> None:
    building.checks.meanwhile = lambda: found.append(building.files.contents[REPORT])
    found: list[bytes] = []
    submit(building, "build", "Done")

    assert found == [b"Done\n"]


def test_outputs_that_change_while_the_check_runs_are_not_accepted(building: World) -> None:
    building.files.contents[REPORT] = b"Done\n"
    building.checks.meanwhile = lambda: building.files.contents.update({REPORT: b"Other\n"})
    error = refusal(building, "build", text="")

    assert error.code == "E123"
    assert building.project.feature("login").current_phase == "build"


def test_a_phase_that_changes_while_the_check_runs_is_not_accepted(building: World) -> None:
    building.checks.meanwhile = lambda: fail(building, "build")

    assert refusal(building, "build", text="Done").code == "E123"


# Attempts


def test_failed_attempts_are_recorded_and_the_last_one_fails_the_feature(started: World) -> None:
    for left in (2, 1):
        started.clock.advance()
        reply = fail(started)
        assert reply["attempts_left"] == left
        assert reply["feature"]["status"] == "defining"
        assert reply["phase"]["id"] == "define"
        assert started.prompts.variables["last_failure"] == "It broke"
    reply = fail(started, reason="Out of ideas")

    assert reply["attempts_left"] == 0
    assert (reply["feature"]["status"], reply["phase"]) == ("failed", None)
    assert reply["feature"]["current_phase"] == "define"
    assert reply["failed"]["status"] == "failed"
    assert [each.attempt for each in record(started, "define").failures] == [1, 2, 3]
    assert started.project.feature("login").closing is not None
    assert code_of(started, FailPhase(feature_id="login", phase_id="define", reason="x")) == "E105"


def test_an_attempt_that_is_given_up_again_by_the_same_call_counts_once(started: World) -> None:
    give_up = FailPhase(
        feature_id="login", phase_id="define", reason="It broke", idempotency_key="call-1"
    )
    first = started.run(give_up)
    before = started.project.feature("login")
    started.clock.advance()

    assert started.run(give_up) == first
    assert started.project.feature("login") == before
    assert started.run(replace(give_up, idempotency_key="call-2"))["attempts_left"] == 1
    last = replace(give_up, idempotency_key="call-3")
    closed = started.run(last)
    assert (closed["attempts_left"], closed["feature"]["status"]) == (0, "failed")
    assert started.run(last) == closed
    unknown = replace(give_up, phase_id="deploy")
    assert code_of(started, replace(unknown, idempotency_key="call-1")) in {"E105", "E107"}
    assert code_of(started, replace(give_up, idempotency_key=" ")) == "E305"


@pytest.mark.parametrize(("reason", "code"), [(None, "E305"), (" ", "E305"), ("x" * 4_001, "E302")])
def test_a_failure_has_a_reason(started: World, reason: str | None, code: str) -> None:
    use_case = FailPhase(feature_id="login", phase_id="define", reason=reason)

    assert code_of(started, use_case) == code


def test_a_failed_feature_resumes_at_the_phase_that_failed_with_all_attempts(
    building: World,
) -> None:
    for _ in range(3):
        fail(building, "build")
    reply = resume(building)

    assert reply["feature"]["status"] == "building"
    assert reply["phase"] is not None
    assert reply["phase"]["id"] == "build"
    assert reply["attempts_left"] == 3
    assert reply["last_failure"] == "It broke"
    assert building.project.feature("login").closing is None
    assert fail(building, "build")["attempts_left"] == 2


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_a_closed_feature_takes_no_work(started: World, outcome: str) -> None:
    reply = started.run(CloseFeature(feature_id="login", outcome=outcome, reason="Not wanted"))

    assert (reply["feature"]["status"], reply["phase"]) == (outcome, None)
    assert refusal(started).code == "E105"
    assert code_of(started, CloseFeature(feature_id="login", outcome=outcome, reason="x")) == "E105"
    closing = started.project.feature("login").closing
    assert closing is not None
    assert (closing["outcome"], closing["reason"]) == (outcome, "Not wanted")


def test_why_a_feature_was_closed_as_failed_is_told_to_whoever_resumes(started: World) -> None:
    started.run(CloseFeature(feature_id="login", outcome="failed", reason="The key is missing"))

    assert resume(started)["last_failure"] == "The key is missing"


def test_a_cancelled_feature_is_not_resumed_but_may_be_rolled_back(started: World) -> None:
    started.run(CloseFeature(feature_id="login", outcome="cancelled", reason="Not wanted"))

    assert code_of(started, ResumeFeature(feature_id="login")) == "E105"
    assert roll_back(started)["feature"]["status"] == "defining"


def test_a_feature_is_closed_as_failed_or_cancelled_only(started: World) -> None:
    use_case = CloseFeature(feature_id="login", outcome="completed", reason="x")

    assert code_of(started, use_case) == "E305"


# Once only


def test_a_repeated_submission_gets_the_first_answer_and_changes_nothing(started: World) -> None:
    first = submit(started)
    before = started.project.feature("login")
    started.clock.advance()

    again = {**first, "repeated": True}
    assert submit(started) == again
    assert started.project.feature("login") == before
    assert submit(started, text="") == again
    assert refusal(started, text="## Goal\nOther\n").code == "E106"


def test_the_last_submission_may_be_repeated_without_another_check(building: World) -> None:
    first = submit(building, "build", "Done")

    assert submit(building, "build", "Done") == {**first, "repeated": True}
    assert len(building.checks.run_checks) == 1
    assert refusal(building, "build", text="Other").code == "E105"


def test_a_submission_that_was_accepted_meanwhile_gets_that_answer(building: World) -> None:
    answers: list[Any] = []

    def twin() -> None:
        building.checks.meanwhile = None
        answers.append(submit(building, "build", "Done"))

    building.checks.meanwhile = twin
    assert submit(building, "build", "Done") == answers[0]


def test_a_submission_is_not_checked_while_another_one_is(building: World) -> None:
    building.checks.busy = True

    assert refusal(building, "build", text="Done").code == "E129"
    assert building.checks.run_checks == []
    assert submit(building)["accepted"]["id"] == "define"  # what was accepted is told meanwhile
    building.checks.busy = False
    assert submit(building, "build", "Done")["accepted"]["id"] == "build"


def test_a_submission_that_was_accepted_before_its_turn_came_is_not_checked_again(
    building: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = building.checks.lock_check

    def twin_first(*arguments: Any) -> Any:
        monkeypatch.setattr(building.checks, "lock_check", alone)
        submit(building, "build", "Done")
        return alone(*arguments)

    monkeypatch.setattr(building.checks, "lock_check", twin_first)

    assert submit(building, "build", "Done")["accepted"]["id"] == "build"
    assert len(building.checks.run_checks) == 1


def test_a_repeated_start_with_the_same_key_starts_nothing(world: World) -> None:
    start = StartFeature(prompt="Add login", idempotency_key="call-1")
    first = world.run(start)

    assert world.run(start) == first
    assert len(world.project.features) == 1
    assert world.run(replace(start, idempotency_key="call-2"))["feature"]["name"] == "add-login-2"


@pytest.mark.parametrize(
    "other", [{"prompt": "Add logout"}, {"name": "other"}, {"workflow": "other"}]
)
def test_a_key_is_good_for_one_feature(world: World, other: dict[str, Any]) -> None:
    start = StartFeature(prompt="Add login", idempotency_key="call-1")
    world.run(start)

    assert code_of(world, replace(start, **other)) == "E127"


@pytest.mark.parametrize(("key", "code"), [(" ", "E305"), ("x" * 129, "E302")])
def test_a_key_that_cannot_be_kept_is_refused(world: World, key: str, code: str) -> None:
    assert code_of(world, StartFeature(prompt="Add login", idempotency_key=key)) == code


# Progress


def test_saved_progress_is_told_to_whoever_resumes(started: World) -> None:
    reply = save(started, data={"done": ["a"]})
    started.callers.dead.add(Process(1, "boot:1", "here"))
    started.callers.become("other", 2)
    resumed = resume(started)

    assert reply["kept"] == 1
    assert resumed["progress"] == [
        {
            "at": "2025-11-10T12:00:00+00:00",
            "by": "robot",
            "note": "Half way",
            "data": {"done": ["a"]},
        }
    ]
    assert started.prompts.variables["progress"] == [
        {"at": "2025-11-10T12:00:00+00:00", "note": "Half way", "data": '{"done": ["a"]}'}
    ]


def test_the_newest_entries_are_kept_and_long_ones_are_shown_in_short(started: World) -> None:
    for number in range(PROGRESS_KEPT + 3):
        save(started, f"Step {number}", data="x" * 5_000)
    reply = resume(started)

    kept = record(started, "define").saved()
    assert [each.note for each in kept] == [f"Step {n}" for n in range(3, PROGRESS_KEPT + 3)]
    assert len(reply["progress"]) == 10
    assert "--full" in reply["progress"][0]["data"]
    save(started, "y" * 9_000)
    assert len(resume(started)["progress"][-1]["note"]) < 4_100


def test_resuming_shows_no_more_entries_than_leave_room_for_the_prompt(started: World) -> None:
    for number in range(6):
        save(started, f"{number}" * 2_500, data=["x" * 1_000])
    notes = [each["note"] for each in resume(started)["progress"]]

    assert notes == ["4" * 2_500, "5" * 2_500]


@pytest.mark.parametrize(
    ("note", "data", "code"),
    [
        (" ", None, "E305"),
        ("a\0b", None, "E303"),
        ("x" * (PROGRESS_LIMIT_BYTES + 1), None, "E302"),
        ("é" * PROGRESS_LIMIT_BYTES, None, "E315"),
        ("x", "x" * PROGRESS_LIMIT_BYTES, "E302"),
        ("x" * 100, "x" * (PROGRESS_LIMIT_BYTES - 50), "E315"),
        ("x", {1, 2}, "E305"),
        ("x", float("nan"), "E305"),
        ("x", "\ud800", "E303"),
    ],
)
def test_progress_that_cannot_be_kept_is_refused(
    started: World, note: str, data: Any, code: str
) -> None:
    use_case = SaveProgress(feature_id="login", phase_id="define", note=note, data=data)

    assert code_of(started, use_case) == code


def test_progress_belongs_to_the_current_phase(started: World) -> None:
    assert started.run(SaveProgress(feature_id="login", note="x"))["kept"] == 1
    assert code_of(started, SaveProgress(feature_id="login", phase_id="build", note="x")) == "E106"


# Resume


def test_resuming_tells_all_that_a_fresh_agent_needs(building: World) -> None:
    reply = resume(building)

    assert reply["goal"] == "Add login"
    assert reply["phase"] is not None
    assert reply["phase"]["prompt"] == "standard/build.md: Add login"
    (finished,) = reply["finished"]
    assert finished["id"] == "define"
    assert finished["outputs"][0]["path"] == SPEC
    assert finished["outputs"][0]["excerpt"] == SPEC_TEXT.strip("\n")
    assert reply["gate"] == {
        "outputs": ["report"],
        "check": {
            "command": ["make", "test"],
            "directory": ".",
            "timeout_seconds": 600.0,
            "trusted": True,
        },
        "proves": None,
    }
    assert reply["claim"] is not None
    assert reply["claim"]["agent"] == "robot"


def test_a_completed_feature_is_told_and_takes_no_lease(building: World) -> None:
    submit(building, "build", "Done")
    reply = resume(building)

    assert (reply["phase"], reply["gate"], reply["claim"]) == (None, None, None)
    assert (reply["progress"], reply["attempts_left"]) == ([], 0)
    assert [each["id"] for each in reply["finished"]] == ["define", "build"]


# Claims


def test_another_agent_is_told_who_is_at_work_and_until_when(started: World) -> None:
    started.callers.become("other", 2)
    error = refusal(started)

    assert error.code == "E122"
    assert error.context["agent"] == "robot"
    assert error.context["until"] == "2025-11-10T12:15:00+00:00"
    assert code_of(started, ResumeFeature(feature_id="login")) == "E122"
    assert code_of(started, FailPhase(feature_id="login", phase_id="define", reason="x")) == "E122"
    rollback = RollbackFeature(feature_id="login", to_phase="define", reason="x")
    assert code_of(started, rollback) == "E122"
    close = CloseFeature(feature_id="login", outcome="failed", reason="x")
    assert code_of(started, close) == "E122"


def test_a_lease_may_be_taken_over_which_is_recorded(started: World) -> None:
    started.callers.become("other", 2)
    reply = resume(started, takeover=True)

    assert reply["claim"] is not None
    assert (reply["claim"]["agent"], reply["claim"]["taken_from"]) == ("other", "robot")
    (event,) = started.project.feature("login").events
    assert (event["event"], event["by"], event["taken_from"]) == ("taken_over", "other", "robot")
    started.callers.become("robot", 1)
    assert refusal(started).code == "E122"
    assert submit(started, takeover=True)["accepted"]["status"] == "completed"


def test_a_lease_of_a_process_that_ended_lapses_at_once(started: World) -> None:
    started.callers.dead.add(Process(1, "boot:1", "here"))
    started.callers.become("other", 2)

    assert resume(started)["claim"] is not None
    assert started.project.feature("login").events == []


def test_a_lease_ends_by_itself_and_is_renewed_by_any_call(started: World) -> None:
    started.clock.advance(14 * 60)
    save(started)
    started.clock.advance(14 * 60)
    started.run(GetFeatureStatus(feature_id="login"))
    started.clock.advance(14 * 60)
    started.callers.become("other", 2)
    assert refusal(started).code == "E122"
    started.clock.advance(60)
    assert submit(started)["accepted"]["status"] == "completed"


def test_a_question_renews_a_lease_seldom_and_never_fails(started: World) -> None:
    before = started.project.feature("login")
    started.run(GetFeatureStatus(feature_id="login"))
    assert started.project.feature("login") == before

    started.clock.advance(10 * 60)
    started.repository.read_only_reason = "the disk is full"
    started.run(GetFeatureStatus(feature_id="login"))
    started.repository.read_only_reason = None
    assert started.project.feature("login") == before


def test_in_a_copy_of_the_project_the_leases_of_the_original_mean_nothing(started: World) -> None:
    started.callers.become("other", 2)
    started.callers.place = "2"

    assert submit(started)["accepted"]["status"] == "completed"


def test_a_client_that_knows_nothing_of_leases_works_in_two_processes(started: World) -> None:
    started.callers.become("robot", 2)

    assert submit(started)["accepted"]["status"] == "completed"


def test_of_two_clients_with_one_name_only_one_can_resume(started: World) -> None:
    resume(started)
    started.callers.become("robot", 2)

    assert code_of(started, ResumeFeature(feature_id="login")) == "E122"
    assert refusal(started).code == "E122"
    started.callers.become("robot", 1)
    resume(started)
    assert submit(started)["accepted"]["status"] == "completed"


def test_agents_that_share_a_client_are_told_apart_by_their_names(started: World) -> None:
    resume(started, agent="ann")

    assert code_of(started, ResumeFeature(feature_id="login", agent="ben")) == "E122"
    assert refusal(started, agent="ben").code == "E122"
    resume(started, agent="ann")
    claim = started.project.feature("login").claim
    assert claim is not None
    assert (claim.agent, claim.deliberate) == ("ann", True)
    assert submit(started, agent="ann")["accepted"]["status"] == "completed"


def test_a_person_passes_a_lease_that_nobody_took_deliberately(started: World) -> None:
    claim = started.project.feature("login").claim
    assert claim is not None
    assert (claim.agent, claim.deliberate) == ("robot", False)
    started.callers.become_person()

    assert submit(started)["accepted"]["status"] == "completed"
    assert started.project.feature("login").events == []


def test_a_person_takes_over_a_deliberate_lease_and_holds_none(started: World) -> None:
    resume(started)
    started.callers.become_person()

    assert refusal(started).code == "E122"
    assert submit(started, takeover=True)["accepted"]["status"] == "completed"
    assert started.project.feature("login").claim is None
    assert started.project.feature("login").events[0]["by"] == "cli"


@pytest.mark.parametrize(("agent", "code"), [(" ", "E305"), ("a\nb", "E305"), ("x" * 61, "E302")])
def test_a_name_of_an_agent_is_a_line(started: World, agent: str, code: str) -> None:
    assert code_of(started, ResumeFeature(feature_id="login", agent=agent)) == code


# Rollback


def test_a_rollback_restores_the_bytes_of_when_the_phase_began(building: World) -> None:
    building.clock.advance()
    building.files.contents[SPEC] = SPEC_TEXT.encode()
    submit(building, "build", "Done")
    reply = roll_back(building)

    assert reply["rolled_back"] == ["build"]
    assert [(row["path"], row["action"]) for row in reply["files"]] == [
        (SPEC, "removed"),
        (REPORT, "removed"),
    ]
    assert sorted(building.files.contents) == [
        "specs/login/report.attempt-1.md",
        "specs/login/spec.attempt-1.md",
    ]
    assert reply["feature"]["status"] == "defining"
    build = record(building, "build")
    assert build.status.value == "rolled_back"
    assert build.outputs[0].path == REPORT
    assert build.past[0]["status"] == "completed"
    resumed = resume(building)
    assert resumed["last_failure"] is None
    assert (resumed["returned"] or "").startswith("Returned to this phase: Wrong way")
    assert "- `spec`: `specs/login/spec.attempt-1.md`" in (resumed["returned"] or "")
    returned = building.prompts.variables["returned"]
    assert (returned["reason"], returned["by"]) == ("Wrong way", "robot")
    assert [each["kept_as"] for each in returned["discarded"]] == [
        "specs/login/spec.attempt-1.md",
        "specs/login/report.attempt-1.md",
    ]


def test_a_changed_file_is_kept_beside_and_named(building: World) -> None:
    building.files.contents[SPEC] = b"Edited by Eve\n"
    reply = roll_back(building, "build")
    (row,) = [row for row in reply["files"] if row["path"] == SPEC]

    assert (row["action"], row["kept_as"]) == ("restored", KEPT_SPEC)
    assert building.files.contents[SPEC] == SPEC_TEXT.encode()
    assert building.files.contents[KEPT_SPEC] == b"Edited by Eve\n"


def test_a_dry_run_tells_and_changes_nothing(building: World) -> None:
    building.files.contents[SPEC] = b"Edited by Eve\n"
    before, files = building.project.feature("login"), dict(building.files.contents)
    told = roll_back(building, dry_run=True)

    assert told["dry_run"] is True
    assert building.project.feature("login") == before
    assert building.files.contents == files
    done = roll_back(building)
    assert [told["files"], told["rolled_back"]] == [done["files"], done["rolled_back"]]


def test_what_cannot_be_restored_is_left_and_named(building: World) -> None:
    building.files.contents[SPEC] = b"Edited by Eve\n"
    building.objects.contents.clear()
    building.files.links.add(REPORT)
    rows = {row["path"]: row for row in roll_back(building, "build")["files"]}

    assert rows[SPEC]["action"] == "left"
    assert rows[REPORT]["action"] == "left"
    assert rows[REPORT]["reason"] == "it is not a regular file"
    assert building.files.contents[SPEC] == b"Edited by Eve\n"


def test_a_rollback_to_the_present_phase_brings_lost_outputs_back(building: World) -> None:
    del building.files.contents[SPEC]
    roll_back(building, "build")

    assert building.files.contents[SPEC] == SPEC_TEXT.encode()


def test_a_feature_goes_on_after_a_rollback_as_if_it_were_new(building: World) -> None:
    submit(building, "build", "Done")
    roll_back(building)
    submit(building, text="## Goal\nAnother\n")
    reply = submit(building, "build", "Done again")

    assert reply["feature"]["status"] == "completed"
    assert record(building, "build").attempts == 2


def test_a_feature_that_failed_or_is_completed_may_be_rolled_back(building: World) -> None:
    for _ in range(3):
        fail(building, "build")

    assert roll_back(building, "build")["feature"]["status"] == "building"
    submit(building, "build", "Done")
    assert roll_back(building, "build")["rolled_back"] == []
    assert building.project.feature("login").current_phase == "build"


@pytest.mark.parametrize(("phase_id", "code"), [("build", "E126"), ("deploy", "E107")])
def test_only_a_phase_that_was_begun_can_be_gone_back_to(
    started: World, phase_id: str, code: str
) -> None:
    rollback = RollbackFeature(feature_id="login", to_phase=phase_id, reason="x")

    assert code_of(started, rollback) == code


def test_outputs_that_cannot_be_read_are_not_recorded_and_left(world: World) -> None:
    outputs = (Output(id="bad", path="../bad.md", required=False),)
    workflow = Workflow(id="standard", phases=(Phase(id="define", outputs=outputs),))
    world.workflows.own = catalog(workflow, packaged=False)
    world.run(StartFeature(prompt="Add login", name="login"))

    assert [row["action"] for row in roll_back(world)["files"]] == ["left"]


def test_commits_are_recorded(world: World) -> None:
    world.git.commit = "a" * 40
    world.run(StartFeature(prompt="Add login", name="login"))
    world.git.commit = "b" * 40
    submit(world)
    roll_back(world)

    define, build = record(world, "define"), record(world, "build")
    assert build.start_commit == "b" * 40
    assert define.past


# Branches


@pytest.fixture
def branching(world: World) -> World:
    """A repository whose workflow makes branches."""
    world.git.commit = "a" * 40
    world.workflows.own = catalog(replace(writing_workflow(), branch=True), packaged=False)
    return world


def test_a_feature_gets_a_branch_of_its_own(branching: World) -> None:
    branching.run(StartFeature(prompt="Add login", name="login"))

    assert branching.git.branch == "feature/login"
    assert branching.project.feature("login").branch == "feature/login"


def test_a_dirty_tree_is_not_taken_along(branching: World) -> None:
    branching.git.dirty = ["a.py", "b.py"]
    with pytest.raises(CDEError) as caught:
        branching.run(StartFeature(prompt="Add login", name="login"))

    assert caught.value.code == "E124"
    assert caught.value.context["paths"] == "a.py, b.py"
    assert branching.git.branch == "main"
    assert len(branching.project.features) == 0


def test_without_a_repository_no_branch_is_wanted(branching: World) -> None:
    branching.git.commit = None
    branching.run(StartFeature(prompt="Add login", name="login"))

    assert branching.project.feature("login").branch is None
