"""Look at the project's past, and bring it back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, field
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.rollback import FileRow
from cde_orchestrator.application.features.source_changes import SourceRow
from cde_orchestrator.application.ports.core import StateRecovery, WorkflowRepository
from cde_orchestrator.application.state.foreign_states import require_usable
from cde_orchestrator.application.state.state_exports import export_of, merge_exports, parse_export
from cde_orchestrator.application.state.undo_rollback import (
    WorkPlaces,
    follow_rollbacks,
    follow_sources,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import ProjectError, StateError, ValidationError
from cde_orchestrator.domain.history import Backup
from cde_orchestrator.domain.text import counted

NAMES_SHOWN = 5
"""Features of what a restore takes back, and of those who changed them, that are named."""
LARGEST_HISTORY = 1_000


class VerifyReply(TypedDict):
    """Whether every stored file is whole, and what is wrong with those that are not."""

    path: str
    whole: bool
    findings: list[dict[str, str]]


class HistoryReply(TypedDict):
    """Changes, newest first."""

    changes: list[dict[str, Any]]


class BackupsReply(TypedDict):
    """The states that are kept, oldest first."""

    backups: list[dict[str, Any]]


class FeatureDifference(TypedDict):
    """A feature that differs between two states, and the fields in which it does."""

    id: str
    name: str
    fields: list[str]


class Difference(TypedDict):
    """What differs between two states."""

    project: list[str]
    added: list[str]
    removed: list[str]
    changed: list[FeatureDifference]


class DiffReply(TypedDict):
    """Two changes, and what differs between the states right after them."""

    before: int
    after: int
    difference: Difference


class StateReply(TypedDict):
    """A state as an export, and the change that it is right after."""

    sequence: int
    state: dict[str, Any]


class TakenBackView(TypedDict):
    """How many changes of a feature, or of the project where it is None, somebody made.

    ``by`` is who called, and ``call`` its correlation id; empty where no history says it any more.
    """

    feature: str | None
    by: str
    call: str
    changes: int


class RestoreReply(TypedDict):
    """What a restore changed, or would change; ``token`` confirms a dry run.

    ``feature`` is the name of the one that alone is restored. ``taken_back`` are the changes that
    go, with who made them.
    ``files`` are outputs that a rollback took back, and ``code`` is source code of that kind: they
    follow the state; ``conflicts`` is what both sides of a merged fork had changed.
    """

    source: str
    feature: str | None
    dry_run: bool
    sequence: int
    difference: Difference
    token: str
    files: list[FileRow]
    code: list[SourceRow]
    conflicts: list[str]
    taken_back: list[TakenBackView]


class VerifyState(UseCase[VerifyReply], operation="verify_state"):
    """Judge every file and every record of the state; nothing is changed."""

    def __call__(self, *, root: Path, recovery: StateRecovery) -> VerifyReply:
        """Raises E001 to E003."""
        findings = [asdict(damage) for damage in recovery.verify(root)]
        return {"path": str(root), "whole": not findings, "findings": findings}


class ListChanges(UseCase[HistoryReply], operation="list_changes"):
    """The project's changes, newest first.

    Attributes:
        limit: how many at the most, 1 to 1,000.
        feature: only those about this feature.
    """

    limit: int = 50
    feature: str | None = None

    def __call__(self, *, root: Path, recovery: StateRecovery) -> HistoryReply:
        """Raises E102, E103, E305."""
        if not 1 <= self.limit <= LARGEST_HISTORY:
            reason = f"it is {self.limit}, not between 1 and {LARGEST_HISTORY}"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        entries = recovery.history(root, self.limit, self.feature)
        return {"changes": [asdict(entry) for entry in entries]}


class ListBackups(UseCase[BackupsReply], operation="list_backups"):
    """The states that are kept, and how much the other sides of forks differ."""

    def __call__(self, *, root: Path, recovery: StateRecovery) -> BackupsReply:
        """Raises E001 to E004, E007, E008."""
        present: Mapping[str, Any] | None = None
        with suppress(StateError):  # what it may be restored to is listed for any state
            # Reading it first keeps each side of a fork that no command has seen yet.
            present = present_state(root, recovery)[1]
        backups = recovery.backups(root)
        return {"backups": [_listed(backup, present, root, recovery) for backup in backups]}


class DiffStates(UseCase[DiffReply], operation="diff_states"):
    """What differs between the states right after two changes.

    Attributes:
        before: the number of a change.
        after: the number of another; the present state when None.
    """

    before: int
    after: int | None = None

    def __call__(self, *, root: Path, recovery: StateRecovery) -> DiffReply:
        """Raises E004, E208."""
        _, old = recovery.state_at(root, self.before)
        number, new = recovery.state_at(root, self.after)
        return {"before": self.before, "after": number, "difference": difference(old, new)}


class ExportState(UseCase[StateReply], operation="export_state"):
    """A whole state as one document.

    Attributes:
        at: the number of the change right after which; the present state when None.
    """

    at: int | None = None

    def __call__(self, *, root: Path, recovery: StateRecovery) -> StateReply:
        """Raises E004, E208."""
        sequence, document = recovery.state_at(root, self.at)
        return {"sequence": sequence, "state": export_of(document)}


class RestoreState(UseCase[RestoreReply], operation="restore_state"):
    """Make an earlier state, a backup or an export the present state.

    Exactly one source is named; it is checked whole first. The restore is itself one change: what
    was there before is kept as a backup, and ``at`` with the number before it brings it back.
    With the other side of a fork, it decides about that fork.

    Attributes:
        at: the number of a change.
        feature: with ``at``: only this feature becomes as it was then.
        backup: a backup's file name.
        merged: a backup's file name, which is merged into the present state by feature.
        export: the text of an export.
        dry_run: only show what would change.
        token: what a dry run answered; the restore is refused when the source or the present
            state is another by now.
        shown: what a dry run, whose token is given, answered as taken back; read again if None.
    """

    at: int | None = None
    feature: str | None = None
    backup: str | None = None
    merged: str | None = None
    export: str | None = None
    dry_run: bool = False
    token: str | None = None
    shown: Sequence[TakenBackView] | None = field(default=None, compare=False)

    def __call__(
        self,
        *,
        root: Path,
        recovery: StateRecovery,
        workflows: WorkflowRepository,
        features: ProjectFeatures,
        places: WorkPlaces,
    ) -> RestoreReply:
        """Raises E004, E102, E103, E206, E208 to E211, E305."""
        from cde_orchestrator.application.state.taken_back import meant_id, taken_back, with_feature

        source, document = self._source(root, recovery)
        present, before = present_state(root, recovery)
        conflicts: list[str] = []
        if self.merged is not None:
            base = recovery.fork_base(root, self.merged) or {"features": {}}
            document, conflicts = merge_exports(base, before, document)
        found = None if self.feature is None else meant_id(self.feature, features, document)
        if found is not None:
            document = with_feature(found, before, document)
        document = recovery.checked_state(document)
        if self.export is not None:
            require_usable(document, workflows)
        token = _token(present or 0, document)
        if self.token is not None and self.token != token:
            raise StateError.of("E211", expected="another source or state", found=present or 0)
        changed = difference(before, document)
        taken = self.shown  # of these two states, as the token says
        if self.token is None or taken is None:
            since = self._since(root, recovery)
            taken = taken_back(root, recovery, since, present, found) if since else []
        states, again = (before, document), self.export is None
        # First, so that one that is killed between the two can be repeated: it sees what is left.
        files = follow_rollbacks(*states, places, again=again, dry_run=self.dry_run)
        code = follow_sources(*states, places, again=again, dry_run=self.dry_run)
        sequence = present or 0
        if not self.dry_run:
            sequence = recovery.restore(root, document, present)
            if side := self.backup or self.merged:
                recovery.close_fork(root, side)
        return {
            "source": source,
            "feature": None if found is None else document["features"][found]["name"],
            "dry_run": self.dry_run,
            "sequence": sequence,
            "difference": changed,
            "token": token,
            "files": files,
            "code": code,
            "conflicts": conflicts,
            "taken_back": [*taken],
        }

    def _since(self, root: Path, recovery: StateRecovery) -> int | None:
        """The change after which all goes; None where the source is no state of this past."""
        if self.backup is None:
            return self.at
        kept = (each for each in recovery.backups(root) if each.file == self.backup)
        return next((each.sequence for each in kept if each.fork is None), None)

    def _source(self, root: Path, recovery: StateRecovery) -> tuple[str, dict[str, Any]]:
        sources = (self.at, self.backup, self.merged, self.export)
        if sum(each is not None for each in sources) != 1:
            reason = "name exactly one of at, backup, merged and file"
            raise ValidationError.of("E305", argument="source", reason=reason)
        if self.feature is not None and self.at is None:
            reason = "it goes with the number of a change, at"
            raise ValidationError.of("E305", argument="feature", reason=reason)
        if self.at is not None:
            name = f" of {self.feature}" if self.feature is not None else ""
            return f"change {self.at}{name}", recovery.state_at(root, self.at)[1]
        kept = self.backup if self.backup is not None else self.merged
        if kept is not None:
            return kept, recovery.backup(root, kept)
        return "export", parse_export(self.export or "")


class LeaveFork(UseCase[BackupsReply], operation="leave_fork"):
    """Leave the other side of a fork as it is: a backup, which is reported no more.

    Attributes:
        side: its file name, as ``ListBackups`` gives it.
    """

    side: str

    def __call__(self, *, root: Path, recovery: StateRecovery) -> BackupsReply:
        """Raises E004, E206, E209."""
        if not recovery.close_fork(root, self.side):
            kept = ", ".join(each.file for each in recovery.backups(root) if each.fork is not None)
            raise StateError.of("E209", backup=self.side, backups=kept or "none")
        return ListBackups()(root=root, recovery=recovery)


class CompactState(UseCase[BackupsReply], operation="compact_state"):
    """Seal the journal's active part and drop what retention does not keep."""

    def __call__(self, *, root: Path, recovery: StateRecovery) -> BackupsReply:
        """Raises E004, E206."""
        recovery.compact(root)
        return ListBackups()(root=root, recovery=recovery)


