"""Let the hooks of clients hold agents to their phases, by files of the project."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from cde_orchestrator.application.clients.write_guide import GuideFile, GuideReply, written
from cde_orchestrator.application.ports.clients import ClientPrograms
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.clients import CLIENTS
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.hooks import EVENTS, SETTINGS, with_hooks, without_hooks


class WriteHooks(UseCase[GuideReply], operation="write_hooks", tolerant=True):
    """Write what calls ``cde hook`` into the settings that clients have in the project.

    Attributes:
        clients_named: whose settings; those of them that have hooks.
        remove: take it away again.
    """

    clients_named: Sequence[str]
    remove: bool = False

    def __call__(self, *, clients: ClientPrograms) -> GuideReply:
        """Raises E330; E332, none of the clients has hooks."""
        planned = []
        for name in filter(SETTINGS.__contains__, self.clients_named):
            change = without_hooks if self.remove else partial(with_hooks, client=name)
            planned.append(clients.hooked(SETTINGS[name], change, EVENTS[name]))
        if not planned:
            titles = ", ".join(CLIENTS[each].title for each in self.clients_named) or "No client"
            reason = f"hooks that cde knows have {', '.join(SETTINGS)}"
            raise ValidationError.of("E332", client=titles, reason=reason)
        files: list[GuideFile] = written(planned, clients, remove=self.remove)
        return {"files": files}
