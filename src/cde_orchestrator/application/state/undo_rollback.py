"""Bring files back to where a restore of the state goes: before a rollback, or after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.features.rollback import ROLLED_BACK, ROLLING_BACK, FileRow
from cde_orchestrator.application.features.source_changes import (
    SourceRow,
    SourceState,
    turn_files,
)
from cde_orchestrator.application.ports.sources import Turn
from cde_orchestrator.domain.exceptions import (
    FeatureError,
    OutputError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.feature import OUTPUTS_RESTORED
from cde_orchestrator.domain.phase_record import PhaseStatus

State = Mapping[str, Any]


class WorkPlaces(Protocol):
    """Finds where features are worked on: a worktree of their own, or the project."""

    def __call__(self, feature: str) -> tuple[ProjectOutputs, ProjectSources]:
        """The outputs and the source of the feature of this name."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A file that a rollback changed, and the digest to turn to; None: there was no file."""

    output_id: str
    path: str
    wanted: str | None
    left_at: str | None


def follow_rollbacks(
    before: State, after: State, places: WorkPlaces, *, again: bool, dry_run: bool
) -> list[FileRow]:
    """Give the outputs the bytes that go with a restored state, as far as rollbacks took them.

    A file that somebody changed since is kept next to it; one whose content is no longer kept, or
    that cannot be written, is left as it is: the state is restored in any case.

    ``before`` is the state that was present, ``after`` the one that is restored. Rollbacks that
    only the restored one has are followed ``again``, where both are of this project's own past.
    """
    turns: dict[tuple[Path, str], tuple[_Turn, ProjectOutputs]] = {}
    for feature_id, turn in _turns(before, after, again=again):
        outputs, sources = places(after["features"][feature_id]["name"])
        # The last one of a path is where it has to be, the first one where it was left.
        first, _ = turns.get((sources.folder, turn.path), (turn, outputs))
        turns[sources.folder, turn.path] = replace(turn, left_at=first.left_at), outputs
    rows = (_turned(turn, outputs, dry_run=dry_run) for turn, outputs in turns.values())
    return [row for row in rows if row is not None]


def follow_sources(
    before: State, after: State, places: WorkPlaces, *, again: bool, dry_run: bool
) -> list[SourceRow]:
    """Give the source code the bytes that go with a restored state, as ``follow_rollbacks``.

    A file that somebody changed since is left as it is, and so is all of it in another folder, or
    where this product did not keep it here itself.
    """
    ways: dict[Path, tuple[ProjectSources, dict[str, Turn]]] = {}
    try:
        for feature_id, way in _sources(before, after, again=again):
            _, own = places(after["features"][feature_id]["name"])
            sources = own.at(way["folder"])
            known = sources.kept_trees(before["id"], feature_id)
            if way["folder"] == str(sources.folder) and known.issuperset(_trees(way)):
                _, turns = ways.setdefault(sources.folder, (sources, {}))
                found = sources.trees.differing(sources.root, *_trees(way))
                for path, (old, new) in found.items():
                    turns[path] = turns.get(path, (old, new))[0], new
    except FeatureError as error:
        return [{"path": ".", "state": "touched", "reason": error.reason}]
    return [
        {"path": path, "state": "touched" if reason else _state(turns[path]), "reason": reason}
        for sources, turns in ways.values()
        for path, reason in turn_files(sources, turns, dry_run=dry_run).items()
    ]


def _state(turn: Turn) -> SourceState:
    return "removed" if turn[1] is None else "restored"


def _trees(way: Mapping[str, str]) -> tuple[str, str]:
    return way["before"], way["after"]


def _sources(
    before: State, after: State, *, again: bool
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The ways from tree to tree, by the feature's id, in their order."""
    for feature_id, undone, repeated in _rollbacks_between(before, after):
        for event in undone:
            if way := event.get("source"):
                yield feature_id, {**way, "before": way["after"], "after": way["before"]}
        for event in repeated if again else ():
            if way := event.get("source"):
                yield feature_id, way


def _turns(before: State, after: State, *, again: bool) -> Iterator[tuple[str, _Turn]]:
    for feature_id, undone, repeated in _rollbacks_between(before, after):
        for event in undone:
            for each in event["files"]:
                turn = _Turn(each["id"], each["path"], each["before"], each["after"])
                yield feature_id, turn
        # What was accepted after the last of them is wanted, not what they left.
        accepted = _accepted(after["features"][feature_id])
        for event in repeated if again else ():
            for each in event["files"]:
                wanted = accepted.get(each["path"], each["after"])
                yield feature_id, _Turn(each["id"], each["path"], wanted, each["before"])


def _rollbacks_between(
    before: State, after: State
) -> Iterator[tuple[str, Sequence[Any], Sequence[Any]]]:
    """By feature, rollbacks that the restored state is before, the last first, and after."""
    for feature_id, restored in after["features"].items():
        present = before["features"].get(feature_id)
        if present is None:
            continue
        old, new = _rollbacks(present), _rollbacks(restored)
        undone = [each for each in reversed(old) if each not in new]
        while new and new[-1]["event"] == ROLLING_BACK:  # it was stopped: nothing to follow
            new.pop()
        yield feature_id, undone, [each for each in new if each not in old]


def _accepted(feature: State) -> dict[str, str]:
    """The digests of the outputs that a state has as accepted, by path."""
    completed = [
        each for each in feature["phases"].values() if each["status"] == PhaseStatus.COMPLETED
    ]
    return {each["path"]: each["sha256"] for phase in completed for each in phase["outputs"]}


def _rollbacks(feature: State) -> list[Any]:
    events = feature.get("work", {}).get("events") or []
    kinds = {ROLLED_BACK, ROLLING_BACK, OUTPUTS_RESTORED}
    return [each for each in events if each["event"] in kinds and "files" in each]


def _turned(turn: _Turn, outputs: ProjectOutputs, *, dry_run: bool) -> FileRow | None:
    path, output_id, root, files = turn.path, turn.output_id, outputs.root, outputs.files
    try:
        current = outputs.read(path, output_id)
        plain = files.is_plain(root, path)
    except (OutputError, ValidationError) as error:
        return {"path": path, "action": "left", "kept_as": None, "reason": error.message}
    found = None if current is None else current.sha256
    if found == turn.wanted:
        return None
    data = None if turn.wanted is None else outputs.kept(turn.wanted)
    if not plain or (turn.wanted is not None and data is None):
        gone = "the earlier content is no longer kept"
        reason = gone if plain else "it is not a regular file"
        return {"path": path, "action": "left", "kept_as": None, "reason": reason}
    try:
        kept_as = None
        if found not in {None, turn.left_at}:
            kept_as = files.copy_path(root, path, output_id)
        if not dry_run and current is not None:
            outputs.keep(current)
        if not dry_run and kept_as is not None:
            kept_as = files.set_aside(root, path, output_id)
        if not dry_run:
            files.restore(root, path, output_id, data)
    except StateError as error:
        return {"path": path, "action": "left", "kept_as": None, "reason": error.message}
    return {
        "path": path,
        "action": "removed" if data is None else "restored",
        "kept_as": kept_as,
        "reason": None,
    }
