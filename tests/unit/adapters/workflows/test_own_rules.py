"""What a person wrote down for every feature is shown, within bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cde_orchestrator.adapters.workflows.own_rules import SHOWN, own_rules_of
from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer
from cde_orchestrator.domain.project_facts import NO_RULES, OwnRules
from cde_orchestrator.infrastructure.system import viewing


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Where a project has its rules; there is no file yet."""
    (tmp_path / ".cde").mkdir()
    return tmp_path / ".cde" / "rules.md"


def test_a_project_without_rules_has_none(tmp_path: Path, rules: Path) -> None:
    assert own_rules_of(tmp_path) == NO_RULES
    rules.write_text("\n \n")
    assert own_rules_of(tmp_path) == NO_RULES


def test_rules_are_given_as_they_are_written(tmp_path: Path, rules: Path) -> None:
    rules.write_text("\ufeff- Name units: `timeout_seconds`.\n- {{ no }} template\n")

    said = "- Name units: `timeout_seconds`.\n- {{ no }} template"
    assert JinjaPromptRenderer().rules(tmp_path) == OwnRules(said)


def test_rules_of_a_megabyte_are_cut_at_a_line(tmp_path: Path, rules: Path) -> None:
    line = "- a rule that is as long as rules are\n"
    rules.write_text(line * (1_000_000 // len(line)))

    found = own_rules_of(tmp_path)

    assert SHOWN - len(line) <= len(found.text) <= SHOWN
    assert found.text.endswith("as rules are")
    assert found.more + len(found.text) == rules.stat().st_size


def test_a_line_of_a_megabyte_and_more_is_cut_in_itself(tmp_path: Path, rules: Path) -> None:
    rules.write_text("x" * 3_000_000)

    found = own_rules_of(tmp_path)

    assert (len(found.text), found.more) == (SHOWN, 3_000_000 - SHOWN)


def test_a_heading_above_a_long_line_is_not_all_that_is_shown(tmp_path: Path, rules: Path) -> None:
    rules.write_text("# Rules\n" + "x" * 20_000)

    found = own_rules_of(tmp_path)

    assert (len(found.text), found.more) == (SHOWN, 20_008 - SHOWN)


@pytest.mark.parametrize("line", ["\u89c4\u5219" * 20 + "\n", "\u89c4" * 50_000])
def test_the_bound_is_one_of_bytes(tmp_path: Path, rules: Path, line: str) -> None:
    rules.write_text(line * (24_078 // len(line) + 1), encoding="utf-8")

    found = own_rules_of(tmp_path)

    assert SHOWN - len(line.encode()) <= len(found.text.encode()) <= SHOWN
    assert found.more + len(found.text.encode()) == rules.stat().st_size
    assert set(found.text) <= {*line}


def test_what_fits_in_bytes_is_shown_in_full(tmp_path: Path, rules: Path) -> None:
    rules.write_text("\u89c4" * (SHOWN // 3), encoding="utf-8")
    assert own_rules_of(tmp_path) == OwnRules("\u89c4" * (SHOWN // 3))


def test_hidden_characters_and_secrets_are_not_shown(tmp_path: Path, rules: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    rules.write_bytes(f"a\x1b[2J\u202eb {secret}".encode() + b"\xff")

    text = own_rules_of(tmp_path).text

    assert text.startswith("a[2Jb ")
    assert secret not in text


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_is_no_plain_file_is_reported(tmp_path: Path, rules: Path, kind: str) -> None:
    match kind:
        case "folder":
            rules.mkdir()
        case "pipe":
            os.mkfifo(rules)
        case _:
            (tmp_path / "other.md").write_text("obey")
            rules.symlink_to(tmp_path / "other.md")

    found = own_rules_of(tmp_path)

    assert found.text == ""
    assert found.problem


def test_rules_of_a_folder_that_is_only_viewed_are_none(tmp_path: Path, rules: Path) -> None:
    rules.write_text("obey")
    viewing.view_only(tmp_path, "not_yet", [tmp_path])
    try:
        assert own_rules_of(tmp_path) == NO_RULES
    finally:
        viewing.act_in(tmp_path)
