"""Runs a phase's check as a process of its own, and keeps what it left as evidence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cde_orchestrator.adapters.runners.running_check import noted, running_by
from cde_orchestrator.application.checks.running import RunningView, course_words
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.domain.check import Check, check_cannot_run
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.records import Evidence
from cde_orchestrator.infrastructure.observability.correlation import command_environment
from cde_orchestrator.infrastructure.paths import RUNS
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.captured_output import CapturedOutput
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.file_ops import make_own_folder
from cde_orchestrator.infrastructure.system.os_errors import error_words, write_failure
from cde_orchestrator.infrastructure.system.process_lock import SIGNATURE_BYTES, ProcessLock
from cde_orchestrator.infrastructure.system.project_home import local_folder
from cde_orchestrator.infrastructure.system.spans import CHECK, span

log = get_logger(__name__)


class SubprocessCheckRunner:
    """Runs commands without a shell, and leaves none of their processes behind.

    They run in ``folder``, as in a feature's worktree, else in the project.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @contextmanager
    def lock_check(self, root: Path, feature: Feature) -> Iterator[Watch]:
        """Hold the lock of the feature's checks; E129 when another submission has it."""
        path = _lock_file(root, feature)
        try:
            make_own_folder(path.parent)
            lock = ProcessLock(path, 0.0)
            descriptor = lock.attempt()
        except OSError as error:
            raise write_failure(path, error) from error
        if descriptor is None:
            course = course_words(self.running(root, feature))
            about = {"feature": feature.name, "phase": feature.current_phase, "course": course}
            raise FeatureError.of("E129", **about, holder=lock.holder())
        try:
            lock.sign(descriptor)
            with noted(descriptor, SIGNATURE_BYTES, feature.current_phase or "") as watch:
                yield watch
        finally:
            os.close(descriptor)

    def running(self, root: Path, feature: Feature) -> RunningView | None:
        """What is checked for a submission just now; None where nothing is."""
        return running_by(_lock_file(root, feature), SIGNATURE_BYTES)

    def problem(self, root: Path, check: Check) -> str | None:
        """Why it cannot be run, as far as that is seen without a run; None where nothing is."""
        try:
            _program(check, _folder(self._folder or root, check), root)
        except FeatureError as error:
            return str(error.context["reason"])
        return None

    @span(CHECK)
    def run(self, root: Path, check: Check, at: datetime, watch: Watch | None) -> Evidence:
        """Run the check to its end, or end it and its children when its time is over.

        Raises:
            FeatureError: E121, there is no such command or folder, or it may not be run.
        """
        from cde_orchestrator.infrastructure.system import supervised_process as supervised
        from cde_orchestrator.infrastructure.system.retry import retrying

        capture, timer = CapturedOutput(watch), Stopwatch()
        folder = _folder(self._folder or root, check)
        kept = command_environment()
        words = (_program(check, folder, root), *check.command[1:])

        def once() -> supervised.Ending:
            process = supervised.SupervisedProcess(words, folder=folder, environment=kept)
            COMPUTE_SLOT.leave()
            ended = process.watch(capture.add, check.timeout_seconds)
            capture.end()
            return ended

        try:
            ending = retrying(once, "start_check", supervised.may_start_later)
        except supervised.NotStartedError as error:
            raise check_cannot_run(check.command, error_words(error)) from error
        evidence = Evidence(
            at=at,
            command=check.command,
            directory=check.directory,
            exit_code=None if ending.cause == "timeout" else ending.exit_code,
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


def _lock_file(root: Path, feature: Feature) -> Path:
    return local_folder(root) / RUNS / f"{feature.id}.check.lock"


def _folder(root: Path, check: Check) -> Path:
    real_root = Path(os.path.realpath(root))
    folder = Path(os.path.realpath(real_root / check.directory))
    if not folder.is_relative_to(real_root):
        raise check_cannot_run(
            check.command, f"its folder {check.directory} leads out of the project"
        )
    if not folder.is_dir():
        raise check_cannot_run(check.command, f"there is no folder {check.directory}")
    return folder


def _program(check: Check, folder: Path, root: Path) -> str:
    """The program that is started; E121 with its name where there is none.

    One of the project that git does not keep, as an interpreter in ``.venv``, is missing in a
    worktree: there the project's own is run, which is the one that a person trusts.
    """
    name = check.command[0]
    if not os.path.dirname(name):  # noqa: PTH120 - as the system distinguishes names from paths
        if programs.found(name) is None:
            raise check_cannot_run(check.command, f"there is no program {name} on PATH")
        return name
    own = Path(os.path.realpath(root)) / check.directory / name
    for path, word in ((folder / name, name), (own, str(own))):
        if os.access(path, os.X_OK):
            return word
    if os.path.lexists(folder / name):
        raise check_cannot_run(check.command, f"{name} may not be executed")
    raise check_cannot_run(check.command, f"there is no program {name} in the project")
