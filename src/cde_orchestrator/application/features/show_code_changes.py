"""What differs in the project's files since a feature began, file by file, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from cde_orchestrator.application.features.compared_texts import ComparedView, compared
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.application.ports.sources import Turn
from cde_orchestrator.application.proofs.proving import Proving, is_record
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureView, feature_view
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.standing import Standing

FILES_SHOWN = 300
COMPARED_BYTES = 4 * 1024 * 1024
"""Of both sides of a file together that is shown."""


class ChangedFileView(TypedDict):
    """A file that differs: ``added``, ``removed`` or ``changed``.

    The lines are None where git does not count them.
    """

    path: str
    kind: str
    lines_added: int | None
    lines_removed: int | None


class CodeChangesReply(TypedDict):
    """What differs since the commit at which the feature began, its records apart.

    ``until`` is ``now``, or ``last_seen`` for a closed feature: when it last submitted or saved
    something. ``files`` are the first of ``total``; ``problem`` says why nothing is known.
    ``compared`` is of the file that was asked for.
    """

    feature: FeatureView
    commit: str | None
    until: str
    files: list[ChangedFileView]
    total: int
    problem: str | None
    compared: ComparedView | None


class ShowCodeChanges(
    UseCase[CodeChangesReply], operation="show_code_changes", tolerant=True, in_worktree=True
):
    """What differs in the project's files since a feature began, whoever changed it.

    Attributes:
        path: a file that is to be shown line by line.
    """

    feature_id: str
    path: str | None = None

    def __call__(
        self,
        *,
        standing: Standing,
        features: ProjectFeatures,
        proving: Proving,
        sources: ProjectSources,
        git: VersionControl,
    ) -> CodeChangesReply:
        """Raises E004, E102, E103, E305, and E325 to E327: git would run in the folder."""
        if not standing.acts:
            raise standing.refusal()
        project, feature, workflow = features.read(self.feature_id)
        reply: CodeChangesReply = {
            "feature": feature_view(feature),
            "commit": None,
            "until": "now",
            "files": [],
            "total": 0,
            "problem": None,
            "compared": None,
        }
        records = workflow.paths_for(feature.name)
        try:
            begin = _beginning(feature, proving)
            before, reply["commit"] = begin.id, begin.commit
            after = _end_of(project, feature, sources)
            reply["until"] = "last_seen" if after else "now"
            after = after or sources.trees.now(sources.root).id
            turns = sources.trees.differing(sources.root, before, after)
            turns = {path: turns[path] for path in sorted(turns) if not is_record(path, records)}
        except FeatureError as error:
            return {**reply, "problem": error.reason}
        reply["total"] = len(turns)
        if self.path is not None:
            return {**reply, "compared": self._compared(turns, sources)}
        lines = git.lines_between(sources.root, before, after) if turns else {}
        reply["files"] = [_view(path, turns[path], lines) for path in [*turns][:FILES_SHOWN]]
        return reply

    def _compared(self, turns: Mapping[str, Turn], sources: ProjectSources) -> ComparedView:
        turn = turns.get(self.path or "")
        if turn is None:
            reason = f"{self.path!r} is as it was when the feature began"
            raise ValidationError.of("E305", argument="path", reason=reason)
        before, after = turn
        if before and after and before.id == after.id:
            problem = f"only its mode differs, {before.mode} before and {after.mode} now"
            return {"hunks": [], "partial": False, "problem": problem}
        ids = {each.id for each in turn if each is not None}
        try:
            found = sources.trees.blobs(sources.root, ids, COMPARED_BYTES)
        except FeatureError as error:
            return {"hunks": [], "partial": False, "problem": error.reason}
        return compared(*(None if each is None else found[each.id] for each in turn))


def _beginning(feature: Feature, proving: Proving) -> SourceTree:
    """The source when the feature began, or when its first phase did.

    Raises:
        FeatureError: E136, neither was recorded.
    """
    moments = [each.start_source for each in feature.phases.values() if each.start_source]
    if feature.base is None and moments:
        first = min(moments, key=lambda each: each.at)
        return SourceTree(first.tree, first.commit)
    return proving.base_of(feature)


def _end_of(project: Project, feature: Feature, sources: ProjectSources) -> str | None:
    """The tree that a closed feature ended with, where git still keeps it."""
    seen = feature.seen_source
    if feature.is_open or seen is None:
        return None
    return seen.tree if seen.tree in sources.kept_trees(project.id, feature.id) else None


def _view(path: str, turn: Turn, lines: Mapping[str, tuple[int, int]] | None) -> ChangedFileView:
    before, after = turn
    added, removed = (lines or {}).get(path, (None, None))
    kind = "added" if before is None else "removed" if after is None else "changed"
    return {"path": path, "kind": kind, "lines_added": added, "lines_removed": removed}
