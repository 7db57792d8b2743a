"""What a person did meanwhile survives a submission and a rollback, and the answer says where."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from tests.command_line import cde, in_words
from tests.integration.mcp_client import stdio_agent, text_of

pytestmark = pytest.mark.anyio

WORKFLOW = """\
version: 1
workflows:
  small:
    phases:
      - id: define
        prompt: standard/define.md
        outputs:
          - {id: spec, path: "specs/{feature}/spec.md", type: text}
      - id: note
        prompt: standard/review.md
        outputs:
          - {id: log, path: CHANGELOG.md, type: text}
"""
CHECKED = """\
version: 1
workflows:
  small:
    phases:
      - id: define
        prompt: standard/define.md
        outputs:
          - {id: spec, path: "specs/{feature}/spec.md", type: text}
        check: [PYTHON, -c, "import sys, pathlib; sys.exit('right' not in
          pathlib.Path('specs/f/spec.md').read_text())"]
"""
FEATURE = {"feature_id": "f", "phase_id": "define"}


def with_workflow(project: Path, text: str) -> Path:
    (project / ".cde" / "workflow.yml").write_text(text.replace("PYTHON", sys.executable))
    return project


async def test_a_file_that_somebody_changed_is_kept_and_named(project: Path) -> None:
    spec = with_workflow(project, WORKFLOW) / "specs" / "f" / "spec.md"
    async with stdio_agent(project) as agent:
        await agent.call("cde_startFeature", prompt="Add login", name="f")
        spec.parent.mkdir(parents=True)
        spec.write_text("A person's two hours.\n")
        given = {**FEATURE, "results": {"spec": "Mine."}}
        result = await agent.raw("cde_submitWork", given)
        answer = result.structured_content or {}
        copy = {"path": "specs/f/spec.md", "kept_as": "specs/f/spec.md.before-submit"}
        assert answer["kept"] == [copy]
        assert "specs/f/spec.md.before-submit" in text_of(result)
        again = await agent.call("cde_submitWork", **FEATURE, results={"spec": "Mine."})
        assert again["kept"] == [copy]
    assert spec.read_text() == "Mine.\n"
    assert (project / copy["kept_as"]).read_text() == "A person's two hours.\n"
    assert '"event":"file_kept_aside"' in (project / ".cde" / "logs" / "cde.log").read_text()


async def test_what_was_there_when_the_phase_began_needs_no_copy(project: Path) -> None:
    spec = with_workflow(project, WORKFLOW) / "specs" / "f" / "spec.md"
    spec.parent.mkdir(parents=True)
    spec.write_text("A draft.\n")
    async with stdio_agent(project) as agent:
        await agent.call("cde_startFeature", prompt="Add login", name="f")
        answer = await agent.call("cde_submitWork", **FEATURE, results={"spec": "Mine."})
    assert answer["kept"] == []
    assert [each.name for each in spec.parent.iterdir()] == ["spec.md"]


async def test_the_texts_of_a_failed_check_are_no_persons(project: Path, tmp_path: Path) -> None:
    spec = with_workflow(project, CHECKED) / "specs" / "f" / "spec.md"
    config = str(tmp_path / "config")
    own = {**os.environ, "XDG_CONFIG_HOME": config}
    assert cde("trust", "--yes", cwd=project, environment=own).returncode == 0
    async with stdio_agent(project, XDG_CONFIG_HOME=config) as agent:
        await agent.call("cde_startFeature", prompt="Add login", name="f")
        spec.parent.mkdir(parents=True)
        spec.write_text("A person's.\n")
        for text in ("wrong", "wrong again"):
            refusal = await agent.refused("cde_submitWork", **FEATURE, results={"spec": text})
            assert refusal["code"] == "E118"
        answer = await agent.call("cde_submitWork", **FEATURE, results={"spec": "right"})
    kept_as = "specs/f/spec.md.before-submit"
    assert answer["kept"] == [{"path": "specs/f/spec.md", "kept_as": kept_as}]
    assert sorted(each.name for each in spec.parent.iterdir()) == [
        "spec.md",
        "spec.md.before-submit",
    ]
    assert (project / kept_as).read_text() == "A person's.\n"


def test_the_terminal_names_the_copy(project: Path) -> None:
    with_workflow(project, WORKFLOW)
    assert cde("start", "Add login", "--name", "f", cwd=project).returncode == 0
    spec = project / "specs" / "f" / "spec.md"
    spec.parent.mkdir(parents=True)
    spec.write_text("A person's.\n")
    done = in_words(cde("submit", "f", "define", "--results", '{"spec": "Mine."}', cwd=project))
    assert done.returncode == 0
    assert "specs/f/spec.md.before-submit" in " ".join(done.stdout.split())


def test_what_a_worktree_delivers_replaces_no_work_in_the_project(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "folder"
    for place, text in ((root, "A person's.\n"), (folder, "An agent's.\n")):
        place.mkdir()
        (place / "a.md").write_text(text)
    files = FilesystemProjectFiles(worktree=folder)
    stamp = files.stamp(root, "a.md", "a")
    assert files.keep_changed(root, "a.md", "a", set(), stamp) == "a.md.before-submit"
    assert (root / "a.md.before-submit").read_text() == "A person's.\n"


async def test_a_rollback_leaves_what_another_feature_recorded(project: Path) -> None:
    log = with_workflow(project, WORKFLOW) / "CHANGELOG.md"
    async with stdio_agent(project) as agent:
        for name in ("aa", "bb"):
            answer = await agent.call("cde_startFeature", prompt="Add login", name=name)
            shared = {"path": "CHANGELOG.md", "features": ["aa"], "total": 1}
            assert answer["shared"] == ([shared] if name == "bb" else [])
            define = {"feature_id": name, "phase_id": "define", "results": {"spec": "x"}}
            await agent.call("cde_submitWork", **define)
        log.write_text("aa's line\n")
        await agent.call("cde_submitWork", feature_id="aa", phase_id="note")
        log.write_text("aa's line\nbb's line\n")
        await agent.call("cde_submitWork", feature_id="bb", phase_id="note")
        back = {"feature_id": "bb", "to_phase": "note", "reason": "Wrong"}
        answer = await agent.call("cde_rollbackFeature", **back)
        rows = {row["path"]: row["action"] for row in answer["files"]}
        assert rows["CHANGELOG.md"] == "restored"
        assert log.read_text() == "aa's line\n"


async def test_a_rollback_does_not_touch_what_another_feature_recorded_last(project: Path) -> None:
    log = with_workflow(project, WORKFLOW) / "CHANGELOG.md"
    async with stdio_agent(project) as agent:
        for name in ("bb", "aa"):
            await agent.call("cde_startFeature", prompt="Add login", name=name)
            define = {"feature_id": name, "phase_id": "define", "results": {"spec": "x"}}
            await agent.call("cde_submitWork", **define)
        for text in ("bb's line\n", "bb's line\naa's line\n"):
            log.write_text(text)
            await agent.call("cde_submitWork", feature_id=text[-10:-8], phase_id="note")
        back = {"feature_id": "bb", "to_phase": "define", "reason": "Wrong"}
        await agent.call("cde_rollbackFeature", **back)
    assert log.read_text() == "bb's line\naa's line\n"


def test_validating_and_starting_warn_of_a_path_that_features_share(project: Path) -> None:
    with_workflow(project, WORKFLOW)
    valid = in_words(cde("workflow", "validate", cwd=project))
    assert valid.returncode == 0
    assert "CHANGELOG.md is the same file for every feature of small" in valid.stdout
    as_json = in_words(cde("workflow", "validate", "--json", cwd=project))
    assert json.loads(as_json.stdout)["shared"] == {"small": ["CHANGELOG.md"]}
    assert cde("start", "Add login", "--name", "aa", cwd=project).returncode == 0
    second = in_words(cde("start", "Add logout", "--name", "bb", cwd=project))
    assert "CHANGELOG.md is also an output of aa" in second.stdout
