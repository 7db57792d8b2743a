"""Changes of the state as sentences."""

from __future__ import annotations

from typing import Any

import pytest

from cde_orchestrator.domain.change_sentences import Changed, Member, sentence


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
    ("set_project_status", {"status": "on_fire"}, None),
    ("anything", {"metadata.color": "red"}, None),
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
    ("submit_work", {"phases.plan.work.refused": None}, None),
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
    ("submit_work", {"work.events": [{}]}, None),
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
