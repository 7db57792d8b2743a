"""Words for failures of the stored state, E200 to E299."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity, Suggestion
from cde_orchestrator.domain.errors.fixes import (
    BACKUPS,
    DOCTOR,
    DOCTOR_FIX,
    HISTORY,
    HISTORY_CALL,
    PROJECT_INFO,
    SHOW_STATUS,
    TRUST,
)

_LIST_BACKUPS = Suggestion(
    "See which backups are kept", "cde state backups", 'cde_recoverState(action="backups")'
)
_RESTORE_AT = Suggestion(
    "Or restore the state as of a change",
    "cde state restore --at NUMBER",
    'cde_recoverState(action="restore", at=NUMBER)',
)

STATE_MESSAGES: dict[str, ErrorMessage] = {
    "E201": ErrorMessage(
        title="State Unreadable",
        description="The state of '{path}' cannot be read: {reason}. Nothing was changed.",
        suggestions=(
            "Leave the folder .cde as it is; nothing in it was overwritten",
            "Restore an export or a backup: cde state restore --file EXPORT",
            "Or restore the newest good copy of .cde from a backup of the project",
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
            "Check the cause above: disk, database or permissions",
            "Try again; the state is unchanged",
        ),
        fixes=(DOCTOR, PROJECT_INFO),
        severity=Severity.CRITICAL,
    ),
    "E204": ErrorMessage(
        title="Disk Full",
        description=(
            "The change was not made: no space is left for '{path}' ({reason}). "
            "Bytes free: {free}; needed: {needed}."
        ),
        suggestions=(
            "Free space on the disk that holds the project",
            "Try again; the state is unchanged",
        ),
        fixes=(DOCTOR,),
        severity=Severity.CRITICAL,
    ),
    "E205": ErrorMessage(
        title="Project Locked",
        description="Another process ({holder}) held the project's lock for {waited_seconds} s.",
        suggestions=(
            "Try again; a lock ends with the process that holds it",
            "Check what the other process is doing, and end it if it hangs",
        ),
        fixes=(PROJECT_INFO,),
    ),
    "E206": ErrorMessage(
        title="Project Is Read-Only",
        description="The project has accepted no changes since {since}: {reason}.",
        suggestions=(
            "Remove the cause above: changes work again as soon as writing does",
            "Until then queries keep working",
        ),
        fixes=(DOCTOR,),
        severity=Severity.CRITICAL,
    ),
    "E207": ErrorMessage(
        title="Changed by Somebody Else",
        description="{subject} was changed by another process since it was loaded.",
        suggestions=(
            "Repeat the change: it then starts from the current state",
            Suggestion("See who changed it", *HISTORY_CALL),
            Suggestion(
                "Make the change in a transaction, which never conflicts",
                python="repository.transaction()",
            ),
        ),
        fixes=(PROJECT_INFO,),
    ),
    "E208": ErrorMessage(
        title="Not in the History",
        description="Change {sequence} is not in the history, which has {oldest} to {newest}.",
        suggestions=(
            Suggestion("Choose a number between {oldest} and {newest}", *HISTORY_CALL),
            _LIST_BACKUPS,
        ),
        fixes=(HISTORY,),
    ),
    "E209": ErrorMessage(
        title="No Such Backup",
        description="There is no backup '{backup}'; there are: {backups}.",
        suggestions=(
            _LIST_BACKUPS,
            _RESTORE_AT,
        ),
        fixes=(BACKUPS,),
    ),
    "E210": ErrorMessage(
        title="Not a Valid State",
        description="This is not a valid state: {where}: {reason}. Nothing was changed.",
        suggestions=(
            "Use an unchanged file from cde state export",
            _RESTORE_AT,
        ),
        fixes=(BACKUPS,),
    ),
    "E211": ErrorMessage(
        title="The State Has Moved On",
        description=(
            "The state is at change {found} now, but this was prepared for another one "
            "({expected}). Nothing was changed."
        ),
        suggestions=(
            Suggestion(
                "Preview the restore again",
                "cde state restore --dry-run",
                'cde_recoverState(action="restore")',
            ),
            "Then confirm that preview",
        ),
        fixes=(HISTORY,),
    ),
    "E212": ErrorMessage(
        title="State File Damaged",
        description="'{file}' is damaged: {reason}.",
        suggestions=(
            "Rebuild it from the surviving files: cde doctor --fix",
            "The damaged file is moved to .cde/quarantine and never deleted",
        ),
        fixes=(DOCTOR_FIX,),
        severity=Severity.WARNING,
    ),
    "E213": ErrorMessage(
        title="Temporary File Left Over",
        description="'{file}' was left by a process that ended while writing.",
        suggestions=(
            "Remove it: cde doctor --fix",
            "Or leave it; nothing reads it",
        ),
        fixes=(DOCTOR_FIX,),
        severity=Severity.INFO,
    ),
    "E214": ErrorMessage(
        title="Output Changed Since It Was Recorded",
        description="'{path}' of feature '{feature}' {change} since its phase was completed.",
        suggestions=(
            Suggestion(
                "Compare it with what the phase recorded",
                "cde status {feature} --json",
                "cde_getFeatureStatus()",
            ),
            "If the change was intended, nothing needs to be done",
        ),
        fixes=(SHOW_STATUS,),
        severity=Severity.INFO,
    ),
    "E215": ErrorMessage(
        title="Damaged Files Kept",
        description=(
            "Files kept in .cde/quarantine because they were damaged or missing: {count}, "
            "the newest is '{newest}'."
        ),
        suggestions=(
            "Their content was rebuilt from the surviving files; nothing needs to be done",
            "Delete them when nobody needs them for analysis",
        ),
        fixes=(Fix(("cde", "state", "verify", "--project", "{project_path}")),),
        severity=Severity.INFO,
    ),
    "E216": ErrorMessage(
        title="Change Not Confirmed",
        description=(
            "Writing '{path}' failed half-way and could not be undone: "
            "it is not known yet whether the change was made completely or not at all."
        ),
        suggestions=(
            Suggestion("Check before you repeat the change", *HISTORY_CALL),
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
            "Start the database or restore the connection, then try again",
            "Check which database is configured: state_url in cde project settings",
        ),
        fixes=(DOCTOR,),
        severity=Severity.CRITICAL,
    ),
    "E218": ErrorMessage(
        title="State Database Not Trusted",
        description=(
            "The project's settings file names a database at {where} for the state. The setting "
            "may have come with a clone, and no person has trusted it yet. Nothing was sent to it."
        ),
        suggestions=(
            "A person must review the database and run cde trust in the project, once",
            "Or set your own database in the environment, as CDE_STATE_URL",
            "Agents cannot grant trust: ask a person, then try again",
        ),
        fixes=(TRUST,),
    ),
}
