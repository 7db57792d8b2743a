"""Drills of the project's codes, E001 to E099."""

from __future__ import annotations

import os
import shutil

from cde_orchestrator.application.projects.onboard_project import SetProjectStatus
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.storage.format.files import StateFiles
from tests.integration.drills.stage import Outcome, Stage, drill
from tests.programs import program

WITHOUT_ROOTS_RIGHTS = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
]


@drill("E001")
async def a_folder_that_does_not_exist(stage: Stage) -> None:
    missing = str(stage.folder / "no such folder")
    await stage.prove(
        lambda: stage.json_command("project", "info", "--project", missing),
        names="Verify the path is correct",
        corrected=lambda: stage.json_command("project", "info", "--project", str(stage.root)),
    )


@drill("E002")
async def a_file_in_the_place_of_a_folder(stage: Stage) -> None:
    (stage.root / "notes.txt").write_text("words")
    await stage.prove(
        lambda: stage.tool("cde_onboardProject", path="notes.txt"),
        corrected=lambda: stage.tool("cde_onboardProject", path="."),
    )


@drill("E003")
async def a_folder_that_may_not_be_read(stage: Stage) -> None:
    if os.geteuid() == 0:
        program("setpriv")
        stage.prefix = WITHOUT_ROOTS_RIGHTS
    stage.root.chmod(0)
    await stage.prove(
        lambda: stage.json_command("project", "info", "--project", str(stage.root)),
        names="Permission denied",
        by_hand=lambda: stage.root.chmod(0o755),
    )


@drill("E004")
async def a_folder_without_a_project(stage: Stage) -> None:
    stage.root = stage.folder / "bare"
    stage.root.mkdir()
    await stage.prove(lambda: stage.tool("cde_startFeature", prompt="Too early"))


@drill("E005")
async def a_status_that_cannot_be_gone_back_to(stage: Stage) -> None:
    application = build_application(stage.root)

    async def become(status: str) -> Outcome:
        return await stage.library(lambda: application.handle(SetProjectStatus(status=status)))

    await stage.prove(lambda: become("onboarding"), corrected=lambda: become("active"))
    application.close()


@drill("E006")
async def a_server_of_another_project(stage: Stage) -> None:
    other = stage.folder / "other"
    other.mkdir()
    await stage.prove(
        lambda: stage.tool("cde_onboardProject", path=str(other)),
        corrected=lambda: stage.tool("cde_onboardProject", path=str(stage.root)),
    )


@drill("E007")
async def a_project_whose_state_is_gone(stage: Stage) -> None:
    away = stage.folder / "away"
    shutil.copytree(stage.root / ".cde", away)
    shutil.rmtree(StateFiles(stage.root).backups)
    for path in (stage.root / ".cde").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (stage.root / ".cde" / "objects" / "ab").mkdir(parents=True)
    await stage.prove(
        lambda: stage.json_command("init", str(stage.root)),
        names="nothing can be taken out",
        by_hand=lambda: shutil.copytree(away, stage.root / ".cde", dirs_exist_ok=True),
    )


@drill("E008")
async def a_worktree_whose_repository_was_moved(stage: Stage) -> None:
    worktree = stage.folder / "worktree"
    worktree.mkdir()
    (worktree / ".git").write_text(f"gitdir: {stage.folder}/moved/.git/worktrees/worktree\n")
    await stage.prove(
        lambda: stage.json_command("init", str(worktree)),
        names="git worktree repair",
        by_hand=(worktree / ".git").unlink,
    )
