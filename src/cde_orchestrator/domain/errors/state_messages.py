"""Words for failures of the stored state, E200 to E299."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity

_PROJECT_INFO = Fix(
    ("cde", "project", "info", "--project", "{project_path}"), tool="cde_getProjectInfo"
)

_HISTORY = Fix(
    ("cde", "state", "history", "--project", "{project_path}"),
    tool="cde_recoverState",
    arguments={"action": "history"},
)
_BACKUPS = Fix(
    ("cde", "state", "backups", "--project", "{project_path}"),
    tool="cde_recoverState",
    arguments={"action": "backups"},
)

STATE_MESSAGES: dict[str, ErrorMessage] = {
    "E201": ErrorMessage(
        title="State Unreadable",
        description="The state of '{path}' cannot be read: {reason}. Nothing was changed.",
        suggestions=(
            "Keep the folder .cde as it is; nothing in it was overwritten",
            "Put the newest good copy of .cde back from a backup of the project",
        ),
        fixes=(_PROJECT_INFO,),
        severity=Severity.CRITICAL,
        recoverable=False,
    ),
    "E202": ErrorMessage(
        title="State From a Newer Version",
        description=(
            "The state of '{path}' has schema version {found}; "
            "this version reads up to {supported}. Nothing was changed."
        ),
        suggestions=(
            "Install the version that wrote it: pip install --upgrade cde-orchestrator",
            "See which version runs: cde --version",
        ),
        fixes=(Fix(("cde", "--version")),),
        recoverable=False,
    ),
    "E203": ErrorMessage(
        title="State Not Written",
        description="The change was not made: writing '{path}' failed ({reason}).",
        suggestions=(
            "Check the disk and the permissions of .cde",
            "Try again; the state is as it was before",
        ),
        fixes=(_PROJECT_INFO,),
        severity=Severity.CRITICAL,
    ),
    "E204": ErrorMessage(
        title="Disk Full",
        description="The change was not made: no space is left for '{path}'.",
        suggestions=(
            "Free space on the disk that holds the project",
            "Try again; the state is as it was before",
        ),
        fixes=(_PROJECT_INFO,),
        severity=Severity.CRITICAL,
    ),
    "E205": ErrorMessage(
        title="Project Locked",
        description="Another process ({holder}) kept the project's lock for {waited_seconds} s.",
        suggestions=(
            "Try again; a lock ends with the process that holds it",
            "See what the other process does, and end it if it hangs",
        ),
        fixes=(_PROJECT_INFO,),
    ),
    "E206": ErrorMessage(
        title="Project Is Read-Only",
        description="The project takes no changes since {since}: {reason}.",
        suggestions=(
            "Queries go on working; changes work again once writing does",
            "Mend the cause, then try again",
        ),
        fixes=(_PROJECT_INFO,),
        severity=Severity.CRITICAL,
    ),
    "E207": ErrorMessage(
        title="Changed by Somebody Else",
        description="{subject} was changed by another process since it was loaded.",
        suggestions=(
            "Load the project again and repeat the change",
            "Change the project inside repository.transaction(), which never conflicts",
        ),
        fixes=(_PROJECT_INFO,),
    ),
    "E208": ErrorMessage(
        title="Not in the History",
        description="Change {sequence} is not in the history, which has {oldest} to {newest}.",
        suggestions=(
            "Choose a number between {oldest} and {newest}: cde state history",
            "See which whole states are kept: cde state backups",
        ),
        fixes=(_HISTORY,),
    ),
    "E209": ErrorMessage(
        title="No Such Backup",
        description="There is no whole backup '{backup}'; there are: {backups}.",
        suggestions=(
            "Take a name from the list: cde state backups",
            "Restore by the number of a change instead: cde state restore --at NUMBER",
        ),
        fixes=(_BACKUPS,),
    ),
    "E210": ErrorMessage(
        title="Not a Valid State",
        description="This cannot become the state: {where}: {reason}. Nothing was changed.",
        suggestions=(
            "Use a file as cde state export writes it, unchanged",
            "Or restore an earlier change: cde state restore --at NUMBER",
        ),
        fixes=(_BACKUPS,),
    ),
    "E211": ErrorMessage(
        title="The State Has Moved On",
        description=(
            "This was prepared for change {expected}, and the state is at change {found} by now. "
            "Nothing was changed."
        ),
        suggestions=(
            "Look again at what would change: cde state restore --dry-run",
            "Then restore with what that answers",
        ),
        fixes=(_HISTORY,),
    ),
}
