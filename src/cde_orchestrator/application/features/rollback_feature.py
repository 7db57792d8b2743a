"""Take a feature back to an earlier phase, with the outputs as they were then."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import adopt_workflow, committed_phase_view
from cde_orchestrator.application.features.source_changes import PhaseStart, SourceRow
from cde_orchestrator.application.ports.checks import WorkTree
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply, feature_view, project_view
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature, PhaseRecord, PhaseStatus
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import checked_reason
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

ROLLED_BACK = "rolled_back"
"""The event that a rollback leaves; its ``files`` tell how the rollback can be undone."""

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
        changed: whether somebody changed the file since it was recorded.
    """

    output: Output
    path: str
    action: FileAction
    data: bytes | None = None
    current: bytes | None = None
    changed: bool = False
    reason: str | None = None

    @property
    def touches(self) -> bool:
        """Whether the file is changed."""
        return self.action in {"restored", "removed"}


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a rollback took back, for the answer."""

    feature: Feature
    workflow: Workflow
    undone: list[str]
    rows: list[FileRow]
    start: PhaseStart
    steps: list[_Step]
    tree: WorkTree | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackFeature(UseCase[RollbackReply]):
    """Begin a phase again; the phases after it no longer count.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        to_phase: a phase that was begun.
        reason: why.
        dry_run: only tell what would happen.
    """

    feature_id: str
    to_phase: str
    reason: str
    dry_run: bool = False

    def __call__(self, ports: Ports) -> RollbackReply:
        """Put the files back, then the state; done twice, it changes nothing more.

        Raises:
            CDEError: E004, E102, E103, E107, E122, E126, E206, E302, E303, E305 and the
                repository's own.
        """
        reason, desk = checked_reason(self.reason), CallerLeases.of(ports, None)
        tree = ports.git.work_tree(ports.root)
        if self.dry_run:
            project = ports.repository.get(ports.root)
            return self._reply(project, self._take_back(project, reason, desk, tree), ports)
        self._announce(reason, desk, tree)
        with ports.repository.transaction(ports.root) as project:
            project.require_writable()
            taken = self._take_back(project, reason, desk, tree)
        return self._reply(project, taken, ports)

    def _announce(self, reason: str, desk: CallerLeases, tree: WorkTree | None) -> None:
        """Make it durable what the files are before the first of them is touched."""
        ports = desk.ports
        present = ports.repository.get(ports.root)
        present.require_writable()
        taken = replace(self, dry_run=True)._take_back(present, reason, desk, tree)
        steps = [step for step in taken.steps if step.touches]
        if not steps:
            return
        for step in steps:
            if step.current is not None:
                ports.objects.put(ports.root, step.current)
        with ports.repository.transaction(ports.root) as project:
            project.require_writable()
            project.feature(taken.feature.id).note(
                ROLLING_BACK,
                at=desk.now.isoformat(),
                by=desk.caller.name,
                to_phase=self.to_phase,
                reason=reason,
                files=[_fact(step) for step in steps],
            )

    def _take_back(
        self, project: Project, reason: str, desk: CallerLeases, tree: WorkTree | None
    ) -> _Taken:
        ports = desk.ports
        feature = project.feature(self.feature_id)
        workflow = adopt_workflow(project, feature, ports)
        phase = _target(feature, workflow, self.to_phase)
        desk.require_free(feature, takeover=False)
        record = feature.phases[phase.id]
        steps = list(_steps(feature, record, workflow, ports))
        start = PhaseStart.of(feature, record, ports)
        rows = [self._apply(step, ports) for step in steps]
        undone = feature.roll_back(phase, reason, desk.caller.name, workflow, desk.now)
        feature.note(
            ROLLED_BACK,
            at=desk.now.isoformat(),
            by=desk.caller.name,
            to_phase=phase.id,
            reason=reason,
            phases=undone,
            files=[_fact(step) for step in steps if step.touches],
        )
        if not self.dry_run:
            desk.take(feature, deliberate=False)
            enter_phase(feature, workflow, ports, tree)
        return _Taken(feature, workflow, undone, rows, start, steps, tree)

    def _reply(self, project: Project, taken: _Taken, ports: Ports) -> RollbackReply:
        outputs = [step.path for step in taken.steps]
        source, commands = taken.start.changes(project, taken.tree, outputs, ports)
        return {
            "project": project_view(project, ports),
            "feature": feature_view(taken.feature),
            "phase": committed_phase_view(project, taken.feature, taken.workflow, ports),
            "dry_run": self.dry_run,
            "rolled_back": taken.undone,
            "files": taken.rows,
            "source": source,
            "git": commands,
        }

    def _apply(self, step: _Step, ports: Ports) -> FileRow:
        kept_as = f"{step.path}.before-rollback" if step.changed else None
        if not self.dry_run and step.touches:
            if step.current is not None:
                ports.objects.put(ports.root, step.current)
            if step.changed:
                kept_as = ports.files.set_aside(ports.root, step.path, step.output.id)
            ports.files.restore(ports.root, step.path, step.output.id, step.data)
        return {
            "path": step.path,
            "action": step.action,
            "kept_as": kept_as,
            "reason": step.reason,
        }


def _fact(step: _Step) -> dict[str, str | None]:
    """What became of a file, by the digests of its contents."""
    before, after = (
        None if data is None else hashlib.sha256(data).hexdigest()
        for data in (step.current, step.data)
    )
    return {"id": step.output.id, "path": step.path, "before": before, "after": after}


def _target(feature: Feature, workflow: Workflow, phase_id: str) -> Phase:
    """The phase to go back to.

    Raises:
        FeatureError: E107, there is no such phase; E126, it was not begun or is yet to come.
    """
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


def _steps(
    feature: Feature, record: PhaseRecord, workflow: Workflow, ports: Ports
) -> Iterator[_Step]:
    """What it takes to have every declared output as it was when the phase was entered."""
    for phase in workflow.phases:
        for output in phase.outputs:
            recorded = {
                artifact.id: artifact.sha256 for artifact in feature.phases[phase.id].outputs
            }
            yield _step(feature, record, output, recorded.get(output.id), ports)


def _step(
    feature: Feature, record: PhaseRecord, output: Output, recorded: str | None, ports: Ports
) -> _Step:
    path, root = output.path_for(feature.name), ports.root

    def left(reason: str) -> _Step:
        return _Step(output, path, "left", reason=reason)

    if output.id not in record.entered:
        return left("its content was not recorded when the phase started")
    if not ports.files.is_plain(root, path):
        return left("it is not a regular file")
    try:
        current = ports.files.read(root, path, output.id)
    except (OutputError, ValidationError) as error:
        return left(error.message)
    target = record.entered[output.id]
    found = None if current is None else hashlib.sha256(current).hexdigest()
    if found == target:
        return _Step(output, path, "unchanged")
    data = None if target is None else ports.objects.get(root, target)
    if target is not None and data is None:
        return left("the content recorded then is no longer kept")
    return _Step(
        output,
        path,
        "removed" if target is None else "restored",
        data=data,
        current=current,
        changed=found is not None and found != recorded,
    )
