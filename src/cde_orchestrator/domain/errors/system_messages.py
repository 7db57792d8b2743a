"""Words for failures of the system around the product, E900 to E999."""

from __future__ import annotations

from cde_orchestrator.domain.errors.agent_messages import AGENT_MESSAGES
from cde_orchestrator.domain.errors.alert_messages import ALERT_MESSAGES
from cde_orchestrator.domain.errors.entry import (
    ErrorMessage,
    Fix,
    Severity,
    Suggestion,
    explaining,
)
from cde_orchestrator.domain.errors.fixes import (
    COMPACT,
    DOCTOR,
    HISTORY_CALL,
    LIST_FEATURES,
    LIST_REPORTS,
)

SYSTEM_MESSAGES: dict[str, ErrorMessage] = {
    "E901": ErrorMessage(
        title="Address Not Available",
        description="The server cannot listen on {host}:{port}: {reason}.",
        suggestions=(
            "Let the system choose a free port: cde serve --transport http --port 0",
            "Or stop the program that uses the port",
        ),
        fixes=(
            Fix(
                (
                    *("cde", "serve", "--transport", "http", "--port", "0"),
                    *("--project", "{project_path}"),
                )
            ),
        ),
    ),
    "E902": ErrorMessage(
        title="Not Authorised",
        description="The server requires a bearer token, and {reason}.",
        suggestions=(
            "Send the header Authorization: Bearer TOKEN with the server's token",
            "Ask whoever started the server for the token: it is in the file after --token-file",
        ),
        fixes=(explaining("E902"),),
        severity=Severity.WARNING,
    ),
    **AGENT_MESSAGES,
    "E920": ErrorMessage(
        title="Clock Differs",
        description="The newest change was made at {newest}, which is in the future here.",
        suggestions=(
            "Set this machine's clock, or let NTP set it",
            "Changes are ordered by their numbers, so none is lost or misplaced",
        ),
        fixes=(Fix(("cde", "state", "history", "--limit", "1", "--project", "{project_path}")),),
        severity=Severity.WARNING,
    ),
    "E921": ErrorMessage(
        title="Low Disk Space",
        description="{free_mb} MB are free on the disk of '{path}'; {wanted_mb} MB are wanted.",
        suggestions=(
            "Free space on that disk before the project becomes read-only",
            "Shorten the project's history: cde state compact",
        ),
        fixes=(COMPACT,),
        severity=Severity.WARNING,
    ),
    "E922": ErrorMessage(
        title="Git Does Not Work",
        description="Git refuses to work in '{path}': {reason}.",
        suggestions=(
            "Run git status there and follow its advice",
            "Features can continue without git",
        ),
        fixes=(DOCTOR,),
        severity=Severity.WARNING,
    ),
    "E923": ErrorMessage(
        title="No Answer in Time",
        description=(
            "{tool} did not answer within {seconds} s. It continues, "
            "and what it changes is kept: check before you repeat it."
        ),
        suggestions=(
            Suggestion("See what was done meanwhile", "cde list", "cde_listFeatures()"),
            "If calls may take longer, raise call_timeout_seconds in .cde/config.toml",
        ),
        fixes=(LIST_FEATURES,),
        severity=Severity.WARNING,
    ),
    "E924": ErrorMessage(
        title="Token Not Usable",
        description="The bearer token from {source} cannot be used: {reason}.",
        suggestions=(
            "Create one: openssl rand -hex 32 > FILE, then chmod 600 FILE",
            "Name the file with --token-file, or set the token in CDE_HTTP_TOKEN",
        ),
        fixes=(explaining("E924"),),
    ),
    **ALERT_MESSAGES,
    "E930": ErrorMessage(
        title="Low Memory",
        description="{percent} % of the memory is in use; the limit is {most} %.",
        suggestions=(
            "Stop programs that are not needed, or give the machine more memory",
            "If so much use is intended, raise alert_memory_percent in .cde/config.toml",
        ),
        fixes=(Fix(("cde", "health", "--project", "{project_path}"), tool="cde_getHealth"),),
        severity=Severity.WARNING,
    ),
    "E935": ErrorMessage(
        title="Dashboard Not Started",
        description="The dashboard's server does not start. It reports: {reason}.",
        suggestions=(
            "Start a server in the foreground and watch it: cde serve --transport http --port 0",
            "Find out what is wrong with the project: cde doctor",
        ),
        fixes=(DOCTOR,),
    ),
    "E999": ErrorMessage(
        title="Unexpected Failure",
        description=(
            "Something failed that should not have. "
            "A change in progress was made completely or not at all."
        ),
        suggestions=(
            Suggestion("Check before you repeat a change", *HISTORY_CALL),
            "If it happens again, report it with the id {correlation_id}",
            "Read the error report: cde errors list",
        ),
        fixes=(LIST_REPORTS,),
        severity=Severity.CRITICAL,
        recoverable=False,
    ),
}
