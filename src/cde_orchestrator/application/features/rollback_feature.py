"""Take a feature back to an earlier phase, with the outputs as they were then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.features.shared_outputs import recorded_by_others
from cde_orchestrator.application.features.source_changes import PhaseStart, SourceRow
from cde_orchestrator.application.ports.checks import VersionControl, WorkTree
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord, PhaseStatus
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import checked_reason
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

ROLLED_BACK = "rolled_back"
"""The event that a rollback leaves; its ``files`` say how the rollback can be undone."""

ROLLING_BACK = "rolling_back"
"""The event that comes before the first file is touched, with the same ``files``: whatever
stops the rollback between two files, it can be repeated, and undone from there."""

FileAction = Literal["restored", "removed", "unchanged", "left"]


class FileRow(TypedDict):
    """What happens to a declared output.

    ``kept_as`` names the copy of a file that somebody changed since it was recorded;
    ``reason`` says why a file is left as it is.
    """

    path: str
    action: FileAction
    kept_as: str | None
    reason: str | None


class RollbackReply(FeatureReply):
    """What a rollback did, or would do; source code is left to git's commands.

    ``git`` shows what is not as it was and, where it is sure, undoes what is ``changed``.
    """

    dry_run: bool
    rolled_back: list[str]
    files: list[FileRow]
    source: list[SourceRow]
    git: list[str]


@dataclass(frozen=True, slots=True)
class _Step:
    """One output on its way back.

    Attributes:
        data: the bytes to put there; None removes the file.
        wanted: their digest.
        changed: whether a copy is kept: somebody changed the file since it was recorded, or
            the feature was sent back for what is in it.
    """

    output: Output
    path: str
    action: FileAction
    data: bytes | None = None
    wanted: str | None = None
    current: Content | None = None
    changed: bool = False
    reason: str | None = None

    @property
    def touches(self) -> bool:
        """Whether the file is changed."""
        return self.action in {"restored", "removed"}

    def fact(self) -> dict[str, str | None]:
        """What becomes of the file, by the digests of its contents."""
        before = self.current.sha256 if self.current else None
        return {"id": self.output.id, "path": self.path, "before": before, "after": self.wanted}


@dataclass(frozen=True, slots=True)
class Taken:
    """What a rollback took back, for the answer."""

    feature: Feature
    workflow: Workflow
    undone: list[str]
    rows: list[FileRow]
    start: PhaseStart
    steps: list[_Step]


class RollbackFeature(UseCase[RollbackReply], operation="rollback_feature"):
    """Begin a phase again; the phases after it no longer count.

    The files are put back, then the state; done twice, it changes nothing more.

    Attributes:
        to_phase: a phase that was begun.
        reason: why.
        dry_run: only show what would happen.
    """

    feature_id: str
    to_phase: str
    reason: str
    dry_run: bool = False

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        git: VersionControl,
    ) -> RollbackReply:
        """Raises E004, E102, E103, E107, E122, E126, E206, E302, E303, E305."""
        reason = checked_reason(self.reason)
        root, repository, leases = features.root, features.repository, features.leases()
        tree = git.work_tree(root)
        rollback = Rollback(
            feature_id=self.feature_id,
            to_phase=self.to_phase,
            reason=reason,
            features=features,
            outputs=outputs,
            leases=leases,
            tree=tree,
        )
        if self.dry_run:
            project = repository.get(root)
            taken = rollback.take_back(project, dry_run=True)
        else:
            rollback.announce()
            with repository.transaction(root) as project:
                project.require_writable()
                taken = rollback.take_back(project, dry_run=False)
        paths = [step.path for step in taken.steps]
        source, commands = taken.start.changes(project, tree, paths, git, root)
        phase = rendering.committed_view(project, taken.feature, taken.workflow)
        return {
            **features.reply(project, taken.feature, phase),
            "dry_run": self.dry_run,
            "rolled_back": taken.undone,
            "files": taken.rows,
            "source": source,
            "git": commands,
        }


class Decision(Protocol):
    """What sends a feature back from its current phase: a verdict, or a person's no."""

    @property
    def by(self) -> str:
        """Who decided, for records."""

    def require(self, feature: Feature, workflow: Workflow) -> None:
        """Raise where it is not, or no longer, to be decided; before anything is changed."""

    def settle(self, feature: Feature, rows: list[FileRow]) -> None:
        """Record it with the feature, which is in the earlier phase by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """A rollback on its way, and what it needs.

    Attributes:
        decision: what sends the feature back; None where a caller wants it, who needs the lease.
    """

    feature_id: str
    to_phase: str
    reason: str
    features: ProjectFeatures
    outputs: ProjectOutputs
    leases: CallerLeases
    tree: WorkTree | None
    decision: Decision | None = None

    @property
    def by(self) -> str:
        """Who takes the feature back, for records."""
        return self.decision.by if self.decision else self.leases.caller.name

    def announce(self) -> None:
        """Make it durable what the files are before the first of them is touched."""
        root, repository = self.features.root, self.features.repository
        present = repository.get(root)
        present.require_writable()
        taken = self.take_back(present, dry_run=True)
        steps = [step for step in taken.steps if step.touches]
        if not steps:
            return
        for step in steps:
            if step.current is not None:
                self.outputs.keep(step.current)
        with repository.transaction(root) as project:
            project.require_writable()
            project.feature(taken.feature.id).note(
                ROLLING_BACK,
                at=self.leases.now.isoformat(),
                by=self.by,
                to_phase=self.to_phase,
                reason=self.reason,
                files=[step.fact() for step in steps],
            )

    def take_back(self, project: Project, *, dry_run: bool) -> Taken:
        """Put files and state back in a project; in a dry run, only see what would happen."""
        outputs, leases = self.outputs, self.leases
        feature, workflow = self.features.adopted(project, self.feature_id)
        phase = _target(feature, workflow, self.to_phase)
        if self.decision is None:
            leases.require_free(feature, takeover=False)
        else:
            self.decision.require(feature, workflow)
        record = feature.phases[phase.id]
        steps = list(self._steps(feature, record, workflow))
        start = PhaseStart.of(feature, record, outputs)
        rows = [self._apply(step, dry_run=dry_run) for step in steps]
        undone = feature.roll_back(phase, self.reason, self.by, workflow, leases.now)
        feature.note(
            ROLLED_BACK,
            at=leases.now.isoformat(),
            by=self.by,
            to_phase=phase.id,
            reason=self.reason,
            phases=undone,
            files=[step.fact() for step in steps if step.touches],
        )
        if self.decision is not None:
            self.decision.settle(feature, rows)
        if not dry_run:
            if self.decision is None:
                leases.take(feature, deliberate=False)
            enter_phase(feature, workflow, outputs, self.tree)
        return Taken(feature, workflow, undone, rows, start, steps)

    def _apply(self, step: _Step, *, dry_run: bool) -> FileRow:
        root, files = self.outputs.root, self.outputs.files
        kept_as = f"{step.path}.before-rollback" if step.changed else None
        if not dry_run and step.touches:
            if step.current is not None:
                self.outputs.keep(step.current)
            if step.changed:
                kept_as = files.set_aside(root, step.path, step.output.id)
            files.restore(root, step.path, step.output.id, step.data)
        return FileRow(path=step.path, action=step.action, kept_as=kept_as, reason=step.reason)

    def _steps(self, feature: Feature, record: PhaseRecord, workflow: Workflow) -> Iterator[_Step]:
        """What it takes to have every declared output as it was when the phase was entered.

        What another feature recorded since then stays.
        """
        # Another copy of the project: what is decoded in one that is changed is encoded again.
        project = self.features.repository.get(self.outputs.root)
        since = record.entered_at or record.started_at
        others = recorded_by_others(project, feature, workflow, since)
        for phase in workflow.phases:
            recorded = {each.id: each.sha256 for each in feature.phases[phase.id].outputs}
            for output in phase.outputs:
                path = output.path_for(feature.name)
                if output.id not in record.entered:
                    reason = "its content was not recorded when the phase started"
                    yield _Step(output, path, "left", reason=reason)
                    continue
                other = others.get(path)
                wanted = record.entered[output.id] if other is None else other.sha256
                yield self._step(output, path, wanted, recorded.get(output.id))

    def _step(self, output: Output, path: str, wanted: str | None, recorded: str | None) -> _Step:
        def left(reason: str) -> _Step:
            return _Step(output, path, "left", reason=reason)

        if not self.outputs.files.is_plain(self.outputs.root, path):
            return left("it is not a regular file")
        try:
            current = self.outputs.read(path, output.id)
        except (OutputError, ValidationError) as error:
            return left(error.message)
        found = current.sha256 if current else None
        if found == wanted:
            return _Step(output, path, "unchanged")
        data = None if wanted is None else self.outputs.kept(wanted)
        if wanted is not None and data is None:
            return left("the content recorded then is no longer kept")
        return _Step(
            output,
            path,
            "removed" if wanted is None else "restored",
            data=data,
            wanted=wanted,
            current=current,
            changed=found is not None and (found != recorded or self.decision is not None),
        )


def _target(feature: Feature, workflow: Workflow, phase_id: str) -> Phase:
    """The phase to go back to; E107 where there is none, E126 where it was not begun yet."""
    phase = workflow.find(phase_id)
    ids = [each.id for each in workflow.phases]
    if phase is None:
        raise FeatureError.of("E107", feature=feature.name, phase=phase_id, phases=", ".join(ids))
    current = ids.index(feature.current_phase) if feature.current_phase in ids else len(ids)
    begun = [
        each
        for each in ids[: current + 1]
        if feature.phases[each].status is not PhaseStatus.PENDING
    ]
    if phase_id in begun or phase_id == feature.current_phase:
        return phase
    raise FeatureError.of(
        "E126",
        feature=feature.name,
        phase=phase_id,
        reason="it was not started yet",
        phases=", ".join(begun),
    )
