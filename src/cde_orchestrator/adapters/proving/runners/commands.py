"""Proofs that are commands, run as tests are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cde_orchestrator.adapters.proving.runners.execution import (
    NOT_RUNNABLE,
    RunnerCommand,
    detail_of,
    last_line,
    scratch_environment,
)
from cde_orchestrator.adapters.proving.runners.interpreters import own_python
from cde_orchestrator.adapters.proving.runners.source_folders import python_path
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import TestRun
from cde_orchestrator.domain.proofs import Proof, TestResult

TAIL_CHARACTERS = 8 * 1024


@dataclass(frozen=True, slots=True)
class CommandProofs:
    """Runs the commands of proofs; passed is one that ends with 0 and prints what it must.

    ``python`` and ``python3`` are the project's interpreter. A program with a folder in its name
    is one of the project: where there is none, the proof is missing.
    """

    __test__: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    proofs: tuple[Proof, ...]
    name: str = "commands"
    command: tuple[str, ...] = ()

    def problem(self, test: str) -> str | None:
        """None: proofs that are commands were looked at when they were read."""
        return (
            None
            if any(proof.id == test for proof in self.proofs)
            else "this is none of the commands"
        )

    def is_test(self, path: str) -> bool:
        """False: a command has no files of its own."""
        return False

    def version(self, root: Path) -> str:
        """That of the project's Python, which is what most of them start."""
        return "no version"

    def run(
        self, root: Path, copy: Path, tests: Sequence[str], seconds: float, watch: Watch | None
    ) -> TestRun:
        """Run these commands in the copy, one after the other; raises as the port says."""
        wanted = {proof.id: proof for proof in self.proofs}
        results, tails, end = {}, [], time.monotonic() + seconds
        for test in tests:
            proof = wanted[test]
            left = max(end - time.monotonic(), 0.0)
            results[test], tail = _run(proof, root, copy, left, seconds, watch)
            tails.append(tail)
        return TestRun(results=results, tail="".join(tails)[-TAIL_CHARACTERS:], collected=tests)


def _run(
    proof: Proof, root: Path, copy: Path, left: float, seconds: float, watch: Watch | None
) -> tuple[TestResult, str]:
    """How one command ended, and the end of what it printed."""
    command = RunnerCommand("commands", proof.command, proof.id)
    program = proof.command[0]
    is_own = "/" in program and not Path(program).is_absolute()
    if is_own and not (copy / program).exists():
        return TestResult(outcome="missing", detail=f"there is no file {program}"), ""
    output = _Searched(proof.contains.encode())
    with scratch_environment() as environment:
        path = python_path(copy, environment.get("PYTHONPATH", ""))
        ended = command.start(
            own_python(command, root),
            folder=copy,
            environment={**environment, "PYTHONPATH": path},
            seconds=left,
            limit=seconds,
            watch=watch,
            on_output=output.add,
        )
    if ended.exit_code in NOT_RUNNABLE:
        reason = f"it ended with exit code {ended.exit_code}: {last_line(ended.tail)}"
        raise command.cannot_run(reason)
    if ended.exit_code != 0:
        detail = detail_of(f"it ended with exit code {ended.exit_code}\n{ended.tail}")
        return TestResult(outcome="failed", detail=detail), ended.tail
    if not output.found:
        detail = detail_of(f"it printed no {proof.contains!r}\n{ended.tail}")
        return TestResult(outcome="failed", detail=detail), ended.tail
    return TestResult(outcome="passed"), ended.tail


class _Searched:
    """Whether some bytes are in what is printed, which comes in pieces."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._end = b""
        self.found = not wanted

    def add(self, data: bytes) -> None:
        """Take a piece."""
        if not self.found:
            text = self._end + data
            self.found = self._wanted in text
            self._end = text[-len(self._wanted) :]
