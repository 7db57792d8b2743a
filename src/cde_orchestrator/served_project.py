"""The project that a server serves, which may be onboarded while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.discovery import is_set_up
from cde_orchestrator.domain.exceptions import CDEError, ProjectError
from cde_orchestrator.infrastructure.observability.logs.setup import log_to_project
from cde_orchestrator.infrastructure.observability.tracing import describe_failure
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.project_path import (
    folder_at,
    require_below,
    require_narrow,
)

Reply = TypeVar("Reply")


class ServedProject:
    """The project that a server serves.

    Args:
        root: the project's folder.
        pinned: whether the person who started the server named it; otherwise a server that
            was started outside of any project takes the first one that is onboarded.

    Attributes:
        application: the product for it.
    """

    def __init__(self, root: Path, *, pinned: bool) -> None:
        self.application = build_application(root)
        self._pinned = pinned
        self._onboarding = Lock()
        self._watched = False

    @property
    def asks_clients(self) -> bool:
        """Whether a person may be asked by their client, in the form that it shows."""
        return self.application.settings.elicitation != "refused"

    @property
    def asks_clients_for_trust(self) -> bool:
        """Whether that goes for trust as well, which runs what the project's author wrote.

        In a folder that is not trusted its own settings do not say so, but the environment.
        """
        return self.application.settings.elicitation == "trust"

    @property
    def place(self) -> Mapping[str, str]:
        """Where the project is, for answers that do not read its state."""
        return {"path": str(self.application.root)}

    def notice(self) -> str | None:
        """What a person has to decide about the project; None where there is nothing."""
        return self.application.notice()

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        """Run a use case on the project served.

        Raises:
            CDEError: it was refused or failed.
        """
        if use_case.routine:  # who watches a busy server must not wait for it
            return self.application.handle(use_case)
        with COMPUTE_SLOT.held():
            return self.application.handle(use_case)

    def run(self, operation: str, work: Callable[[], Reply]) -> Reply:
        """Do inside an operation what needs no use case."""
        return self.application.operation(operation, {}).run(work)

    def end_call(
        self,
        kind: str,
        raised: BaseException | None,
        about: Mapping[str, str],
        arguments: Mapping[str, Any] | None = None,
        *,
        routine: bool = False,
    ) -> CDEError | None:
        """Log a call at its end, as an operation of that kind, unless its own operations did.

        The other arguments are as of ``Application.operation``; it returns the call's error.
        """
        operation = self.application.operation(kind, arguments, routine, about=about, is_call=True)
        error = operation.end_call(raised)
        if error is not None:
            describe_failure(error)  # of the request, whose span is around all this
        return error

    def onboard(self, path: str, use_case: UseCase[Reply]) -> Reply:
        """Onboard the project at ``path`` if it may be served, and serve it from then on.

        Raises:
            ProjectError: E006, another project is served; E001 or E002, no folder.
            ValidationError: E305, it holds all projects, and was not named in full; or it is
                not below the folder that the server was started in, or is hidden there.
            CDEError: it was refused or failed; what is served stays the same.
        """
        with self._onboarding:
            served = self.application
            wanted = folder_at(path, base=served.root)
            if not self._pinned and not Path(path).is_absolute():
                require_narrow(wanted)
            if wanted == served.root:
                return served.handle(use_case)
            if self._pinned or is_set_up(served.root):
                raise ProjectError.of("E006", served=str(served.root), path=str(wanted))
            require_below(wanted, served.root)
            candidate = build_application(wanted)
            try:
                with COMPUTE_SLOT.held():
                    reply = candidate.handle(use_case)
            except BaseException:
                candidate.close()
                raise
            self.application = candidate
            log_to_project(wanted)
            served.close()
            if self._watched:
                candidate.watch()
            return reply

    def watch(self) -> None:
        """Keep a history of the project served and judge its alerts, from now on."""
        self._watched = True
        self.application.watch()

    def close(self) -> None:
        """Finish what can be finished cheaply."""
        self.application.close()
