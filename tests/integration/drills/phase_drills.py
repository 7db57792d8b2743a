"""Drills of gates, checks, claims and branches, E114 to E133, E151 and E153."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import Any

from tests.command_line import program
from tests.integration.drills.feature_drills import submitted
from tests.integration.drills.stage import Outcome, Stage, drill
from tests.repository import git


async def follow_workflow(
    stage: Stage,
    name: str,
    *,
    output: str = "",
    path: str = "notes/{feature}.md",
    check: list[str] | None = None,
    branch: bool = False,
    seconds: float = 60,
    changes: bool = False,
) -> None:
    """Give the project one phase with such a gate, and start a feature in it."""
    (stage.root / ".cde" / "workflow.yml").write_text(
        "version: 1\nworkflows:\n  strict:\n"
        f"    branch: {json.dumps(branch)}\n"
        "    phases:\n      - id: write\n        prompt: docs/write.md\n"
        f'        outputs: [{{id: note, path: "{path}"{output}}}]\n'
        f"        check: {json.dumps(check or [])}\n"
        f"        check_timeout_seconds: {seconds}\n" + "        changes: required\n" * changes
    )
    if not branch:
        await stage.tool("cde_startFeature", prompt="Be strict", name=name)


async def submitted_note(stage: Stage, feature: str, note: str) -> Outcome:
    """The one phase of a feature, submitted with this text."""
    return await stage.tool(
        "cde_submitWork", feature_id=feature, phase_id="write", results={"note": note}
    )


def trust(stage: Stage) -> None:
    """Be the person who read the commands."""
    assert stage.run("trust", "--yes", "--project", str(stage.root)).returncode == 0


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def prove_rewritten(stage: Stage, feature: str, refused: str, accepted: str) -> None:
    """A text is refused and, rewritten, accepted."""
    await stage.prove(
        lambda: submitted_note(stage, feature, refused),
        names=f"notes/{feature}.md",
        corrected=lambda: submitted_note(stage, feature, accepted),
    )


@drill("E114")
async def an_output_of_headings_alone(stage: Stage) -> None:
    await prove_rewritten(stage, "login", "# Note\n\n## Why\n", "# Note\n\nBecause.\n")


@drill("E115")
async def an_output_without_a_required_heading(stage: Stage) -> None:
    await follow_workflow(stage, "strict", output=', must_contain: ["## Why"]')
    await prove_rewritten(stage, "strict", "## How\n\nSo.\n", "## Why\n\nBecause.\n")


@drill("E116")
async def an_output_of_another_type(stage: Stage) -> None:
    await follow_workflow(stage, "strict", output=", type: json")
    await prove_rewritten(stage, "strict", "{why: because}", '{"why": "because"}')


@drill("E117")
async def an_output_that_is_still_a_template(stage: Stage) -> None:
    await prove_rewritten(stage, "login", "# Note\n\n<fill: why>\n", "# Note\n\nBecause.\n")


@drill("E118")
async def a_check_that_fails(stage: Stage) -> None:
    code = "import pathlib, sys; sys.exit(not pathlib.Path('mended').exists())"
    await follow_workflow(stage, "strict", check=python(code))
    trust(stage)
    await stage.prove(
        lambda: submitted_note(stage, "strict", "Words."),
        names="strict",
        by_hand=(stage.root / "mended").touch,
    )


@drill("E119")
async def a_check_that_hangs(stage: Stage) -> None:
    check = ["sh", "-c", "test -e mended || exec sleep 600"]
    await follow_workflow(stage, "strict", check=check, seconds=2)
    trust(stage)
    await stage.prove(
        lambda: submitted_note(stage, "strict", "Words."),
        names="strict",
        by_hand=(stage.root / "mended").touch,
    )


@drill("E120")
async def a_check_that_nobody_trusts(stage: Stage) -> None:
    await follow_workflow(stage, "strict", check=python("pass"))

    async def answer_yes(command: str) -> Outcome:
        return await stage.command(*shlex.split(command)[1:], "--yes")

    await stage.prove(lambda: submitted_note(stage, "strict", "Words."), follow=answer_yes)


@drill("E121")
async def a_check_that_cannot_run(stage: Stage) -> None:
    await follow_workflow(stage, "strict", check=["./check"])
    trust(stage)

    def install() -> None:
        (stage.root / "check").write_text("#!/bin/sh\n")
        (stage.root / "check").chmod(0o755)

    await stage.prove(lambda: submitted_note(stage, "strict", "Words."), by_hand=install)


@drill("E122")
async def a_feature_that_another_agent_holds(stage: Stage) -> None:
    resume: dict[str, Any] = {"feature_id": "login", "agent": "ben"}
    await stage.tool("cde_resumeFeature", feature_id="login", agent="ann")
    await stage.prove(
        lambda: stage.call("cde_resumeFeature", resume),
        corrected=lambda: stage.call("cde_resumeFeature", {**resume, "takeover": True}),
    )


@drill("E123")
async def an_output_that_its_check_changes(stage: Stage) -> None:
    code = (
        "import pathlib; mark = pathlib.Path('mark'); note = pathlib.Path('notes/strict.md')\n"
        "if not mark.exists(): mark.touch(); note.write_text('Other words.')"
    )
    await follow_workflow(stage, "strict", check=python(code))
    trust(stage)
    await stage.prove(lambda: submitted_note(stage, "strict", "Words."))


def commit(stage: Stage) -> None:
    git(stage.root, "add", "--all")
    git(stage.root, "commit", "-q", "--allow-empty", "-m", "Work")


def submitting(stage: Stage) -> subprocess.Popen[str]:
    """The same submission, in another process."""
    words = ["submit", "strict", "write", "--results", json.dumps({"note": "Words."})]
    return subprocess.Popen(
        [*program(), *words, "--project", str(stage.root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@drill("E129")
async def a_check_that_runs_already(stage: Stage) -> None:
    code = (
        "import pathlib, time; print('begun', flush=True)\n"
        "while not pathlib.Path('mended').exists(): time.sleep(0.01)"
    )
    await follow_workflow(stage, "strict", check=python(code))
    trust(stage)
    with submitting(stage) as first:
        assert first.stderr is not None
        assert any("begun" in line for line in first.stderr)

        def let_it_end() -> None:
            (stage.root / "mended").touch()
            first.communicate(timeout=60)

        await stage.prove(lambda: submitted_note(stage, "strict", "Words."), by_hand=let_it_end)


@drill("E124")
async def a_working_tree_that_is_not_clean(stage: Stage) -> None:
    git(stage.root, "init", "-q")
    commit(stage)
    await follow_workflow(stage, "", branch=True)
    (stage.root / "half.py").write_text("half = ")
    await stage.prove(
        lambda: stage.tool("cde_startFeature", prompt="Branch off"),
        by_hand=lambda: commit(stage),
    )


@drill("E125")
async def a_branch_that_cannot_be(stage: Stage) -> None:
    git(stage.root, "init", "-q")
    commit(stage)
    git(stage.root, "branch", "feature")
    await follow_workflow(stage, "", branch=True)
    await stage.prove(
        lambda: stage.tool("cde_startFeature", prompt="Branch off"),
        by_hand=lambda: git(stage.root, "branch", "-m", "feature", "old-feature"),
    )


@drill("E126")
async def a_phase_that_was_not_begun(stage: Stage) -> None:
    back = {"feature_id": "login", "reason": "Wrong way"}
    await stage.prove(
        lambda: stage.call("cde_rollbackFeature", {**back, "to_phase": "check"}),
        names="write",
        corrected=lambda: stage.call("cde_rollbackFeature", {**back, "to_phase": "write"}),
    )


@drill("E127")
async def a_key_of_another_call(stage: Stage) -> None:
    await stage.tool("cde_startFeature", prompt="First", name="first", idempotency_key="k")
    await stage.prove(
        lambda: stage.tool("cde_startFeature", prompt="Second", idempotency_key="k"),
        names="first",
        corrected=lambda: stage.tool("cde_startFeature", prompt="Second", idempotency_key="k2"),
    )


@drill("E128")
async def trust_without_a_person(stage: Stage) -> None:
    await follow_workflow(stage, "strict", check=["make", "test"])
    words = ("trust", "--project", str(stage.root))
    await stage.prove(
        lambda: stage.json_command(*words),
        names="make test",
        corrected=lambda: stage.json_command(*words, "--yes"),
    )
    assert (await submitted(stage, "write", note="Words.")).error is None


@drill("E130")
async def a_phase_that_changed_nothing(stage: Stage) -> None:
    git(stage.root, "init", "-q")
    (stage.root / "code.py").write_text("half = 1\n")
    commit(stage)
    (stage.root / "code.py").write_text("half = 2\n")
    await follow_workflow(stage, "strict", changes=True)
    await stage.prove(
        lambda: submitted_note(stage, "strict", "No file was changed."),
        names="strict",
        by_hand=lambda: (stage.root / "code.py").write_text("whole = 2\n"),
    )


@drill("E131")
async def a_verdict_that_does_not_pass(stage: Stage) -> None:
    await follow_workflow(stage, "strict", output=", verdict: [approved]")
    await prove_rewritten(stage, "strict", "Verdict: approved?\n", "**Verdict:** Approved.\n")


@drill("E132")
async def an_accepted_output_that_was_changed(stage: Stage) -> None:
    assert (await submitted(stage, "write", note="Words.")).error is None
    (stage.root / "notes" / "login-verdict.md").write_text("Read again: well.\n")
    (stage.root / "notes" / "login.md").write_text("Other words.\n")
    await stage.prove(lambda: submitted(stage, "check"))
    assert (stage.root / "notes" / "login.md").read_text() == "Words.\n"
    assert (stage.root / "notes" / "login.md.before-rollback").read_text() == "Other words.\n"


@drill("E133")
async def an_output_where_others_execute_it(stage: Stage) -> None:
    await follow_workflow(stage, "strict", path=".github/workflows/{feature}.yml")

    async def answer_yes(command: str) -> Outcome:
        return await stage.command(*shlex.split(command)[1:], "--yes")

    await stage.prove(lambda: submitted_note(stage, "strict", "on: push\n"), follow=answer_yes)
    assert (stage.root / ".github/workflows/strict.yml").read_text() == "on: push\n"


@drill("E151")
async def a_smaller_workflow_to_continue_in(stage: Stage) -> None:
    await submitted(stage, "write", note="Words.")
    file = stage.root / ".cde" / "workflow.yml"
    short = "  short:\n    phases:\n      - {id: write, prompt: docs/write.md}\n"
    file.write_text(file.read_text() + short)

    async def grown(workflow: str) -> Outcome:
        return await stage.tool("cde_resumeFeature", feature_id="login", grow=workflow)

    await stage.prove(lambda: grown("short"), names="login", corrected=lambda: grown("brief"))


@drill("E153")
async def a_task_that_does_not_exist(stage: Stage) -> None:
    (stage.root / ".cde" / "workflow.yml").write_text(
        "version: 1\nworkflows:\n  listed:\n    phases:\n"
        "      - id: plan\n        prompt: docs/write.md\n"
        "        outputs: [{id: plan, path: plan.md, covers: plan}]\n"
        "      - {id: build, prompt: docs/write.md}\n"
    )
    await stage.tool("cde_startFeature", prompt="List tasks", name="listed")
    plan = {"plan": "- AC1: it is light\n\n## Tasks\n- T1: the switch, for AC1\n"}
    await stage.tool("cde_submitWork", feature_id="listed", phase_id="plan", results=plan)

    async def ticked(task: str) -> Outcome:
        arguments = {"feature_id": "listed", "phase_id": "build", "note": "Done", "done": [task]}
        return await stage.tool("cde_saveProgress", **arguments)

    await stage.prove(lambda: ticked("T2"), names="T1", corrected=lambda: ticked("T1"))
