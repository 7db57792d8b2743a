"""A feature gets another goal or another name, and a closed one is reopened."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.edit_feature import EditFeature, EditReply, edited_words
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.reopen_feature import ReopenFeature
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackReply
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.project_board import Card
from cde_orchestrator.application.monitoring.show_dashboard import ShowDashboard
from cde_orchestrator.domain.briefings import Briefings
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.feature import Feature
from tests.fakes import World

SPEC = "## Goal\nLog in\n"


@pytest.fixture
def started(world: World) -> World:
    """A project with the feature ``login``, started by the client robot."""
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def feature(world: World, name: str = "login") -> Feature:
    return world.project.feature(name)


def edit(world: World, **changes: Any) -> EditReply:
    return world.run(EditFeature(feature_id="login", **changes))


def submit(world: World, phase: str = "define", **results: str) -> Any:
    given = results or {"spec": SPEC}
    return world.run(SubmitWork(feature_id="login", phase_id=phase, results=given))


def reopen(world: World, **changes: Any) -> RollbackReply:
    return world.run(ReopenFeature(feature_id="login", reason="Wanted after all", **changes))


def only_card(world: World) -> Card:
    board = world.run(ShowDashboard())["board"]
    assert board is not None
    (card,) = [card for lane in board["lanes"] for card in lane["cards"]]
    return card


def code_of(world: World, **changes: Any) -> str:
    before = [*world.project.features]
    with pytest.raises(CDEError) as refused:
        edit(world, **changes)
    assert [*world.project.features] == before
    return refused.value.code


@pytest.mark.parametrize("closed_as", ["cancelled", "failed", "completed"])
def test_a_reopened_feature_knows_that_it_was_closed_and_who_reopened_it(
    started: World, closed_as: str
) -> None:
    if closed_as == "completed":
        submit(started)
        started.callers.become_person()
        submit(started, "build", report="Nothing new\n")
    else:
        started.run(CloseFeature(feature_id="login", outcome=closed_as, reason="No"))
    started.clock.advance()
    reopen(started)

    now = feature(started)
    record = now.phases[now.current_phase or ""]
    assert record.returned is not None
    by = "cli" if closed_as == "completed" else "robot"
    assert (record.returned.closed_as, record.returned.by) == (closed_as, by)
    card = only_card(started)
    assert card["reopened"] is not None
    assert card["reopened"]["by"] == by
    assert card["event"]["kind"] == "reopened"
    said = "cli" if by == "cli" else "agent robot"
    assert card["event"]["text"] == f"reopened by {said}: Wanted after all"
    started.clock.advance()
    started.run(FailPhase(feature_id="login", phase_id=record.id, reason="No"))
    card = only_card(started)
    assert card["reopened"] is None


def test_a_goal_is_edited_and_the_one_before_is_kept(started: World) -> None:
    started.clock.advance()
    reply = edit(started, goal="  Add login with passkeys ")

    assert (reply["goal"], reply["edited"]) == ("Add login with passkeys", ["goal"])
    assert reply["accepted_before"] == []
    assert edited_words(reply) == "has another goal"
    assert feature(started).prompt == "Add login with passkeys"
    event = feature(started).events[-1]
    assert (event["event"], event["goal_before"], event["by"]) == ("edited", "Add login", "robot")
    assert feature(started).updated_at == started.clock()


def test_what_was_accepted_for_the_goal_before_is_named(started: World) -> None:
    submit(started)

    assert edit(started, goal="Other")["accepted_before"] == ["define"]
    assert edit(started, goal="Other")["edited"] == []


def test_a_goal_whose_lines_end_as_a_form_sends_them_is_the_same(world: World) -> None:
    world.run(StartFeature(prompt="Add login\r\nwith a page\rof its own", name="login"))
    goal = "Add login\nwith a page\nof its own"
    assert feature(world).prompt == goal
    assert edit(world, goal=goal.replace("\n", "\r\n"))["edited"] == []
    with world.repository.transaction(world.root) as project:
        project.feature("login").prompt = goal.replace("\n", "\r\n")
    assert edit(world, goal=goal)["edited"] == []  # kept so by an older release


def test_whoever_has_the_prompt_is_given_everything_after_an_edit(started: World) -> None:
    given, caller = Briefings(), replace(started.leases().caller, connection="one")
    given.give(caller, feature(started))
    assert given.knows(caller, feature(started))
    with started.repository.transaction(started.root) as project:
        project.feature("login").phases["define"].given = "one"
    edit(started, goal="Add login with passkeys")

    assert not given.knows(caller, feature(started))


def test_a_secret_in_a_goal_is_not_kept(started: World) -> None:
    edit(started, goal="Use the key ghp_abcdefghijklmnopqrstuvwxyz0123456789")

    assert "ghp_" not in feature(started).prompt


def test_a_feature_is_renamed_while_nothing_is_written_for_it(started: World) -> None:
    reply = edit(started, name="sign-in", goal="Sign in")

    assert (reply["feature"]["name"], reply["edited"]) == ("sign-in", ["goal", "name"])
    assert edited_words(reply) == "has another goal and another name"
    assert feature(started, "sign-in").events[-1]["name_before"] == "login"
    with pytest.raises(CDEError, match="login"):
        feature(started)


def test_nothing_is_journalled_for_an_edit_that_changes_nothing(started: World) -> None:
    reply = edit(started, name="login", goal="Add login")

    assert reply["edited"] == []
    assert edited_words(reply) == "is as it was: nothing is edited"
    assert feature(started).events == []


@pytest.mark.parametrize("path", ["specs/login/spec.md", "specs/other/report.md"])
def test_a_name_that_paths_have_already_stays(started: World, path: str) -> None:
    started.files.contents[path] = b"Written.\n"

    assert code_of(started, name="other") == "E305"


def test_a_name_stays_once_an_output_was_accepted(started: World) -> None:
    submit(started)
    started.files.contents.clear()

    assert code_of(started, name="other") == "E305"


def test_a_name_stays_where_the_feature_has_a_worktree(
    started: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(started.files, "folder", lambda root: root / "elsewhere", raising=False)

    assert code_of(started, name="other") == "E305"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"name": "second"}, "E104"), ({"name": "A b"}, "E304"), ({"goal": " "}, "E301")],
)
def test_what_cannot_be_a_name_or_a_goal_is_refused(
    started: World, changes: dict[str, str], code: str
) -> None:
    started.run(StartFeature(prompt="Second", name="second"))

    assert code_of(started, **changes) == code


def test_a_closed_feature_is_not_edited(started: World) -> None:
    started.run(CloseFeature(feature_id="login", outcome="cancelled", reason="No"))

    assert code_of(started, goal="Other") == "E105"


def test_another_agent_at_work_is_not_passed_over(started: World) -> None:
    started.run(ResumeFeature(feature_id="login", agent="one"))
    started.callers.become("other", pid=77)

    assert code_of(started, goal="Other") == "E122"
    assert edit(started, goal="Other", takeover=True)["edited"] == ["goal"]


def test_a_cancelled_feature_goes_on_where_it_was(started: World) -> None:
    submit(started)
    started.run(CloseFeature(feature_id="login", outcome="cancelled", reason="No"))
    reply = reopen(started)

    assert reply["feature"]["current_phase"] == "build"
    assert (reply["files"], reply["rolled_back"]) == ([], [])
    found = feature(started)
    assert (found.closing, found.status) == (None, "building")
    assert found.phases["define"].outputs
    returned = found.phases["build"].returned
    assert returned is not None
    assert returned.reason == "Wanted after all"
    event = found.events[-1]
    assert (event["event"], event["closed_as"]) == ("reopened", "cancelled")


def test_a_failed_feature_gets_all_its_attempts_again(started: World) -> None:
    for _ in range(3):
        started.clock.advance()
        started.run(FailPhase(feature_id="login", phase_id="define", reason="It broke"))
    assert feature(started).status == "failed"
    reply = reopen(started)

    assert reply["feature"]["current_phase"] == "define"
    assert feature(started).phases["define"].attempts_left(3) == 3


def test_a_completed_feature_is_rolled_back_to_its_last_phase(started: World) -> None:
    submit(started)
    submit(started, "build", report="Done")
    reply = reopen(started)

    assert reply["feature"]["current_phase"] == "build"
    assert [each["action"] for each in reply["files"]][-1] == "removed"
    assert feature(started).events[-1]["event"] == "rolled_back"


def test_a_closed_feature_is_reopened_at_a_phase_of_choice(started: World) -> None:
    submit(started)
    started.run(CloseFeature(feature_id="login", outcome="cancelled", reason="No"))

    assert reopen(started, to_phase="define")["feature"]["current_phase"] == "define"


def test_an_open_feature_is_not_reopened(started: World) -> None:
    with pytest.raises(CDEError) as refused:
        reopen(started)

    assert refused.value.code == "E305"
