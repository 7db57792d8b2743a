"""Looking into outputs that a stranger may have written."""

from __future__ import annotations

import subprocess

import pytest

from cde_orchestrator.adapters.project_files.content_syntax import ParsingContentValidator

search = ParsingContentValidator().search


@pytest.mark.parametrize(
    ("expression", "text", "found"),
    [
        (r"\bAC1\b", "and AC1.", True),
        (r"\bAC1\b", "and AC10.", False),
        ("^b$", "a\nb\nc", True),
        ("^- (one|two)$", "- one\n- two\n", True),
        ("^- (one|two)$", "- three\n", False),
        ("é+\n.", "né\né", True),
        ("", "", True),
        ("(", "(", False),
        ("x{5,2}", "x", False),
    ],
)
def test_an_expression_is_looked_for_line_by_line(expression: str, text: str, found: bool) -> None:
    assert search(expression, text) is found


def test_what_costs_nothing_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)

    assert search(r"^## Goal\b", "## Goal") is True


@pytest.mark.parametrize("opened", ["[", "{", "- ", "[{a: "])
def test_yaml_that_would_take_for_ever_is_nested_too_deep(opened: str) -> None:
    assert ParsingContentValidator().error_in("yaml", opened * 300_000) == "it is nested too deep"


def test_brackets_in_texts_and_side_by_side_are_no_depth_of_yaml() -> None:
    text = "a: |\n  " + "[" * 5_000 + "\nb:\n" + "- [[1], {c: 2}]\n" * 500

    assert ParsingContentValidator().error_in("yaml", text) is None
