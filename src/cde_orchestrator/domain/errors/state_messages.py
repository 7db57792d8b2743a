"""Words for failures of the stored state, E200 to E299."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity
from cde_orchestrator.domain.errors.fixes import (
    BACKUPS,
    DOCTOR,
    DOCTOR_FIX,
    HISTORY,
    PROJECT_INFO,
    SHOW_STATUS,
    TRUST,
)

STATE_MESSAGES: dict[str, ErrorMessage] = {
    "E201": ErrorMessage(
        title="State Unreadable",
        description="The state of '{path}' cannot be read: {reason}. Nothing was changed.",
        suggestions=(
            "Keep the folder .cde as it is; nothing in it was overwritten",
            "Restore an export or a kept backup: cde state restore --file EXPORT",
            "Put the newest good copy of .cde back from a backup of the project",
        ),
        fixes=(DOCTOR,),
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
            "Look at what it says is wrong there: the disk or the database, or who may write",
            "Try again; the state is as it was before",
        ),
        fixes=(DOCTOR, PROJECT_INFO),
        severity=Severity.CRITICAL,
    ),
    "E204": ErrorMessage(
        title="Disk Full",
        description=(
            "The change was not made: no space is left for '{path}' ({reason}). "
            "Bytes that are free there: {free}; needed: {needed}."
        ),
        suggestions=(
            "Free space on the disk that holds the project",
            "Try again; the state is as it was before",
        ),
        fixes=(DOCTOR,),
        severity=Severity.CRITICAL,
    ),
    "E205": ErrorMessage(
        title="Project Locked",
        description="Another process ({holder}) kept the project's lock for {waited_seconds} s.",
        suggestions=(
            "Try again; a lock ends with the process that holds it",
            "See what the other process does, and end it if it hangs",
        ),
        fixes=(PROJECT_INFO,),
    ),
    "E206": ErrorMessage(
        title="Project Is Read-Only",
        description="The project takes no changes since {since}: {reason}.",
        suggestions=(
            "Queries go on working; changes work again once writing does",
            "Mend the cause, then try again",
        ),
        fixes=(DOCTOR,),
        severity=Severity.CRITICAL,
    ),
    "E207": ErrorMessage(
        title="Changed by Somebody Else",
        description="{subject} was changed by another process since it was loaded.",
        suggestions=(
            "Load the project again and repeat the change",
            "Change the project inside repository.transaction(), which never conflicts",
        ),
        fixes=(PROJECT_INFO,),
    ),
    "E208": ErrorMessage(
        title="Not in the History",
        description="Change {sequence} is not in the history, which has {oldest} to {newest}.",
        suggestions=(
            "Choose a number between {oldest} and {newest}: cde state history",
            "See which whole states are kept: cde state backups",
        ),
        fixes=(HISTORY,),
    ),
    "E209": ErrorMessage(
        title="No Such Backup",
        description="There is no whole backup '{backup}'; there are: {backups}.",
        suggestions=(
            "Take a name from the list: cde state backups",
            "Restore by the number of a change instead: cde state restore --at NUMBER",
        ),
        fixes=(BACKUPS,),
    ),
    "E210": ErrorMessage(
        title="Not a Valid State",
        description="This cannot become the state: {where}: {reason}. Nothing was changed.",
        suggestions=(
            "Use a file as cde state export writes it, unchanged",
            "Or restore an earlier change: cde state restore --at NUMBER",
        ),
        fixes=(BACKUPS,),
    ),
    "E211": ErrorMessage(
        title="The State Has Moved On",
        description=(
            "The state is at change {found} by now, and this was prepared for another one "
            "({expected}). Nothing was changed."
        ),
        suggestions=(
            "Look again at what would change: cde state restore --dry-run",
            "Then restore with what that answers",
        ),
        fixes=(HISTORY,),
    ),
    "E212": ErrorMessage(
        title="State File Damaged",
        description="'{file}' is not as it was written: {reason}.",
        suggestions=(
            "Let it be written anew from what survives: cde doctor --fix",
            "The damaged file itself is moved to .cde/quarantine and never deleted",
        ),
        fixes=(DOCTOR_FIX,),
        severity=Severity.WARNING,
    ),
    "E213": ErrorMessage(
        title="Temporary File Left Over",
        description="'{file}' was left by a process that ended while it wrote.",
        suggestions=(
            "Remove it: cde doctor --fix",
            "It can stay; nothing reads it",
        ),
        fixes=(DOCTOR_FIX,),
        severity=Severity.INFO,
    ),
    "E214": ErrorMessage(
        title="Output Changed Since It Was Recorded",
        description="'{path}' of feature '{feature}' {change} since its phase was completed.",
        suggestions=(
            "Compare it with what the phase recorded: cde status {feature} --json",
            "Nothing needs to be done where the change was meant",
        ),
        fixes=(SHOW_STATUS,),
        severity=Severity.INFO,
    ),
    "E215": ErrorMessage(
        title="Damaged Files Kept",
        description=(
            "What is kept in .cde/quarantine of files that were damaged or missing: {count}, "
            "the newest is '{newest}'."
        ),
        suggestions=(
            "Their content was written anew from what survived; nothing needs to be done",
            "Remove them once nobody wants to look at them",
        ),
        fixes=(Fix(("cde", "state", "verify", "--project", "{project_path}")),),
        severity=Severity.INFO,
    ),
    "E216": ErrorMessage(
        title="Change Not Confirmed",
        description=(
            "Writing '{path}' failed half-way and could not be undone: "
            "the change was made whole or not at all, and which is not known yet."
        ),
        suggestions=(
            "Look before you repeat it: cde state history",
            "Check the disk; the project is read-only until writing works again",
        ),
        fixes=(HISTORY,),
        severity=Severity.CRITICAL,
    ),
    "E217": ErrorMessage(
        title="State Backend Unreachable",
        description=(
            "The database with the project's state, {where}, does not answer: {reason}. "
            "Nothing was changed."
        ),
        suggestions=(
            "Start the database, or mend the way to it, then try again",
            "See which one is asked for: state_url in cde project settings",
        ),
        fixes=(DOCTOR,),
        severity=Severity.CRITICAL,
    ),
    "E218": ErrorMessage(
        title="State Database Not Trusted",
        description=(
            "The project's settings file keeps the state in a database at {where}, which may "
            "have come with a clone, and no person has trusted it yet. Nothing was sent to it."
        ),
        suggestions=(
            "A person reads which one it is and runs cde trust in the project, once",
            "Give a database of your own in the environment, as CDE_STATE_URL",
            "Agents cannot grant it: ask the person, then try again",
        ),
        fixes=(TRUST,),
    ),
}
