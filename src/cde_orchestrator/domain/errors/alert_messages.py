"""Words for what alerts are about, and for alerts that reach nobody, E925 to E929."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Severity
from cde_orchestrator.domain.errors.fixes import SHOW_SETTINGS

ALERT_MESSAGES: dict[str, ErrorMessage] = {
    "E929": ErrorMessage(
        title="Alert Not Told",
        description="The alert did not reach the {notifier}: {reason}.",
        suggestions=(
            "Look at where alerts are sent to, and correct it: cde project settings",
            "Try again: cde alerts test. Whatever happens, alerts stand in cde alerts",
        ),
        fixes=(SHOW_SETTINGS,),
        severity=Severity.WARNING,
    ),
}
