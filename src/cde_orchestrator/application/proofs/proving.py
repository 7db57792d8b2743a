"""What a project has to prove criteria with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import (
    ChangedFile,
    Copies,
    Copy,
    KnockOuts,
    ProofsReader,
    SourceTree,
    SourceTrees,
    TestRunner,
    TestRunners,
)
from cde_orchestrator.application.proofs.prove_criteria import Prover
from cde_orchestrator.application.proofs.workflow_runners import runner_setting, runners_of
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.project_paths import RECORDS, is_copy
from cde_orchestrator.domain.proofs import ProofEvidence
from cde_orchestrator.domain.records import SourceBase
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Workflow

NO_BASE = "the source was not recorded when the feature started"


class Proving(Value):
    """What proves criteria of the project at ``root``.

    Attributes:
        in_worktree: whether the trees are those of a feature's worktree, made of commits alone.
        state: a name for the state's place: copies of a project in one repository have the same
            id, and each keeps the bases of its own features alone.
    """

    root: Path
    trees: SourceTrees
    copies: Copies
    knock_outs: KnockOuts
    runners: TestRunners
    read: ProofsReader
    clock: Clock
    in_worktree: bool = False
    state: str = "state"

    def copy(self, tree: str | None) -> AbstractContextManager[Copy]:
        """A copy of the source of this tree, by git's id; as it is now for None.

        Raises:
            FeatureError: E136, it cannot be made.
        """
        return self.copies.copy(self.root, tree or self.trees.now(self.root).id)

    def keep(self, project: Project, feature: Feature, base: SourceBase) -> str:
        """Let git keep a feature's base as long as the project has the feature; why it refuses.

        What a start left that ended before the feature was stored is let go, so that this is for
        whoever holds the project.
        """
        try:
            among = project.features.ids()
            place = f"{project.id}/{self.state}"
            self.trees.keep(self.root, place, feature.id, base.tree, among)
        except FeatureError as error:
            return error.reason
        feature.base = base
        return ""

    def base_of(self, feature: Feature) -> SourceTree:
        """The source when the feature began; what was not committed then is in no worktree.

        Raises:
            FeatureError: E136, it was not recorded, or git has it no longer.
        """
        base = feature.base
        if base is None:
            raise FeatureError.of("E136", path=plain(str(self.root)), reason=NO_BASE)
        if self.in_worktree:
            return self.trees.at(self.root, base.commit)
        return SourceTree(id=base.tree, commit=base.commit)

    def base_problem(self, feature: Feature) -> str | None:
        """Why a clone may lack the feature's base; None where it has it, or nothing is known."""
        if feature.base is None:
            return None
        with suppress(FeatureError):
            if self.trees.is_rewritten(self.root, feature.base.commit, "HEAD"):
                return rewritten_words(feature.base.commit, "HEAD")
        return None

    def changed(
        self, before: str, after: str, feature: Feature, workflow: Workflow
    ) -> list[ChangedFile]:
        """Files that differ between two trees, without the records of features.

        Raises:
            FeatureError: E136, git cannot do it.
        """
        records = workflow.paths_for(feature.name)
        return [
            file
            for file in (self.trees.changed(self.root, before, after) if before != after else ())
            if not is_record(file.path, records)
        ]

    def other_for(self, proof: ProofEvidence, changed: Iterable[ChangedFile]) -> list[ChangedFile]:
        """Of what changed since a proof, the files for which the criteria are proven again.

        Those that the proof is about, and others with lines that could be knocked out by now: of a
        text that nobody knew of it cannot be known that no test reads it. None: what was seen
        still holds.
        """
        return [
            file
            for file in changed
            if file.path in proof.covered
            or (file.after is not None and self.knock_outs.places(file))
        ]

    def runners_of(self, workflow: Workflow) -> list[TestRunner]:
        """The runners of a workflow; those of the project where it names none.

        Raises:
            FeatureError: E137, there is none of a name.
        """
        return runners_of(workflow, self.root, self.runners)

    def runner_setting(self, workflow: Workflow) -> object:
        """What the workflow says of runners, or what is found where it says nothing."""
        return runner_setting(workflow, self.root, self.runners)

    def prover(self, workflow: Workflow, watch: Watch | None) -> Prover:
        """What proves criteria by the workflow's runners."""
        return Prover(
            root=self.root,
            trees=self.trees,
            copies=self.copies,
            knock_outs=self.knock_outs,
            runners=self.runners,
            runner=self.runner_setting(workflow),
            clock=self.clock,
            watch=watch,
        )


def rewritten_words(base: str, commit: str) -> str:
    """That a feature's base is not in the history of a commit, and what helps."""
    name = plain(base[:12])
    return (
        f"the commit {name} at which the feature started is no ancestor of {plain(commit[:12])}, "
        "as after a rebase or a squash, so a clone may lack it; where git still has it, push a "
        f"tag of it: git tag cde-base-{name} {name}"
    )


def is_record(path: str, outputs: Collection[str]) -> bool:
    """Whether a file is a feature's record, which is no change of the project."""
    return path.startswith(RECORDS) or path in outputs or is_copy(path, outputs)
