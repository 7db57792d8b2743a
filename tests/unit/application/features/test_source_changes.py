"""Whose a change of the source is, and what a rollback with code takes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cde_orchestrator.application.features import source_changes
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.project_sources import KEPT_AFTER_END
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import (
    RollbackFeature,
    RollbackReply,
    rollback_remarks,
)
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.source_changes import (
    IDLE,
    PATHS_SHOWN,
    ROWS_SHOWN,
    SourceRow,
    source_lines,
)
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project_paths import named_in
from tests.fakes import ROOT, World, catalog, writing_workflow

FIRST, SECOND = "a" * 40, "b" * 40
NOTE = "Changed shop/pay.py and ./shop/new.py; shop/gone.py is gone. See other.py.bak, ab.py"


@pytest.fixture
def started(world: World) -> World:
    """A feature in a repository, and files of a person."""
    world.git.commit = FIRST
    world.proofs.source.update({"shop/pay.py": "old\n", "shop/gone.py": "1\n", "mine.py": "1\n"})
    world.run(StartFeature(prompt="Add login", name="login"))
    world.clock.advance()
    return world


def work(world: World) -> None:
    """The feature changes three files, and says so."""
    world.proofs.source.update({"shop/pay.py": "new\n", "shop/new.py": "2\n"})
    del world.proofs.source["shop/gone.py"]
    save(world)


def save(world: World, note: str = NOTE) -> None:
    world.clock.advance()
    world.run(SaveProgress(feature_id="login", note=note))


def roll_back(world: World, to: str = "define", **more: Any) -> RollbackReply:
    world.clock.advance()
    return world.run(RollbackFeature(feature_id="login", to_phase=to, reason="Wrong way", **more))


def states(reply: RollbackReply) -> dict[str, str]:
    return {row["path"]: row["state"] for row in reply["source"]}


def change(world: World, do: Callable[[Feature], None]) -> None:
    with world.repository.transaction(ROOT) as project:
        do(project.feature("login"))


MINE = dict.fromkeys(["shop/pay.py", "shop/new.py", "shop/gone.py"], "feature")


def test_what_the_feature_handed_in_and_names_is_its_own(started: World) -> None:
    work(started)
    before = dict(started.proofs.source)
    reply = roll_back(started)

    assert states(reply) == MINE
    assert started.proofs.source == before
    assert rollback_remarks(reply) == [
        "3 files of the source are left as the feature changed it; code takes it back."
    ]


def test_with_code_it_is_taken_back_and_a_second_time_changes_nothing(started: World) -> None:
    work(started)
    told = roll_back(started, code=True, dry_run=True)
    reply = roll_back(started, code=True)

    assert states(told) == MINE
    assert states(reply) == {
        "shop/gone.py": "restored",
        "shop/new.py": "removed",
        "shop/pay.py": "restored",
    }
    assert (started.proofs.source["shop/pay.py"], started.proofs.source["shop/gone.py"]) == (
        "old\n",
        "1\n",
    )
    assert "shop/new.py" not in started.proofs.source
    again = roll_back(started, code=True)
    assert (again["source"], again["git"], again["source_problem"]) == ([], [], None)


def test_code_that_was_left_can_be_taken_back_later(started: World) -> None:
    work(started)
    roll_back(started)

    assert states(roll_back(started, code=True))["shop/pay.py"] == "restored"


def test_a_command_only_shows(started: World) -> None:
    work(started)
    (command,) = roll_back(started)["git"]

    start = started.project.feature("login").phases["define"].start_source
    assert start is not None
    assert command.startswith(
        f"git -C /home/shop diff --no-ext-diff --no-textconv --stat -p {start.tree} "
    )
    assert command.endswith(" -- . ':(exclude).cde'")


def touch(world: World) -> None:
    world.proofs.source["shop/pay.py"] = "a person's\n"


def hide(world: World) -> None:
    """The file is there, but not in the tree: it is ignored by now."""
    find = world.source.find
    world.source.find = lambda folder, path, like: (  # type: ignore[method-assign]
        None if path == "shop/pay.py" else find(folder, path, like)
    )


def never_seen(world: World) -> None:
    change(world, lambda feature: setattr(feature, "seen_source", None))


def seen_before(world: World) -> None:
    def earlier(feature: Feature) -> None:
        assert feature.seen_source is not None
        past = feature.seen_source.at - timedelta(days=1)
        feature.seen_source = replace(feature.seen_source, at=past)

    change(world, earlier)


def seen_elsewhere(world: World) -> None:
    def elsewhere(feature: Feature) -> None:
        assert feature.seen_source is not None
        feature.seen_source = replace(feature.seen_source, folder="/elsewhere")

    change(world, elsewhere)


def seen_is_not_kept(world: World) -> None:
    feature = world.project.feature("login")
    assert feature.seen_source is not None
    del world.source.kept[feature.id][feature.seen_source.tree]


def is_a_link(world: World) -> None:
    world.source.modes["shop/pay.py"] = "120000"


def is_a_folder_now(world: World) -> None:
    del world.proofs.source["shop/pay.py"]
    world.proofs.source["shop/pay.py/inner.py"] = "new\n"
    save(world, "shop/pay.py shop/pay.py/inner.py")


def was_committed(world: World) -> None:
    world.git.commit, world.git.committed = SECOND, frozenset({"shop/pay.py"})


def git_cannot_tell(world: World) -> None:
    world.git.commit, world.git.committed = SECOND, None


def another_moved(world: World) -> None:
    world.run(StartFeature(prompt="Add basket", name="basket"))
    world.proofs.source["shop/pay.py"] = "newer\n"
    save(world)


def ends_like_another_one(world: World) -> None:
    world.proofs.source.update({"pay.py": "2\n", "shop/to pay.py": "2\n"})
    save(world, "shop/to pay.py")
    del world.proofs.source["shop/to pay.py"]


def is_not_named(world: World) -> None:
    world.proofs.source.update({"other.py": "2\n", "b.py": "2\n"})
    save(world)


@pytest.mark.parametrize(
    ("happens", "path", "state"),
    [
        (touch, "shop/pay.py", "touched"),
        (hide, "shop/pay.py", "touched"),
        (never_seen, "shop/pay.py", "touched"),
        (seen_before, "shop/pay.py", "touched"),
        (seen_elsewhere, "shop/pay.py", "touched"),
        (seen_is_not_kept, "shop/pay.py", "touched"),
        (is_a_link, "shop/pay.py", "odd"),
        (is_a_folder_now, "shop/pay.py", "odd"),
        (is_a_folder_now, "shop/pay.py/inner.py", "odd"),
        (was_committed, "shop/pay.py", "committed"),
        (git_cannot_tell, "shop/pay.py", "committed"),
        (another_moved, "shop/pay.py", "others"),
        (is_not_named, "other.py", "unnamed"),
        (ends_like_another_one, "pay.py", "unnamed"),
        (is_not_named, "b.py", "unnamed"),
    ],
)
def test_what_is_not_surely_the_features_is_left(
    started: World, happens: Callable[[World], None], path: str, state: str
) -> None:
    work(started)
    happens(started)
    before = started.proofs.source.get(path)
    reply = roll_back(started, code=True)

    assert states(reply)[path] == state
    assert started.proofs.source.get(path) == before


@pytest.mark.parametrize("name", ["a\nb.py", "a\\b.py", "-\N{RIGHT-TO-LEFT OVERRIDE}.py"])
def test_a_name_that_no_file_may_have_is_left(started: World, name: str) -> None:
    started.proofs.source[name] = "new\n"
    save(started, name)

    assert states(roll_back(started, code=True))[name] == "odd"


def not_recorded(world: World) -> None:
    def forget(feature: Feature) -> None:
        feature.phases["define"].start_source = None

    change(world, forget)


def no_repository(world: World) -> None:
    world.git.commit = None


def another_folder(world: World) -> None:
    def move(feature: Feature) -> None:
        start = feature.phases["define"].start_source
        assert start is not None
        feature.phases["define"].start_source = replace(start, folder="/else\nwhere")

    change(world, move)


def not_kept(world: World) -> None:
    world.source.kept.clear()


def gone(world: World) -> None:
    feature = world.project.feature("login")
    assert feature.phases["define"].start_source is not None
    del world.proofs.trees.trees[feature.phases["define"].start_source.tree]


def too_many(world: World) -> None:
    names = [f"many/{number}.py" for number in range(source_changes.FILES_LIMIT)]
    world.proofs.source.update(dict.fromkeys(names, "new\n"))
    save(world, " ".join([*names[:1000], NOTE]))
    save(world, " ".join(names[1000:]))


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (not_recorded, "it was not recorded"),
        (no_repository, "the project is in no git repository"),
        (another_folder, "the phase started in another folder: /else where; roll back from there"),
        (not_kept, "git no longer keeps what it was"),
        (gone, "is gone"),
        (too_many, "more than 2,000 files would have to be taken back"),
    ],
)
def test_where_nothing_can_be_compared_the_rollback_says_why(
    started: World, happens: Callable[[World], None], said: str
) -> None:
    work(started)
    happens(started)
    before = dict(started.proofs.source)
    reply = roll_back(started, code=True)

    assert said in (reply["source_problem"] or "")
    assert (reply["source"], reply["git"]) == ([], [])
    assert started.proofs.source == before
    assert reply["feature"]["current_phase"] == "define"
    assert said in rollback_remarks(reply)[0]


def test_where_git_keeps_nothing_any_more_the_source_is_left(started: World) -> None:
    work(started)
    started.source.refusal = "read-only"
    reply = roll_back(started, code=True)

    assert reply["source_problem"] == "read-only"
    assert started.proofs.source["shop/pay.py"] == "new\n"


def test_where_the_way_back_cannot_be_kept_the_source_is_left(
    started: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(started)

    def refuse(*_: object) -> str:
        started.source.refusal = "the disk is full"
        started.source.pin(ROOT, "", "", [])
        return ""

    monkeypatch.setattr(started.source, "replaced", refuse)
    reply = roll_back(started, code=True)

    assert reply["source_problem"] == "the disk is full"
    assert started.proofs.source["shop/pay.py"] == "new\n"
    assert "source" not in started.project.feature("login").events[-1]


def test_a_file_that_cannot_be_written_is_left_and_named(started: World) -> None:
    work(started)
    started.source.full.add("shop/pay.py")
    reply = roll_back(started, code=True)

    assert states(reply)["shop/pay.py"] == "touched"
    (row,) = [row for row in reply["source"] if row["path"] == "shop/pay.py"]
    assert row["reason"]
    assert states(reply)["shop/gone.py"] == "restored"


def test_a_file_that_changes_at_the_last_moment_is_left(
    started: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(started)
    replaced = started.source.replaced

    def meanwhile(*arguments: Any) -> str:
        started.proofs.source["shop/pay.py"] = "a person's\n"
        return replaced(*arguments)

    monkeypatch.setattr(started.source, "replaced", meanwhile)
    reply = roll_back(started, code=True)

    (row,) = [row for row in reply["source"] if row["path"] == "shop/pay.py"]
    assert (row["state"], row["reason"]) == ("touched", "it was changed since")
    assert started.proofs.source["shop/pay.py"] == "a person's\n"


def test_a_phase_that_began_again_meanwhile_is_not_taken_back(
    started: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(started)
    monkeypatch.setattr(started.source, "replaced", _then(started, not_recorded))
    with pytest.raises(CDEError) as caught:
        roll_back(started, code=True)

    assert caught.value.code == "E123"
    assert started.proofs.source["shop/pay.py"] == "new\n"


def _then(world: World, happens: Callable[[World], None]) -> Callable[..., str]:
    replaced = world.source.replaced

    def made(*arguments: Any) -> str:
        happens(world)
        return replaced(*arguments)

    return made


def test_an_accepted_phase_hands_in_what_is_there(started: World) -> None:
    started.proofs.source["shop/pay.py"] = "new\n"
    spec = {"spec": "## Goal\nshop/pay.py takes cards\n"}
    started.run(SubmitWork(feature_id="login", phase_id="define", results=spec))

    assert states(roll_back(started, code=True))["shop/pay.py"] == "restored"


def test_an_attempt_that_failed_leaves_the_start_and_hands_in(started: World) -> None:
    started.proofs.source["shop/pay.py"] = "new\n"
    save(started)
    before = started.project.feature("login").phases["define"].start_source
    started.clock.advance()
    for _ in range(3):
        started.clock.advance()
        started.run(FailPhase(feature_id="login", phase_id="define", reason="No"))
    started.run(ResumeFeature(feature_id="login"))

    assert started.project.feature("login").phases["define"].start_source == before
    assert states(roll_back(started, code=True))["shop/pay.py"] == "restored"


def test_a_feature_that_ended_long_ago_is_let_go(started: World) -> None:
    started.run(CloseFeature(feature_id="login", outcome="cancelled", reason="No"))
    started.run(StartFeature(prompt="Add basket", name="basket"))
    assert len(started.source.kept) == 2
    started.clock.now += KEPT_AFTER_END
    started.run(StartFeature(prompt="Add shelf", name="shelf"))
    assert len(started.source.kept) == 3
    started.clock.advance()
    started.run(StartFeature(prompt="Add till", name="till"))

    names = {each.name: each.id for each in started.project.features.summaries()}
    assert set(started.source.kept) == {names["basket"], names["shelf"], names["till"]}


def test_many_files_are_told_in_short(started: World) -> None:
    names = [f"many/{number:03}.py" for number in range(ROWS_SHOWN + 5)]
    started.proofs.source.update(dict.fromkeys(names, "new\n"))
    reply = roll_back(started)

    assert len(reply["source"]) == ROWS_SHOWN
    assert f"and {ROWS_SHOWN - PATHS_SHOWN} more" in source_lines(reply["source"])[0]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Changed `b.py`, and 'shop/b.py'.", {"b.py", "shop/b.py"}),
        ("./b.py:12 and (shop/b.py)", {"b.py", "shop/b.py"}),
        ("b.py's end. See b.py.", {"b.py"}),
        ("other/shop/b.py, ab.py, b.pyc, b.py.bak, -b.py, b.py/x, ../b.py", set()),
        ("odd name.py", {"odd name.py"}),
        ("an'b.py", set()),
        ("a'b.py and odd name.py; name.py", {"a'b.py", "odd name.py", "name.py"}),
    ],
)
def test_a_text_names_files_as_they_are_in_the_project(text: str, named: set[str]) -> None:
    paths = ["b.py", "shop/b.py", "a'b.py", "name.py", "odd name.py"]

    assert named_in([text], paths) == named


def test_names_are_said_as_one_line_each() -> None:
    rows: list[SourceRow] = [
        {"path": "a\nb", "state": "odd", "reason": None},
        {"path": "c", "state": "odd", "reason": None},
    ]

    assert [line.rpartition(": ")[2] for line in source_lines(rows)] == ["a b, c"]


def test_a_submission_that_its_check_refuses_hands_in_what_is_there(started: World) -> None:
    spec = {"spec": "## Goal\nshop/pay.py takes cards\n"}
    started.run(SubmitWork(feature_id="login", phase_id="define", results=spec))
    started.proofs.source["shop/pay.py"] = "new\n"
    assert states(roll_back(started, "build", dry_run=True)) == {"shop/pay.py": "touched"}
    started.checks.exit_codes = [1]
    with pytest.raises(CDEError) as caught:
        started.run(SubmitWork(feature_id="login", phase_id="build", results={"report": "Done"}))

    assert caught.value.code == "E118"
    assert states(roll_back(started, "build", code=True)) == {"shop/pay.py": "restored"}


def test_what_was_left_is_taken_back_once_a_note_names_it(started: World) -> None:
    started.proofs.source["shop/pay.py"] = "new\n"
    left = roll_back(started, code=True)
    assert states(left) == {"shop/pay.py": "touched"}
    assert "once a saved note names its paths" in rollback_remarks(left)[0]
    save(started)

    assert states(roll_back(started, code=True)) == {"shop/pay.py": "restored"}


@pytest.mark.parametrize("more", [{}, {"shop/unnamed.py": "1\n"}], ids=["alone", "among others"])
def test_no_note_is_advised_where_it_would_claim_a_persons_edit(
    started: World, more: dict[str, str]
) -> None:
    started.proofs.source.update(more)
    work(started)
    started.proofs.source["shop/pay.py"] += "a person's\n"
    reply = roll_back(started)

    assert states(reply)["shop/pay.py"] == "touched"
    assert not any("saved note" in remark for remark in rollback_remarks(reply))


def test_what_changed_while_a_plan_was_written_is_left(world: World) -> None:
    define, build = writing_workflow().phases
    phases = (define, replace(build, changes="required"))
    world.workflows.own = catalog(replace(writing_workflow(), phases=phases), packaged=False)
    world.git.commit = FIRST
    world.proofs.source.update({"shop/pay.py": "old\n", "shop/gone.py": "1\n", "mine.py": "1\n"})
    world.run(StartFeature(prompt="Add login", name="login"))
    world.proofs.source.update({"shop/pay.py": "a person's\n", "mine.py": "a person's\n"})
    world.clock.advance()
    spec = {"spec": "## Goal\nChange mine.py\n"}
    world.run(SubmitWork(feature_id="login", phase_id="define", results=spec))
    world.clock.advance()
    work(world)
    edited = dict(world.proofs.source)
    left = {"shop/pay.py": ("touched", IDLE), "mine.py": ("touched", IDLE)}
    own = {"shop/gone.py": ("restored", None), "shop/new.py": ("removed", None)}

    reply = roll_back(world, code=True)
    assert {row["path"]: (row["state"], row["reason"]) for row in reply["source"]} == left | own
    again = roll_back(world, code=True)
    assert {row["path"]: (row["state"], row["reason"]) for row in again["source"]} == left
    assert rollback_remarks(again) == []
    assert world.proofs.source["mine.py"] == edited["mine.py"]
    assert world.proofs.source["shop/pay.py"] == edited["shop/pay.py"]


def test_in_the_phase_that_changes_code_it_is_the_features(world: World) -> None:
    define, build = writing_workflow().phases
    phases = (replace(define, changes="required"), build)
    world.workflows.own = catalog(replace(writing_workflow(), phases=phases), packaged=False)
    world.git.commit = FIRST
    world.proofs.source.update({"shop/pay.py": "old\n", "shop/gone.py": "1\n"})
    world.run(StartFeature(prompt="Add login", name="login"))
    work(world)

    assert states(roll_back(world)) == MINE
