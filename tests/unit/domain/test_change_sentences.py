"""Changes of the state as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_type_hints

import pytest

from cde_orchestrator.adapters.repositories.codec import _PROJECT_FIELDS, _WORK_FIELDS
from cde_orchestrator.domain.change_sentences import Changed, Member, sentence
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord


def said(operation: str, members: dict[str, Any], **about: Any) -> str | None:
    """The sentence for members by their keys, which dots part."""
    found = [Member(tuple(key.split(".")) if key else (), members[key]) for key in members]
    return sentence(Changed(operation, found, **about))


OF_PROJECT = [
    ("onboard_project", {"": {"name": "shop"}}, "project created"),
    ("onboard_project", {"status": "active", "metadata.git": True}, "project set up"),
    ("set_project_status", {"status": "active"}, "project activated"),
    ("set_project_status", {"status": "archived"}, "project archived"),
    ("try_checks", {"metadata.trials": []}, "checks tried"),
    ("restore_state", {"": {}}, "an earlier state restored"),
    ("set_project_status", {"status": "on_fire"}, "status recorded"),
    ("anything", {"metadata.color": "red"}, "facts recorded"),
    ("anything", {"updated_at": "now"}, "time of the last change recorded"),
    ("anything", {"updated_at": "now", "name": "shop"}, "name recorded"),
    ("repair_state", {"name": "shop"}, "state repaired"),
    ("anything", {"color": "red"}, None),
    ("anything", {}, None),
]

DONE = {"phases.judge.status": "completed", "phases.judge.outputs": [], "current_phase": "ship"}
BACK = {"phases.plan.work.returned": {"reason": "no"}, "current_phase": "plan"}
OF_FEATURE = [
    ("start_feature", {"": {"workflow_type": "standard"}}, "feature login started with standard"),
    ("anything", {"": None}, "feature removed"),
    ("submit_work", DONE, "judge accepted after 2 attempts"),
    ("submit_work", {"phases.plan.status": "completed"}, "plan accepted"),
    ("submit_work", {"phases.new.status": "completed"}, "new accepted"),
    (
        "approve_phase",
        {"phases.plan.status": "completed", "phases.plan.work.approval": {"by": "ann"}},
        "plan approved",
    ),
    (
        "submit_work",
        {**DONE, "status": "completed", "current_phase": None},
        "judge accepted after 2 attempts, feature completed",
    ),
    ("submit_work", {"phases.plan.work.refused": {"at": "t"}}, "submission of plan refused"),
    ("submit_work", {"phases.plan.work.refused.at": "t"}, "submission of plan refused"),
    ("submit_work", {"phases.plan.work.refused": None}, "refusal (plan) removed"),
    (
        "submit_work",
        {"phases.plan.work.evidence": {"exit_code": 0}, "phases.plan.work.refused": {"at": "t"}},
        "submission of plan refused",
    ),
    (
        "submit_work",
        {"phases.plan.work.evidence": {"exit_code": 1}, "phases.plan.work.refused": None},
        "check of plan failed",
    ),
    ("rollback_feature", BACK, "back to plan"),
    ("submit_work", BACK, "back to plan"),
    ("submit_work", {"phases.plan.work.returned.at": "t"}, "back to plan"),
    ("reopen_feature", BACK, "reopened at plan"),
    ("finish_feature", {"work.events": [{}]}, "committed"),
    ("rollback_feature", {"work.events": [{}]}, "rollback begun"),
    ("rollback_feature", {"work.other": 1}, None),
    ("submit_work", {"work.events": [{}]}, "events recorded"),
    ("send_back", {"work.events": [{}]}, "rollback begun"),
    ("reopen_feature", {"work.events": [{}]}, "rollback begun"),
    (
        "submit_work",
        {"phases.plan.status": "completed", "phases.plan.work.returned": None},
        "plan accepted",
    ),
    ("close_feature", {"status": "failed"}, "feature failed"),
    (
        "close_feature",
        {"status": "failed", "phases.plan.work.failures": [1]},
        "plan failed, feature failed",
    ),
    ("close_feature", {"status": "cancelled", "work.closing": {}}, "feature cancelled"),
    (
        "resume_feature",
        {"phases.plan.status": "in_progress", "status": "planning"},
        "resumed at plan",
    ),
    ("resume_feature", {"work.claim": {"agent": "a"}}, "work claimed"),
    ("fail_phase", {"phases.plan.work.failures": [1]}, "attempt at plan failed"),
    ("grow_feature", {"workflow_type": "standard"}, "continued in the workflow standard"),
    ("edit_feature", {"name": "sign-in"}, "renamed to sign-in"),
    ("edit_feature", {"prompt": "A page"}, "goal edited"),
    ("waive_criterion", {"work.waivers": []}, "waivers of criteria changed"),
    ("submit_work", {"phases.plan.work.evidence": {"exit_code": 1}}, "check of plan failed"),
    ("submit_work", {"phases.plan.work.evidence": {"exit_code": 0}}, "check of plan passed"),
    ("submit_work", {"phases.plan.work.evidence.exit_code": 2}, "check of plan failed"),
    ("submit_work", {"phases.plan.work.evidence.at": "now"}, "check of plan ended"),
    ("save_progress", {"phases.plan.work.progress.000001": {}}, "notes saved in plan"),
    ("save_progress", {"phases.plan.work.ticks.T1": True}, "tasks ticked in plan"),
    ("record_agent_run", {"phases.plan.work.runs": []}, "run of an agent recorded in plan"),
    ("get_assignment", {"work.claim.until": "later"}, "work continued"),
    ("get_assignment", {"work.claim": None}, "work released"),
    (
        "start_feature",
        {"phases.plan.work.start_source.at": "now"},
        "source recorded at the start of plan",
    ),
    ("get_feature_status", {"work.seen_source.at": "now"}, "source compared"),
    ("restore_state", {"status": "planning"}, "an earlier state restored"),
    ("salvage_state", {"": {}}, "state salvaged from what was intact"),
    ("move_state", {"": {}}, "state moved"),
    ("rejoin_history", {"status": "planning"}, "changes that the files lacked made again"),
    ("anything", {"phases.plan.colour": "red"}, None),
    ("anything", {"phases.plan": None}, "all of it (plan) removed"),
    (
        "anything",
        {"phases.plan.outputs": [], "phases.plan.work.doer": {}},
        "outputs (plan), who did it (plan) recorded",
    ),
    ("anything", {"branch": None, "work.branch": "feature/login"}, "branch recorded"),
    ("verify_features", {"work.verified": {"commit": "c0ffee", "criteria": []}}, "proven again"),
    ("verify_features", {"work.verified": {"criteria": ["AC1"]}}, "proven again with red AC1"),
    (
        "verify_features",
        {"work.verified.criteria": ["AC1", "AC2"]},
        "proven again with red AC1, AC2",
    ),
    ("verify_features", {"work.verified.at": "now"}, "proven again"),
    ("close_feature", {"status": "on_fire"}, "status recorded"),
]


@pytest.mark.parametrize(("operation", "members", "words"), OF_PROJECT)
def test_a_change_of_the_project(
    operation: str, members: dict[str, Any], words: str | None
) -> None:
    assert said(operation, members) == words


@pytest.mark.parametrize(("operation", "members", "words"), OF_FEATURE)
def test_a_change_of_a_feature(operation: str, members: dict[str, Any], words: str | None) -> None:
    about = {"feature": "login", "attempts": {"judge": 2, "plan": 1}}

    assert said(operation, members, **about) == words


def stored_members() -> Iterator[tuple[str, ...]]:
    """Every member that the journal can change, below the project or one of its features."""
    for kind, place in ((Feature, ()), (PhaseRecord, ("phases", "plan"))):
        for name in get_type_hints(kind):
            if name not in {"extra", "phases"}:
                work = ("work",) if name in _WORK_FIELDS[kind] else ()
                yield (*place, *work, name)


@pytest.mark.parametrize("value", ["new", {"at": "now"}, None])
@pytest.mark.parametrize("keys", [*stored_members()])
def test_every_member_of_a_feature_has_words_of_people(keys: tuple[str, ...], value: Any) -> None:
    words = sentence(Changed("anything", [Member(keys, value)], "login"))
    assert words is not None
    assert not {".", "_"} & {*words}


@pytest.mark.parametrize("name", [*_PROJECT_FIELDS, "workflows"])
def test_every_member_of_a_project_has_words_of_people(name: str) -> None:
    words = sentence(Changed("anything", [Member((name, "some"), "new")]))
    assert words is not None
    assert "_" not in words
