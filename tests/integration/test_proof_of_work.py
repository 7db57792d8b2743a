"""The packaged workflows complete on work that was done, and on no report of it alone."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.command_line import cde
from tests.integration.deliverables import deliverable
from tests.repository import git

CHECK = '["sh", "-c", "! grep -q BROKEN code.py"]'


class Desk:
    """A project in a repository with one commit, and ``cde`` in it."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.environment = {**os.environ, "XDG_CONFIG_HOME": str(home)}
        root.mkdir()
        (root / "code.py").write_text("x = 1\n")
        git(root, "init", "-q")
        git(root, "add", ".")
        git(root, "commit", "-qm", "First")
        self.cde("init")
        workflows = root / ".cde" / "workflow.yml"
        # A file that says nothing of proof demands a change, as files of earlier releases do.
        text = workflows.read_text().replace("\nproof: recorded\n", "\n")
        text = re.sub(r"check: \[.*\]", f"check: {CHECK}", text)
        workflows.write_text(text)
        self.cde("trust", "--yes")

    def cde(self, *words: str) -> str:
        """The code of a command's error; empty when it succeeded."""
        done = cde(*words, "--json", cwd=self.root, environment=self.environment)
        said = json.loads(done.stdout)
        code: str = said["error"]["code"] if "error" in said else ""
        return code

    def phase(self) -> str:
        """The phase that the feature is in."""
        done = cde("status", "work", "--json", cwd=self.root, environment=self.environment)
        current: str = json.loads(done.stdout)["feature"]["current_phase"]
        return current

    def submit(self, phase: str, *, verdict: str | None = None) -> str:
        """Write what the current phase asks for, and submit it; the error's code."""
        done = cde("status", "work", "--json", cwd=self.root, environment=self.environment)
        for output in json.loads(done.stdout)["phase"]["outputs"]:
            text = deliverable(output)
            if verdict is not None:
                text = re.sub(r"^Verdict: .*$", verdict, text, flags=re.MULTILINE)
            path = self.root / output["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self.cde("submit", "work", phase)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "project", tmp_path / "home")


def test_a_fix_that_changed_nothing_or_fixed_nothing_is_not_completed(desk: Desk) -> None:
    assert desk.cde("start", "Fix it", "-w", "quick-fix", "-n", "work") == ""
    assert desk.submit("reproduce") == ""
    assert desk.submit("fix") == "E130"
    (desk.root / "code.py").write_text("x = 2\n")
    assert desk.submit("fix") == ""
    assert desk.submit("verify", verdict="Verdict: fixed?") == "E131"
    assert desk.submit("verify", verdict="") == "E131"
    assert desk.submit("verify", verdict="Verdict: not fixed") == ""
    assert desk.phase() == "fix"
    assert desk.submit("fix") == ""
    assert desk.submit("verify") == ""


def test_a_feature_without_code_or_with_code_broken_at_the_end_is_not_completed(
    desk: Desk,
) -> None:
    assert desk.cde("start", "Build it", "-n", "work") == ""
    assert [desk.submit(each) for each in ("define", "decompose", "design")] == ["", "", ""]
    assert desk.submit("implement") == "E130"
    git(desk.root, "add", "specs")
    git(desk.root, "commit", "-qm", "Only records")
    assert desk.submit("implement") == "E130"
    (desk.root / "code.py").write_text("x = 2\n")
    git(desk.root, "commit", "-qam", "Code")
    assert [desk.submit(each) for each in ("implement", "test")] == ["", ""]
    assert desk.submit("review", verdict="Verdict: changes needed") == ""
    assert desk.phase() == "implement"
    kept = desk.root / "specs" / "work" / "review.attempt-1.md"
    assert "Verdict: changes needed" in kept.read_text()
    assert [desk.submit(each) for each in ("implement", "test")] == ["", ""]
    (desk.root / "code.py").write_text("BROKEN\n")
    assert desk.submit("review", verdict="**Verdict:** Approved with follow-ups.") == "E118"
    (desk.root / "code.py").write_text("x = 3\n")
    assert desk.submit("review") == ""


def test_a_record_that_was_accepted_cannot_be_rewritten_afterwards(desk: Desk) -> None:
    assert desk.cde("start", "Fix it", "-w", "quick-fix", "-n", "work") == ""
    assert desk.submit("reproduce") == ""
    (desk.root / "code.py").write_text("x = 2\n")
    accepted = desk.root / "specs" / "work" / "reproduction.md"
    before = accepted.read_bytes()
    accepted.write_text("It was never reproduced.\n")
    assert desk.submit("fix") == "E132"
    accepted.write_bytes(before)
    assert desk.submit("fix") == ""
    accepted.unlink()
    assert desk.submit("verify") == "E132"
    assert desk.cde("submit", "work", "verify", "--restore") == ""
    assert accepted.read_bytes() == before


def test_a_feature_that_was_begun_without_a_commit_is_not_accused(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "home")}
    git(root, "init", "-q")
    for words in (("init",), ("start", "Fix it", "-w", "quick-fix", "-n", "work")):
        assert cde(*words, cwd=root, environment=environment).returncode == 0
    for phase in ("reproduce", "fix"):
        done = cde("status", "work", "--json", cwd=root, environment=environment)
        outputs = json.loads(done.stdout)["phase"]["outputs"]
        results = json.dumps({output["id"]: deliverable(output) for output in outputs})
        submit = ("submit", "work", phase, "--results", results)
        assert cde(*submit, cwd=root, environment=environment).returncode == 0
