"""What changed in the source code since a feature or a phase began, and git's command to undo it.

A command is for those who follow it blindly: it names files alone that were as committed when
the phase began, were not committed since, and can be restored without anything else changing.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypedDict

from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.ports.checks import VersionControl, WorkTree
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.project import Project

FILES_RESTORED = 50
"""Files that a command names; where there are more, a person has to look."""
ROWS_SHOWN = 200
PATHS_SHOWN = 20

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REPLACED = "\ufffd"
"""Stands in a name for what is no text."""

SourceState = Literal["changed", "new", "earlier", "committed", "unclear"]


class SourceRow(TypedDict):
    """A file of the project that is not as it was when the phase began; no declared output.

    ``state`` is ``changed`` for what git's command restores, ``new`` for what git does not
    have, ``earlier`` for what differed from git's when the phase began already, ``committed``
    for what was committed since, and ``unclear`` where nothing sure can be said.
    """

    path: str
    state: SourceState


def remember(record: PhaseRecord, tree: WorkTree | None, outputs: ProjectOutputs) -> None:
    """Record where git stands as the phase begins, and what differs from it already.

    Raises:
        StateError: E203 or E204, it could not be kept.
    """
    record.start_commit, record.start_tree = tree.commit if tree else None, None
    if tree is not None and tree.is_known:
        parts = (tree.folder, tree.commit, sorted(tree.changed), sorted(tree.new))
        content = Content.of(json.dumps(parts).encode())
        outputs.keep(content)
        record.start_tree = content.sha256


@dataclass(frozen=True, slots=True)
class PhaseStart:
    """What was recorded of the source code when a phase began, before it begins again.

    Attributes:
        before: what differed from the commit then; None: nothing is known of it.
    """

    feature_id: str
    commit: str | None
    at: datetime | None
    before: WorkTree | None

    @classmethod
    def of(cls, feature: Feature, record: PhaseRecord, outputs: ProjectOutputs) -> PhaseStart:
        """As the phase's record has it."""
        commit, digest = record.start_commit, record.start_tree
        data = outputs.kept(digest) if digest else None
        # A state may come from anywhere, and git takes what begins with - for an option.
        is_commit = commit is not None and _COMMIT.fullmatch(commit) is not None
        known = commit if is_commit else None
        return cls(feature.id, known, record.started_at, _recalled(data) if data else None)

    def changes(
        self,
        project: Project,
        tree: WorkTree | None,
        outputs: Collection[str],
        git: VersionControl,
        root: Path,
    ) -> tuple[list[SourceRow], list[str]]:
        """What is not as it was, and git's commands that show and undo it; never run here.

        ``tree`` is git's from just before the outputs went back; ``outputs`` are the paths of
        declared outputs, which a rollback restores itself.
        """
        if self.commit is None or tree is None:
            return [], []
        words = ["git", "-C", tree.folder]
        look = shlex.join([*words, "diff", "--stat", self.commit, "--", ".", ":(exclude).cde"])
        committed = git.changed_between(root, self.commit, tree.commit)
        if committed is None or not tree.is_known:
            return [], [look]
        sure = self._is_sure_of(tree) and not self._others_worked(project)
        rows: list[SourceRow] = [
            {"path": path, "state": self._state(path, tree, committed, sure=sure)}
            for path in sorted((tree.changed | tree.new | committed) - set(outputs))
            if path in tree.changed | committed or not self._was_new(path)
        ]
        paths = [row["path"] for row in rows if row["state"] == "changed"]
        # Names are names, and no patterns that others match.
        undo = ["git", "--literal-pathspecs", *words[1:], "restore", f"--source={self.commit}"]
        command = shlex.join([*undo, "--", *paths])
        commands = [look] if rows else []
        if 0 < len(paths) <= FILES_RESTORED and command.isprintable():
            commands.append(command)
        return rows[:ROWS_SHOWN], commands

    def _state(
        self, path: str, tree: WorkTree, committed: Collection[str], *, sure: bool
    ) -> SourceState:
        if self.before is not None and path in self.before.changed:
            return "earlier"
        if path in committed:
            return "committed"
        if path in tree.new:
            return "new"
        is_name = path.isprintable() and _REPLACED not in path
        return "changed" if sure and is_name and path not in tree.stuck else "unclear"

    def _is_sure_of(self, tree: WorkTree) -> bool:
        """Whether it is known how this very folder was, and not a feature's worktree."""
        before = self.before
        return before is not None and (before.folder, before.commit) == (tree.folder, self.commit)

    def _was_new(self, path: str) -> bool:
        """Whether git did not have the file, or the folder that it is in, when it began."""
        before = self.before.new if self.before is not None else frozenset()
        return "./" in before or any(
            path == each or (each.endswith("/") and path.startswith(each)) for each in before
        )

    def _others_worked(self, project: Project) -> bool:
        """Whether another feature moved since: what changed may be its work."""
        return self.at is None or any(
            each.updated_at >= self.at
            for each in project.features.summaries()
            if each.id != self.feature_id
        )


def _recalled(data: bytes) -> WorkTree | None:
    """What ``remember`` kept; None where it is something else."""
    try:
        folder, commit, changed, new = json.loads(data)
        return WorkTree(folder, commit, frozenset(map(str, changed)), frozenset(map(str, new)))
    except (ValueError, TypeError, RecursionError):
        return None


_WORDS: dict[SourceState, str] = {
    "changed": "Committed when the phase started, changed since",
    "new": "New since the phase started, left as it is",
    "earlier": "Changed before the phase started; no command restores it",
    "committed": "Committed since the phase started; git log shows by whom",
    "unclear": "Origin unclear; check before you undo anything",
}


def source_lines(rows: Sequence[SourceRow]) -> list[str]:
    """What became of the source code in a few lines, for people and agents."""
    lines = []
    for state, words in _WORDS.items():
        paths = [plain(row["path"]) for row in rows if row["state"] == state]
        more = f" and {len(paths) - PATHS_SHOWN} more" if paths[PATHS_SHOWN:] else ""
        if paths:
            lines.append(f"{words}: {', '.join(paths[:PATHS_SHOWN])}{more}")
    return lines
