"""The composition root: the only place that names concrete adapters."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cde_orchestrator.application.ports.agents import Agents
from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.application.ports.core import (
    Doctor,
    Ports,
    ProjectFiles,
    PromptRenderer,
    WorkflowRepository,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ArtifactView
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.observability.operations import Operation
from cde_orchestrator.infrastructure.observability.tracing import guard_exports
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.reports.store import FileErrorReports
from cde_orchestrator.infrastructure.settings.outward import connecting
from cde_orchestrator.infrastructure.settings.settings import Settings, load_settings

if TYPE_CHECKING:
    from cde_orchestrator.adapters.doctor.project import ExaminedRepository
    from cde_orchestrator.adapters.git.worktrees import GitWorktrees
    from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
    from cde_orchestrator.adapters.repositories.postgres.repository import (
        PostgresProjectRepository,
    )
    from cde_orchestrator.domain.check import Check
    from cde_orchestrator.infrastructure.monitoring.alerts.notifier import Notifier
    from cde_orchestrator.infrastructure.monitoring.health.checks import ProjectChecks

Reply = TypeVar("Reply")


class Application:
    """The product for one project: give it a use case, get the reply.

    It is assembled with the first use case, so that settings that are not valid are an answer
    like any other, and once they are mended the next use case finds them so.

    Attributes:
        root: the project's folder, absolute.
        settings: the project's; the defaults before the first use case.
    """

    def __init__(
        self,
        root: Path,
        assemble: Callable[[Path, Settings, OperationMeter], Ports],
        meter: OperationMeter | None = None,
    ) -> None:
        self.root = root
        self._assemble = assemble
        self._ports: Ports | None = None
        self._kept_worktrees: GitWorktrees | None = None
        self._fallback_ports: Ports | None = None
        self._assembling = threading.Lock()
        self._is_watched = False
        self._reports = FileErrorReports()
        self._meter = meter or OperationMeter()
        self.settings = Settings()

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        """Run a use case inside one operation.

        Raises:
            CDEError: it was refused or failed.
        """
        name = use_case.operation()

        def capture(error: CDEError, raised: BaseException) -> None:
            self.report(error, raised, name, use_case.arguments())

        return Operation(
            name,
            str(self.root),
            capture,
            slow_ms=lambda: self.settings.slow_operation_ms,
            telemetry=None if use_case.routine else self._meter,
            routine=use_case.routine,
        ).run(lambda: use_case(self._assembled(use_case.tolerant)))

    def report(
        self, error: CDEError, raised: BaseException, operation: str, arguments: Mapping[str, Any]
    ) -> None:
        """Leave a report of an error, unless there is one already; never fails.

        Args:
            error: what is told.
            raised: what was raised at first.
            operation: what was asked for.
            arguments: what it was given.
        """
        self._reports.capture(
            self.root,
            error,
            raised,
            operation=operation,
            arguments=arguments,
            ports=self._ports,
        )

    @property
    def agents(self) -> Agents:
        """The agents that can be started for the project.

        Raises:
            CDEError: E314 or E320, the project's settings are not valid.
        """
        return self._assembled(tolerant=False).agents

    def worktree_of(self, feature: str, *, make: bool) -> Path | None:
        """The feature's own folder beside the project's; None when it has none."""
        worktrees = self._worktrees()
        return worktrees.folder_for(feature) if make or worktrees.has(feature) else None

    def working_in(self, folder: Path, outputs: Sequence[ArtifactView]) -> Application:
        """The product for the same project, whose outputs are made in another folder.

        Args:
            folder: a worktree.
            outputs: accepted outputs, which are brought there.

        Raises:
            CDEError: E112, E203 or E204, they cannot be brought.
        """
        from cde_orchestrator.adapters.git.version_control import GitVersionControl
        from cde_orchestrator.adapters.project_files.worktree_files import WorktreeFiles
        from cde_orchestrator.adapters.runners.checks import SubprocessCheckRunner

        files = WorktreeFiles(folder)
        files.bring(self.root, outputs)
        moved = replace(
            self._assembled(tolerant=False),
            files=files,
            checks=SubprocessCheckRunner(folder),
            git=GitVersionControl(BreakerRegistry(self.root), folder),
        )
        return Application(self.root, lambda _root, _settings, _meter: moved, self._meter)

    def watch(self) -> None:
        """Keep a history and judge the alerts from now on, for as long as a server serves it."""
        self._is_watched = True
        self._assembled(tolerant=True).health.watch()

    def close(self) -> None:
        """Finish what can be finished cheaply; the application is not used afterwards."""
        for ports in (self._ports, self._fallback_ports):
            if ports is not None:
                ports.health.close()
                ports.repository.close()

    def _worktrees(self) -> GitWorktrees:
        from cde_orchestrator.adapters.git.worktrees import GitWorktrees

        with self._assembling:
            if self._kept_worktrees is None:
                self._kept_worktrees = GitWorktrees(self.root, BreakerRegistry(self.root))
            return self._kept_worktrees

    def _assembled(self, tolerant: bool) -> Ports:
        with self._assembling:
            if self._ports is None:
                try:
                    self.settings = load_settings(self.root)
                except ValidationError:
                    if not tolerant:
                        raise
                    return self._assembled_fallback()
                self._reports = _reports(self.settings)
                self._ports = self._assemble(self.root, self.settings, self._meter)
                self._end_fallback()
            return self._ports

    def _assembled_fallback(self) -> Ports:
        """What works with the defaults, until the settings are valid again."""
        if self._fallback_ports is None:
            self._fallback_ports = self._assemble(self.root, Settings(), self._meter)
        return self._fallback_ports

    def _end_fallback(self) -> None:
        if self._fallback_ports is not None:
            self._fallback_ports.health.close()
            self._fallback_ports.repository.close()
            self._fallback_ports = None
        if self._is_watched and self._ports is not None:
            self._ports.health.watch()


def build_application(root: Path) -> Application:
    """The product for the project at ``root``, with its state where the settings say."""
    guard_exports(BreakerRegistry)
    return Application(root, _ports)


def _ports(root: Path, settings: Settings, meter: OperationMeter) -> Ports:
    # Only now: a server answers what its tools are before it works on any project.
    from cde_orchestrator.adapters.git.merge_driver import GitMergeDriver
    from cde_orchestrator.adapters.git.version_control import GitVersionControl
    from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
    from cde_orchestrator.adapters.project_files.inspector import FilesystemProjectInspector
    from cde_orchestrator.adapters.project_files.validators import ParsingContentValidator
    from cde_orchestrator.adapters.repositories.objects import FilesystemObjectStore
    from cde_orchestrator.adapters.runners.agents import CommandLineAgents
    from cde_orchestrator.adapters.runners.callers import ProcessCallers
    from cde_orchestrator.adapters.runners.checks import SubprocessCheckRunner
    from cde_orchestrator.adapters.runners.trust import UserTrustStore
    from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer
    from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
    from cde_orchestrator.infrastructure.observability.logs.reader import JsonLogReader

    workflows = YamlWorkflowRepository()
    prompts = JinjaPromptRenderer()
    files = FilesystemProjectFiles()
    breakers, trust = BreakerRegistry(root), UserTrustStore()
    folder_doctor = _folder_doctor(workflows, prompts, files)
    trusted = partial(_is_state_trusted, root, settings, trust)
    repository, doctor = _state(settings, breakers, folder_doctor, trusted)

    @cache
    def checks() -> ProjectChecks:
        from cde_orchestrator.infrastructure.monitoring.health.checks import ProjectChecks

        return ProjectChecks(root, repository, workflows, breakers, settings, utc_now)

    def notifiers() -> Sequence[Notifier]:
        from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import configured_notifiers

        return configured_notifiers(root, settings, breakers, trust)

    return Ports(
        root=root,
        repository=repository,
        recovery=repository,
        doctor=doctor,
        merge_driver=GitMergeDriver(),
        workflows=workflows,
        prompts=prompts,
        files=files,
        inspector=FilesystemProjectInspector(),
        reports=_reports(settings),
        content=ParsingContentValidator(),
        checks=SubprocessCheckRunner(),
        trust=trust,
        objects=FilesystemObjectStore(),
        git=GitVersionControl(breakers),
        callers=ProcessCallers(shared=bool(settings.state_url)),
        logs=JsonLogReader(),
        agents=CommandLineAgents(root, breakers),
        breakers=breakers,
        health=HealthMonitor(root, meter, settings, lambda: checks().facts(), notifiers=notifiers),
        settings_commands=partial(_settings_commands, root, settings),
    )


def _folder_doctor(
    workflows: WorkflowRepository, prompts: PromptRenderer, files: ProjectFiles
) -> Callable[[ExaminedRepository], Doctor]:
    from cde_orchestrator.adapters.doctor.project import ProjectDoctor
    from cde_orchestrator.adapters.git.command import git_output
    from cde_orchestrator.adapters.repositories.missing_state import no_project

    return partial(
        ProjectDoctor,
        workflows=workflows,
        prompts=prompts,
        files=files,
        git=git_output,
        missing=no_project,
    )


def _settings_commands(root: Path, settings: Settings) -> Sequence[tuple[Check, str]]:
    from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import alert_commands

    database = connecting(settings)
    of_state = [(database, "state")] if database else []
    return [*of_state, *((each, "alerts") for each in alert_commands(root, settings))]


def _is_state_trusted(root: Path, settings: Settings, trust: TrustStore) -> bool:
    database = connecting(settings)
    return database is None or trust.trusts(root, database.command_line)


def _state(
    settings: Settings,
    breakers: BreakerRegistry,
    folder_doctor: Callable[[ExaminedRepository], Doctor],
    trusted: Callable[[], bool],
) -> tuple[FilesystemProjectRepository | PostgresProjectRepository, Doctor]:
    """Where the state is kept, and who examines it.

    Raises:
        ValidationError: E314, the database that the settings name cannot be used.
    """
    seconds = settings.lock_timeout_seconds
    if not settings.state_url:
        from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
        from cde_orchestrator.storage.retention import Retention

        kept = Retention(
            count=settings.backups_kept,
            days=settings.backup_days,
            total_bytes=settings.backup_bytes,
        )
        repository = FilesystemProjectRepository(lock_timeout_seconds=seconds, retention=kept)
        return repository, folder_doctor(repository)
    try:
        from cde_orchestrator.adapters.doctor.postgres import PostgresDoctor
        from cde_orchestrator.adapters.repositories.postgres.repository import (
            PostgresProjectRepository,
        )
    except ImportError as error:
        raise ValidationError.of(
            "E314",
            setting="state_url",
            source="the settings",
            reason=f"it needs pip install 'cde-orchestrator[postgres]' ({error})",
        ) from error
    database = PostgresProjectRepository(
        settings.state_url, breakers, lock_timeout_seconds=seconds, trusted=trusted
    )
    # What the doctor finds out is no failure of the work: its circuit breakers are its own.
    examined = PostgresProjectRepository(
        settings.state_url, lock_timeout_seconds=seconds, trusted=trusted
    )
    return database, PostgresDoctor(examined, folder_doctor(examined))


def _reports(settings: Settings) -> FileErrorReports:
    return FileErrorReports(settings.error_reports_kept, settings.error_reports_bytes)


def find_project_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds a project, else ``start``."""
    resolved = start.expanduser().resolve()
    for folder in (resolved, *resolved.parents):
        if os.path.isdir(folder / FOLDER):  # noqa: PTH112 - False too where nobody may look
            return folder
    return resolved
