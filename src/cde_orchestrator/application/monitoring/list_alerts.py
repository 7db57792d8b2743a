"""Show the alerts as they stand, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.ports.health import AlertsReply, Health
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import ValidationError

MOST_EVENTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAlerts(UseCase[AlertsReply], operation="list_alerts", tolerant=True, routine=True):
    """Show the alerts.

    Attributes:
        limit: newest events of their past, at most.
    """

    limit: int = 50

    def __call__(self, *, health: Health) -> AlertsReply:
        """Look them up.

        Raises:
            ValidationError: E305, the limit is not between 1 and 1000.
        """
        if not 1 <= self.limit <= MOST_EVENTS:
            reason = f"it is not between 1 and {MOST_EVENTS}"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        return health.alerts(self.limit)
