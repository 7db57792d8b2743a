"""The change that a phase must make, and how much has changed since the feature began."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.application.ports.proving import ChangedFile
from cde_orchestrator.application.proofs.others_changes import made_by_others
from cde_orchestrator.application.proofs.proving import Proving, is_record
from cde_orchestrator.domain.documents import is_document
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import OutputError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.path_patterns import matches_any
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import PATHS_KEPT, Baseline, Difference
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Phase, Workflow

_SHOWN = 5


def baseline_for(workflow: Workflow | None, git: VersionControl, root: Path) -> Baseline | None:
    """The work tree as it is now, if a phase of the workflow will ask what changed since."""
    if workflow is None or not any(phase.changes for phase in workflow.phases):
        return None
    return git.baseline(root)


class DueChanges(Value):
    """What a phase of a feature asks of the source code.

    Attributes:
        waived: whether a person waived all criteria, so that documents and tests alone count.
    """

    project: Project
    feature: Feature
    phase: Phase
    workflow: Workflow
    proving: Proving
    git: VersionControl
    root: Path
    waived: bool = False

    def require(self) -> tuple[Difference | None, str]:
        """How much changed, and up to which source tree; both are nothing where nobody looked.

        A phase that must change something is refused while nothing did.

        Nothing is demanded where the workflow's proofs are only recorded, nor where it cannot be
        known: without git, or where it was not recorded how the feature began.

        Raises:
            FeatureError: E136, git cannot compare.
            OutputError: E130.
        """
        feature, phase, workflow = self.feature, self.phase, self.workflow
        if phase.changes is None and phase.proves is None:
            return None, ""
        demanded = phase.changes is not None and (workflow.proof != "recorded" or self._is_unproven)
        if workflow.proof is None or feature.base is None:
            if demanded:
                self._require_since_baseline()
            return None, ""
        before = self.proving.base_of(feature).id
        after = self.proving.trees.now(self.proving.root).id
        differing = self.proving.changed(before, after, feature, workflow)
        others = made_by_others(self.project, feature, workflow, self.proving, lambda: differing)
        changed = [file for file in differing if file.path not in others]
        if demanded and workflow.proof == "required":
            self._require_code(changed, feature.base.commit, len(differing) - len(changed))
        elif demanded:
            self._require_any([file.path for file in changed], feature.base.commit)
        return self._difference(before, after, {file.path for file in changed}), after

    @property
    def _is_unproven(self) -> bool:
        """Whether the workflow has nothing proven, so that its rule of proof says nothing here."""
        return not any(phase.proves for phase in self.workflow.phases)

    def _require_code(self, changed: Sequence[ChangedFile], commit: str, others: int) -> None:
        """Raises E130 where nothing but comments, blank lines and other files changed.

        In a workflow that proves nothing, comments of a file that is named count as well.
        """
        meant = [file for file in changed if self._counts(file.path)]
        aside = {file.path: why for file in meant if (why := self._aside(file.path))}
        due = [file for file in meant if file.path not in aside]
        if self._is_unproven and any(self._is_named(file.path) for file in due):
            return
        if any(file.after is None or self.proving.knock_outs.places(file) for file in due):
            return
        if due:
            paths = [file.path for file in due]
            seen = f"only comments, docstrings and blank lines changed: {_few(paths)}"
        elif aside:
            kinds = " and ".join(sorted({*aside.values()}))
            seen = f"only {kinds} changed: {_few([*aside])}"
        else:
            paths = [file.path for file in changed]
            seen = f"only other files differ: {_few(paths)}" if paths else "no file differs"
        if others:
            seen += f"; besides, {others} changed while other features were at work, not this one"
        raise self._refusal(commit, seen)

    def _aside(self, path: str) -> str:
        """As what a file is no change of the code; empty where it may be one."""
        if self.waived or (not path.startswith("../") and self._is_named(path)):
            return ""
        if path.startswith("../"):
            return "files outside the project's folder"
        if is_document(path):
            return "documents"
        runners = self.proving.runners_of(self.workflow)
        return "tests" if any(runner.is_test(path) for runner in runners) else ""

    def _is_named(self, path: str) -> bool:
        return bool(self.phase.change_paths) and matches_any(path, self.phase.change_paths)

    def _require_since_baseline(self) -> None:
        baseline = self.feature.baseline
        if baseline is None:
            return
        changed = self.git.changed_since(self.root, baseline)
        if changed is None:
            return
        records = self.workflow.paths_for(self.feature.name)
        due = [path for path in changed if not is_record(path, records)]
        seen = f"only records differ: {_few(changed)}" if changed and not due else ""
        self._require_any(due, baseline.commit, seen)

    def _require_any(self, paths: Sequence[str], commit: str, seen: str = "") -> None:
        """Raises E130 where none of the files counts."""
        if not any(map(self._counts, paths)):
            other = f"only other files differ: {_few(paths)}" if paths else "no file differs"
            raise self._refusal(commit, seen or other)

    def _counts(self, path: str) -> bool:
        phase = self.phase
        wanted = not phase.change_paths or matches_any(path, phase.change_paths)
        return wanted and not matches_any(path, phase.change_exclude)

    def _difference(self, before: str, after: str, paths: Collection[str]) -> Difference | None:
        lines = self.git.lines_between(self.root, before, after)
        if lines is None:
            return None
        counted = [lines.get(path, (0, 0)) for path in paths]
        return Difference(
            files=len(paths),
            added=sum(added for added, _ in counted),
            removed=sum(removed for _, removed in counted),
            paths=tuple(sorted(map(plain, paths))[:PATHS_KEPT]),
        )

    def _refusal(self, commit: str, seen: str) -> OutputError:
        ignored = self.git.ignored_since(self.root, self.feature.created_at)
        if ignored:
            seen += f"; written since, but ignored by git: {_few(ignored)}"
        facts = {"feature": self.feature.name, "phase": self.phase.id}
        return OutputError.of("E130", **facts, commit=commit[:10], seen=seen)


def _few(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_SHOWN]) + (", ..." if paths[_SHOWN:] else "")
