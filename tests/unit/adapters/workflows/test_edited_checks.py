"""A check is changed in a person's file, and every other character stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cde_orchestrator.adapters.workflows.edited_checks import with_checks
from cde_orchestrator.adapters.workflows.yaml_repository import (
    PACKAGED_FILE,
    YamlWorkflowRepository,
)
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError

FILE = """\
# Ours.
version: 1
workflows:
  short:  # one day
    phases:
      - id: plan  # thinking
        prompt: a.md
      - id: build
        prompt: a.md
        check: ["uv", "run", "pytest"]  # slow
        check_timeout_seconds: 900
      - id: block
        prompt: a.md
        check:
          - make
          - "test"
          # the end
      - {id: flow, prompt: a.md}
      - {id: other, check: [], prompt: a.md}
"""
WANTED = """\
# Ours.
version: 1
workflows:
  short:  # one day
    phases:
      - id: plan  # thinking
        check: ["npm", "é \\"x\\""]
        prompt: a.md
      - id: build
        prompt: a.md
        check: ["npm", "é \\"x\\""]  # slow
        check_timeout_seconds: 900
      - id: block
        prompt: a.md
        check:
          ["npm", "é \\"x\\""]
          # the end
      - {id: flow, check: ["npm", "é \\"x\\""], prompt: a.md}
      - {id: other, check: ["npm", "é \\"x\\""], prompt: a.md}
"""
COMMAND = ("npm", 'é "x"')
IDS = {"plan", "build", "block", "flow", "other"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_the_checks_change(end: str) -> None:
    changed = with_checks(FILE.replace("\n", end), {"short": IDS}, COMMAND)

    assert changed == WANTED.replace("\n", end)


def test_a_file_without_an_end_of_its_last_line_gets_a_check_too() -> None:
    text = "version: 1\nworkflows: {w: {phases: [{prompt: a.md, id: a}]}}"

    assert with_checks(text, {"w": {"a"}}, ["x"]).endswith('id: a, check: ["x"]}]}}')
    text = "version: 1\nworkflows:\n  w:\n    phases:\n      - prompt: a.md\n        id: a"
    assert with_checks(text, {"w": {"a"}}, ["x"]).endswith('id: a\n        check: ["x"]')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".cde").mkdir()
    (tmp_path / ".cde" / "workflow.yml").write_text(FILE, encoding="utf-8")
    return tmp_path


def test_the_file_says_the_new_check_and_all_else_as_before(root: Path) -> None:
    workflows, path = YamlWorkflowRepository(), root / ".cde" / "workflow.yml"
    before = workflows.load(root).get("short")
    seen = hashlib.sha256(path.read_bytes()).hexdigest()
    workflows.set_check(root, {"short": {"build"}}, COMMAND, seen)

    assert workflows.load(root).get("short") == before.with_check({"build"}, COMMAND)
    line = f"check: {json.dumps(COMMAND, ensure_ascii=False)}  # slow"
    assert path.read_text(encoding="utf-8") == FILE.replace(
        'check: ["uv", "run", "pytest"]  # slow', line
    )


def test_a_file_that_is_another_by_now_is_not_changed(root: Path) -> None:
    with pytest.raises(FeatureError) as caught:
        YamlWorkflowRepository().set_check(root, {"short": {"build"}}, COMMAND, "0" * 64)

    assert caught.value.code == "E147"
    assert (root / ".cde" / "workflow.yml").read_text(encoding="utf-8") == FILE


def test_a_command_that_the_format_refuses_changes_nothing(root: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        YamlWorkflowRepository().set_check(root, {"short": {"build"}}, ["make", "a\x1bb"], None)

    assert caught.value.code == "E311"
    assert (root / ".cde" / "workflow.yml").read_text(encoding="utf-8") == FILE


def test_a_project_without_a_file_gets_the_packaged_one_with_the_check(tmp_path: Path) -> None:
    workflows = YamlWorkflowRepository()
    workflows.set_check(tmp_path, {"standard": {"test", "review"}}, ["make", "test"], None)

    found = workflows.load(tmp_path).get("standard")
    assert [phase.id for phase in found.phases if phase.check] == ["test", "review"]
    text = (tmp_path / ".cde" / "workflow.yml").read_text(encoding="utf-8")
    comments = [line for line in PACKAGED_FILE.read_text().splitlines() if line[:1] == "#"]
    assert [line for line in text.splitlines() if line[:1] == "#"] == comments


def test_every_packaged_workflow_that_changes_code_ends_with_the_check(tmp_path: Path) -> None:
    workflows = YamlWorkflowRepository()
    workflows.write_default(tmp_path, ["make", "test"], "required", ["pytest"])
    found = workflows.load(tmp_path).workflows.values()
    code = [each for each in found if any(phase.proves for phase in each.phases)]

    assert {each.id for each in code} >= {"standard", "standard-approved", "quick-fix"}
    assert {each.id: each.phases[-1].check for each in code} == {
        each.id: ("make", "test") for each in code
    }
    for each in code:
        assert all(phase.check for phase in each.phases if phase.proves)
