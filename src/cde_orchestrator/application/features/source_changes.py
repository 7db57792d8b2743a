"""What a feature changed in the source since one of its phases began, and how that is taken back.

A file's content does not say who wrote it. So one is the feature's only where all that is known
says so, and is left alone in any doubt: ``docs/phases.md`` has the rule.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypedDict

from cde_orchestrator.application.features.idle_changes import changed_idly
from cde_orchestrator.application.features.project_sources import Present, ProjectSources
from cde_orchestrator.application.ports.sources import Entry, Turn
from cde_orchestrator.application.proofs.proving import is_record
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, StateError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.project_paths import named_in, path_problem
from cde_orchestrator.domain.records import SourceMoment
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Workflow

FILES_LIMIT = 2_000
"""Files that one rollback takes back; where there are more, a person has to look."""
_ODD = re.compile(r"[^\w./-]")
"""In a path, what may part words of a text."""
NAMED = "a record of the feature names it already"
"""Of a touched file: one more note would only make anybody's edits in it the feature's."""
IDLE = "it changed in a phase that changes no code"
ROWS_SHOWN = 200
PATHS_SHOWN = 20

SourceState = Literal[
    "feature", "restored", "removed", "touched", "unnamed", "others", "committed", "odd"
]


class SourceRow(TypedDict):
    """A file of the source that is not as it was when the phase began; no declared output.

    ``state`` is ``feature`` for what ``code`` takes back; ``restored`` or ``removed`` once that
    was done; and, of what is left as it is, ``touched`` for what changed since the feature
    submitted or saved something last, or in a phase that changes no code, ``unnamed`` for what no
    record of it names, ``others`` for what another feature changed or may have, ``committed`` for
    what was committed since, and ``odd`` for what is no plain file on both sides. ``reason`` says
    more, where there is more to say.
    """

    path: str
    state: SourceState
    reason: str | None


class SourceTurn(Value):
    """Files that go from one kept tree to another, as a rollback's events note it.

    Attributes:
        folder: the work folder that they are in.
    """

    folder: str
    before: str
    after: str

    def fact(self) -> dict[str, str]:
        """As an event has it."""
        return {"folder": self.folder, "before": self.before, "after": self.after}


class SourceChanges(Value, kw_only=True):
    """What differs from the start of a phase, and whose it is.

    Attributes:
        start: the source when the phase began; None where nothing can be compared.
        now: the source at present.
        turns: what differs, by path.
        states: whose each of them is.
        named: those that a record of the feature names.
        others: by path, another feature that changed it, or may have.
        idle: those that changed in a phase that changes no code, and is over.
        problem: why nothing can be compared, or nothing taken back.
        is_void: whether it never can be, with the start that is recorded: it is of another
            folder, or git has let it go.
    """

    start: SourceMoment | None = None
    now: SourceMoment | None = None
    turns: Mapping[str, Turn] = field(default_factory=dict)
    states: Mapping[str, SourceState] = field(default_factory=dict)
    named: Collection[str] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    idle: Collection[str] = ()
    problem: str | None = None
    is_void: bool = False

    @property
    def back(self) -> dict[str, Turn]:
        """What is the feature's, from how it is now to how it was."""
        found = {
            path: self.turns[path] for path, state in self.states.items() if state == "feature"
        }
        return {path: (now, before) for path, (before, now) in found.items()}

    def rows(self, done: Mapping[str, str | None] | None = None) -> list[SourceRow]:
        """The files in order; ``done`` has those that were taken back, or why they were not."""
        return [self._row(path, state, done or {}) for path, state in sorted(self.states.items())][
            :ROWS_SHOWN
        ]

    def _row(self, path: str, state: SourceState, done: Mapping[str, str | None]) -> SourceRow:
        reason = done.get(path)
        if reason is not None:
            state = "touched"
        elif path in done:
            state = "removed" if self.turns[path][0] is None else "restored"
        elif state == "touched":
            reason = IDLE if path in self.idle else NAMED if path in self.named else None
        elif state == "others":
            reason = f"may be a change of {self.others[path]}"
        return {"path": path, "state": state, "reason": reason}

    def commands(self) -> list[str]:
        """A command that shows all of it, and changes nothing; none where nothing differs."""
        if self.start is None or self.now is None or not self.states:
            return []
        look = ("diff", "--no-ext-diff", "--no-textconv", "--stat", "-p")
        trees = (self.start.tree, self.now.tree)
        words = ["git", "-C", self.now.folder, *look, *trees, "--", ".", ":(exclude).cde"]
        return [shlex.join(words)]


