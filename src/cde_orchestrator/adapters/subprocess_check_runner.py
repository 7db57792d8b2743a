"""Runs a phase's check as a process of its own, and keeps what it left as evidence."""

from __future__ import annotations

import hashlib
import os
import queue
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

import structlog

from cde_orchestrator.application.phase_ports import Watch
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.records import Evidence
from cde_orchestrator.infrastructure.correlation import child_environment
from cde_orchestrator.infrastructure.refusals import error_words
from cde_orchestrator.infrastructure.spans import CHECK, span

log = structlog.get_logger(__name__)

TAIL_BYTES = 8 * 1024
_CHUNK_BYTES = 64 * 1024
_POLL_SECONDS = 0.1
"""How soon the end of a command is seen whose children keep its output open."""
_DRAIN_SECONDS = 0.5
"""What an ended command's children may still print."""


class SubprocessCheckRunner:
    """Runs commands without a shell, in a process group that ends with them."""

    @span(CHECK)
    def run(self, root: Path, check: Check, at: datetime, watch: Watch | None) -> Evidence:
        """Run the check to its end, or kill it and its children when its time is over.

        Raises:
            FeatureError: E121, there is no such command or folder, or it may not be run.
        """
        folder = _folder(root, check)
        timer = Stopwatch()
        try:
            process = subprocess.Popen(
                check.command,
                cwd=folder,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error_words(error) if isinstance(error, OSError) else str(error)
            raise _cannot_run(check, reason) from error
        capture = _Capture()
        try:
            ended = _follow(process, check.timeout_seconds, capture, watch)
        finally:
            _kill_group(process)
            process.wait()
        evidence = Evidence(
            at=at,
            command=check.command,
            directory=check.directory,
            exit_code=process.returncode if ended else None,
            duration_ms=timer.elapsed_ms,
            tail=capture.text,
            sha256=capture.digest.hexdigest(),
            size=capture.size,
        )
        log.info(
            "check_run",
            command=list(check.command),
            exit_code=evidence.exit_code,
            duration_ms=evidence.duration_ms,
        )
        return evidence


@dataclass(slots=True)
class _Capture:
    """What a command printed: digest and size of all of it, and its end."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    size: int = 0
    tail: bytes = b""

    def add(self, data: bytes) -> None:
        """Take a piece."""
        self.digest.update(data)
        self.size += len(data)
        self.tail = (self.tail + data)[-TAIL_BYTES:]

    @property
    def text(self) -> str:
        """The end as text that JSON and any encoding can hold."""
        return self.tail.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _follow(
    process: subprocess.Popen[bytes], seconds: float, capture: _Capture, watch: Watch | None
) -> bool:
    """Take what the command prints until it ends; False when its time was over before."""
    if process.stdout is None:
        raise TypeError("the command's output is not captured")
    pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process.stdout, pieces), daemon=True)
    reader.start()
    deadline = time.monotonic() + seconds
    drained = None
    while True:
        if drained is None and process.poll() is not None:
            drained = time.monotonic() + _DRAIN_SECONDS
        until = deadline if drained is None else drained
        try:
            data = pieces.get(timeout=_wait(until))
        except queue.Empty:
            if time.monotonic() >= until:
                return drained is not None
            continue
        if not data:
            return drained is not None or _has_ended(process, deadline)
        capture.add(data)
        if watch is not None:
            watch(data.decode("utf-8", "replace"))
        if drained is None and time.monotonic() >= deadline:
            return process.poll() is not None


def _wait(deadline: float) -> float:
    return max(min(_POLL_SECONDS, deadline - time.monotonic()), 0.001)


def _has_ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Whether a command that closed its output ends in time."""
    try:
        process.wait(max(deadline - time.monotonic(), 0.001))
    except subprocess.TimeoutExpired:
        return False
    return True


def _read(stream: IO[bytes], pieces: queue.SimpleQueue[bytes]) -> None:
    with stream, suppress(OSError, ValueError):
        while data := os.read(stream.fileno(), _CHUNK_BYTES):
            pieces.put(data)
    pieces.put(b"")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End what the command left behind, in the background too."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:  # pragma: no cover - Windows has no process groups of this kind
            process.kill()


def _folder(root: Path, check: Check) -> Path:
    real_root = Path(os.path.realpath(root))
    folder = Path(os.path.realpath(real_root / check.directory))
    if not folder.is_relative_to(real_root):
        raise _cannot_run(check, f"its folder {check.directory} leads out of the project")
    if not folder.is_dir():
        raise _cannot_run(check, f"there is no folder {check.directory}")
    return folder


def _cannot_run(check: Check, reason: str) -> FeatureError:
    return FeatureError.of("E121", command=" ".join(check.command), reason=reason)
