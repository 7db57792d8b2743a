"""A rollback is undone by a restore, files and all, and so is the restore."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import (
    ExportState,
    RestoreReply,
    RestoreState,
)
from cde_orchestrator.application.state.state_exports import export_text
from cde_orchestrator.bootstrap import Application, build_application

WORKFLOW = """\
version: 1
workflows:
  small:
    phases:
      - id: write
        prompt: standard/define.md
        outputs: [{id: spec, path: "specs/{feature}/spec.md"}]
      - id: review
        prompt: standard/review.md
        outputs: [{id: review, path: "specs/{feature}/review.md"}]
      - id: check
        prompt: standard/test.md
        outputs: []
"""


class Stage:
    """A project whose feature ``f`` went through two phases, and was taken back to the first."""

    def __init__(self, root: Path) -> None:
        self.application: Application = build_application(root)
        self.folder = root / "specs" / "f"
        self.application.handle(OnboardProject())
        (root / ".cde" / "workflow.yml").write_text(WORKFLOW, encoding="utf-8")
        self.application.handle(StartFeature(prompt="x", name="f"))
        for phase, output in (("write", "spec"), ("review", "review")):
            results = {output: f"The {output} as it was.\n"}
            self.application.handle(SubmitWork(feature_id="f", phase_id=phase, results=results))
        (self.folder / "spec.md").write_text("Edited by Eve.\n", encoding="utf-8")
        self.before = self.restore(at=1, dry_run=True)["sequence"]
        self.roll_back()

    def roll_back(self) -> None:
        """Take the feature back to its first phase."""
        rollback = RollbackFeature(feature_id="f", to_phase="write", reason="Wrong")
        self.application.handle(rollback)

    def outputs(self) -> dict[str, str]:
        """The outputs, without copies beside them."""
        return {
            name: text
            for name, text in self.files().items()
            if name.endswith(".md") and ".attempt-" not in name
        }

    def restore(self, **source: Any) -> RestoreReply:
        """Restore a state."""
        return self.application.handle(RestoreState(**source))

    def files(self) -> dict[str, str]:
        """What stands in the feature's folder."""
        return {path.name: path.read_text(encoding="utf-8") for path in self.folder.iterdir()}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.application.close()


ASIDE = {"spec.attempt-1.md": "Edited by Eve.\n", "review.attempt-1.md": "The review as it was.\n"}
WHOLE = {"spec.md": "Edited by Eve.\n", "review.md": "The review as it was.\n", **ASIDE}


def actions(reply: RestoreReply) -> list[tuple[str, str, str | None]]:
    return [(Path(row["path"]).name, row["action"], row["kept_as"]) for row in reply["files"]]


def test_a_restore_is_undone_to_what_was_accepted_after_the_rollback(stage: Stage) -> None:
    again = SubmitWork(feature_id="f", phase_id="write", results={"spec": "A better spec.\n"})
    stage.application.handle(again)
    accepted = stage.restore(at=1, dry_run=True)["sequence"]
    stage.restore(at=stage.before)
    assert stage.outputs()["spec.md"] == "Edited by Eve.\n"

    undone = stage.restore(at=accepted)

    assert stage.outputs() == {"spec.md": "A better spec.\n"}
    assert {each["path"]: each["action"] for each in undone["files"]} == {
        "specs/f/spec.md": "restored",
        "specs/f/review.md": "removed",
    }


def test_a_restore_brings_back_the_bytes_that_a_rollback_took(stage: Stage) -> None:
    assert stage.files() == ASIDE
    reply = stage.restore(at=stage.before)

    assert actions(reply) == [("spec.md", "restored", None), ("review.md", "restored", None)]
    assert stage.files() == WHOLE
    back = stage.restore(at=reply["sequence"] - 1)
    assert actions(back) == [("spec.md", "removed", None), ("review.md", "removed", None)]
    assert stage.files() == ASIDE
    stage.restore(at=back["sequence"] - 1)
    assert stage.files() == WHOLE


def test_of_two_rollbacks_the_bytes_before_the_first_come_back(stage: Stage) -> None:
    results = {"spec": "Another one.\n"}
    stage.application.handle(SubmitWork(feature_id="f", phase_id="write", results=results))
    stage.application.handle(RollbackFeature(feature_id="f", to_phase="write", reason="Again"))
    reply = stage.restore(at=stage.before)

    assert {row["kept_as"] for row in reply["files"]} == {None}
    assert stage.files() == {**WHOLE, "spec.attempt-2.md": "Another one.\n"}


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def stopped(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> int:
    """The sequence before a rollback that was stopped between its first file and its second."""
    before = stage.restore(at=stage.before)["sequence"]
    restore, calls = FilesystemProjectFiles.restore, 0

    def stop_at_the_second(self: FilesystemProjectFiles, *arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Killed
        restore(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(FilesystemProjectFiles, "restore", stop_at_the_second)
        with pytest.raises(Killed):
            stage.roll_back()
    assert stage.outputs() == {"review.md": WHOLE["review.md"]}
    return before


OUTPUTS = {name: WHOLE[name] for name in ("spec.md", "review.md")}


def test_a_rollback_that_was_stopped_between_files_is_undone(stage: Stage, stopped: int) -> None:
    stage.restore(at=stopped)

    assert stage.outputs() == OUTPUTS


def test_one_that_was_stopped_and_repeated_is_undone_and_done_again(
    stage: Stage, stopped: int
) -> None:
    stage.roll_back()
    assert stage.outputs() == {}
    back = stage.restore(at=stopped)
    assert stage.outputs() == OUTPUTS

    stage.restore(at=back["sequence"] - 1)
    assert stage.outputs() == {}


def test_a_dry_run_tells_and_changes_nothing(stage: Stage) -> None:
    told = stage.restore(at=stage.before, dry_run=True)

    assert stage.files() == ASIDE
    assert told["files"] == stage.restore(at=stage.before)["files"]


def test_what_was_changed_since_is_kept_beside(stage: Stage) -> None:
    (stage.folder / "review.md").write_text("By Ben.\n", encoding="utf-8")
    reply = stage.restore(at=stage.before)

    assert ("review.md", "restored", "specs/f/review.md.before-rollback") in actions(reply)
    assert stage.files() == {**WHOLE, "review.md.before-rollback": "By Ben.\n"}


def test_what_cannot_come_back_is_left_and_named(stage: Stage, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / ".cde" / "objects")
    (stage.folder / "review.md").symlink_to("elsewhere.md")
    reply = stage.restore(at=stage.before)

    assert [row["action"] for row in reply["files"]] == ["left", "left"]
    assert all(row["reason"] for row in reply["files"])
    assert (stage.folder / "review.md").is_symlink()


def test_a_file_that_cannot_be_written_does_not_stop_the_restore(
    stage: Stage, tmp_path: Path
) -> None:
    shutil.rmtree(stage.folder)
    stage.folder.write_text("in the way")
    reply = stage.restore(at=stage.before)

    assert [row["action"] for row in reply["files"]] == ["left", "left"]
    assert reply["sequence"] > stage.before


def test_a_rollback_in_a_state_from_outside_moves_no_file(stage: Stage) -> None:
    rolled_back = export_text(stage.application.handle(ExportState())["state"])
    stage.restore(at=stage.before)
    reply = stage.restore(export=rolled_back)

    assert reply["files"] == []
    assert stage.files() == WHOLE


def test_a_restore_to_before_the_feature_leaves_its_files(stage: Stage) -> None:
    assert stage.restore(at=1)["files"] == []
    assert stage.files() == ASIDE
