"""Drills of proofs, E134 to E139, E143 and E144."""

from __future__ import annotations

import json
from pathlib import Path

from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from tests.integration.drills.phase_drills import trust
from tests.integration.drills.stage import Outcome, Stage, drill
from tests.repository import git

WORKFLOW = """\
version: 1
proof: required
runner: {command: [sh, run_tests.sh], junit: out.xml, tests: ["tests/*"]}
workflows:
  proved:
    phases:
      - id: write
        prompt: docs/write.md
        outputs: [{id: spec, path: "specs/{feature}/spec.md"}]
      - id: prove
        prompt: docs/write.md
        proves: spec
        outputs: [{id: proofs, path: "specs/{feature}/proofs.yml", type: yaml}]
"""
TESTS = """\
. "$(cat '{which}')"
[ "$(fee 2>&1)" = 7 ] && failure= || failure='<failure message="no fee"/>'
printf '<testsuite><testcase file="tests/fee" name="fee">%s</testcase></testsuite>' "$failure" \\
  > out.xml
"""
BEFORE, AFTER = "fee() { echo 0; }\n", "fee() { echo 7; }\n"
SPEC, PROOFS = "# Fee\n\n- AC1: The fee is seven.\n", "AC1: tests/fee::fee\n"


async def begin(stage: Stage, *, changed: bool = True, proofs: str = "") -> None:
    """A feature in git whose code is written, or not, and whose criteria are to be proven."""
    which = stage.folder / "which"
    which.write_text("./pay.sh")
    (stage.root / ".cde" / "workflow.yml").write_text(WORKFLOW)
    (stage.root / "run_tests.sh").write_text(TESTS.format(which=which))
    (stage.root / "pay.sh").write_text(BEFORE)
    (stage.root / "tests").mkdir()
    (stage.root / "tests" / "fee").write_text("# load pay\n")
    git(stage.root, "init", "--quiet", "--initial-branch=main")
    commit(stage)
    await stage.tool("cde_startFeature", prompt="Charge a fee", name="fees")
    await submitted(stage, "write", spec=SPEC)
    if changed:
        (stage.root / "pay.sh").write_text(AFTER)
    if proofs:
        (stage.root / "specs" / "fees" / "proofs.yml").write_text(proofs)
    trust(stage)


def commit(stage: Stage) -> None:
    git(stage.root, "add", "--all")
    git(stage.root, "commit", "--quiet", "--message=Change")


async def submitted(stage: Stage, phase: str, **results: str) -> Outcome:
    """A phase of the feature, submitted."""
    return await stage.tool("cde_submitWork", feature_id="fees", phase_id=phase, results=results)


async def verified(stage: Stage, *words: str) -> Outcome:
    """The answer of ``cde verify``."""
    project = ("--project", str(stage.root))
    return await stage.json_command("verify", "--trust", *words, *project)


@drill("E134")
async def proofs_that_name_no_criterion(stage: Stage) -> None:
    await begin(stage)
    await stage.prove(
        lambda: submitted(stage, "prove", proofs="AC2: tests/fee::fee\n"),
        names="fees",
        corrected=lambda: submitted(stage, "prove", proofs=PROOFS),
    )


@drill("E135")
async def a_proof_of_what_nobody_did(stage: Stage) -> None:
    await begin(stage, changed=False)
    await stage.prove(
        lambda: submitted(stage, "prove", proofs=PROOFS),
        names="fees",
        by_hand=lambda: (stage.root / "pay.sh").write_text(AFTER),
    )


@drill("E136")
async def a_project_without_a_commit(stage: Stage) -> None:
    git(stage.root, "init", "--quiet", "--initial-branch=main")
    await stage.prove(
        lambda: stage.library(lambda: GitSourceTrees().now(stage.root)),
        names="",
        by_hand=lambda: commit(stage),
    )


@drill("E137")
async def a_runner_that_does_not_exist(stage: Stage) -> None:
    runners = InstalledRunners()
    await stage.prove(
        lambda: stage.library(lambda: runners.named(stage.root, "pytset")),
        corrected=lambda: stage.library(lambda: runners.named(stage.root, "pytest")),
    )


@drill("E138")
async def tests_of_what_is_installed_elsewhere(stage: Stage) -> None:
    await begin(stage)
    installed, which = stage.folder / "installed.sh", stage.folder / "which"
    installed.write_text(AFTER)
    which.write_text(str(installed))
    await stage.prove(
        lambda: submitted(stage, "prove", proofs=PROOFS),
        names="fees",
        by_hand=lambda: which.write_text("./pay.sh"),
    )


@drill("E139")
async def a_proof_by_a_program_that_does_not_exist(stage: Stage) -> None:
    missing = 'AC1: {command: [no-such-program, "7"], contains: "7"}\n'
    await begin(stage, proofs=missing)
    refused = await submitted(stage, "prove", proofs=missing)
    assert refused.error is not None
    assert "no-such-program: No such file" in refused.error["message"]
    assert "specs/fees/proofs.yml has a command for AC1 of 'fees'" in refused.error["message"]
    await stage.prove(
        lambda: submitted(stage, "prove", proofs=missing),
        names="fees",
        corrected=lambda: submitted(stage, "prove", proofs=PROOFS),
    )


async def complete(stage: Stage) -> None:
    """Prove the feature, and commit it."""
    outcome = await submitted(stage, "prove", proofs=PROOFS)
    assert outcome.error is None, outcome.text
    commit(stage)


@drill("E143")
async def a_repository_without_a_record(stage: Stage) -> None:
    await begin(stage)
    record = stage.root / "specs" / "fees" / "record.json"
    await complete(stage)
    text = record.read_text()
    git(stage.root, "reset", "--quiet", "--hard", "HEAD~1")
    await stage.prove(
        lambda: verified(stage),
        names="fees",
        by_hand=lambda: restored(stage, record, text),
    )


def restored(stage: Stage, record: Path, text: str) -> None:
    """Commit what was completed."""
    (stage.root / "pay.sh").write_text(AFTER)
    record.parent.mkdir(parents=True, exist_ok=True)
    for name, content in (("spec.md", SPEC), ("proofs.yml", PROOFS), (record.name, text)):
        (record.parent / name).write_text(content)
    assert json.loads(text)["feature"] == "fees"
    commit(stage)


@drill("E144")
async def a_commit_that_does_not_exist(stage: Stage) -> None:
    await begin(stage)
    await complete(stage)
    await stage.prove(
        lambda: verified(stage, "--at", "mian"),
        corrected=lambda: verified(stage, "--at", "main"),
    )
