"""Words for what alerts are about, and for alerts that reach nobody, E925 to E929."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity, Suggestion
from cde_orchestrator.domain.errors.fixes import COMPACT, LIST_FEATURES, LIST_REPORTS, SHOW_SETTINGS

ALERT_MESSAGES: dict[str, ErrorMessage] = {
    "E925": ErrorMessage(
        title="Many Operations Fail",
        description=(
            "{percent} % of the operations of five minutes failed, not counting refusals; "
            "the limit is {most} %."
        ),
        suggestions=(
            "See which failed and why: cde errors list",
            "If so many failures are expected, raise alert_error_percent in .cde/config.toml",
        ),
        fixes=(LIST_REPORTS,),
    ),
    "E926": ErrorMessage(
        title="Operations Are Slow",
        description="An operation took {milliseconds} ms; the limit is {most} ms.",
        suggestions=(
            "See which operations were slow and why: cde logs slow",
            "If this machine is simply slow, raise alert_slow_operation_ms in .cde/config.toml",
        ),
        fixes=(Fix(("cde", "logs", "slow", "--project", "{project_path}")),),
        severity=Severity.WARNING,
    ),
    "E927": ErrorMessage(
        title="Backups Are Old",
        description=(
            "There are changes since the newest backup, which is {hours} hours old; "
            "the limit is {most} hours."
        ),
        suggestions=(
            "Create a backup: cde state compact",
            "Check that the folder .cde/backups is writable: cde doctor",
        ),
        fixes=(COMPACT,),
        severity=Severity.WARNING,
    ),
    "E928": ErrorMessage(
        title="Work Was Abandoned",
        description="Claims of agents that expired: {count}. Others may take over the phases.",
        suggestions=(
            Suggestion(
                "See which features wait and resume one",
                "cde list, then cde resume FEATURE",
                "cde_listFeatures(), then cde_resumeFeature()",
            ),
            Suggestion(
                "Close features that nobody works on any more",
                "cde close FEATURE",
                "cde_closeFeature()",
            ),
        ),
        fixes=(LIST_FEATURES,),
        severity=Severity.WARNING,
    ),
    "E929": ErrorMessage(
        title="Alert Not Delivered",
        description="The alert did not reach the {notifier}: {reason}.",
        suggestions=(
            "Check where alerts are sent, and correct it: cde project settings",
            "Then send a test alert: cde alerts test",
            "No alert is lost: every one is in the list of cde alerts",
        ),
        fixes=(SHOW_SETTINGS,),
        severity=Severity.WARNING,
    ),
}
