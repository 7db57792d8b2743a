"""A feature goes through the phases of its workflow, one after the other."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, KNOWN_STATUSES, Feature, artifacts_from
from cde_orchestrator.domain.lease import Caller, Claim
from cde_orchestrator.domain.phase_record import PhaseRecord, PhaseStatus, goal_digest
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Artifact, Failure, Progress, Returned
from cde_orchestrator.domain.subject import naming_subject, subject
from cde_orchestrator.domain.workflow import Phase, Workflow
from cde_orchestrator.testing import ManualClock
from tests.fakes import NOON, older_feature, writing_workflow

SPEC = Artifact(id="spec", path="specs/login/spec.md", sha256="0" * 64, size=12)
WORKFLOW = writing_workflow()


def test_the_statuses_are_the_words_that_are_stored() -> None:
    assert sorted(CLOSED_STATUSES) == ["cancelled", "completed", "failed"]
    assert [status.value for status in PhaseStatus] == [
        "pending",
        "in_progress",
        "completed",
        "failed",
        "rolled_back",
    ]


@pytest.fixture
def feature() -> Feature:
    """A feature in the first of two phases."""
    return Feature.create(
        project_id="project", name="login", prompt="Add login", workflow=WORKFLOW, now=NOON
    )


def test_a_new_feature_is_in_its_workflows_first_phase(feature: Feature) -> None:
    assert uuid.UUID(feature.id).version == 4
    assert (feature.status, feature.current_phase) == ("defining", "define")
    assert feature.workflow_type == "standard"
    assert feature.created_at == feature.updated_at == NOON
    assert feature.is_open
    assert feature.phases["define"] == PhaseRecord(
        "define", status=PhaseStatus.IN_PROGRESS, attempts=1, started_at=NOON
    )
    assert feature.phases["build"] == PhaseRecord("build")


def test_two_features_share_nothing(feature: Feature) -> None:
    other = Feature.create(
        project_id="project", name="logout", prompt="Add logout", workflow=WORKFLOW, now=NOON
    )
    other.metadata["key"] = "value"
    other.artifacts.append("an artifact")
    other.phases["define"].outputs.append(SPEC)

    assert feature.id != other.id
    assert feature.metadata == {}
    assert feature.artifacts == []
    assert feature.phases["define"].outputs == []


def test_a_completed_phase_hands_over_to_the_next(feature: Feature, clock: ManualClock) -> None:
    later = clock.advance()
    following = feature.complete_phase("define", [SPEC], WORKFLOW, later)

    assert following is WORKFLOW.phases[1]
    assert (feature.status, feature.current_phase) == ("building", "build")
    assert feature.updated_at == later
    assert feature.phases["define"] == PhaseRecord(
        "define",
        status=PhaseStatus.COMPLETED,
        attempts=1,
        started_at=NOON,
        completed_at=later,
        outputs=[SPEC],
        accepted_goal=goal_digest(feature.prompt),
    )
    assert feature.phases["build"].status is PhaseStatus.IN_PROGRESS
    assert feature.phases["build"].started_at == later


def test_a_feature_is_completed_with_its_last_phase(feature: Feature, clock: ManualClock) -> None:
    feature.complete_phase("define", [SPEC], WORKFLOW, clock.advance())
    following = feature.complete_phase("build", [], WORKFLOW, clock.advance())

    assert following is None
    assert (feature.status, feature.current_phase) == ("completed", None)
    assert not feature.is_open
    assert feature.created_at == NOON
    assert feature.updated_at == clock.now
    assert artifacts_from(feature.phases) == [SPEC]


def test_a_completed_phase_is_logged_with_its_duration(feature: Feature) -> None:
    with capture_logs() as logs:
        feature.complete_phase("define", [], WORKFLOW, NOON)

    assert [entry["event"] for entry in logs] == ["phase_completed"]
    assert logs[0]["operation"] == "complete_phase"
    assert logs[0]["feature_id"] == feature.id
    assert logs[0]["phase_id"] == "define"
    assert logs[0]["next_phase"] == "build"
    assert logs[0]["duration_ms"] >= 0


def test_a_phase_that_is_begun_again_counts_one_more_attempt(clock: ManualClock) -> None:
    record = PhaseRecord("define")
    record.begin(clock.now)
    record.complete([SPEC], clock.advance(), "Add login")
    record.begin(clock.advance())

    assert record.status is PhaseStatus.IN_PROGRESS
    assert record.attempts == 2
    assert record.started_at == clock.now
    assert record.completed_at is None


@pytest.mark.parametrize("phase_id", ["deploy", "", "Define"])
def test_an_unknown_phase_is_refused_with_those_that_there_are(
    feature: Feature, phase_id: str
) -> None:
    with pytest.raises(FeatureError) as refused:
        feature.require_current(phase_id, WORKFLOW)

    assert refused.value.code == "E107"
    assert refused.value.context == {
        "feature": "login",
        "phase": phase_id,
        "near": " (did you mean define?)" if phase_id == "Define" else "",
        "phases": "define, build",
    }


def test_a_phase_out_of_turn_is_refused_with_the_one_whose_turn_it_is(feature: Feature) -> None:
    with pytest.raises(FeatureError) as refused:
        feature.complete_phase("build", [], WORKFLOW, NOON)

    assert refused.value.code == "E106"
    assert refused.value.context["current_phase"] == "define"
    assert feature.phases["build"] == PhaseRecord("build")


def test_a_phase_cannot_be_completed_twice(feature: Feature) -> None:
    feature.complete_phase("define", [SPEC], WORKFLOW, NOON)

    with pytest.raises(FeatureError) as refused:
        feature.complete_phase("define", [], WORKFLOW, NOON)

    assert refused.value.code == "E106"
    assert feature.phases["define"].outputs == [SPEC]


@pytest.mark.parametrize("status", sorted(CLOSED_STATUSES))
def test_a_closed_feature_takes_no_more_work(feature: Feature, status: str) -> None:
    feature.status = status

    with pytest.raises(FeatureError) as refused:
        feature.complete_phase("define", [], WORKFLOW, NOON)

    assert refused.value.code == "E105"
    since = to_the_second(feature.updated_at.isoformat())
    assert refused.value.context == {
        "feature": "login",
        "status": status,
        "also": f"It is {status} since {since}.",
    }


def test_a_closed_feature_says_so_whatever_phase_is_named(feature: Feature) -> None:
    feature.close("cancelled", "Not wanted", "ann", NOON)
    with pytest.raises(FeatureError) as refused:
        feature.require_current("", WORKFLOW)

    assert refused.value.code == "E105"
    assert str(refused.value).endswith("It is cancelled since 2025-11-10T12:00:00+00:00.")


def test_a_refused_submission_changes_nothing_and_logs_nothing(feature: Feature) -> None:
    with capture_logs() as logs, pytest.raises(FeatureError):
        feature.complete_phase("build", [SPEC], WORKFLOW, ManualClock().advance())

    assert logs == []
    assert (feature.status, feature.current_phase) == ("defining", "define")
    assert feature.updated_at == NOON


def statuses(feature: Feature) -> list[str]:
    """The statuses of its phases, in order."""
    return [record.status.value for record in feature.phases.values()]


def test_the_phases_before_that_of_an_older_feature_count_as_completed(project: Project) -> None:
    feature = older_feature(project, current_phase="design", status="designing")
    feature.follow(Workflow.canonical())

    assert statuses(feature) == ["completed"] * 2 + ["in_progress"] + ["pending"] * 3
    assert feature.phases["design"].started_at == feature.updated_at
    assert artifacts_from(feature.phases) == []


@pytest.mark.parametrize("current", [None, "", "unheard-of"])
def test_an_older_feature_in_no_known_phase_begins_with_the_first(
    project: Project, current: str | None
) -> None:
    feature = older_feature(project, current_phase=current, status="somewhere")
    feature.follow(Workflow.canonical())

    assert (feature.status, feature.current_phase) == ("defining", "define")
    assert statuses(feature) == ["in_progress"] + ["pending"] * 5


@pytest.mark.parametrize("current", [None, "review", "unheard-of"])
def test_all_phases_of_an_older_completed_feature_count_as_completed(
    project: Project, current: str | None
) -> None:
    feature = older_feature(project, current_phase=current, status="completed")
    feature.follow(Workflow.canonical())

    assert (feature.status, feature.current_phase) == ("completed", current)
    assert statuses(feature) == ["completed"] * 6


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_an_older_feature_that_was_given_up_is_not_taken_up_again(
    project: Project, status: str
) -> None:
    feature = older_feature(project, current_phase="define", status=status)
    feature.follow(Workflow.canonical())

    assert (feature.status, feature.current_phase) == (status, "define")
    assert statuses(feature) == ["pending"] * 6


def test_a_feature_that_has_phase_records_keeps_them(feature: Feature) -> None:
    before = dict(feature.phases)
    feature.follow(Workflow.canonical())

    assert feature.phases == before


def test_recorded_outputs_come_in_the_order_of_the_phases() -> None:
    first, second = PhaseRecord("a"), PhaseRecord("b")
    report = Artifact(id="report", path="report.md", sha256="1" * 64, size=3)
    second.complete([report], NOON, "Add login")
    first.complete([SPEC, SPEC], NOON, "Add login")

    assert artifacts_from({"a": first, "b": second}) == [SPEC, SPEC, report]


def test_only_a_failed_feature_is_reopened(project: Project, clock: ManualClock) -> None:
    workflow = writing_workflow()
    feature = project.start_feature("Add login", name="login", workflow=workflow)
    assert feature.reopen(workflow, clock()) is False
    feature.close("failed", "It broke", "ann", clock())
    assert feature.reopen(workflow, clock()) is True
    assert (feature.current_phase, feature.is_open) == ("define", True)
    feature.close("cancelled", "Not wanted", "ann", clock())
    for refused in (
        lambda: feature.reopen(workflow, clock()),
        lambda: feature.close("failed", "Again", "ann", clock()),
    ):
        with pytest.raises(FeatureError) as caught:
            refused()
        assert caught.value.code == "E105"
        assert caught.value.context["feature"] == "login"
        assert caught.value.context["status"] == "cancelled"
        assert "It is cancelled since " in caught.value.context["also"]


def test_only_the_current_phase_fails(project: Project, clock: ManualClock) -> None:
    workflow = writing_workflow()
    feature = project.start_feature("Add login", name="login", workflow=workflow)
    with pytest.raises(FeatureError) as caught:
        feature.fail_phase("build", "It broke", "ann", workflow, clock())
    assert caught.value.code == "E106"
    assert feature.phases["build"].failures == []
    assert feature.fail_phase("define", "It broke", "ann", workflow, clock()) > 0


@pytest.mark.parametrize(("outcome", "status"), [("failed", "failed"), ("cancelled", "pending")])
def test_the_phase_that_a_feature_was_closed_in_says_so(
    project: Project, clock: ManualClock, outcome: str, status: str
) -> None:
    feature = project.start_feature("Add login", name="login", workflow=writing_workflow())
    feature.close(outcome, "Enough", "ann", clock())
    assert feature.phases["define"].status.value == status
    assert bool(feature.phases["define"].failures) is (outcome == "failed")


def test_every_status_that_a_feature_may_have_without_its_workflow_is_known() -> None:
    assert sorted(KNOWN_STATUSES) == [
        *("cancelled", "completed", "decomposing", "defining", "designing", "failed"),
        *("implementing", "in_progress", "reviewing", "testing", "waits_for_person"),
    ]


def test_a_new_feature_holds_nothing_but_what_it_was_given(feature: Feature) -> None:
    assert feature == Feature(
        id=feature.id,
        project_id="project",
        name="login",
        prompt="Add login",
        status="defining",
        current_phase="define",
        workflow_type="standard",
        created_at=NOON,
        updated_at=NOON,
        workflow_digest=None,
        claim=None,
        closing=None,
        idempotency_key=None,
        branch=None,
        baseline=None,
        events=[],
        phases={
            "define": PhaseRecord("define", PhaseStatus.IN_PROGRESS, attempts=1, started_at=NOON),
            "build": PhaseRecord("build"),
        },
        artifacts=[],
        metadata={},
        extra={},
    )


def leased(feature: Feature) -> Feature:
    """The same, with the lease of an agent."""
    feature.claim = Claim.of(Caller(client="client"), NOON, deliberate=False)
    return feature


def test_a_lease_ends_with_the_feature_and_not_with_a_phase(feature: Feature) -> None:
    leased(feature).complete_phase("define", [SPEC], WORKFLOW, NOON)
    assert feature.claim is not None
    feature.complete_phase("build", [], WORKFLOW, NOON)
    assert feature.claim is None


def test_a_phase_whose_turn_it_is_is_named_as_what_the_call_is_about(feature: Feature) -> None:
    with naming_subject():
        assert feature.require_current("define", WORKFLOW) is WORKFLOW.phases[0]
        assert subject() == {"workflow": "standard", "phase_id": "define"}


def test_a_refusal_out_of_turn_names_the_feature_and_both_phases(feature: Feature) -> None:
    with pytest.raises(FeatureError) as refused:
        feature.require_current("build", WORKFLOW)
    assert refused.value.context == {
        "feature": "login",
        "phase": "build",
        "current_phase": "define",
    }


def test_an_attempt_that_fails_begins_the_next_until_none_is_left(
    feature: Feature, clock: ManualClock
) -> None:
    times = [clock.advance() for _ in range(3)]
    left = [
        leased(feature).fail_phase("define", f"Reason {at.minute}", "ann", WORKFLOW, at, "key")
        for at in times[:2]
    ]
    record, claim, closing = feature.phases["define"], feature.claim, feature.closing

    assert left == [2, 1]
    assert (feature.status, feature.updated_at) == ("defining", times[1])
    assert claim is not None
    assert closing is None
    assert (record.status, record.attempts, record.started_at) == (
        PhaseStatus.IN_PROGRESS,
        3,
        times[1],
    )
    assert feature.fail_phase("define", "Too hard", "ann", WORKFLOW, times[2]) == 0
    assert (feature.status, feature.current_phase) == ("failed", "define")
    assert (feature.updated_at, feature.claim) == (times[2], None)
    assert feature.closing == {
        "outcome": "failed",
        "reason": "Too hard",
        "by": "ann",
        "at": times[2].isoformat(),
    }
    assert (record.status, record.attempts, record.started_at) == (
        PhaseStatus.FAILED,
        3,
        times[1],
    )
    assert record.failures == [
        *(
            Failure(at, number, f"Reason {at.minute}", "ann", "key")
            for number, at in enumerate(times[:2], start=1)
        ),
        Failure(times[2], 3, "Too hard", "ann"),
    ]


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_a_closed_feature_says_how_why_by_whom_and_when(
    feature: Feature, clock: ManualClock, outcome: str
) -> None:
    feature.fail_phase("define", "Too hard", "ann", WORKFLOW, NOON)
    later = clock.advance()
    leased(feature).close(outcome, "Enough", "eve", later)

    assert (feature.status, feature.current_phase) == (outcome, "define")
    assert (feature.updated_at, feature.claim) == (later, None)
    assert feature.closing == {
        "outcome": outcome,
        "reason": "Enough",
        "by": "eve",
        "at": later.isoformat(),
    }
    first = Failure(NOON, 1, "Too hard", "ann")
    second = Failure(later, 2, "Enough", "eve")
    assert feature.phases["define"].failures == (
        [first, second] if outcome == "failed" else [first]
    )


def test_what_is_noted_of_a_closed_feature_does_not_change_since_when_it_is(
    feature: Feature, clock: ManualClock
) -> None:
    feature.close("cancelled", "Enough", "eve", NOON)
    feature.updated_at = clock.advance(3_600)

    assert to_the_second(NOON.isoformat()) in feature.closed().message


def test_a_closed_feature_cannot_be_closed_again(feature: Feature) -> None:
    feature.close("failed", "Enough", "ann", NOON)
    with pytest.raises(FeatureError) as refused:
        feature.close("cancelled", "Enough", "ann", NOON)

    assert refused.value.code == "E105"
    assert refused.value.context == {
        "feature": "login",
        "status": "failed",
        "also": "It is failed since 2025-11-10T12:00:00+00:00.",
    }


def test_a_reopened_feature_goes_on_with_all_the_attempts_of_its_phase(
    feature: Feature, clock: ManualClock
) -> None:
    feature.complete_phase("define", [SPEC], WORKFLOW, NOON)
    feature.close("failed", "It broke", "ann", NOON)
    later = clock.advance()

    assert feature.reopen(WORKFLOW, later)
    assert (feature.status, feature.current_phase) == ("building", "build")
    assert (feature.closing, feature.updated_at) == (None, later)
    assert feature.phases["build"] == PhaseRecord(
        "build",
        PhaseStatus.IN_PROGRESS,
        attempts=2,
        started_at=later,
        attempts_before=1,
        failures=[Failure(NOON, 1, "It broke", "ann")],
    )


@pytest.mark.parametrize("current", [None, "unheard-of"])
def test_a_failed_feature_in_no_known_phase_is_reopened_in_the_first(
    feature: Feature, current: str | None
) -> None:
    feature.status, feature.current_phase = "failed", current
    assert feature.reopen(WORKFLOW, NOON)
    assert (feature.status, feature.current_phase) == ("defining", "define")


def four_phases() -> tuple[Workflow, Feature]:
    """A feature in the third of four phases."""
    workflow = Workflow(
        id="w", phases=tuple(Phase(id=each) for each in ("plan", "build", "test", "ship"))
    )
    feature = Feature.create(
        project_id="project", name="login", prompt="Add login", workflow=workflow, now=NOON
    )
    feature.complete_phase("plan", [SPEC], workflow, NOON)
    feature.complete_phase("build", [SPEC], workflow, NOON)
    return workflow, feature


def test_what_came_after_an_earlier_phase_no_longer_counts(clock: ManualClock) -> None:
    workflow, feature = four_phases()
    feature.phases["test"].save(Progress(NOON, "ann", "Half"))
    later = clock.advance()

    undone = feature.roll_back(workflow.phases[1], "Wrong way", "ann", workflow, later)

    assert undone == ["test"]
    assert statuses(feature) == ["completed", "in_progress", "rolled_back", "pending"]
    assert (feature.status, feature.current_phase) == ("in_progress", "build")
    assert (feature.closing, feature.updated_at) == (None, later)
    build = feature.phases["build"]
    assert (build.attempts, build.attempts_before, build.outputs) == (2, 1, [])
    assert [each["outputs"][0]["id"] for each in build.past] == ["spec"]
    assert build.failures == []
    assert build.returned == Returned(later, "ann", "Wrong way")
    assert feature.phases["test"].returned == Returned(
        later, "ann", "Wrong way", notes=("Half",), to="build"
    )
    assert build.attempts_left(workflow.max_attempts) == workflow.max_attempts
    assert feature.phases["plan"].outputs == [SPEC]


def test_an_attempt_keeps_its_number_however_often_a_phase_is_returned_to(
    clock: ManualClock,
) -> None:
    workflow, feature = four_phases()
    test, numbers = feature.phases["test"], []
    for returns in range(12):
        numbers.append((test.attempts, test.last_attempt(3), test.to_dict()["attempts"]))
        feature.fail_phase("test", f"No {returns}", "ann", workflow, clock.advance())
        feature.roll_back(workflow.phases[2], f"Again {returns}", "ann", workflow, clock.advance())

    # Each time one is given up and one is sent back.
    assert numbers == [(each, each + 2, each) for each in range(1, 25, 2)]
    assert [each["failures"][0]["attempt"] for each in test.past] == [*range(1, 25, 2)]
    assert test.attempts_left(3) == 3
    assert test.returned == Returned(feature.updated_at, "ann", "Again 11")


def test_the_present_phase_begins_again(clock: ManualClock) -> None:
    workflow, feature = four_phases()
    assert feature.roll_back(workflow.phases[2], "Again", "ann", workflow, clock.advance()) == []
    assert statuses(feature) == ["completed", "completed", "in_progress", "pending"]
    assert feature.roll_back(workflow.phases[0], "All", "ann", workflow, clock.advance()) == [
        "build",
        "test",
    ]


def test_the_newest_twenty_events_are_kept(feature: Feature) -> None:
    for number in range(21):
        feature.note("takeover", by=f"agent {number}")

    assert feature.events == [
        {"event": "takeover", "by": f"agent {number}"} for number in range(1, 21)
    ]


def test_a_feature_needs_no_more_than_its_project_and_what_it_shall_do() -> None:
    made = Feature.create("p", "  Add a login page ")

    assert (made.name, made.prompt) == ("add-a-login-page", "Add a login page")
    assert made.workflow_type == Workflow.canonical().id
    assert made.created_at.utcoffset() == timedelta(0)
    with pytest.raises(ValidationError) as caught:
        Feature.create("p", " ")
    assert caught.value.code == "E301"


ASKED = Workflow(
    id="asked",
    phases=(Phase(id="plan"), Phase(id="yes", handler="human_input"), Phase(id="build")),
)


def asked() -> Feature:
    """A feature whose second phase, of a person, is begun and has a note."""
    made = Feature.create(project_id="p", name="login", prompt="Log in", workflow=ASKED, now=NOON)
    made.complete_phase("plan", [], ASKED, NOON)
    made.phases["yes"].save(Progress(NOON, "person:ann", "Ask Ina"))
    return made


def test_what_a_person_noted_before_they_said_yes_is_for_the_phase_that_follows() -> None:
    login = asked()
    login.complete_phase("yes", [], ASKED, NOON)
    assert [each.note for each in login.phases["build"].saved()] == ["Ask Ina"]


def test_what_a_person_noted_before_they_sent_it_back_is_for_the_phase_that_begins_again() -> None:
    login = asked()
    login.phases["plan"].save(Progress(NOON, "robo", "Half of it"))
    login.roll_back(ASKED.first, "Not yet", "person:ann", ASKED, NOON)
    returned = login.phases["plan"].returned
    assert returned is not None
    assert returned.notes == ("Half of it", "Ask Ina")


def test_a_note_that_went_on_to_the_next_phase_comes_back_once() -> None:
    login = asked()
    login.complete_phase("yes", [], ASKED, NOON)
    login.roll_back(ASKED.phases[1], "Look again", "person:ann", ASKED, NOON)
    returned = login.phases["yes"].returned
    assert returned is not None
    assert returned.notes == ("Ask Ina",)


def test_a_commit_is_of_what_was_completed_last(feature: Feature, clock: ManualClock) -> None:
    known = []
    feature.phases["define"].completed_at = NOON
    for status in ("building", "completed"):
        feature.status = status
        known.append(feature.committed)
    feature.note("committed", at=NOON.isoformat(), commit="1a2b", branch="work")
    feature.note("edited", at=NOON.isoformat())
    kept = feature.events[-2]
    for status in ("building", "completed"):
        feature.status = status
        known.append(feature.committed)
    feature.phases["define"].completed_at = clock.advance()
    known.append(feature.committed)

    assert known == [None, None, None, kept, None]