def _listed(
    backup: Backup, present: Mapping[str, Any] | None, root: Path, recovery: StateRecovery
) -> dict[str, Any]:
    """A backup, and of another side of a fork how many features differ from the present state."""
    row = asdict(backup)
    if row["fork"] is not None:
        row["fork"]["differing"] = None
        if present is not None:
            changed = difference(present, recovery.backup(root, backup.file))
            features = (*changed["added"], *changed["removed"], *changed["changed"])
            row["fork"]["differing"] = len(features)
    return row


def present_state(root: Path, recovery: StateRecovery) -> tuple[int | None, Mapping[str, Any]]:
    """The present state and its number; no number where it cannot be read at all."""
    try:
        return recovery.state_at(root, None)
    except (ProjectError, StateError) as error:
        if error.code not in {"E201", "E007"}:
            raise
        return None, {"features": {}}


def taken_back_words(rows: Sequence[TakenBackView], removed: Sequence[str]) -> str:
    """What goes, in a line: how many changes of which features, by whom; empty for nothing."""
    words = [f"removes {_named(map(plain, removed))}"] if removed else []
    if rows:
        changes = sum(row["changes"] for row in rows)
        features = _named(plain(row["feature"] or "the project") for row in rows)
        whose = _named(plain(row["by"]) or "whom no history names" for row in rows)
        words.append(f"takes back {counted(changes, 'change')} of {features}, by {whose}")
    return " and ".join(words)


def _named(names: Iterable[str]) -> str:
    different = [*dict.fromkeys(names)]
    beyond = len(different) - NAMES_SHOWN
    more = f" and {beyond} more" if beyond > 0 else ""
    return ", ".join(different[:NAMES_SHOWN]) + more


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """What differs between two states, by the names of features and fields."""
    old, new = before["features"], after["features"]
    return {
        "project": _fields(_own(before), _own(after)),
        "added": [new[key]["name"] for key in new if key not in old],
        "removed": [old[key]["name"] for key in old if key not in new],
        "changed": [
            {"id": key, "name": new[key]["name"], "fields": _fields(old[key], new[key])}
            for key in new
            if key in old and old[key] != new[key]
        ],
    }


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    keys = dict.fromkeys([*before, *after])
    return [key for key in keys if before.get(key) != after.get(key)]


def _own(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in {"features", "moved"}}


def _token(sequence: int, document: Mapping[str, Any]) -> str:
    content = json.dumps([sequence, document], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
