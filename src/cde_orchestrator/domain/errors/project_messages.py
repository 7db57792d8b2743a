"""Words for project failures, E001 to E099."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity
from cde_orchestrator.domain.errors.fixes import (
    ACTIVATE,
)

PROJECT_MESSAGES: dict[str, ErrorMessage] = {
    "E001": ErrorMessage(
        title="Project Not Found",
        description="The project path '{path}' does not exist or is not accessible.",
        suggestions=(
            "Verify the path is correct",
            "Check file permissions",
            "Create the project directory: mkdir -p {path|shell}",
        ),
        fixes=(Fix(("cde", "init", "{path}", "--create")),),
        recoverable=False,
    ),
    "E002": ErrorMessage(
        title="Project Path Is Not a Folder",
        description="'{path}' is a file; a project is the folder that holds its files.",
        suggestions=(
            "Name the folder that contains the file: {parent}",
            "Leave the path away to use the current folder",
        ),
        fixes=(
            Fix(
                ("cde", "init", "{parent}"),
                tool="cde_onboardProject",
                arguments={"path": "{parent}"},
            ),
        ),
        recoverable=False,
    ),
    "E003": ErrorMessage(
        title="Project Not Readable",
        description="The system refused access to '{path}': {reason}.",
        suggestions=(
            "See who owns the folder and what its mode allows: ls -ld {path|shell}",
            "Run as the user who owns the project",
        ),
        fixes=(Fix(("cde", "project", "info", "--project", "{path}")),),
        recoverable=False,
    ),
    "E004": ErrorMessage(
        title="Project Not Onboarded",
        description="'{path}' holds no project of CDE Orchestrator yet.",
        suggestions=(
            "Onboard it once: cde init, or the tool cde_onboardProject",
            "If the project lies elsewhere, name it with --project",
        ),
        fixes=(
            Fix(("cde", "init", "{path}"), tool="cde_onboardProject", arguments={"path": "{path}"}),
        ),
    ),
    "E005": ErrorMessage(
        title="Status Change Not Allowed",
        description="A project that is {status} cannot become {target}.",
        suggestions=(
            "From {status} a project can become: {allowed}",
            "Check project status: cde_getProjectInfo()",
        ),
        fixes=(ACTIVATE,),
    ),
    "E006": ErrorMessage(
        title="Another Project Is Served",
        description="This server serves '{served}', not '{path}'.",
        suggestions=(
            "Use the tools without naming another path",
            "Connect a second server: cde serve --project PATH",
        ),
        fixes=(
            Fix(
                ("cde", "project", "info", "--project", "{served}"),
                tool="cde_getProjectInfo",
            ),
        ),
    ),
    "E007": ErrorMessage(
        title="State Missing",
        description=(
            "'{path}' held a project of CDE Orchestrator on this machine, and its state is gone. "
            "What shows it: {traces}."
        ),
        suggestions=(
            "If git stash took .cde away, bring it back: git stash list, then git stash pop",
            "If a server of the project still runs, one call to it writes the state again",
            "Else put the folder .cde back from a backup of the disk",
            "With an export: cde init --new, then cde state import FILE",
            "Begin an empty project only where nobody needs the old one: cde init --new",
        ),
        fixes=(
            Fix(
                ("cde", "project", "info", "--project", "{path}"),
                tool="cde_getProjectInfo",
            ),
        ),
        severity=Severity.CRITICAL,
    ),
}
