"""Exports of the state, merged by git itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git.version_control import GitMergeDriver
from cde_orchestrator.domain.exceptions import CDESystemError

EXPORT = "state.cde.json"


def run(project: Path, *command: str) -> str:
    scripts = str(Path(sys.executable).parent)
    path = {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    who = {
        f"GIT_{role}_{what}": "t@t"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        command,
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | path | who,
    )
    return done.stdout


def start_and_commit(project: Path, name: str) -> None:
    run(project, "cde", "start", "Anything", "--name", name)
    run(project, "cde", "state", "export", "--output", EXPORT)
    run(project, "git", "add", "--all")
    run(project, "git", "commit", "--quiet", "--message", name)


def test_features_of_two_branches_are_both_there_after_a_merge(tmp_path: Path) -> None:
    run(tmp_path, "git", "init", "--quiet", "--initial-branch", "main")
    made = json.loads(run(tmp_path, "cde", "init", "--git-merge-driver", "--json"))["created"]
    assert ".gitattributes" in made
    again = json.loads(run(tmp_path, "cde", "init", "--git-merge-driver", "--json"))["created"]
    assert again == []
    start_and_commit(tmp_path, "base")
    run(tmp_path, "git", "branch", "theirs")
    start_and_commit(tmp_path, "ours")
    run(tmp_path, "git", "checkout", "--quiet", "theirs")
    run(tmp_path, "cde", "state", "import", EXPORT, "--yes")
    start_and_commit(tmp_path, "theirs")
    run(tmp_path, "git", "merge", "--quiet", "--no-edit", "main")
    run(tmp_path, "cde", "state", "import", EXPORT, "--yes")
    rows = json.loads(run(tmp_path, "cde", "list", "--json"))["features"]
    assert {row["name"] for row in rows} == {"base", "ours", "theirs"}


def test_a_driver_is_kept_beside_what_gitattributes_says_already(tmp_path: Path) -> None:
    run(tmp_path, "git", "init", "--quiet")
    (tmp_path / ".gitattributes").write_text("*.txt text")
    GitMergeDriver().install(tmp_path)
    lines = (tmp_path / ".gitattributes").read_text().splitlines()
    assert lines == ["*.txt text", "*.cde.json merge=cde-state"]


def test_without_a_repository_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CDESystemError) as caught:
        GitMergeDriver().install(tmp_path)
    assert caught.value.code == "E922"
