"""Commands that are watched: their output, their end, and that nothing is left of them."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

import psutil
import pytest

from cde_orchestrator.infrastructure.supervised_process import (
    LINE_LIMIT,
    Ending,
    SupervisedProcess,
)

STAY = "import signal, sys; print('here', flush=True); signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAY}"


def started(
    code: str, *arguments: str, stdin: IO[bytes] | None = None, grace_seconds: float = 5.0
) -> SupervisedProcess:
    return SupervisedProcess(
        [sys.executable, "-c", code, *arguments],
        folder=Path.cwd(),
        environment={"PATH": os.environ["PATH"], "PYTHONUTF8": "1"},
        stdin=stdin,
        grace_seconds=grace_seconds,
    )


def watched(process: SupervisedProcess, timeout_seconds: float = 60.0) -> tuple[Ending, list[str]]:
    lines: list[str] = []
    return process.watch(lines.append, timeout_seconds), lines


def test_output_of_both_streams_comes_line_by_line() -> None:
    code = "import sys; print('one'); sys.stdout.flush(); print('two\\rthree', file=sys.stderr)"
    assert watched(started(code)) == (Ending(0, "exit"), ["one", "two", "three"])


def test_the_exit_code_is_told() -> None:
    assert watched(started("raise SystemExit(7)"))[0] == Ending(7, "exit")


def test_a_signal_that_ends_it_is_told() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert watched(started(code))[0] == Ending(128 + signal.SIGKILL, "exit")


def test_it_reads_what_it_is_given() -> None:
    with tempfile.TemporaryFile() as file:
        file.write("grüße".encode() * 100_000)
        file.seek(0)
        code = "import sys; print(len(sys.stdin.read()))"
        assert watched(started(code, stdin=file))[1] == ["500000"]


def test_a_program_that_is_missing_ends_like_in_a_shell() -> None:
    process = SupervisedProcess(["/no/such/program"], folder=Path.cwd(), environment={})
    assert watched(process)[0] == Ending(127, "exit")


def test_a_folder_that_is_missing_is_an_error_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        SupervisedProcess(["true"], folder=Path("/no/such/folder"), environment={})


def test_a_time_out_asks_it_to_end() -> None:
    code = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); {STAY}"
    assert watched(started(code), 1.0)[0].cause == "timeout"


def test_what_does_not_end_when_asked_is_killed() -> None:
    ending, _ = watched(started(DEAF, grace_seconds=0.1), 1.0)
    assert ending == Ending(128 + signal.SIGKILL, "timeout")


def test_it_is_ended_from_another_thread() -> None:
    process = started(STAY)
    lines: list[str] = []

    def came(line: str) -> None:
        lines.append(line)
        threading.Thread(target=process.stop).start()

    assert process.watch(came, 60.0).cause == "stop"
    assert lines == ["here"]


def test_an_exception_while_watching_ends_it_too() -> None:
    process = started(f"import os; print(os.getpid(), flush=True); {STAY}")
    seen: list[int] = []

    def interrupted(line: str) -> None:
        seen.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.watch(interrupted, 60.0)
    assert not psutil.pid_exists(seen[0])


def test_a_process_that_left_the_group_is_found_and_ended() -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], "
        "start_new_session=True); print(p.pid, flush=True)"
    )
    ending, lines = watched(started(code, DEAF))
    assert ending == Ending(0, "exit")
    _, alive = psutil.wait_procs(
        [each for each in psutil.process_iter() if each.pid == int(lines[0])], timeout=30
    )
    assert not alive


def test_a_flood_of_output_is_held_back_and_bounded() -> None:
    code = "import sys\nwhile True: sys.stdout.write('x' * 9_999 + '\\n')"
    process = started(code)
    lengths: set[int] = set()
    ending = process.watch(lambda line: lengths.add(len(line)), 1.0)
    assert ending.cause == "timeout"
    assert max(lengths) == LINE_LIMIT


def test_output_without_a_line_end_is_passed_on_in_pieces() -> None:
    _, lines = watched(started("print('x' * 300_000, end='')"))
    assert sum(map(len, lines)) == 300_000
    assert max(map(len, lines)) == LINE_LIMIT


def test_bytes_that_are_no_text_do_no_harm() -> None:
    code = "import sys; sys.stdout.buffer.write(bytes(range(256)) + b'\\n')"
    ending, lines = watched(started(code))
    assert ending.exit_code == 0
    assert "�" in "".join(lines)
