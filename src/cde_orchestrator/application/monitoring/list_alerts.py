"""Show the alerts as they stand, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.ports.health import AlertsReply
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import ValidationError

MOST_EVENTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAlerts(UseCase[AlertsReply]):
    """Show the alerts.

    Attributes:
        limit: newest events of their past, at most.
    """

    tolerant = True
    routine = True

    limit: int = 50

    def __call__(self, ports: Ports) -> AlertsReply:
        """Look them up.

        Raises:
            ValidationError: E305, the limit is not between 1 and 1000.
        """
        if not 1 <= self.limit <= MOST_EVENTS:
            reason = f"it is not between 1 and {MOST_EVENTS}"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        return ports.health.alerts(self.limit)
