"""Git is told once how exports of the state are merged."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cde_orchestrator.application.projects.install_merge_driver import InstallMergeDriver
from tests.fakes import ROOT


@dataclass
class OnceInstalled:
    """Writes its attributes file the first time."""

    roots: list[Path] = field(default_factory=list)

    def install(self, root: Path) -> tuple[str, list[str]]:
        """The files it is for, and what was written."""
        self.roots.append(root)
        return "*.cde.json", [".gitattributes"] if len(self.roots) == 1 else []


def test_the_answer_is_what_was_written_and_the_second_time_nothing() -> None:
    driver = OnceInstalled()

    assert InstallMergeDriver()(root=ROOT, merge_driver=driver) == {
        "pattern": "*.cde.json",
        "changed": [".gitattributes"],
    }
    assert InstallMergeDriver()(root=ROOT, merge_driver=driver) == {
        "pattern": "*.cde.json",
        "changed": [],
    }
    assert driver.roots == [ROOT, ROOT]
