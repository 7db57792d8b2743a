"""Show the alerts as they are and what happened to them, and try out whether they arrive."""

from __future__ import annotations

from cde_orchestrator.application.ports.health import AlertsReply, AlertTestReply, Health
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDESystemError, ValidationError

MOST_EVENTS = 1_000


class ListAlerts(UseCase[AlertsReply], operation="list_alerts", tolerant=True):
    """Show the alerts.

    Attributes:
        limit: newest events of their past, at most.
    """

    limit: int = 50

    def __call__(self, *, health: Health) -> AlertsReply:
        """Raises E305 where the limit is not between 1 and 1000."""
        if not 1 <= self.limit <= MOST_EVENTS:
            reason = f"it is not between 1 and {MOST_EVENTS}"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        return health.alerts(self.limit)


class WatchAlerts(ListAlerts, operation="watch_alerts", tolerant=True, routine=True):
    """The same, for what asks again and again."""


class SendTestAlert(UseCase[AlertTestReply], operation="test_alert"):
    """Fire an alert for real, resolve it, and notify everybody who is to be notified."""

    def __call__(self, *, health: Health) -> AlertTestReply:
        """Raises E929 where somebody was not notified; the others were."""
        reply = health.test_alert()
        unsent = [notice for notice in reply["notices"] if not notice["sent"]]
        if unsent:
            raise CDESystemError.of(
                "E929",
                notifier=", ".join(notice["notifier"] for notice in unsent),
                reason="; ".join(notice["message"].removesuffix(".") for notice in unsent),
            )
        return reply
