"""The composition root: the product for one project, assembled from its ports."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cde_orchestrator.application.ports.health import NOT_SET_UP
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ArtifactView, phase_record_view
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError, StateError, ValidationError, is_mistake
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import WAITS_FOR_PERSON
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.observability.operations import Operation
from cde_orchestrator.infrastructure.reports.store import reports_of
from cde_orchestrator.infrastructure.settings.settings import Settings, load_settings
from cde_orchestrator.infrastructure.system import acting_files
from cde_orchestrator.infrastructure.system.project_home import byproducts_folder, home_of
from cde_orchestrator.infrastructure.system.viewing import is_only_viewed
from cde_orchestrator.infrastructure.trust.judge import FolderTrust
from cde_orchestrator.project_ports import ProjectPorts

if TYPE_CHECKING:
    from cde_orchestrator.application.ports.agents import Agents
    from cde_orchestrator.application.ports.core import KeptState
    from cde_orchestrator.infrastructure.monitoring.alerts.personal import PersonalNotices

Reply = TypeVar("Reply")

_ONBOARDING = "onboard_project"
_ABOUT_TRUST = frozenset({"show_checks", "trust_folder", "trust_checks", "revoke_trust"})
"""Use cases that answer a person about a folder of another owner."""
_MAY_BEGIN_A_WAIT = frozenset(
    {"start_feature", "submit_work", "approve_phase", "send_back", "rollback_feature"}
    | {"grow_feature", "resume_feature"}
)
"""Use cases after which a feature may wait for a person."""
NOTICE_SECONDS = 5.0
"""How long the end of a process waits for notices that are on their way."""


class Application:
    """The product for one project: give it a use case, get the reply.

    It is assembled with the first use case, so that settings that are not valid are an answer
    like any other, and once they are corrected the next use case finds them so.

    Whether a person trusts the folder is judged for each use case. While nobody does, it is
    only viewed: the settings are those of the environment over the defaults, and what would change
    or run anything is refused.

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
        self._left = ExitStack()
        self._is_watched = False
        self._meter = meter or OperationMeter()
        self._settings: Settings | None = None
        self._trust = FolderTrust(place=_place(root))
        self._standing: Standing | None = None
        self._personal: PersonalNotices | None = None

    @property
    def standing(self) -> Standing:
        """Whether a person trusts the folder, now."""
        with self._in_turn():
            return self._judged()

    def require_trusted(self) -> None:
        """Refuse what changes or runs anything in a folder that is only viewed.

        Raises:
            ValidationError: E325, E326 or E327.
        """
        standing = self.standing
        if not standing.acts:
            raise standing.refusal()

    @property
    def settings(self) -> Settings:
        """The project's; the defaults as long as its own are not valid."""
        try:
            return self._valid_settings()
        except ValidationError:
            return Settings()

    def _valid_settings(self) -> Settings:
        if self._standing is None:
            self._judged()
        if self._settings is None:
            self._settings = load_settings(self.root)
            if self._standing is not None and not self._standing.acts:
                # Not even a database and an address of the person's own are for this folder.
                self._settings = replace(
                    self._settings, state_url="", state_project="", alert_webhook_url=""
                )
        return self._settings

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """One thread at a time; what it leaves is closed afterwards, which may take seconds."""
        with ExitStack() as left, self._assembling:
            self._left = left
            yield

    def _judged(self) -> Standing:
        """The standing; where it is another one, the next use case is given ports for it."""
        before, self._standing = self._standing, self._trust.judge(self.root)
        if before is not None and before.acts != self._standing.acts:
            for ports in (self._ports, self._fallback_ports):
                if ports is not None:
                    self._left.callback(ports.close)
            self._settings = self._ports = self._fallback_ports = None
        return self._standing

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        """Run a use case inside one operation.

        Raises:
            CDEError: it was refused or failed.
        """

        def work() -> Reply:
            sets_up = use_case.operation == _ONBOARDING
            standing = self.standing if sets_up else Standing(kind="trusted")
            if standing.kind == "not_yet" and not standing.files:
                self._trust.accept(self.root, {})  # nothing in it would act
            elif sets_up and standing.kind == "unset":
                self._trust.require_writable()  # before anything is made that could not be trusted
            ports = self._assembled(use_case.tolerant)
            standing = ports.standing
            if standing.kind == "foreign_owner" and not (
                use_case.tolerant or use_case.operation in _ABOUT_TRUST
            ):
                raise standing.refusal()

            if use_case.in_worktree and standing.acts:
                ports = self._where_worked_on(ports, use_case.arguments()["feature_id"])

            def note_own_writes() -> None:
                if standing.acts and (sets_up or acting_files.has_own_writes()):
                    self._trust.note_own(self.root, standing)

            try:
                reply = use_case(**ports.named(use_case.needs()))
            except BaseException as error:
                with suppress(CDEError):
                    note_own_writes()
                if isinstance(error, StateError) and standing.acts and is_only_viewed(self.root):
                    raise self.standing.refusal() from error  # not trusted any more since it began
                raise
            note_own_writes()
            if standing.acts and use_case.operation in _MAY_BEGIN_A_WAIT:
                self._notify_of_wait(ports, reply)
            return reply

        return self.operation(use_case.operation, use_case.arguments(), use_case.routine).run(work)

    def _notify_of_wait(self, ports: ProjectPorts, reply: Any) -> None:
        """Notify the person, as they chose, where the feature that was worked on waits for them."""
        if reply["feature"]["status"] == WAITS_FOR_PERSON:
            self._notify(ports, reply["feature"]["id"], given_up=False)

    def notify_of_given_up(self, reference: str) -> None:
        """Notify the person, as they chose, that a run of agents gave the feature up."""
        with suppress(CDEError):
            ports = self._assembled(tolerant=False)
            if ports.standing.acts:
                self._notify(ports, reference, given_up=True)

    def _notify(self, ports: ProjectPorts, reference: str, *, given_up: bool) -> None:
        from cde_orchestrator.infrastructure.monitoring.alerts.personal import PersonalNotices

        with suppress(CDEError):
            _, feature, _ = ports.features.read(reference)
            record = feature.phases.get(feature.current_phase or "")
            if record is None or record.started_at is None:
                return
            if self._personal is None:
                self._personal = PersonalNotices(self.root, ports.breakers)
            since = record.started_at.isoformat()
            attempts = record.attempts if given_up else None
            self._personal.notify(feature.id, feature.name, record.id, since, attempts)

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
            if arguments is None or _is_answer_enough(error):
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
            explain=self._state_problem,
            slow_ms=lambda: math.inf if is_call else self.settings.slow_operation_ms,
            telemetry=None if routine else self._meter,
            routine=routine,
            about=about or {},
        )

    def _state_problem(self) -> CDEError | None:
        """E201 where the state is none that this product writes; asked after an accident."""
        try:
            repository = self._assembled(tolerant=True).repository
            repository.checked_state(repository.state_at(self.root)[1])
        except CDEError as error:
            if error.code == "E210":
                reason = error.message.rstrip(".")
                return StateError.of("E201", path=str(self.root), reason=reason)
        return None

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

    def _where_worked_on(self, ports: ProjectPorts, feature_id: str) -> ProjectPorts:
        """The ports for the folder that has the feature's work: its worktree, if it has one."""
        if ports.shared is not None:  # they are those of one already
            return ports
        _, feature, _ = ports.features.read(feature_id)
        folder = self.worktree_of(feature.name, make=False)
        if folder is None:
            return ports
        views = [phase_record_view(record) for record in feature.phases.values()]
        return ports.in_worktree(folder, [output for view in views for output in view["outputs"]])

    def watch(self) -> None:
        """Keep a history and judge the alerts from now on, for as long as a server serves it."""
        self._is_watched = True
        ports = self._assembled(tolerant=True)
        if ports.standing.acts:
            ports.health.watch()

    def close(self) -> None:
        """Finish what can be finished cheaply; the application is not used afterwards."""
        if self._personal is not None:
            self._personal.close(NOTICE_SECONDS)
        for ports in (self._ports, self._fallback_ports):
            if ports is not None:
                ports.close()
        if self._ports is None is self._fallback_ports:
            self._meter.leave(byproducts_folder(self.root), utc_now())

    def _assembled(self, tolerant: bool) -> ProjectPorts:
        with self._in_turn():
            standing = self._judged()
            ports = self._present(tolerant)
            ports.standing = standing
            return ports

    def _present(self, tolerant: bool) -> ProjectPorts:
        """The ports that there are, or new ones."""
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
                self._left.callback(self._fallback_ports.close)
                self._fallback_ports = None
            if self._is_watched and self._standing is not None and self._standing.acts:
                self._ports.health.watch()
        return self._ports


def _place(root: Path) -> str:
    """Where a folder is, links resolved; of one below a current folder that is gone its name."""
    try:
        return os.path.realpath(root)
    except FileNotFoundError:
        return str(root)


def build_application(root: Path) -> Application:
    """The product for the project at ``root``, with its state where the settings say."""
    return Application(root)


def judged(root: Path) -> Standing:
    """Whether a person trusts the folder, registered for the whole process."""
    return FolderTrust().judge(root)


def stated_at(root: Path) -> tuple[str, Path]:
    """The project's name, and the folder whose ``.cde`` has its state, as far as files say."""
    from cde_orchestrator.storage.format.vault import stated_name

    home = home_of(root)
    return stated_name(home) or home.name, home


def _is_answer_enough(error: CDEError) -> bool:
    """Whether a refusal says all that there is to know, so that nobody looks for a report of it.

    Whoever asked reads it and asks otherwise: a mistake in the input, a gate at its work, or a
    folder that is no project yet.
    """
    return is_mistake(error.code) or error.code[1] in "13" or error.code == NOT_SET_UP
