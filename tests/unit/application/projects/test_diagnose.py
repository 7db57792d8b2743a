"""What a project stands on is examined, and mended where that is safe."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cde_orchestrator.application.projects.diagnose import Diagnose, DiagnoseReply
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import CDEError, ProjectError, StateError
from tests.fakes import ROOT

HOME = ROOT.with_name("other")


@dataclass
class ListedDoctor:
    """Finds what it was given, until it has mended it."""

    found: list[CDEError]
    mended: list[str] = field(default_factory=list)

    def examine(self, root: Path) -> list[CDEError]:
        """What is left."""
        return self.found

    def plan(self, root: Path) -> list[str]:
        """Everything will be mended."""
        return [f"mend {error.code}" for error in self.found]

    def repair(self, root: Path) -> list[str]:
        """Mend everything."""
        self.mended, self.found = [f"mended {error.code}" for error in self.found], []
        return self.mended


def diagnosed(doctor: ListedDoctor, fix: bool = False) -> DiagnoseReply:
    """The reply of a diagnosis by this doctor."""
    return Diagnose(fix=fix)(root=ROOT, home=HOME, doctor=doctor)


def not_found() -> CDEError:
    """A finding of the ordinary kind."""
    return ProjectError.of("E001", path="/gone")


def test_a_project_without_findings_is_healthy() -> None:
    reply = diagnosed(ListedDoctor([]))

    assert set(reply["versions"]) == {"cde", "python", "system"}
    assert {key: value for key, value in reply.items() if key != "versions"} == {
        "path": str(ROOT),
        "home": str(HOME),
        "healthy": True,
        "findings": [],
        "repairable": [],
        "repaired": [],
    }


def test_a_finding_is_told_in_the_words_of_the_error_that_it_would_lead_to() -> None:
    doctor = ListedDoctor([not_found(), StateError.of("E204", path="/p")])
    reply = diagnosed(doctor)

    assert reply["healthy"] is False
    assert [finding["code"] for finding in reply["findings"]] == ["E001", "E204"]
    assert reply["findings"][0]["message"] == ERROR_MESSAGES["E001"].description.format(
        path="/gone"
    )
    assert reply["findings"][0]["fixes"][0]["command"] == "cde explain E001"
    assert reply["repairable"] == ["mend E001", "mend E204"]
    assert reply["repaired"] == []
    assert doctor.mended == []


def test_what_was_mended_is_told_and_what_is_left_is_examined_again() -> None:
    reply = diagnosed(ListedDoctor([not_found()]), fix=True)

    assert reply["healthy"] is True
    assert reply["findings"] == []
    assert reply["repairable"] == []
    assert reply["repaired"] == ["mended E001"]


@pytest.mark.parametrize(
    "code", [code for code, entry in ERROR_MESSAGES.items() if entry.severity == "INFO"]
)
def test_information_leaves_a_project_healthy(code: str) -> None:
    reply = diagnosed(ListedDoctor([CDEError.of(code)]))

    assert reply["healthy"] is True
    assert len(reply["findings"]) == 1
