"""Words for project failures, E001 to E099."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, critical, message
from cde_orchestrator.domain.errors.fixes import ACTIVATE, INFO_CALL, SALVAGE, explaining, fix

PROJECT_MESSAGES = {
    "E001": message(
        "Project Not Found",
        "The project path '{path}' does not exist or is not accessible.",
        "Verify the path is correct",
        "Check file permissions",
        "Create the project directory: mkdir -p {path|shell}",
        fixes=(explaining("E001"),),
        recoverable=False,
    ),
    "E002": message(
        "Project Path Is Not a Folder",
        "'{path}' is a file; a project is a folder.",
        "Name the folder that contains the file: {parent}",
        "Omit the path to use the current folder",
        "Check the spelling: a file and a folder next to it may have similar names",
        fixes=(fix("init {parent}", "cde_onboardProject", path="{parent}"),),
        recoverable=False,
    ),
    "E003": message(
        "Project Not Readable",
        "The system refused access to '{path}': {reason}.",
        "Check the folder's owner and permissions: ls -ld {path|shell}",
        "Run as the user who owns the project",
        "Check that you may enter each folder above it as well",
        fixes=(fix("project info --project {path}"),),
        recoverable=False,
    ),
    "E004": message(
        "Project Not Onboarded",
        "'{path}' is not set up as a project of CDE Orchestrator yet.",
        Suggestion("Set it up once", "cde init", 'cde_onboardProject(path=".")'),
        Suggestion(
            "If the project is elsewhere, name its folder",
            "--project PATH",
            "cde_onboardProject(path)",
        ),
        "A fresh clone has no state of its own: cde verify checks what is committed; a state that "
        "was lost comes back with a backup of .cde",
        fixes=(fix("init {path}", "cde_onboardProject", path="{path}"),),
    ),
    "E005": message(
        "Status Change Not Allowed",
        "A project that is {status} cannot become {target}.",
        "From {status}, a project can become: {allowed}",
        Suggestion("Check the project's status", *INFO_CALL, "project.status"),
        Suggestion(
            "See who changed the status", "cde state history", 'cde_recoverState(action="history")'
        ),
        fixes=(ACTIVATE,),
    ),
    "E006": message(
        "Another Project Is Served",
        "This server serves '{served}', not '{path}'.",
        "Use the tools for the served project: do not pass another path",
        "Or start a second server: cde serve --project PATH",
        Suggestion("See which project is served", *INFO_CALL),
        fixes=(fix("project info --project {served}", "cde_getProjectInfo"),),
    ),
    "E007": critical(
        "State Missing",
        (
            "'{path}' was a project of CDE Orchestrator on this machine, and its state is gone. "
            "Evidence: {traces}."
        ),
        "See whether its quarantine still has something: cde state salvage --dry-run",
        "If git stash removed .cde, restore it: git stash list, then git stash pop",
        "If a server of the project is still running, one call to it writes the state again",
        "Otherwise restore the folder .cde from a backup of the disk",
        "If you have an export: cde init --new, then cde state import FILE",
        "Create an empty project only if nobody needs the old one: cde init --new",
        fixes=(SALVAGE,),
    ),
    "E008": message(
        "Repository Not Found",
        (
            "'{path}' is in a worktree of git, and {git} names a folder that does not exist. A "
            "project of the repository that it belongs to cannot be found from here."
        ),
        "If the repository was moved, run this in it: git worktree repair {path|shell}",
        "Nothing is lost: the state of such a project is in the repository",
        "To create a project without that repository: cde init --new {path|shell}",
        fixes=(explaining("E008"),),
    ),
}
