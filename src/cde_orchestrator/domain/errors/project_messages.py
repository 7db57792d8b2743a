"""Words for project failures, E001 to E099."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity, Suggestion
from cde_orchestrator.domain.errors.fixes import (
    ACTIVATE,
    INFO_CALL,
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
        description="'{path}' is a file; a project is a folder.",
        suggestions=(
            "Name the folder that contains the file: {parent}",
            "Omit the path to use the current folder",
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
            "Check the folder's owner and permissions: ls -ld {path|shell}",
            "Run as the user who owns the project",
        ),
        fixes=(Fix(("cde", "project", "info", "--project", "{path}")),),
        recoverable=False,
    ),
    "E004": ErrorMessage(
        title="Project Not Onboarded",
        description="'{path}' is not set up as a project of CDE Orchestrator yet.",
        suggestions=(
            Suggestion("Set it up once", "cde init", 'cde_onboardProject(path=".")'),
            Suggestion(
                "If the project is elsewhere, name its folder",
                "--project PATH",
                "cde_onboardProject(path)",
            ),
        ),
        fixes=(
            Fix(("cde", "init", "{path}"), tool="cde_onboardProject", arguments={"path": "{path}"}),
        ),
    ),
    "E005": ErrorMessage(
        title="Status Change Not Allowed",
        description="A project that is {status} cannot become {target}.",
        suggestions=(
            "From {status}, a project can become: {allowed}",
            Suggestion("Check the project's status", *INFO_CALL, "project.status"),
        ),
        fixes=(ACTIVATE,),
    ),
    "E006": ErrorMessage(
        title="Another Project Is Served",
        description="This server serves '{served}', not '{path}'.",
        suggestions=(
            "Use the tools for the served project: do not pass another path",
            "Or start a second server: cde serve --project PATH",
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
            "'{path}' was a project of CDE Orchestrator on this machine, and its state is gone. "
            "Evidence: {traces}."
        ),
        suggestions=(
            "If git stash removed .cde, restore it: git stash list, then git stash pop",
            "If a server of the project is still running, one call to it writes the state again",
            "Otherwise restore the folder .cde from a backup of the disk",
            "If you have an export: cde init --new, then cde state import FILE",
            "Create an empty project only if nobody needs the old one: cde init --new",
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