def source_changes(
    project: Project,
    feature: Feature,
    record: PhaseRecord,
    present: Present,
    sources: ProjectSources,
    workflow: Workflow,
    texts: Iterable[str],
) -> SourceChanges:
    """What changed in the source since the phase of the record began; nothing is changed by it.

    Args:
        project: as it is.
        feature: it is in any phase.
        record: of the phase.
        present: the source now.
        sources: of the work folder.
        workflow: its outputs are no source code.
        texts: what the feature's records say.
    """
    start = record.start_source
    if start is None:
        return SourceChanges(
            problem=present.problem or "it was not recorded when the phase started"
        )
    if start.folder != str(sources.folder):
        where = f"the phase started in another folder: {plain(start.folder)}"
        return SourceChanges(problem=f"{where}; roll back from there", is_void=True)
    if present.moment is None:
        return SourceChanges(problem=present.problem)
    outputs = workflow.paths_for(feature.name)
    try:
        kept = sources.kept_trees(project.id, feature.id)
        if start.tree not in kept:
            problem = "git no longer keeps what it was when the phase started"
            return SourceChanges(problem=problem, is_void=True)
        turns = sources.trees.differing(sources.root, start.tree, present.moment.tree)
        turns = {path: turns[path] for path in turns if not is_record(path, outputs)}
        idle = changed_idly(feature, record.id, workflow, sources, kept)
        moments = (start, present.moment)
        whose = _Whose(project, feature, *moments, sources, kept, turns, texts, idle)
        states = {path: whose.state(path) for path in turns}
        named = whose.named if turns else ()
        others = whose.others if "others" in states.values() else {}
    except FeatureError as error:
        return SourceChanges(problem=error.reason)
    found = SourceChanges(
        start=start,
        now=present.moment,
        turns=turns,
        states=states,
        named=named,
        others=others,
        idle=idle,
    )
    if len(found.back) > FILES_LIMIT:
        problem = f"more than {FILES_LIMIT:,} files would have to be taken back"
        return SourceChanges(problem=problem)
    return found


class _Whose(Value):
    """Judges whose a change is."""

    project: Project
    feature: Feature
    start: SourceMoment
    now: SourceMoment
    sources: ProjectSources
    kept: Collection[str]
    turns: Mapping[str, Turn]
    texts: Iterable[str]
    idle: Collection[str]

    def state(self, path: str) -> SourceState:
        """Whose the change of a file is, as far as that is sure."""
        if self._is_odd(path):
            return "odd"
        if self._committed is None or path in self._committed:
            return "committed"
        if path in self.others:
            return "others"
        if (
            path in self.idle
            or self._since is None
            or path in self._since
            or not self._is_there(path)
        ):
            return "touched"
        return "feature" if path in self.named else "unnamed"

    def _is_odd(self, path: str) -> bool:
        """Whether a side is no plain file, or something else came into its place."""
        if path_problem(path) or not path.isprintable():
            return True
        if not all(each.is_plain for each in self.turns[path] if each is not None):
            return True
        above = map(str, Path(path).parents)
        return path in self._folders or any(each in self.turns for each in above)

    @cached_property
    def _folders(self) -> frozenset[str]:
        """Folders that files which differ are in, or were."""
        return frozenset(str(each) for path in self.turns for each in Path(path).parents)

    @cached_property
    def _committed(self) -> frozenset[str] | None:
        """What was committed since; None: that cannot be known."""
        commits = (self.start.commit, self.now.commit)
        return self.sources.git.changed_between(self.sources.root, *commits)

    @cached_property
    def others(self) -> Mapping[str, str]:
        """By path, another feature that changed a file since, or may have."""
        from cde_orchestrator.application.features.others_work import changed_by_others

        moments = (self.start, self.now)
        return changed_by_others(
            self.project, self.feature, *moments, self.sources, self.kept, self.turns
        )

    @cached_property
    def _since(self) -> frozenset[str] | None:
        """What changed since the feature last submitted or saved; None: that was never."""
        seen = self.feature.seen_source
        if seen is None or seen.at < self.start.at or seen.folder != self.start.folder:
            return None
        if seen.tree not in self.kept:
            return None
        return frozenset(self.sources.trees.differing(self.sources.root, seen.tree, self.now.tree))

    def _is_there(self, path: str) -> bool:
        """Whether the file is as the tree has it: it may be ignored by now, or have changed."""
        expected = self.turns[path][1]
        try:
            found = self.sources.files.find(self.sources.folder, path, self.now.tree)
        except OutputError:
            return False
        return (found and found.id) == (expected and expected.id)

    @cached_property
    def named(self) -> frozenset[str]:
        """The files that a record of the feature names."""
        seen = self.feature.seen_source
        trees = {self.start.tree, self.now.tree, *([seen.tree] if seen else [])}
        listed = (self.sources.trees.listed(self.sources.root, tree) for tree in sorted(trees))
        longer = {path for paths in listed for path in paths if self._ends_alike(path)}
        return named_in(self.texts, {*self.turns, *longer})

    def _ends_alike(self, path: str) -> bool:
        """Whether a text that names this path seems to name one of those that differ."""
        return any(path[part.end() :] in self.turns for part in _ODD.finditer(path))


