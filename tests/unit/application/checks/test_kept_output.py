"""What a check prints is kept to a bound, and never keeps the check from counting."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.application.checks import kept_output
from cde_orchestrator.application.checks.kept_output import WholeOutput
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.domain.exceptions import StateError
from tests.fakes import ROOT, InMemoryFiles
from tests.phase_fakes import InMemoryObjects


@pytest.fixture
def outputs() -> ProjectOutputs:
    return ProjectOutputs(ROOT, InMemoryFiles(), InMemoryObjects())


def test_all_of_it_is_kept(outputs: ProjectOutputs) -> None:
    whole = WholeOutput()
    whole.add("one\n")
    whole.add("zwei ü\n")
    assert outputs.kept(whole.keep(outputs)) == "one\nzwei ü\n".encode()


def test_of_very_much_the_end_is_kept_and_says_so(
    outputs: ProjectOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_output, "KEPT_BYTES", 100)
    whole = WholeOutput()
    for number in range(1_000):
        whole.add(f"line {number:04}\n")
    kept = (outputs.kept(whole.keep(outputs)) or b"").decode()
    assert kept.startswith("[9,900 bytes before this are not kept]\n")
    assert kept.endswith("line 0998\nline 0999\n")
    assert len(kept) < 160


def test_what_has_no_lines_is_bounded_too(
    outputs: ProjectOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_output, "KEPT_BYTES", 100)
    whole = WholeOutput()
    for _ in range(1_000):
        whole.add("0123456789")
    kept = (outputs.kept(whole.keep(outputs)) or b"").decode()
    assert kept == "[9,900 bytes before this are not kept]\n" + "0123456789" * 10


def test_a_piece_that_is_no_text_is_kept_as_one(outputs: ProjectOutputs) -> None:
    whole = WholeOutput()
    whole.add("\ud800\n")
    assert outputs.kept(whole.keep(outputs)) == b"?\n"


def test_nothing_is_kept_of_nothing(outputs: ProjectOutputs) -> None:
    assert WholeOutput().keep(outputs) == ""


def test_what_cannot_be_written_is_not_kept() -> None:
    class Full(InMemoryObjects):
        def put(self, root: Path, data: bytes, sha256: str | None = None) -> str:
            raise StateError.of("E204", path=str(root), reason="no space")

    whole = WholeOutput()
    whole.add("one\n")
    assert whole.keep(ProjectOutputs(ROOT, InMemoryFiles(), Full())) == ""
