"""One breaker of several processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError
from cde_orchestrator.infrastructure.breakers.breaker import CircuitBreaker
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry

PROCESSES = 4
CALLER = """
import sys
from pathlib import Path
from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.logs.setup import setup_logging

setup_logging("CRITICAL")

def trial():
    print("trial", flush=True)
    sys.stdin.readline()

timeout = float(sys.argv[2])
breaker = BreakerRegistry(Path(sys.argv[1])).get("git", timeout=timeout)
sys.stdin.readline()
try:
    breaker.call(trial)
except CircuitBreakerOpenError as error:
    print("refused", error.retry_after_seconds > 0, flush=True)
else:
    print("closed", flush=True)
"""


def failing() -> NoReturn:
    raise OSError("broken")


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="broken"):
            breaker.call(failing)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a project's folder in it."""
    (tmp_path / ".cde").mkdir()
    return tmp_path


@contextmanager
def processes_of(root: Path, timeout: float) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-c", CALLER, str(root), str(timeout)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_processes_share_one_open_breaker(root: Path) -> None:
    fail(BreakerRegistry(root).get("git"), 5)
    with processes_of(root, 60) as processes:
        for process in processes:
            go_on(process)
        assert [said(process) for process in processes] == ["refused True"] * PROCESSES


def test_of_several_processes_exactly_one_is_on_trial(root: Path) -> None:
    registry = BreakerRegistry(root)
    fail(registry.get("git", timeout=0), 5)
    with processes_of(root, 0) as processes:
        for process in processes:
            go_on(process)
        words = [said(process) for process in processes]
        assert sorted(words) == ["refused True"] * (PROCESSES - 1) + ["trial"]
        trying = processes[words.index("trial")]
        go_on(trying)
        assert said(trying) == "closed"
    assert registry.get("git").state == "closed"


def test_a_trial_that_was_killed_does_not_block_the_next_one(root: Path) -> None:
    registry = BreakerRegistry(root)
    breaker = registry.get("git", timeout=0)
    fail(breaker, 5)
    with processes_of(root, 0) as processes:
        go_on(processes[0])
        assert said(processes[0]) == "trial"
        with pytest.raises(CircuitBreakerOpenError):
            breaker.call(str)
        processes[0].kill()
        processes[0].wait(60)
        assert breaker.call(str) == ""
    assert breaker.state == "closed"
