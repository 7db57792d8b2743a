"""Words for what alerts are about, and for alerts that reach nobody, E925 to E929."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity
from cde_orchestrator.domain.errors.fixes import COMPACT, LIST_FEATURES, LIST_REPORTS, SHOW_SETTINGS

ALERT_MESSAGES: dict[str, ErrorMessage] = {
    "E925": ErrorMessage(
        title="Many Operations Fail",
        description=(
            "{percent} % of the operations of five minutes failed, refusals aside; "
            "at most {most} % should."
        ),
        suggestions=(
            "See which failed and why: cde errors list, then cde explain with their code",
            "Where that many failures are expected, raise alert_error_percent in .cde/config.toml",
        ),
        fixes=(LIST_REPORTS,),
    ),
    "E926": ErrorMessage(
        title="Operations Are Slow",
        description="An operation took {milliseconds} ms; none should take more than {most} ms.",
        suggestions=(
            "See which were slow, and what took their time: cde logs slow",
            "Where the machine is that slow, raise alert_slow_operation_ms in .cde/config.toml",
        ),
        fixes=(Fix(("cde", "logs", "slow", "--project", "{project_path}")),),
        severity=Severity.WARNING,
    ),
    "E927": ErrorMessage(
        title="Backups Are Old",
        description=(
            "There were changes since the newest backup, which is {hours} hours old; "
            "it should be at most {most} hours old."
        ),
        suggestions=(
            "Make one: cde state compact",
            "Look at whether the folder .cde/backups can be written: cde doctor",
        ),
        fixes=(COMPACT,),
        severity=Severity.WARNING,
    ),
    "E928": ErrorMessage(
        title="Work Was Left Lying",
        description="Agents let their claims expire: {count}. Others may take the phases over.",
        suggestions=(
            "See which features wait, and hand one to an agent: cde list, then cde resume",
            "Close what nobody works on any more: cde close",
        ),
        fixes=(LIST_FEATURES,),
        severity=Severity.WARNING,
    ),
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
