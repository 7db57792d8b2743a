"""The runners of tests that a workflow means, and what a person trusts of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cde_orchestrator.application.ports.proving import TestRunner, TestRunners
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.workflow import Workflow


def runner_setting(workflow: Workflow, root: Path, known: TestRunners) -> object:
    """What the workflow says of runners, or what is found where it says nothing."""
    return workflow.runner.plain() if workflow.runner else list(known.detect(root))


def runners_of(workflow: Workflow, root: Path, known: TestRunners) -> list[TestRunner]:
    """The runners of a workflow; those of the project where it names none.

    Raises:
        FeatureError: E137, there is none of a name.
    """
    return list(known.named(root, runner_setting(workflow, root, known)))


def command_lines(runners: Sequence[TestRunner], proofs: Iterable[Proof]) -> list[CommandLine]:
    """The commands that a person must trust before proofs are run, each once."""
    lines = [
        CommandLine(kind="check", words=runner.command, reads=runner.reads)
        for runner in runners
        if runner.command
    ]
    lines += [CommandLine(kind="check", words=proof.command) for proof in proofs if proof.command]
    return [*dict.fromkeys(lines)]
