"""A person's yes is a person's: asked at a terminal, bound to what was shown, and written down."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import cde
from tests.integration.deliverables import deliverable
from tests.kept_folder import KeptFolder
from tests.repository import git
from tests.terminal import Terminal, of_a_person, terminal


class Desk:
    """A project with the feature ``work``, which waits for its specification to be approved."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.environment = of_a_person({**os.environ, "XDG_CONFIG_HOME": str(folder / "home")})
        self.root.mkdir()
        (self.root / "code.py").write_text("x = 1\n")
        git(self.root, "init", "-q")
        git(self.root, "add", ".")
        git(self.root, "commit", "-qm", "First")
        assert self.cde("init") == {}
        assert self.cde("trust", "--yes") == {}
        assert self.cde("start", "Add a thing", "-w", "standard-approved", "-n", "desk") == {}
        self.deliver()
        assert self.cde("submit", "desk", "define") == {}

    def call(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The exit code and the reply of a command that has no terminal."""
        done = cde(*words, "--json", cwd=self.root, environment=self.environment)
        said: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, said

    def cde(self, *words: str) -> dict[str, Any]:
        """The error of such a command; empty when it succeeded."""
        error: dict[str, Any] = self.call(*words)[1].get("error", {})
        return error

    def status(self) -> dict[str, Any]:
        """All that is known of the feature."""
        return self.call("status", "desk", "--full")[1]

    def deliver(self) -> None:
        """Write what the current phase asks for."""
        phase = self.call("status", "desk")[1]["phase"]
        for output in phase["outputs"]:
            path = self.root / output["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(deliverable(output))

    def approve(self, *words: str, **variables: str) -> AbstractContextManager[Terminal]:
        """``cde approve desk`` on a terminal."""
        environment = {**self.environment, **variables}
        return terminal("approve", "desk", *words, cwd=self.root, environment=environment)

    @property
    def spec(self) -> Path:
        return self.root / "specs" / "desk" / "spec.md"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, KeptFolder]:
    """A desk, made once."""
    folder = tmp_path_factory.mktemp("approvals") / "desk"
    folder.mkdir()
    return Desk(folder), KeptFolder(folder)


@pytest.fixture
def desk(kept: tuple[Desk, KeptFolder]) -> Desk:
    """The desk as it was made."""
    made, folder = kept
    folder.restore()
    return made


def answered(asked: Terminal, *lines: str) -> str:
    """What a command wrote that asked for these answers."""
    for line in lines:
        asked.type(line)
    return asked.end()


def test_a_person_approves_at_a_terminal_and_it_is_written_down(desk: Desk) -> None:
    with desk.approve() as asked:
        shown = asked.read_until("Approve?")
        said = answered(asked, "y")
    assert asked.code == 0, said
    assert "Add a thing" in shown
    assert "From specs/desk/spec.md, which has the rest" in shown
    assert re.search(r"\n  Scope\s+AC1, T1, F1, S1: what was done", shown)
    assert "Phase approve-spec accepted" in said
    status = desk.status()
    assert status["feature"]["current_phase"] == "decompose"
    (record,) = (each for each in status["phases"] if each["id"] == "approve-spec")
    approval, event = record["approval"], status["events"][-1]
    assert (approval["user"], approval["host"]) == (getpass.getuser(), socket.gethostname())
    assert (approval["channel"], event["channel"]) == ("terminal", "terminal")
    assert list(approval["outputs"]) == ["specs/desk/spec.md"]
    assert (event["event"], event["phase"]) == ("approved", "approve-spec")
    assert event["digest"] == approval["digest"]
    (change,) = (
        each
        for each in desk.call("state", "history")[1]["changes"]
        if each["operation"] == "approve_phase"
    )
    assert change["actor"] == f"person:{getpass.getuser()}@{socket.gethostname()}"
    listed = cde("status", "desk", cwd=desk.root, environment=desk.environment)
    assert f"approved by {getpass.getuser()}@" in listed.stdout.decode()


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "desk", "approve-spec"),
        ("submit", "desk", "approve-spec", "--failed", "--reason", "No"),
        ("submit", "desk", "approve-spec", "--agent", "human"),
        ("approve", "desk"),
        ("approve", "desk", "--no", "--reason", "No"),
    ],
)
def test_no_command_without_a_terminal_answers(desk: Desk, words: tuple[str, ...]) -> None:
    before = desk.status()
    code, said = desk.call(*words)
    assert (code, said["error"]["code"]) == (1, "E140")
    assert "cde approve desk" in said["error"]["message"] + " ".join(said["error"]["suggestions"])
    assert desk.status() == before


def test_there_is_no_yes_that_can_be_given_beforehand(desk: Desk) -> None:
    with desk.approve("--yes") as asked:
        said = asked.end()
    assert (asked.code, desk.status()["feature"]["current_phase"]) == (2, "approve-spec"), said


@pytest.mark.parametrize("variable", ["CLAUDECODE", "CDE_RUN_ID"])
def test_an_agent_with_a_terminal_is_refused_as_far_as_it_is_known(
    desk: Desk, variable: str
) -> None:
    with desk.approve(**{variable: "1"}) as asked:
        said = asked.end()
    assert asked.code == 1
    assert "E140" in said
    assert desk.status()["feature"]["current_phase"] == "approve-spec"


def test_what_runs_in_the_background_of_a_terminal_asks_nobody(desk: Desk) -> None:
    shell = ["bash", "-mc", '"$@" & wait $!', "bash"]
    words = ("approve", "desk")
    with terminal(*words, cwd=desk.root, environment=desk.environment, within=shell) as asked:
        said = asked.end()
    assert asked.code == 1
    assert "background" in said
    assert desk.status()["feature"]["current_phase"] == "approve-spec"


def test_what_changes_while_a_person_reads_is_not_approved(desk: Desk) -> None:
    with desk.approve() as asked:
        asked.read_until("Approve?")
        desk.spec.write_text(desk.spec.read_text() + "\n- AC9: and a back door\n")
        said = answered(asked, "y")
    assert asked.code == 1
    assert "E132" in said or "E141" in said
    assert "operation_refused" not in said  # it is in the log, and no person reads lines of that
    status = desk.status()
    assert status["feature"]["current_phase"] == "approve-spec"
    assert all(event["event"] != "approved" for event in status["events"])


def test_what_changes_after_the_yes_voids_it(desk: Desk) -> None:
    with desk.approve() as asked:
        asked.read_until("Approve?")
        answered(asked, "y")
    desk.spec.write_text(desk.spec.read_text() + "\n- AC9: and a back door\n")
    desk.deliver()
    error = desk.cde("submit", "desk", "decompose")
    assert error["code"] == "E132"
    assert "the approval of phase approve-spec is void" in error["message"]
    assert desk.cde("submit", "desk", "decompose", "--restore") == {}
    assert "back door" not in desk.spec.read_text()


def test_a_no_goes_back_with_its_reason_and_a_copy(desk: Desk) -> None:
    with desk.approve("--no") as asked:
        asked.read_until("Reason")
        asked.type("AC1 cannot be tested")
        asked.read_until("Send it back?")
        said = answered(asked, "y")
    assert asked.code == 0, said
    status = desk.status()
    assert status["feature"]["current_phase"] == "define"
    assert "AC1 cannot be tested" in status["phase"]["prompt"]
    assert (desk.root / "specs" / "desk" / "spec.attempt-1.md").exists()
    event = status["events"][-1]
    assert (event["event"], event["to_phase"]) == ("sent_back", "define")
    assert event["by"] == f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.mark.parametrize("words", [(), ("--no", "--reason", "Not so")])
def test_whoever_does_not_say_yes_changes_nothing(desk: Desk, words: tuple[str, ...]) -> None:
    before = desk.status()
    with desk.approve(*words) as asked:
        asked.read_until("?")
        said = answered(asked, "n")
    assert asked.code == 1
    assert "Nothing was recorded" in said
    assert desk.status() == before


def test_of_two_who_approve_at_once_one_is_recorded(desk: Desk) -> None:
    with desk.approve() as one, desk.approve() as other:
        one.read_until("Approve?")
        other.read_until("Approve?")
        one.type("y")
        other.type("y")
        said = [one.end(), other.end()]
    assert sorted([one.code or 0, other.code or 0]) == [0, 1], said
    assert any("E145" in each for each in said)
    events = [each["event"] for each in desk.status()["events"]]
    assert events.count("approved") == 1


def test_nothing_waits_for_a_person_elsewhere(desk: Desk) -> None:
    with desk.approve() as asked:
        asked.read_until("Approve?")
        answered(asked, "y")
    with desk.approve() as asked:
        said = asked.end()
    assert asked.code == 1
    assert "E145" in said
    assert getpass.getuser() in said


def test_a_waiting_feature_is_shown_as_such(desk: Desk) -> None:
    (row,) = desk.call("list")[1]["features"]
    assert row["status"] == "waits_for_person"
    assert desk.call("list", "--status", "waits_for_person")[1]["total"] == 1
    listed = cde("list", cwd=desk.root, environment=desk.environment)
    assert "waits for a person" in listed.stdout.decode()


WAIVABLE = """\
version: 1
default: proving
proof: recorded
workflows:
  proving:
    phases:
      - id: define
        prompt: standard/define.md
        outputs: [{id: spec, path: "specs/{feature}/spec.md"}]
      - id: test
        prompt: standard/test.md
        inputs: [spec]
        proves: spec
        outputs: [{id: proofs, path: "specs/{feature}/proofs.yml", type: yaml, required: false}]
"""


def test_a_person_waives_a_criterion_at_a_terminal_and_nobody_else(desk: Desk) -> None:
    (desk.root / ".cde" / "workflow.yml").write_text(WAIVABLE)
    assert desk.cde("trust", "--yes") == {}
    assert desk.cde("start", "Another", "-w", "proving", "-n", "other") == {}
    spec = desk.root / "specs" / "other" / "spec.md"
    spec.parent.mkdir()
    spec.write_text("# Spec\n\n- AC1: it is blue\n- AC2: it feels good\n")
    words = ("waive", "other", "AC2", "--reason", "Only a hand can feel it")
    worktree = desk.root.with_name("project-worktrees") / "other"
    git(desk.root, "worktree", "add", "-q", str(worktree))
    assert desk.cde(*words)["code"] == "E146"
    its = worktree / spec.relative_to(desk.root)
    its.parent.mkdir(parents=True)
    its.write_text(spec.read_text())
    spec.write_text("# Spec\n\n- AC1: it is red\n")  # the feature's work is in its worktree
    assert desk.cde(*words)["code"] == "E146"
    assert desk.cde("waive", "other", "AC9", "--reason", "So")["code"] == "E142"
    with terminal(*words, cwd=desk.root, environment=desk.environment) as asked:
        shown = asked.read_until("Let it count without a proof?")
        said = answered(asked, "y")
    assert asked.code == 0, said
    assert "it feels good" in shown
    status = desk.call("status", "other", "--full")[1]
    assert status["waivers"]["AC2"]["reason"] == "Only a hand can feel it"
    assert status["events"][-1]["by"] == f"{getpass.getuser()}@{socket.gethostname()}"
    undo = ("waive", "other", "AC2", "--undo")
    refused = desk.cde(*undo)
    assert refused["code"] == "E146"
    assert refused["suggestions"][0].endswith(": cde waive other AC2 --undo")
    with terminal(*undo, cwd=desk.root, environment=desk.environment) as asked:
        asked.read_until("Take the waiver back?")
        answered(asked, "n")
    assert asked.code == 1
    with terminal(*undo, cwd=desk.root, environment=desk.environment) as asked:
        asked.read_until("Take the waiver back?")
        answered(asked, "y")
    assert desk.call("status", "other", "--full")[1]["waivers"] == {}
