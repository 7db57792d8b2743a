"""Drills of the end of a feature: E157 and E158."""

from __future__ import annotations

import os

from tests.integration.drills.stage import Outcome, Stage, drill
from tests.repository import git, name_author


def make_repository(stage: Stage) -> None:
    git(stage.root, "init", "--initial-branch=work")
    name_author(stage.root)
    (stage.root / "README.md").write_text("Words.\n")
    git(stage.root, "add", "README.md")
    git(stage.root, "commit", "--message=Begin")


def complete(stage: Stage) -> None:
    text = stage.folder / "text.md"
    text.write_text("Words.\n")
    for phase, output in (("write", "note"), ("check", "verdict")):
        words = ("submit", "login", phase, "--output", f"{output}={text}")
        assert stage.run(*words, "--project", str(stage.root)).returncode == 0


async def finished(stage: Stage, *words: str) -> Outcome:
    here = ("--project", str(stage.root))
    return await stage.json_command("finish", "login", "--yes", *words, *here)


@drill("E157")
async def a_feature_that_is_finished_before_it_is_completed(stage: Stage) -> None:
    make_repository(stage)
    await stage.prove(lambda: finished(stage), names="write", by_hand=lambda: complete(stage))


@drill("E158")
async def a_pull_request_without_a_remote(stage: Stage) -> None:
    make_repository(stage)
    complete(stage)

    def offer() -> None:
        git(stage.folder, "init", "--bare", "there.git")
        git(stage.root, "remote", "add", "origin", "../there.git")
        program = stage.folder / "tools" / "gh"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\necho https://example.com/pull/1\n")
        program.chmod(0o755)
        stage.environment["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"

    await stage.prove(lambda: finished(stage, "--pr"), names="## Goal", by_hand=offer)
