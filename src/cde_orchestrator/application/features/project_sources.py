"""The source of a project at moments: looked at, and kept as long as a rollback may want it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures, meant_feature
from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.application.ports.sources import KeptSources, SourceFiles
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import SourceMoment
from cde_orchestrator.domain.value import Value

log = get_logger(__name__)

KEPT_AFTER_END = timedelta(days=30)
"""How long the source at its phases is kept of a feature that is closed: it may be taken back."""


class Present(Value):
    """The source as it is now.

    Attributes:
        commit: the one that is checked out; None without repository or commit.
        moment: None where git cannot keep it.
        problem: why it cannot.
    """

    commit: str | None = None
    moment: SourceMoment | None = None
    problem: str = ""

    @property
    def tree(self) -> str:
        """Git's id of the source tree; empty where git cannot keep it."""
        return self.moment.tree if self.moment else ""


class ProjectSources(Value):
    """The source in a work folder of the project at ``root``.

    Attributes:
        folder: the project's, or that of a feature's worktree.
        project: the project's own, where the folder is a worktree's.
    """

    root: Path
    folder: Path
    trees: KeptSources
    files: SourceFiles
    git: VersionControl
    clock: Clock
    project: ProjectSources | None = None

    def at(self, folder: str) -> ProjectSources:
        """Those of a folder, if it is one of the two; else these."""
        is_project = self.project is not None and folder == str(self.project.folder)
        return self.project if self.project and is_project else self

    def look(self) -> Present:
        """The source now; it is not kept for longer than git keeps what nobody needs."""
        at = self.clock()
        try:
            tree = self.trees.now(self.root)
        except FeatureError as error:
            problem = error.reason
            log.info("source_not_kept", reason=problem)
            return Present(self.git.head(self.root), None, problem)
        return Present(tree.commit, SourceMoment(at, str(self.folder), tree.id, tree.commit))

    def keep(self, project: Project, feature: Feature) -> Present:
        """The source now, kept with all that the feature's records name."""
        return self.pin(project, feature, self.look())

    def keep_of(self, reference: str, features: ProjectFeatures) -> Present:
        """The same for a feature that is going to be changed.

        Raises:
            CDEError: E004, E102, E103 or E206.
        """
        project = features.repository.get(features.root)
        project.require_writable()
        return self.keep(project, meant_feature(project, reference))

    def pin(self, project: Project, feature: Feature, present: Present) -> Present:
        """Keep what was looked at; without it where git refuses."""
        if present.moment is None:
            return present
        try:
            self.keep_trees(project.id, feature, [present.moment.tree])
        except FeatureError as error:
            problem = error.reason
            log.info("source_not_kept", reason=problem)
            return Present(present.commit, None, problem)
        return present

    def keep_trees(self, project_id: str, feature: Feature, trees: Iterable[str]) -> None:
        """Keep trees with those that the feature's records name.

        Raises:
            FeatureError: E136, git refuses.
        """
        named = [record.start_source for record in feature.phases.values()]
        moments = [*named, feature.seen_source]
        accepted = (each.accepted_tree for each in feature.phases.values() if each.accepted_tree)
        wanted = [*(moment.tree for moment in moments if moment), *accepted, *trees]
        self.trees.pin(self.root, project_id, feature.id, wanted)

    def kept_trees(self, project_id: str, feature_id: str) -> frozenset[str]:
        """The trees that this product kept here; what only a state names is none of them.

        Raises:
            FeatureError: E136, git refuses.
        """
        return self.trees.pinned(self.root, project_id, feature_id)

    def let_go(self, project: Project, now: datetime, present: Present) -> None:
        """Keep nothing longer of features that ended long ago; where git refuses, nothing is."""
        if present.moment is None:
            return
        ended = [
            each.id
            for each in project.features.summaries()
            if each.status in CLOSED_STATUSES and now - each.updated_at > KEPT_AFTER_END
        ]
        try:
            if ended:
                self.trees.let_go(self.root, project.id, ended)
        except FeatureError as error:  # it takes a little space, and is let go later
            log.info("source_not_let_go", reason=error.reason)
