"""git is tried again where it surely did nothing, and only there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git.git_process import Git, GitBrokenError, GitError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.retry import ATTEMPTS

BUSY = "fatal: Unable to create '/repository/.git/index.lock': File exists."


class Script:
    """A program named git that says something and fails, the first times that it is run."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def fail(self, words: str, times: int) -> None:
        """Fail so often, then work."""
        runs = self._folder / "runs"
        script = self._folder / "git"
        script.write_text(
            f"#!/bin/sh\necho x >> {runs}\n"
            f'if [ $(wc -l < {runs}) -le {times} ]; then echo "{words}" >&2; exit 128; fi\n'
            "echo done\n"
        )
        script.chmod(0o755)

    @property
    def runs(self) -> int:
        """How often it was run."""
        return len((self._folder / "runs").read_text().splitlines())


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    return Script(tmp_path, monkeypatch)


def test_while_another_git_is_at_work_it_is_tried_again(script: Script, tmp_path: Path) -> None:
    script.fail(BUSY, times=2)

    assert Git(tmp_path, BreakerRegistry()).run("branch", "main") == "done"
    assert script.runs == 3


def test_one_that_stays_at_work_is_told_and_is_no_failure_of_git(
    script: Script, tmp_path: Path
) -> None:
    script.fail(BUSY, times=100)
    breakers = BreakerRegistry()
    with pytest.raises(GitError, match=r"index\.lock"):
        Git(tmp_path, breakers).run("branch", "main")

    assert script.runs == ATTEMPTS
    assert breakers.views()[0]["failures"] == 0


def test_any_other_no_is_final(script: Script, tmp_path: Path) -> None:
    script.fail("fatal: invalid reference: main", times=100)
    with pytest.raises(GitError, match="invalid reference"):
        Git(tmp_path, BreakerRegistry()).run("branch", "main")

    assert script.runs == 1


def test_one_that_cannot_be_started_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitBrokenError):
        Git(tmp_path, BreakerRegistry()).run("status")


def test_one_that_takes_too_long_is_broken_and_not_run_again(
    script: Script, tmp_path: Path
) -> None:
    script.fail("$(sleep 60)", times=1)
    with pytest.raises(GitBrokenError):
        Git(tmp_path, BreakerRegistry()).complete("branch", timeout_seconds=2.0)

    assert script.runs == 1
