"""What an agent that asks may do without a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from acp.schema import PermissionOption, ToolCallUpdate

from cde_orchestrator.adapters.runners.protocol.permissions import decided
from cde_orchestrator.adapters.runners.protocol.policy import Call, Policy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "specs" / "login").mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path)
    return folder


def allows(folder: Path, kind: str, **members: Any) -> bool:
    policy = Policy(folder, {"specs/login/spec.md": ("login", "define")}, [["make", "test"]])
    update = {"toolCallId": "t", "kind": kind, **members}
    return policy.allows(Call().updated(ToolCallUpdate.model_validate(update)))


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        ("make test", True),
        ("make test -k one", True),
        (["make", "test"], True),
        (["bash", "-lc", "make test"], True),
        (["bash", "-lc", "make test && rm x"], False),
        (["make", 3], False),
        ("make", False),
        ("make test\nrm x", False),
        ("make test > /etc/passwd", False),
        ("make test $(rm x)", False),
        ("make 'test", False),
        ("X=1 make test", False),
        ("mkdir -p specs/new docs", True),
        ("mkdir -p ../new", False),
        ("mkdir -p .git/hooks", False),
        ("mkdir -m 777 new", True),
        ("mkdir", False),
        ("", False),
        (None, False),
    ],
)
def test_a_command_is_one_that_the_phase_asks_for(
    folder: Path, command: object, allowed: bool
) -> None:
    assert allows(folder, "execute", rawInput={"command": command}) is allowed


@pytest.mark.parametrize(
    ("title", "allowed"), [("make test", True), ("make test ...", False), ("Run tests", False)]
)
def test_its_title_is_the_command_where_nothing_else_is(
    folder: Path, title: str, allowed: bool
) -> None:
    assert allows(folder, "execute", title=title) is allowed


def test_a_command_is_run_within_the_project(folder: Path) -> None:
    here = {"command": "make test", "cwd": str(folder)}
    assert allows(folder, "execute", rawInput=here)
    assert not allows(folder, "execute", rawInput={**here, "cwd": str(folder.parent)})


@pytest.mark.parametrize("kind", ["edit", "delete", "move"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("src/a.py", True),
        ("specs/other.md", True),
        ("specs/login/spec.md", False),
        ("out/a.py", False),
        ("/etc/passwd", False),
        (".git/config", False),
        (".GIT/config", False),
        (".cde/state.json", False),
        (".cde/workflow.yml", False),
        (".github/workflows/ci.yml", False),
        ("CLAUDE.md", False),
        ("package.json", True),
        ("tests/conftest.py", True),
        (".", False),
        ("a\0b", False),
        ("\ud800", False),
    ],
)
def test_an_edit_is_of_a_file_of_the_project(
    folder: Path, kind: str, path: str, allowed: bool
) -> None:
    assert allows(folder, kind, locations=[{"path": path}]) is allowed
    assert allows(folder, kind, rawInput={"file_path": path}) is allowed
    diff = {"type": "diff", "path": path, "newText": "x"}
    assert allows(folder, kind, content=[diff]) is allowed


def test_a_folder_with_what_was_accepted_stays(folder: Path) -> None:
    assert not allows(folder, "delete", locations=[{"path": "specs/login"}])


def test_an_edit_of_nothing_is_not_known(folder: Path) -> None:
    assert not allows(folder, "edit")


def test_one_path_too_many_is_enough(folder: Path) -> None:
    places = [{"path": "a.py"}, {"path": "/etc/passwd"}]
    assert not allows(folder, "edit", locations=places)


@pytest.mark.parametrize("kind", ["read", "search"])
def test_what_is_in_the_project_may_be_read(folder: Path, kind: str) -> None:
    assert allows(folder, kind)
    assert allows(folder, kind, locations=[{"path": str(folder / "a.py")}])
    assert not allows(folder, kind, locations=[{"path": "/etc/passwd"}])


@pytest.mark.parametrize("kind", ["fetch", "think", "switch_mode", "other"])
def test_nothing_else_is_allowed(folder: Path, kind: str) -> None:
    assert not allows(folder, kind)


def test_what_is_known_of_a_call_grows() -> None:
    call = Call().updated(ToolCallUpdate(tool_call_id="t", title="bash", kind="execute"))
    assert (call.words, call.telling) == ("", "bash")
    more = ToolCallUpdate(tool_call_id="t", raw_input={"command": "make test"})
    assert call.updated(more).words == "$ make test"
    assert Call().telling == "other"
    both = Call(kind="edit", title="Edit", paths=("a.py", "b.py"))
    assert both.telling == "edit a.py, b.py"
    assert Call(kind="other", title="Deploy", paths=("a.py",)).telling == "Deploy"


def options(*kinds: Any) -> list[PermissionOption]:
    return [PermissionOption(option_id=kind, name=kind, kind=kind) for kind in kinds]


@pytest.mark.parametrize(
    ("kinds", "allowed", "chosen"),
    [
        (("allow_always", "allow_once", "reject_once"), True, "allow_once"),
        (("allow_always", "allow_once", "reject_once"), False, "reject_once"),
        (("allow_always", "reject_always"), True, "cancelled"),
        ((), False, "cancelled"),
    ],
)
def test_nothing_is_decided_for_longer_than_this_once(
    kinds: tuple[str, ...], allowed: bool, chosen: str
) -> None:
    outcome = decided(options(*kinds), allowed=allowed).outcome
    assert getattr(outcome, "option_id", outcome.outcome) == chosen
