"""What the use cases of one project may reach: the place that names the concrete adapters."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.application.ports.made_once import MadeOnce
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.reports.store import reports_of
from cde_orchestrator.infrastructure.settings.settings import Settings, load_settings, outward
from cde_orchestrator.infrastructure.system.project_home import byproducts_folder, home_of
from cde_orchestrator.infrastructure.system.viewing import considering
from cde_orchestrator.run_ports import RunPorts

if TYPE_CHECKING:
    from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
    from cde_orchestrator.adapters.repositories.postgres import repository as postgres
    from cde_orchestrator.application.checks.baselines import Baselines
    from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
    from cde_orchestrator.application.features.phase_prompt import PhasePrompts
    from cde_orchestrator.application.features.project_outputs import ProjectOutputs
    from cde_orchestrator.application.features.project_sources import ProjectSources
    from cde_orchestrator.application.features.submission import SubmissionPorts
    from cde_orchestrator.application.ports import checks as work
    from cde_orchestrator.application.ports import core
    from cde_orchestrator.application.ports.clients import ClientPrograms
    from cde_orchestrator.application.ports.commits import Commits
    from cde_orchestrator.application.ports.health import Health
    from cde_orchestrator.application.projects.trust_commands import ProjectCommands
    from cde_orchestrator.application.proofs.proving import Proving
    from cde_orchestrator.application.proofs.verifying import Verifying
    from cde_orchestrator.application.state.undo_rollback import WorkPlaces
    from cde_orchestrator.application.views import ArtifactView
    from cde_orchestrator.domain.check import Check
    from cde_orchestrator.domain.exceptions import CDEError
    from cde_orchestrator.domain.project import Project
    from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import Notifier
    from cde_orchestrator.infrastructure.monitoring.health.probes import ProjectChecks


class ProjectPorts(RunPorts):
    """What the use cases of one project may reach, by the names of their parameters.

    Attributes:
        root: the project's folder, absolute.
        making: held while a port is made.
        shared: where the ports come from that are not its own.
        standing: whether a person trusts the project's folder; else the ports can only read.

    Raises:
        ValidationError: E314, the database that the settings name cannot be used.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        meter: OperationMeter,
        shared: ProjectPorts | None = None,
    ) -> None:
        self.root = root
        self.clock: Clock = utc_now
        self.making = threading.RLock()
        self.shared = shared
        self.standing = Standing(kind="trusted")
        self._settings, self._meter = settings, meter
        if settings.state_url:  # refused here, it may be another one for the next use case
            self.named(["repository"])

    def named(self, names: Iterable[str]) -> dict[str, Any]:
        """The ports of these names."""
        return {name: getattr(self, name) for name in names}

    def instead(self, **others: Any) -> ProjectPorts:
        """The same ports, but for these; a port that is made of others keeps the shared ones."""
        ports = ProjectPorts(self.root, self._settings, self._meter, self)
        vars(ports).update(others)
        return ports

    def in_worktree(self, folder: Path, outputs: Sequence[ArtifactView]) -> ProjectPorts:
        """The same ports, but for work in another folder, as of ``Application.working_in``."""
        from cde_orchestrator.adapters.git.version_control import GitVersionControl
        from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
        from cde_orchestrator.adapters.runners.checks import SubprocessCheckRunner
        from cde_orchestrator.proving_ports import proving_in
        from cde_orchestrator.source_ports import sources_in

        files = FilesystemProjectFiles(worktree=folder)
        files.bring(self.root, outputs)
        git, world = GitVersionControl(self.breakers, folder), (self.breakers, self.clock, folder)
        return self.instead(
            files=files,
            checks=SubprocessCheckRunner(folder),
            git=git,
            sources=sources_in(self.root, git, *world, self.sources),
            proving=proving_in(self.root, *world),
        )

    def close(self) -> None:
        """Finish what can be finished cheaply; the ports are not used afterwards."""
        folder = byproducts_folder(self.root, self.home)
        if "health" in vars(self) or not self._meter.leave(folder, self.clock()):
            self.health.close()  # or else what was counted is left, which loads less
        for name in {"repository", "files_repository"} & vars(self).keys():
            getattr(self, name).close()

    @property
    def home(self) -> Path:
        """The folder with the state and with what else its worktrees share of the project."""
        return home_of(self.root)

    @MadeOnce
    def repository(self) -> FilesystemProjectRepository | postgres.PostgresProjectRepository:
        """Where the state is kept."""
        if self._settings.state_url:
            return self._database(self.breakers)
        return self.files_repository

    @MadeOnce
    def files_repository(self) -> FilesystemProjectRepository:
        """The state in the project's own files, wherever it is kept."""
        from cde_orchestrator.adapters.repositories.database import in_files

        return in_files(self._settings)

    @MadeOnce
    def recovery(self) -> core.StateRecovery:
        """The same for the state's past."""
        return self.repository

    @MadeOnce
    def movable(self) -> core.MovableState:
        """The same for a move of the state."""
        return self.repository

    @MadeOnce
    def doctor(self) -> core.Doctor:
        """Who examines the project."""
        from cde_orchestrator.doctor_ports import doctor_of

        world = (self.workflows, self.prompts, self.files, lambda: self.standing, self._unready)
        # What it finds out is no failure of the work: its circuit breakers are its own.
        database = self._database(None) if self._settings.state_url else None
        return doctor_of(database or self.repository, *world, database=database)

    @MadeOnce
    def merge_driver(self) -> core.MergeDriver:
        """What lets git merge exports."""
        from cde_orchestrator.adapters.git.version_control import GitMergeDriver

        return GitMergeDriver()

    @MadeOnce
    def workflows(self) -> core.WorkflowRepository:
        """The project's workflows."""
        from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository

        return YamlWorkflowRepository()

    @MadeOnce
    def prompts(self) -> core.PromptRenderer:
        """What fills in templates."""
        from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer

        return JinjaPromptRenderer()

    @MadeOnce
    def files(self) -> core.ProjectFiles:
        """The project's files."""
        from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles

        return FilesystemProjectFiles()

    @MadeOnce
    def sources(self) -> ProjectSources:
        """The source at moments."""
        from cde_orchestrator.source_ports import sources_in

        return sources_in(self.root, self.git, self.breakers, self.clock)

    @property
    def features(self) -> ProjectFeatures:
        """The project's features, as a call reads and changes them."""
        from cde_orchestrator.application.features.followed_workflow import ProjectFeatures

        world = (self.repository, self.workflows, self.trust, self.callers, self.clock)
        return ProjectFeatures(self.root, *world, lambda: self.commands.proofs.runners)

    @property
    def rendering(self) -> PhasePrompts:
        """The prompts of the project's phases, with the files that these ports have."""
        from cde_orchestrator.application.features.phase_prompt import PhasePrompts

        later = (lambda: self.callers, lambda: self.git, lambda: self.proving)
        return PhasePrompts(self.root, self.prompts, self.files, *later)

    @property
    def baselines(self) -> Baselines:
        """What tries the project's checks and runners of tests."""
        from cde_orchestrator.application.checks.baselines import Baselines

        runners, proving = lambda: self.commands.proofs.runners, lambda: self.proving
        seconds = min(self._settings.baseline_seconds, self._settings.call_timeout_seconds / 2)
        return Baselines(self.root, self.checks, self.trust, runners, proving, self.clock, seconds)

    @property
    def outputs(self) -> ProjectOutputs:
        """The outputs of the project's phases, among the files that these ports have."""
        from cde_orchestrator.application.features.project_outputs import ProjectOutputs

        return ProjectOutputs(self.root, self.files, self.objects)

    @property
    def places(self) -> WorkPlaces:
        """Where features are worked on."""

        def place_of(feature: str) -> tuple[ProjectOutputs, ProjectSources]:
            folder = self.worktrees.folder_for(feature) if self.worktrees.has(feature) else None
            ports = self if folder is None else self.in_worktree(folder, ())
            return ports.outputs, ports.sources

        return place_of

    @property
    def submission(self) -> SubmissionPorts:
        """What a submission needs."""
        from cde_orchestrator.application.features.submission import SubmissionPorts

        return SubmissionPorts.of(self.named)

    @MadeOnce
    def inspector(self) -> core.ProjectInspector:
        """What finds out what the project is made of."""
        from cde_orchestrator.adapters.project_files.inspector import FilesystemProjectInspector

        return FilesystemProjectInspector()

    @MadeOnce
    def reports(self) -> core.ErrorReports:
        """Reports that errors left."""
        return reports_of(self._settings)

    @MadeOnce
    def content(self) -> work.ContentValidator:
        """What knows the formats of outputs."""
        from cde_orchestrator.adapters.project_files.content_syntax import ParsingContentValidator

        return ParsingContentValidator()

    @MadeOnce
    def checks(self) -> work.CheckRunner:
        """What runs checks."""
        from cde_orchestrator.adapters.runners.checks import SubprocessCheckRunner

        return SubprocessCheckRunner()

    @MadeOnce
    def trust(self) -> work.TrustStore:
        """What a person trusts."""
        from cde_orchestrator.adapters.runners.trust import UserTrustStore
        from cde_orchestrator.adapters.workflows.yaml_repository import PACKAGED_FILE

        return UserTrustStore(packaged=PACKAGED_FILE.parent)

    @MadeOnce
    def objects(self) -> work.ObjectStore:
        """Contents by digest."""
        from cde_orchestrator.adapters.repositories.objects import FilesystemObjectStore

        return FilesystemObjectStore()

    @MadeOnce
    def git(self) -> work.VersionControl:
        """The project's git."""
        from cde_orchestrator.adapters.git.version_control import GitVersionControl

        return GitVersionControl(self.breakers)

    @property
    def commits(self) -> Commits:
        """What commits with the person's own git."""
        from cde_orchestrator.adapters.git.commits import GitCommits

        return GitCommits(self.breakers)

    @MadeOnce
    def proving(self) -> Proving:
        """What proves criteria."""
        from cde_orchestrator.proving_ports import proving_in

        return proving_in(self.root, self.breakers, self.clock)

    @property
    def verifying(self) -> Verifying:
        """What proves again what is committed; it says itself what it refuses."""
        from cde_orchestrator.proving_ports import verifying_in

        world = (self.root, self.breakers, self.trust, self.clock)
        return verifying_in(*world, self.standing, self.workflows, lambda: self.repository)

    @MadeOnce
    def callers(self) -> work.Callers:
        """Who calls."""
        from cde_orchestrator.adapters.runners.callers import ProcessCallers

        return ProcessCallers(shared=bool(self._settings.state_url))

    @MadeOnce
    def logs(self) -> core.LogReader:
        """The project's log."""
        from cde_orchestrator.infrastructure.observability.logs.reader import JsonLogReader

        return JsonLogReader()

    @MadeOnce
    def clients(self) -> ClientPrograms:
        """The programs that agents run in."""
        from cde_orchestrator.adapters.clients.installed import InstalledClients

        return InstalledClients(self.root)

    @MadeOnce
    def health(self) -> Health:
        """What watches the project."""
        from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor

        facts = lambda: self._project_checks.facts()  # noqa: E731, PLW0108 - once it is asked for
        world = (self.root, self._meter, self._settings, facts)
        return HealthMonitor(*world, notifiers=self._notified)

    @property
    def commands(self) -> ProjectCommands:
        """The commands that the project sets off, and whether they are trusted."""
        from cde_orchestrator.application.projects.trust_commands import ProjectCommands
        from cde_orchestrator.proving_ports import proof_commands

        stores = (self.repository, self.workflows, self.trust)
        proofs = proof_commands(self.root, self.files)
        return ProjectCommands(self.root, *stores, self._settings_commands, self.standing, proofs)

    def _settings_commands(self) -> Sequence[tuple[Check, str]]:
        """What the settings set off that has to be trusted first, each with what does."""
        from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import outward_commands

        with considering():
            settings = self._settings if self.standing.acts else load_settings(self.root)
            return outward_commands(self.root, settings)

    @MadeOnce
    def _project_checks(self) -> ProjectChecks:
        from cde_orchestrator.infrastructure.monitoring.health.probes import ProjectChecks

        world = (self.repository, self.workflows, self._unready, self.breakers)
        return ProjectChecks(self.root, *world, self._settings, self.clock)

    def _unready(self, project: Project) -> Iterator[CDEError]:
        from cde_orchestrator.application.checks.unready import unready

        return unready(project, self.features, self.baselines)

    def _notified(self) -> Sequence[Notifier]:
        from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import configured_notifiers

        return configured_notifiers(self.root, self._settings, self.breakers, self.trust)

    def _database(self, breakers: BreakerRegistry | None) -> postgres.PostgresProjectRepository:
        """The state in a database; E314, that of the settings cannot be used."""
        from cde_orchestrator.adapters.repositories.database import database_of

        return database_of(self._settings, breakers, self._is_database_trusted)

    def _is_database_trusted(self) -> bool:
        database = outward(self._settings, "state_url")
        return database is None or self.trust.trusts(self.root, database.command_line)
