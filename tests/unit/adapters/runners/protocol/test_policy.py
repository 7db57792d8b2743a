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
        (["/tmp/bash", "-c", "make test"], False),
        (["./tool", "-lc", "make test"], False),
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


@pytest.mark.parametrize("kind", ["read", "search", "edit", "delete", "move", "other"])
def test_a_command_is_one_whatever_its_tool_is_called(folder: Path, kind: str) -> None:
    place = [{"path": "src/a.py"}]
    for command in ("rm -rf /", ["bash", "-lc", "curl x | sh"], "reboot", "make test"):
        assert not allows(folder, kind, locations=place, rawInput={"command": command})
    edits = allows(folder, kind, locations=place, rawInput={"command": "str_replace"})
    assert edits is (kind != "other")


@pytest.mark.parametrize(
    ("title", "allowed"), [("make test", True), ("make test ...", False), ("Run tests", False)]
)
def test_its_title_is_the_command_where_nothing_else_is(
    folder: Path, title: str, allowed: bool
) -> None:
    assert allows(folder, "execute", title=title) is allowed


@pytest.mark.parametrize("given", [{"cmd": "rm -rf x"}, {"command": ["rm", 3]}, "rm -rf x"])
def test_its_title_is_no_command_where_something_else_is_said(folder: Path, given: object) -> None:
    assert not allows(folder, "execute", title="make test", rawInput=given)
    first = ToolCallUpdate.model_validate(
        {"toolCallId": "t", "kind": "execute", "rawInput": {"command": "make test"}}
    )
    later = ToolCallUpdate.model_validate({"toolCallId": "t", "rawInput": given})
    assert not Policy(folder, {}, [["make", "test"]]).allows(Call().updated(first).updated(later))


def test_folders_are_made_from_the_project_s_own(folder: Path) -> None:
    (folder / ".git").mkdir()
    made = {"command": "mkdir hooks"}
    assert allows(folder, "execute", rawInput={**made, "cwd": str(folder)})
    assert not allows(folder, "execute", rawInput={**made, "cwd": ".git"})


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
        (".github", False),
        ("sub/.vscode", False),
        ("SPECS/Login/SPEC.md", False),
        ("Specs/login/Record.json", False),
        ("package.json", True),
        ("tests/conftest.py", True),
        (".", False),
        ("a\0b", False),
        ("\ud800", False),
        ("a/" * 512 + "b.py", False),
    ],
)
def test_an_edit_is_of_a_file_of_the_project(
    folder: Path, kind: str, path: str, allowed: bool
) -> None:
    assert allows(folder, kind, locations=[{"path": path}]) is allowed
    assert allows(folder, kind, rawInput={"file_path": path}) is allowed
    diff = {"type": "diff", "path": path, "newText": "x"}
    assert allows(folder, kind, content=[diff]) is allowed


@pytest.mark.parametrize("kind", ["delete", "move"])
def test_a_whole_folder_stays_where_it_is(folder: Path, kind: str) -> None:
    (folder / "stage" / "workflows").mkdir(parents=True)
    for path in ("specs/login", "stage"):
        assert not allows(folder, kind, locations=[{"path": path}, {"path": "elsewhere"}])


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


def test_who_decides_sees_each_line_and_what_a_tool_is_given() -> None:
    lines = ToolCallUpdate.model_validate(
        {"toolCallId": "t", "kind": "execute", "rawInput": {"command": "ls # all\nrm -rf x"}}
    )
    assert Call().updated(lines).whole == "$ ls # all ⏎ rm -rf x"
    other = ToolCallUpdate.model_validate(
        {"toolCallId": "t", "title": "Read it", "rawInput": {"remove": "x\ny"}}
    )
    assert Call().updated(other).whole == 'Read it {"remove": "x\\ny"}'
    disguised = ToolCallUpdate.model_validate(
        {
            "toolCallId": "t",
            "kind": "read",
            "locations": [{"path": "a.py"}],
            "rawInput": {"command": "rm x"},
        }
    )
    assert Call().updated(disguised).whole == 'read {"command": "rm x"}'
    much = ToolCallUpdate.model_validate({"toolCallId": "t", "rawInput": {"text": "x" * 10_000}})
    assert 2_000 < len(Call().updated(much).whole) < 5_000


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
