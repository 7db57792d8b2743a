"""Words for failures of the system around the product, E900 to E999."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity

SYSTEM_MESSAGES: dict[str, ErrorMessage] = {
    "E901": ErrorMessage(
        title="Address Not Available",
        description="The server cannot listen on {host}:{port}: {reason}.",
        suggestions=(
            "Choose another port: cde serve --transport http --port 0 takes a free one",
            "End the program that uses the port",
        ),
        fixes=(Fix(("cde", "serve", "--transport", "http", "--port", "0")),),
    ),
    "E999": ErrorMessage(
        title="Unexpected Failure",
        description="Something failed that should not have. Nothing was changed.",
        suggestions=(
            "Try again; if it happens again, report it with the id {correlation_id}",
            "Look at what happened around it in the log",
        ),
        fixes=(
            Fix(
                ("cde", "project", "info", "--project", "{project_path}"),
                tool="cde_getProjectInfo",
            ),
        ),
        severity=Severity.CRITICAL,
        recoverable=False,
    ),
}