def turn_files(
    sources: ProjectSources, turns: Mapping[str, Turn], *, dry_run: bool
) -> dict[str, str | None]:
    """Have files as they are after their turns, each only where it is as before it.

    Done twice, it is done once; whatever stops it between two files, it can be done again.

    Returns:
        By path None for what was done, or why the file was left; not what was as it is to be.
    """
    ids = {after.id for _, after in turns.values() if after is not None}
    try:
        data = sources.trees.blobs(sources.root, ids)
    except FeatureError as error:
        return dict.fromkeys(turns, error.reason)
    done = {path: _turned(sources, path, turns[path], data, dry_run) for path in sorted(turns)}
    return {path: reason or None for path, reason in done.items() if reason != _AS_IT_IS}


_AS_IT_IS = "it is as it is to be"


def _turned(
    sources: ProjectSources, path: str, turn: Turn, data: Mapping[str, bytes], dry_run: bool
) -> str:
    before, after = turn
    like = (after or before or Entry("", "")).id
    try:
        found = sources.files.find(sources.folder, path, like)
        if (found and found.id) == (after and after.id) and (
            before is None or after is None or before.mode == after.mode or found == after
        ):
            return _AS_IT_IS
        if (found and found.id) != (before and before.id):
            return "it was changed since"
        if not dry_run:
            sources.files.put(sources.folder, path, turn, data[after.id] if after else None)
    except (OutputError, StateError) as error:
        return error.reason
    return ""


_WORDS: dict[SourceState, tuple[str, str]] = {
    "restored": ("restored", "as it was when the phase started"),
    "removed": ("removed", "it was new; git keeps it"),
    "feature": ("the feature's", "code takes it back"),
    "touched": (
        "left",
        "changed since the feature last submitted or saved something, or in a phase without code",
    ),
    "unnamed": ("left", "no record of the feature names it"),
    "others": ("left", "another feature changed it, or may have"),
    "committed": ("left", "committed since; git log shows by whom"),
    "odd": ("left", "not a plain file then and now"),
}


def source_words(state: SourceState) -> tuple[str, str]:
    """What became of a file of the source, or would, and why."""
    return _WORDS[state]


def source_lines(rows: Sequence[SourceRow]) -> list[str]:
    """What became of the source code in a few lines, for people and agents."""
    lines = []
    for state, (action, remark) in _WORDS.items():
        paths = [plain(row["path"]) for row in rows if row["state"] == state]
        more = f" and {len(paths) - PATHS_SHOWN} more" if paths[PATHS_SHOWN:] else ""
        if paths:
            lines.append(f"- source, {action} ({remark}): {', '.join(paths[:PATHS_SHOWN])}{more}")
    return lines
