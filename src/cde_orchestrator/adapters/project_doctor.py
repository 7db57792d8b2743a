"""Examines a project on the file system; each check stands alone, so none hides another."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.application.phase_prompt import sample_variables
from cde_orchestrator.application.ports import ProjectFiles, PromptRenderer, WorkflowRepository
from cde_orchestrator.domain.exceptions import (
    CDEError,
    CDESystemError,
    ProjectError,
    StateError,
)
from cde_orchestrator.domain.feature import artifacts_from
from cde_orchestrator.infrastructure.file_ops import OsFileOps
from cde_orchestrator.infrastructure.settings import load_settings
from cde_orchestrator.infrastructure.state_files import StateFiles

log = structlog.get_logger(__name__)

LOW_SPACE_BYTES = 100 * 1024 * 1024
"""Free space below which the plan wants a warning."""
SKEW = timedelta(minutes=5)
STALE_SECONDS = 60.0
"""Age of a temporary file that no writer can still be at work on."""
GIT_TIMEOUT_SECONDS = 10.0


class ProjectDoctor:
    """Finds what is wrong with a project, and mends what is safe to mend."""

    def __init__(
        self,
        repository: FilesystemProjectRepository,
        workflows: WorkflowRepository,
        prompts: PromptRenderer,
        files: ProjectFiles,
    ) -> None:
        self._repository = repository
        self._workflows = workflows
        self._prompts = prompts
        self._files = files

    def examine(self, root: Path) -> list[CDEError]:
        """What is wrong, as the errors that it would lead to; nothing is changed."""
        if not root.is_dir():
            return [ProjectError.of("E001", path=str(root))]
        stored = StateFiles(root)
        if not stored.folder.is_dir():
            return [ProjectError.of("E004", path=str(root))]
        checks: list[Callable[[], Iterator[CDEError]]] = [
            lambda: self._state(root),
            lambda: _permissions(stored),
            lambda: _settings(root),
            lambda: _space(stored),
            lambda: _leftovers(stored),
            lambda: _quarantine(stored),
            lambda: self._clock(root),
            lambda: self._workflow(root),
            lambda: self._outputs(root),
            lambda: _git(root),
        ]
        findings = [found for check in checks for found in _run(check, root)]
        return list({(found.code, found.message): found for found in findings}.values())

    def mend(self, root: Path) -> list[str]:
        """Mend what is safe: copies of the state, backups, leftovers; what was done, in words."""
        stored = StateFiles(root)
        if not stored.folder.is_dir():
            return []
        damaged = {damage.file for damage in self._repository.verify(root)}
        done: list[str] = []
        try:
            done += self._repository.mend(root)
        except CDEError as error:
            log.warning("not_mended", error_code=error.code, reason=error.message)
        left = {damage.file for damage in self._repository.verify(root)}
        done += [f"{name} was written anew" for name in sorted(damaged - left)]
        for path in _temporary(stored):
            path.unlink(missing_ok=True)
            done.append(f"{path.relative_to(root)} was removed")
        return list(dict.fromkeys(done))

    def _state(self, root: Path) -> Iterator[CDEError]:
        for damage in self._repository.verify(root):
            yield StateError.of("E212", file=damage.file, reason=damage.reason)
        project = self._repository.peek(root)
        if project.read_only_reason is not None:
            yield StateError.of(
                "E206", reason=project.read_only_reason, since=project.read_only_since
            )

    def _clock(self, root: Path) -> Iterator[CDEError]:
        newest = self._repository.history(root, 1)
        if newest and datetime.fromisoformat(newest[0].at) > datetime.now(UTC) + SKEW:
            yield CDESystemError.of("E920", newest=newest[0].at)

    def _workflow(self, root: Path) -> Iterator[CDEError]:
        for workflow in self._workflows.load(root).workflows.values():
            for phase in filter(lambda phase: phase.prompt, workflow.phases):
                try:
                    self._prompts.render(root, phase.prompt, sample_variables(workflow, phase))
                except CDEError as error:
                    yield error

    def _outputs(self, root: Path) -> Iterator[CDEError]:
        for feature in self._repository.peek(root).features:
            for artifact in artifacts_from(feature.phases):
                data = self._files.read(root, artifact.path, artifact.id)
                now = self._files.record(root, artifact.path, artifact.id, data or b"")
                if data is None or now.sha256 != artifact.sha256:
                    change = "is missing" if data is None else "was changed"
                    yield StateError.of(
                        "E214", feature=feature.name, path=artifact.path, change=change
                    )


def _run(check: Callable[[], Iterator[CDEError]], root: Path) -> list[CDEError]:
    """The findings of one check; what stops it is a finding too."""
    found: list[CDEError] = []
    try:
        found.extend(check())
    except CDEError as error:
        found.append(error)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        found.append(ProjectError.of("E003", path=error.filename or str(root), reason=reason))
    for each in found:
        each.context.setdefault("project_path", str(root))
    return found


def _permissions(stored: StateFiles) -> Iterator[CDEError]:
    for path in (stored.folder, stored.backups, stored.state, stored.journal):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            yield ProjectError.of("E003", path=str(path), reason="it may not be read and written")


def _settings(root: Path) -> Iterator[CDEError]:
    load_settings(root)  # what it raises is the finding
    yield from ()


def _space(stored: StateFiles) -> Iterator[CDEError]:
    free = OsFileOps().free_bytes(stored.folder)
    if free < LOW_SPACE_BYTES:
        yield CDESystemError.of(
            "E921", path=str(stored.root), free_mb=free // 2**20, wanted_mb=LOW_SPACE_BYTES // 2**20
        )


def _leftovers(stored: StateFiles) -> Iterator[CDEError]:
    for path in _temporary(stored):
        yield StateError.of("E213", file=str(path.relative_to(stored.root)))


def _quarantine(stored: StateFiles) -> Iterator[CDEError]:
    kept = sorted(path.name for path in stored.quarantine.glob("*"))
    if kept:
        yield StateError.of("E215", count=len(kept), newest=kept[-1])


def _git(root: Path) -> Iterator[CDEError]:
    """Whether git works where the project is in a repository."""
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return
    command = ["git", "-C", str(root), "rev-parse", "--is-inside-work-tree"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=GIT_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or str(error).encode()
        yield CDESystemError.of(
            "E922", path=str(root), reason=told.decode(errors="replace").strip()
        )


def _temporary(stored: StateFiles) -> list[Path]:
    """Files that a writer left when it was killed."""
    oldest_in_use = time.time() - STALE_SECONDS
    patterns = (".*.tmp", ".probe-*")
    folders = (stored.folder, stored.backups)
    found = [path for folder in folders for pattern in patterns for path in folder.glob(pattern)]
    return sorted(path for path in found if path.stat().st_mtime < oldest_in_use)
