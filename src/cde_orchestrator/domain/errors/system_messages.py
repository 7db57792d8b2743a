"""Words for failures of the system around the product, E900 to E999."""

from __future__ import annotations

from cde_orchestrator.domain.errors.agent_messages import AGENT_MESSAGES
from cde_orchestrator.domain.errors.alert_messages import ALERT_MESSAGES
from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity, explaining
from cde_orchestrator.domain.errors.fixes import (
    COMPACT,
    DOCTOR,
    LIST_FEATURES,
    LIST_REPORTS,
)

SYSTEM_MESSAGES: dict[str, ErrorMessage] = {
    "E901": ErrorMessage(
        title="Address Not Available",
        description="The server cannot listen on {host}:{port}: {reason}.",
        suggestions=(
            "Choose another port: cde serve --transport http --port 0 takes a free one",
            "End the program that uses the port",
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
        description="The server asks for a bearer token, and {reason}.",
        suggestions=(
            "Send the header Authorization: Bearer TOKEN with the token that the server was given",
            "Ask who started the server for the token: it is in the file after --token-file",
        ),
        fixes=(explaining("E902"),),
        severity=Severity.WARNING,
    ),
    **AGENT_MESSAGES,
    "E920": ErrorMessage(
        title="Clock Differs",
        description="The newest change was made at {newest}, which lies in the future here.",
        suggestions=(
            "Set this machine's clock, or let it be kept by NTP",
            "Changes are ordered by their numbers, so none is lost or misplaced",
        ),
        fixes=(Fix(("cde", "state", "history", "--limit", "1", "--project", "{project_path}")),),
        severity=Severity.WARNING,
    ),
    "E921": ErrorMessage(
        title="Little Disk Space",
        description="{free_mb} MB are free where '{path}' lies; {wanted_mb} MB are wanted.",
        suggestions=(
            "Free space on that disk before the project turns read-only",
            "Drop what is not needed of its history: cde state compact",
        ),
        fixes=(COMPACT,),
        severity=Severity.WARNING,
    ),
    "E922": ErrorMessage(
        title="Git Does Not Work",
        description="Git refuses to work in '{path}': {reason}.",
        suggestions=(
            "Run git status there and do what it says",
            "Features go on without git",
        ),
        fixes=(DOCTOR,),
        severity=Severity.WARNING,
    ),
    "E923": ErrorMessage(
        title="No Answer in Time",
        description=(
            "{tool} has not answered within {seconds} s. It goes on, "
            "and what it changes is kept: look before you repeat it."
        ),
        suggestions=(
            "See what was done meanwhile: cde_listFeatures()",
            "Where calls may take longer, raise call_timeout_seconds in .cde/config.toml",
        ),
        fixes=(LIST_FEATURES,),
        severity=Severity.WARNING,
    ),
    "E924": ErrorMessage(
        title="Token Not Usable",
        description="The bearer token from {source} cannot be used: {reason}.",
        suggestions=(
            "Make one: openssl rand -hex 32 > FILE, then chmod 600 FILE",
            "Name the file with --token-file, or put the token into CDE_HTTP_TOKEN",
        ),
        fixes=(explaining("E924"),),
    ),
    **ALERT_MESSAGES,
    "E930": ErrorMessage(
        title="Little Memory",
        description="{percent} % of the memory is in use; more than {most} % slows all down.",
        suggestions=(
            "End programs that are not needed, or give the machine more memory",
            "Where that much is meant, raise alert_memory_percent in .cde/config.toml",
        ),
        fixes=(Fix(("cde", "health", "--project", "{project_path}"), tool="cde_getHealth"),),
        severity=Severity.WARNING,
    ),
    "E935": ErrorMessage(
        title="Dashboard Not Started",
        description="The server of the dashboard does not start. It says: {reason}.",
        suggestions=(
            "Start a server in front of you and see: cde serve --transport http --port 0",
            "Find out what is wrong with the project: cde doctor",
        ),
        fixes=(DOCTOR,),
    ),
    "E999": ErrorMessage(
        title="Unexpected Failure",
        description=(
            "Something failed that should not have. "
            "A change that was under way was made whole or not at all."
        ),
        suggestions=(
            "Look before you repeat a change: cde state history",
            "If it happens again, report it with the id {correlation_id}",
            "Look at the report that it left: cde errors list",
        ),
        fixes=(LIST_REPORTS,),
        severity=Severity.CRITICAL,
        recoverable=False,
    ),
}
