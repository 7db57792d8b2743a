"""Words for failures of the stored state, E200 to E299."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, critical, info, message, warning
from cde_orchestrator.domain.errors.fixes import (
    BACKUPS,
    DOCTOR,
    DOCTOR_FIX,
    HISTORY,
    HISTORY_CALL,
    INFO_CALL,
    NEW,
    PROJECT_INFO,
    PROJECT_INFO_AT,
    SALVAGE,
    SHOW_STATUS,
    TRUST,
    UPGRADE,
    fix,
    here,
)

_LIST_BACKUPS = Suggestion(
    "See which backups are kept", "cde state backups", 'cde_recoverState(action="backups")'
)
_RESTORE_AT = Suggestion(
    "Or restore the state as of a change",
    "cde state restore --at NUMBER",
    'cde_recoverState(action="restore", at=NUMBER)',
)

STATE_MESSAGES = {
    "E201": critical(
        "State Unreadable",
        "The state of '{path}' cannot be read: {reason}. Nothing was changed.",
        "Leave the folder .cde as it is; nothing in it was overwritten",
        "See what can be taken out of it: cde state salvage --dry-run",
        "Or restore an export or a backup: cde state restore --file EXPORT",
        "Or restore the newest good copy of .cde from a backup of the project",
        fixes=(SALVAGE, DOCTOR),
        recoverable=False,
    ),
    "E202": message(
        "State From a Newer Version",
        (
            "The state of '{path}' has schema version {found}; "
            "this version reads up to {supported}. Nothing was changed."
        ),
        "Install the version that wrote it: pip install --upgrade cde-orchestrator",
        "See which version runs: cde --version",
        "Or read the state where the newer version runs: cde state export",
        fixes=(UPGRADE,),
        recoverable=False,
    ),
    "E203": critical(
        "State Not Written",
        "The change was not made: writing '{path}' failed ({reason}).",
        "Check the cause above: disk, database or permissions",
        "Try again; the state is unchanged",
        "If the cause stays, a person runs cde doctor, or copies the whole folder to another disk",
        fixes=(
            DOCTOR,
            PROJECT_INFO,
        ),
    ),
    "E204": critical(
        "Disk Full",
        (
            "The change was not made: no space is left for '{path}' ({reason}). "
            "Bytes free: {free}; needed: {needed}."
        ),
        "Free space on the disk that holds the project",
        "Try again; the state is unchanged",
        "If nothing else can go, delete the oldest files in .cde/logs",
        fixes=(DOCTOR,),
    ),
    "E205": message(
        "Project Locked",
        "Another process ({holder}) held the project's lock for {waited_seconds} s.",
        "Try again; a lock ends with the process that holds it",
        "Check what the other process is doing, and end it if it hangs",
        "If calls may take longer here, raise lock_timeout_seconds in .cde/config.toml",
        fixes=(PROJECT_INFO,),
    ),
    "E206": critical(
        "Project Is Read-Only",
        "The project has accepted no changes since {since}: {reason}.",
        "Remove the cause above: changes work again as soon as writing does",
        "Until then queries keep working",
        "Check the disk, its mount options and the permissions of .cde",
        fixes=(DOCTOR,),
    ),
    "E207": message(
        "Changed by Somebody Else",
        "{subject} was changed by another process since it was loaded.",
        "Repeat the change: it then starts from the current state",
        Suggestion("See who changed it", *HISTORY_CALL),
        Suggestion(
            "Make the change in a transaction, which never conflicts",
            python="repository.transaction()",
        ),
        Suggestion(
            "Or let your changes win; what they override is returned",
            python="repository.save(project, force=True)",
        ),
        "Check whether your change is still needed: somebody else changed the same thing",
        fixes=(PROJECT_INFO,),
    ),
    "E208": message(
        "Not in the History",
        "Change {sequence} is not in the history, which has {oldest} to {newest}.",
        Suggestion("Choose a number between {oldest} and {newest}", *HISTORY_CALL),
        _LIST_BACKUPS,
        "Changes before {oldest} are no longer kept; a backup of the disk may have them",
        fixes=(HISTORY,),
    ),
    "E209": message(
        "No Such Backup",
        "There is no backup '{backup}'; there are: {backups}.",
        _LIST_BACKUPS,
        _RESTORE_AT,
        "Use the name exactly as it is listed",
        fixes=(BACKUPS,),
    ),
    "E210": message(
        "Not a Valid State",
        "This is not a valid state: {where}: {reason}. Nothing was changed.",
        "Use an unchanged file from cde state export",
        _RESTORE_AT,
        "Check that the file was copied completely: compare its size and SHA-256",
        fixes=(BACKUPS,),
    ),
    "E211": message(
        "The State Has Moved On",
        (
            "The state is at change {found} now, but this was prepared for another one "
            "({expected}). Nothing was changed."
        ),
        Suggestion(
            "Preview the restore again",
            "cde state restore --dry-run",
            'cde_recoverState(action="restore")',
        ),
        "Then confirm that preview",
        Suggestion(
            "See what changed meanwhile",
            "cde state history",
            'cde_recoverState(action="history")',
        ),
        fixes=(HISTORY,),
    ),
    "E212": warning(
        "State File Damaged",
        "'{file}' is damaged: {reason}.",
        "Rebuild it from the surviving files: cde doctor --fix",
        "The damaged file is moved to .cde/quarantine and never deleted",
        "Check the disk: damage that returns is a sign that it fails",
        fixes=(DOCTOR_FIX,),
    ),
    "E213": info(
        "Temporary File Left Over",
        "'{file}' was left by a process that ended while writing.",
        "Remove it: cde doctor --fix",
        "Or leave it; nothing reads it",
        "If such files keep appearing, check what ends the processes: memory, time limits, kill -9",
        fixes=(DOCTOR_FIX,),
    ),
    "E214": info(
        "Output Changed Since It Was Recorded",
        "'{path}' of feature '{feature}' {change} since its phase was completed.",
        Suggestion(
            "Compare it with what the phase recorded",
            "cde status {feature} --json",
            "cde_getFeatureStatus()",
        ),
        "If the change was intended, nothing needs to be done",
        "If it was not, restore it from git, or roll the phase back",
        fixes=(SHOW_STATUS,),
    ),
    "E215": info(
        "Damaged Files Kept",
        (
            "Files kept in .cde/quarantine because they were damaged, missing or replaced: "
            "{count}, the newest is '{newest}'."
        ),
        "Their content was rebuilt from the surviving files; nothing needs to be done",
        "Delete them when nobody needs them for analysis",
        "Check the disk if this happens again: it may be failing",
        fixes=(here("state verify"),),
    ),
    "E216": critical(
        "Change Not Confirmed",
        (
            "Writing '{path}' failed half-way and could not be undone: "
            "it is not known yet whether the change was made completely or not at all."
        ),
        Suggestion("Check before you repeat the change", *HISTORY_CALL),
        "Check the disk; the project is read-only until writing works again",
        "If the state is as it should be, carry on; if the change is missing, make it again",
        fixes=(HISTORY,),
    ),
    "E217": critical(
        "State Backend Unreachable",
        (
            "The database with the project's state, {where}, does not answer: {reason}. "
            "Nothing was changed."
        ),
        "Start the database or restore the connection, then try again",
        "Check which database is configured: state_url in cde project settings",
        "Check network, firewall and the database's own log",
        fixes=(DOCTOR,),
    ),
    "E218": message(
        "State Database Not Trusted",
        (
            "The project's settings file names a database at {where} for the state. The setting "
            "may have come with a clone, and no person has trusted it yet. Nothing was sent to it."
        ),
        "A person must review the database and run cde trust in the project, once",
        "Or set your own database in the environment, as CDE_STATE_URL",
        "Agents cannot grant trust: ask a person, then try again",
        fixes=(TRUST,),
    ),
    "E219": message(
        "Another Project Is Stored Here",
        (
            "'{path}' holds the project {stored}; the one to be saved is {given}. "
            "Nothing was changed."
        ),
        Suggestion(
            "Work on with the project that is there", *INFO_CALL, "repository.get(project.path)"
        ),
        "Or save yours in another folder: a folder holds one project",
        "Start the features of yours in the other one, if they are one and the same work",
        fixes=(PROJECT_INFO_AT,),
        recoverable=False,
    ),
    "E220": warning(
        "Second Copy in the Work Tree",
        (
            "The second copy of the state is in '{path}', because no folder outside the work tree "
            "could be written. What removes .cde, as git clean -fdx does, removes both copies."
        ),
        "Run any command of the project where {outside} can be written: it moves the copy there",
        "In a sandbox nothing needs to be done; the next command that is not in it moves the copy",
        "Until then keep git clean and rm away from .cde, or keep an export of the state elsewhere",
        fixes=(here("status"),),
    ),
    "E222": warning(
        "State Forked",
        (
            "The project has two histories: this one, at change {own} when the other was found, "
            "and one at change {other}, kept whole as {backup}{origin}. Nothing is lost."
        ),
        Suggestion(
            "Merge both sides by feature; of one that both changed, the newest revision wins",
            "cde state merge {backup}",
        ),
        Suggestion(
            "Or choose the other side",
            "cde state restore --backup {backup}",
            'cde_recoverState(action="restore", backup="{backup}")',
        ),
        Suggestion(
            "Or stay with this one; the other remains a backup",
            "cde state leave {backup}",
        ),
        Suggestion(
            "See what differs first",
            "cde state merge {backup} --dry-run",
            'cde_recoverState(action="restore", backup="{backup}")',
        ),
        fixes=(here("state merge {backup}"),),
    ),
    "E224": critical(
        "Nothing to Salvage",
        (
            "No record and no checkpoint of the state of '{path}' is intact, in its files, its "
            "backups or its quarantine: nothing can be taken out. Nothing was changed."
        ),
        "Restore .cde and the project's vault from a backup of the disk",
        "If you have an export: cde init --new, then cde state import FILE",
        "Create an empty project if nobody needs the old one; its damaged files are kept",
        fixes=(NEW,),
        recoverable=False,
    ),
    "E225": info(
        "Changes Were Lost",
        "On {at}, changes were lost with the files that had them: {changes}.",
        Suggestion("Check which work has to be done again", *HISTORY_CALL),
        "Damaged files are kept in .cde/quarantine; an expert may find more in them",
        "Delete the note in .cde/quarantine when nobody needs it: {note}",
        fixes=(HISTORY,),
    ),
    "E227": message(
        "State Is in Files",
        (
            "The state of '{path}' is in its files, in '{place}' (number of features: "
            "{features}). The database {where}, which the settings name, does not have it. "
            "Nothing was changed."
        ),
        "Move it into the database: cde state move --to-database; --dry-run shows what it does",
        "Or unset CDE_STATE_URL, and state_url in .cde/config.toml, to work with the files",
        "Agents cannot choose: ask a person, then try again",
        fixes=(fix("state move --to-database --project {path}"),),
    ),
    "E228": message(
        "State Was Moved",
        "The state of '{path}' was moved to {place} ({at}). Nothing was changed.",
        "If that is a database, set CDE_STATE_URL to it, and state_project in .cde/config.toml",
        "If those are files, work there, without CDE_STATE_URL and state_project",
        "To move it here, run cde state move where both can be reached; see docs/postgresql.md",
        "If it is lost there, what is here can be used again: cde state move --help says how",
        fixes=(fix("project settings --project {path}"),),
    ),
}
