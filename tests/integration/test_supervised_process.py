"""Commands that are watched: their output, their end, and that nothing is left of them."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

import psutil
import pytest

from cde_orchestrator.infrastructure.system.cancellation import CallCancelledError, cancellable
from cde_orchestrator.infrastructure.system.supervised_process import (
    LINE_LIMIT,
    Ending,
    NotStartedError,
    OutputLines,
    SupervisedProcess,
    may_start_later,
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
    output = OutputLines(lines.append)
    ending = process.watch(output.add, timeout_seconds)
    output.end()
    return ending, lines


def test_output_of_both_streams_comes_line_by_line() -> None:
    code = "import sys; print('one'); sys.stdout.flush(); print('two\\rthree', file=sys.stderr)"
    assert watched(started(code)) == (Ending(0, "exit"), ["one", "two", "three"])


def test_it_is_ended_when_the_call_for_which_it_runs_is_cancelled() -> None:
    with cancellable() as cancellation:
        process = started(STAY)
        said: list[bytes] = []

        def cancel(data: bytes) -> None:
            said.append(data)
            assert cancellation.cancel()

        with pytest.raises(CallCancelledError):
            process.watch(cancel, 60.0)
        with pytest.raises(CallCancelledError):
            watched(started(STAY))
        assert not cancellation.cancel()

    assert said == [b"here\n"]
    assert watched(started("print('here')")) == (Ending(0, "exit"), ["here"])


def test_its_end_is_told_as_soon_as_its_output_ended() -> None:
    for _ in range(3):  # within the time-out of the test
        watched(started("print('done')", grace_seconds=600.0))


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


def test_a_program_that_is_missing_or_no_program_never_began() -> None:
    for program, number in (("/no/such/program", errno.ENOENT), (__file__, errno.EACCES)):
        process = SupervisedProcess([program], folder=Path.cwd(), environment={})
        with pytest.raises(NotStartedError) as refusal:
            watched(process)
        assert refusal.value.errno == number


@pytest.mark.parametrize(("folder", "word"), [("/no/such/folder", "true"), (".", "a\0b")])
def test_what_cannot_be_run_at_all_is_an_error_at_once(folder: str, word: str) -> None:
    with pytest.raises(NotStartedError):
        SupervisedProcess([word], folder=Path(folder), environment={})


def test_a_time_out_asks_it_to_end() -> None:
    code = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); {STAY}"
    assert watched(started(code), 1.0)[0].cause == "timeout"


def test_what_does_not_end_when_asked_is_killed() -> None:
    process = started(DEAF, grace_seconds=0.1)
    ending = process.watch(lambda _: process.stop(), 60.0)
    assert ending == Ending(128 + signal.SIGKILL, "stop")


def test_a_run_that_ends_waits_a_second_for_what_is_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a run ends at the same time, so that it has ended within two, whatever it is given."""
    given: list[float] = []
    end = SupervisedProcess._end

    def asked(process: SupervisedProcess, seconds: float) -> int:
        given.append(seconds)
        return end(process, seconds)

    monkeypatch.setattr(SupervisedProcess, "_end", asked)
    process = started(DEAF, grace_seconds=60.0)
    process.watch(lambda _: process.stop(), 300.0)
    assert max(given) <= 1.0


def test_it_is_ended_from_another_thread() -> None:
    process = started(STAY)
    seen: list[bytes] = []

    def came(data: bytes) -> None:
        seen.append(data)
        threading.Thread(target=process.stop).start()

    assert process.watch(came, 60.0).cause == "stop"
    assert seen == [b"here\n"]


def test_an_exception_while_watching_ends_it_too() -> None:
    process = started(f"import os; print(os.getpid(), flush=True); {STAY}")
    seen: list[int] = []

    def interrupted(data: bytes) -> None:
        seen.append(int(data.split()[0]))
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
        [each for each in psutil.process_iter() if each.pid == int(lines[0])], timeout=60
    )
    assert not alive


def test_a_flood_of_output_is_held_back_and_bounded() -> None:
    code = "import sys\nwhile True: sys.stdout.write('x' * 9_999 + '\\n')"
    process = started(code)
    lengths: list[int] = []

    def take(line: str) -> None:
        lengths.append(len(line))
        if len(lengths) == 100:
            process.stop()

    assert process.watch(OutputLines(take).add, 60.0).cause == "stop"
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


def test_only_a_start_that_failed_for_a_moment_is_worth_another() -> None:
    assert may_start_later(NotStartedError(errno.EAGAIN, "no"))
    assert not may_start_later(NotStartedError(errno.ENOENT, "no"))
    assert not may_start_later(OSError(errno.EAGAIN, "no"))
