from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.rollback_feature import RollbackFeature, RollbackReply
from cde_orchestrator.application.features.source_changes import (
    FILES_RESTORED,
    PATHS_SHOWN,
    ROWS_SHOWN,
    SourceRow,
    source_lines,
)
from cde_orchestrator.application.features.start_feature import StartFeature
from tests.fakes import World

FIRST, SECOND = "a" * 40, "b" * 40
LOOK = f"git -C /home/shop diff --stat {FIRST} -- . ':(exclude).cde'"


@pytest.fixture
def started(world: World) -> World:
    """A feature in a repository where one file was changed, and one new, before it began."""
    world.git.commit = FIRST
    world.git.dirty, world.git.new = ["mine.py"], ["notes/"]
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def roll_back(world: World, **more: Any) -> RollbackReply:
    return world.run(
        RollbackFeature(feature_id="login", to_phase="define", reason="Wrong way", **more)
    )


def states(reply: RollbackReply) -> dict[str, str]:
    return {row["path"]: row["state"] for row in reply["source"]}


def test_only_what_was_as_committed_is_undone(started: World) -> None:
    started.git.dirty += ["a b.py", "stuck", "odd\nname", "odd\ufffdname", "specs/login/spec.md"]
    started.git.new += ["fresh.py", "notes/too.md"]
    started.git.stuck = ["stuck"]
    reply = roll_back(started, dry_run=True)

    assert states(reply) == {
        "a b.py": "changed",
        "fresh.py": "new",
        "mine.py": "earlier",
        "odd\nname": "unclear",
        "odd\ufffdname": "unclear",
        "stuck": "unclear",
    }
    undo = f"git --literal-pathspecs -C /home/shop restore --source={FIRST} -- 'a b.py'"
    assert reply["git"] == [LOOK, undo]


def test_what_was_committed_since_is_not_undone(started: World) -> None:
    started.git.commit, started.git.committed = SECOND, frozenset({"theirs.py", "both.py"})
    started.git.dirty += ["both.py"]
    reply = roll_back(started)

    assert states(reply) == {"both.py": "committed", "mine.py": "earlier", "theirs.py": "committed"}
    assert reply["git"] == [LOOK]


def test_where_nothing_changed_there_is_no_command(started: World) -> None:
    started.git.dirty = started.git.new = []

    assert roll_back(started)["git"] == []


def test_too_many_files_are_for_a_person_to_look_at(started: World) -> None:
    started.git.dirty += [f"{number:03}.py" for number in range(FILES_RESTORED + ROWS_SHOWN)]
    reply = roll_back(started)

    assert reply["git"] == [LOOK]
    assert len(reply["source"]) == ROWS_SHOWN
    assert f"and {ROWS_SHOWN - PATHS_SHOWN} more" in source_lines(reply["source"])[0]


def is_lost(world: World) -> None:
    world.objects.contents.clear()


def is_something_else(world: World) -> None:
    for digest in world.objects.contents:
        world.objects.contents[digest] = b"# Specification"


def is_a_list_of_something_else(world: World) -> None:
    for digest in world.objects.contents:
        world.objects.contents[digest] = b'["/home/shop", "a", [1], [2]]'


def is_of_an_older_release(world: World) -> None:
    with world.repository.transaction(Path("/home/shop")) as project:
        project.feature("login").phases["define"].start_tree = None


def stands_in_another_folder(world: World) -> None:
    for digest, data in world.objects.contents.items():
        world.objects.contents[digest] = data.replace(b"/home/shop", b"/home/shop/.cde/worktrees")


def is_anothers_too(world: World) -> None:
    world.run(StartFeature(prompt="Add basket", name="basket"))


@pytest.mark.parametrize(
    "happens",
    [
        is_lost,
        is_something_else,
        is_a_list_of_something_else,
        is_of_an_older_release,
        stands_in_another_folder,
        is_anothers_too,
    ],
)
def test_where_it_is_not_known_whose_change_it_is_nothing_is_undone(
    started: World, happens: Any
) -> None:
    happens(started)
    started.git.dirty += ["a.py"]
    reply = roll_back(started)

    assert states(reply)["a.py"] == "unclear"
    assert reply["git"] == [LOOK]


def test_where_git_cannot_tell_nothing_is_undone(started: World) -> None:
    started.git.is_known = False
    assert (roll_back(started, dry_run=True)["git"], roll_back(started)["source"]) == ([LOOK], [])
    started.git.is_known, started.git.commit, started.git.committed = True, SECOND, None
    assert roll_back(started)["git"] == [LOOK]


def test_a_commit_that_is_none_is_never_given_to_git(started: World) -> None:
    with started.repository.transaction(Path("/home/shop")) as project:
        project.feature("login").phases["define"].start_commit = "--output=/home/shop/a.py"
    reply = roll_back(started)

    assert (reply["git"], reply["source"]) == ([], [])


def test_without_a_repository_there_is_no_command(started: World) -> None:
    started.git.commit = None
    reply = roll_back(started)

    assert (reply["git"], reply["source"]) == ([], [])


def test_names_are_said_as_one_line_each() -> None:
    rows: list[SourceRow] = [{"path": "a\nb", "state": "new"}, {"path": "c", "state": "new"}]

    assert [line.rpartition(": ")[2] for line in source_lines(rows)] == ["a b, c"]
