"""A workflow of a repository cannot let agents write what others execute."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.command_line import cde

PLACES = (
    ".github/workflows/ci.yml",
    ".GITHUB/workflows/{feature}.yml",
    ".envrc",
    ".vscode/tasks.json",
    ".mcp.json",
    ".claude/settings.json",
    "CLAUDE.md",
    "AGENTS.md",
    "tests/conftest.py",
    ".gitattributes",
    ".husky/pre-commit",
    "package.json",
)
WORKFLOW = """version: 1
workflows:
  standard:
    phases:
      - id: write
        prompt: standard/define.md
        outputs: [{id: note, type: text, path: "PATH"}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    assert cde("init", cwd=root).returncode == 0
    return root


def ready(root: Path, path: str) -> Path:
    """Follow a workflow whose output is there; the file of its first feature."""
    (root / ".cde/workflow.yml").write_text(WORKFLOW.replace("PATH", path))
    assert cde("start", "Log in", "--name", "login", cwd=root).returncode == 0
    return root / path.replace("{feature}", "login")


def submit(root: Path) -> CompletedProcess[bytes]:
    results = root.parent / "results.json"
    results.write_text(json.dumps({"note": "Words."}))
    return cde("submit", "login", "write", "--results-file", str(results), cwd=root)


@pytest.mark.parametrize("path", PLACES)
def test_nothing_is_written_there_until_a_person_allows_it(project: Path, path: str) -> None:
    target = ready(project, path)
    refused = submit(project)
    shown = " ".join(cde("trust", "--list", cwd=project).stdout.decode().split())

    assert refused.returncode != 0
    assert b"E133" in refused.stderr
    assert not target.exists()
    assert f"may write {path}, which " in shown

    assert cde("trust", "--yes", cwd=project).returncode == 0
    assert submit(project).returncode == 0
    assert target.read_text() == "Words.\n"


def test_another_path_needs_another_yes(project: Path) -> None:
    ready(project, ".github/workflows/ci.yml")
    assert cde("trust", "--yes", cwd=project).returncode == 0
    workflow = project / ".cde/workflow.yml"
    workflow.write_text(workflow.read_text().replace("ci.yml", "cd.yml"))
    assert cde("start", "Log out", "--name", "logout", cwd=project).returncode == 0
    refused = cde("submit", "logout", "write", "--results", '{"note": "Words."}', cwd=project)

    assert refused.returncode != 0
    assert not (project / ".github/workflows/cd.yml").exists()


def test_a_link_leads_to_no_such_place(project: Path) -> None:
    (project / ".github/workflows").mkdir(parents=True)
    (project / "docs").symlink_to(".github/workflows")
    target = ready(project, "docs/{feature}.yml")
    refused = submit(project)

    assert refused.returncode != 0
    assert b"E112" in refused.stderr
    assert not target.exists()
