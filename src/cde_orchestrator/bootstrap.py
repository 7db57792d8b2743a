"""The composition root: the product for one project, assembled from its ports."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ArtifactView
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.observability.operations import Operation
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings.settings import Settings, load_settings
from cde_orchestrator.infrastructure.system.project_home import home_of, local_folder
from cde_orchestrator.infrastructure.system.project_path import holds_everything
from cde_orchestrator.project_ports import ProjectPorts, reports_of

if TYPE_CHECKING:
    from cde_orchestrator.application.ports.agents import Agents
    from cde_orchestrator.application.ports.core import KeptState

Reply = TypeVar("Reply")


class Application:
    """The product for one project: give it a use case, get the reply.

    It is assembled with the first use case, so that settings that are not valid are an answer
    like any other, and once they are corrected the next use case finds them so.

    Attributes:
        root: the project's folder, absolute.
    """

    def __init__(
        self,
        root: Path,
        assemble: Callable[[Path, Settings, OperationMeter], ProjectPorts] = ProjectPorts,
        meter: OperationMeter | None = None,
    ) -> None:
        self.root = root
        self._assemble = assemble
        self._ports: ProjectPorts | None = None
        self._fallback_ports: ProjectPorts | None = None
        self._assembling = threading.Lock()
        self._is_watched = False
        self._meter = meter or OperationMeter()
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The project's; the defaults as long as its own are not valid."""
        try:
            return self._valid_settings()
        except ValidationError:
            return Settings()

    def _valid_settings(self) -> Settings:
        if self._settings is None:
            self._settings = load_settings(self.root)
        return self._settings

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        """Run a use case inside one operation.

        Raises:
            CDEError: it was refused or failed.
        """

        def work() -> Reply:
            ports = self._assembled(use_case.tolerant)
            return use_case(**ports.named(use_case.needs()))

        return self.operation(use_case.operation, use_case.arguments(), use_case.routine).run(work)

    def operation(
        self,
        name: str,
        arguments: Mapping[str, Any] | None,
        routine: bool = False,
        *,
        about: Mapping[str, str] | None = None,
        is_call: bool = False,
    ) -> Operation:
        """Work on the project as it is logged, counted and reported.

        Args:
            name: the use case's, or the kind of a call that may have none.
            arguments: what a report of an error has of them; None for no report.
            routine: as of ``Operation``.
            about: as of ``Operation``.
            is_call: whether it is a whole call, which lasts as long as whoever calls wants.
        """

        def capture(error: CDEError, raised: BaseException) -> None:
            if arguments is None:
                return
            reports_of(self.settings).capture(
                self.root,
                error,
                raised,
                operation=(about or {}).get("name", name),
                arguments=arguments,
                repository=self._repository,
            )

        return Operation(
            name,
            str(self.root),
            capture,
            slow_ms=lambda: math.inf if is_call else self.settings.slow_operation_ms,
            telemetry=None if routine else self._meter,
            routine=routine,
            about=about or {},
        )

    def _repository(self) -> KeptState | None:
        return None if self._ports is None else self._ports.repository

    def notice(self) -> str | None:
        """What a person has to decide about the project; None where no state was asked for."""
        ports = self._ports
        if ports is None or "repository" not in vars(ports):
            return None
        return ports.repository.fork_notice(self.root)

    @property
    def agents(self) -> Agents:
        """The agents that can be started for the project.

        Raises:
            CDEError: E314 or E320, the project's settings are not valid.
        """
        return self._assembled(tolerant=False).agents

    def worktree_of(self, feature: str, *, make: bool) -> Path | None:
        """The feature's own folder next to the project's; None when it has none."""
        worktrees = self._assembled(tolerant=False).worktrees
        return worktrees.folder_for(feature) if make or worktrees.has(feature) else None

    def working_in(self, folder: Path, outputs: Sequence[ArtifactView]) -> Application:
        """The product for the same project, whose outputs are made in another folder.

        Args:
            folder: a worktree.
            outputs: accepted outputs, which are brought there.

        Raises:
            CDEError: E112, E203 or E204, they cannot be brought.
        """
        moved = self._assembled(tolerant=False).in_worktree(folder, outputs)
        return Application(self.root, lambda _root, _settings, _meter: moved, self._meter)

    def watch(self) -> None:
        """Keep a history and judge the alerts from now on, for as long as a server serves it."""
        self._is_watched = True
        self._assembled(tolerant=True).health.watch()

    def close(self) -> None:
        """Finish what can be finished cheaply; the application is not used afterwards."""
        for ports in (self._ports, self._fallback_ports):
            if ports is not None:
                ports.close()
        if self._ports is None is self._fallback_ports:
            self._meter.leave(local_folder(self.root), utc_now())

    def _assembled(self, tolerant: bool) -> ProjectPorts:
        with self._assembling:
            if self._ports is None:
                try:
                    settings = self._valid_settings()
                except ValidationError:
                    if not tolerant:
                        raise
                    # What works with the defaults, until the settings are valid again.
                    if self._fallback_ports is None:
                        self._fallback_ports = self._assemble(self.root, Settings(), self._meter)
                    return self._fallback_ports
                self._ports = self._assemble(self.root, settings, self._meter)
                if self._fallback_ports is not None:
                    self._fallback_ports.close()
                    self._fallback_ports = None
                if self._is_watched:
                    self._ports.health.watch()
            return self._ports


def build_application(root: Path) -> Application:
    """The product for the project at ``root``, with its state where the settings say."""
    return Application(root)


def find_project_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds a project, else ``start``.

    The repository that ``start`` is in is not left, and no folder that holds all projects is
    found from below.
    """
    resolved = start.expanduser().resolve()
    for folder in (resolved, *resolved.parents):
        if folder != resolved and holds_everything(folder):
            break
        if is_set_up(folder):
            return folder
        if os.path.lexists(folder / ".git"):
            break
    return resolved


def is_set_up(folder: Path) -> bool:
    """Whether a project is in the folder, or was, as what is kept elsewhere says."""
    if os.path.isdir(folder / FOLDER):  # noqa: PTH112 - False too where nobody may look
        return True
    from cde_orchestrator.storage.format.vault import is_known

    return is_known(folder)


def stated_at(root: Path) -> tuple[str, Path]:
    """The project's name, and the folder whose ``.cde`` has its state, as far as files say."""
    from cde_orchestrator.storage.format.vault import stated_name

    home = home_of(root)
    return stated_name(home) or home.name, home
