"""Drills of what a person decides, E140 to E142, E145 to E147 and E335."""

from __future__ import annotations

import os
from typing import Any

from cde_orchestrator.application.approvals.decide import ApprovePhase
from cde_orchestrator.application.approvals.shown import ShowApproval
from cde_orchestrator.application.approvals.waive import WaiveCriterion
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import build_application
from tests.integration.drills.stage import Outcome, Stage, drill
from tests.terminal import of_a_person, terminal

ASKED = """\
version: 1
workflows:
  asked:
    phases:
      - id: ask
        handler: human_input
        prompt: standard/approve-spec.md
        outputs: [{id: spec, path: "specs/{feature}/spec.md"}]
      - id: write
        prompt: docs/write.md
        proves: spec
        outputs: [{id: proofs, path: "specs/{feature}/proofs.yml", type: yaml}]
"""
SPEC = "# Wish\n\n- AC1: it is blue\n"


async def asked(stage: Stage) -> None:
    """The feature ``wish``, which waits for a person."""
    (stage.root / ".cde" / "workflow.yml").write_text(ASKED)
    await stage.tool("cde_startFeature", prompt="Be blue", name="wish", workflow="asked")
    spec = stage.root / "specs" / "wish" / "spec.md"
    spec.parent.mkdir(parents=True)
    spec.write_text(SPEC)


def use(stage: Stage, use_case: UseCase[Any]) -> Any:
    """A use case, as a program has it."""
    application = build_application(stage.root)
    try:
        return application.handle(use_case)
    finally:
        application.close()


def approve(stage: Stage, digest: str | None = None) -> Any:
    """A yes to what is shown, or to something else."""
    if digest is None:
        digest = use(stage, ShowApproval(feature_id="wish"))["approval"]["digest"]
    return use(stage, ApprovePhase(feature_id="wish", digest=digest))


def approve_at_a_terminal(stage: Stage) -> None:
    """Be the person who reads and says yes."""
    with terminal("approve", "wish", cwd=stage.root, environment=of_a_person(os.environ)) as seen:
        seen.read_until("Approve?")
        seen.type("y")
        said = seen.end()
    assert seen.code == 0, said


@drill("E140")
async def an_agent_that_answers_for_a_person(stage: Stage) -> None:
    await asked(stage)
    await stage.prove(
        lambda: stage.tool("cde_submitWork", feature_id="wish", phase_id="ask"),
        names="cde approve wish",
        by_hand=lambda: approve_at_a_terminal(stage),
        corrected=lambda: stage.tool("cde_getFeatureStatus", feature_id="wish"),
    )


@drill("E141")
async def a_yes_to_what_is_no_longer_there(stage: Stage) -> None:
    await asked(stage)
    digest = use(stage, ShowApproval(feature_id="wish"))["approval"]["digest"]
    (stage.root / "specs" / "wish" / "spec.md").write_text(SPEC.replace("blue", "red"))
    await stage.prove(
        lambda: stage.library(lambda: approve(stage, digest)),
        corrected=lambda: stage.library(lambda: approve(stage)),
    )


@drill("E142")
async def a_criterion_that_does_not_exist(stage: Stage) -> None:
    await asked(stage)
    approve(stage)

    async def waive(criterion: str) -> Outcome:
        text = "it is blue"
        waiver = WaiveCriterion(feature_id="wish", criterion=criterion, text=text, reason="Seen")
        return await stage.library(lambda: use(stage, waiver))

    await stage.prove(lambda: waive("AC7"), corrected=lambda: waive("AC1"))


@drill("E146")
async def a_waiver_that_no_person_can_be_asked_for(stage: Stage) -> None:
    await asked(stage)
    approve(stage)
    words = ("waive", "wish", "AC1", "--reason", "Only seen")

    def waive_at_a_terminal() -> None:
        with terminal(*words, cwd=stage.root, environment=of_a_person(os.environ)) as seen:
            seen.read_until("Let it count without a proof?")
            seen.type("y")
            said = seen.end()
        assert seen.code == 0, said

    await stage.prove(
        lambda: stage.json_command(*words, "--project", str(stage.root)),
        by_hand=waive_at_a_terminal,
        corrected=lambda: stage.tool("cde_getFeatureStatus", feature_id="wish"),
    )


@drill("E145")
async def a_yes_where_nothing_waits(stage: Stage) -> None:
    await asked(stage)
    approve(stage)
    await stage.prove(
        lambda: stage.library(lambda: approve(stage, "")),
        corrected=lambda: stage.tool("cde_getFeatureStatus", feature_id="wish"),
    )


@drill("E147")
async def a_check_that_is_changed_without_a_terminal(stage: Stage) -> None:
    await asked(stage)
    change = ("check", "set", "make", "test", "--phase", "write")

    def at_a_terminal() -> None:
        environment = of_a_person(os.environ)
        with terminal(*change, cwd=stage.root, environment=environment) as seen:
            seen.read_until("trust it?")
            seen.type("y")
            said = seen.end()
        assert seen.code == 0, said

    await stage.prove(
        lambda: stage.json_command(*change, "--project", str(stage.root)),
        by_hand=at_a_terminal,
        corrected=lambda: stage.json_command("check", "--project", str(stage.root)),
    )


@drill("E335")
async def an_agent_that_restores_without_a_person(stage: Stage) -> None:
    call = {"action": "restore", "at": 3}
    preview = await stage.call("cde_recoverState", call)

    def in_a_terminal() -> None:
        done = stage.run("state", "restore", "--at", "3", "--project", str(stage.root))
        assert done.returncode == 0

    await stage.prove(
        lambda: stage.call("cde_recoverState", {**call, "token": preview.reply["token"]}),
        by_hand=in_a_terminal,
        corrected=lambda: stage.call("cde_recoverState", call),
    )
