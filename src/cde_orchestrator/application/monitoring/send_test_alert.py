"""Try out whether alerts arrive."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.ports.health import AlertTestReply, Health
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDESystemError


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTestAlert(UseCase[AlertTestReply], operation="test_alert"):
    """Fire an alert for real, resolve it, and tell everybody who is to be told."""

    def __call__(self, *, health: Health) -> AlertTestReply:
        """Fire it.

        Raises:
            CDESystemError: E929, somebody was not told; the others were.
        """
        reply = health.test_alert()
        untold = [notice for notice in reply["notices"] if not notice["told"]]
        if untold:
            raise CDESystemError.of(
                "E929",
                notifier=", ".join(notice["notifier"] for notice in untold),
                reason="; ".join(notice["message"].removesuffix(".") for notice in untold),
            )
        return reply
