"""A rollback on its way: outputs and source are put back, then the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Protocol, TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.features.project_sources import Present, ProjectSources
from cde_orchestrator.application.features.seen_feature import require_seen
from cde_orchestrator.application.features.shared_outputs import recorded_by_others
from cde_orchestrator.application.features.source_changes import (
    SourceChanges,
    SourceTurn,
    turn_files,
)
from cde_orchestrator.domain.clock import parse_utc
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord, PhaseStatus
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Discarded
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

ROLLED_BACK = "rolled_back"
"""The event that a rollback leaves; its ``files`` say how the rollback can be undone."""

ROLLING_BACK = "rolling_back"
"""The event that comes before the first file is touched, with the same ``files``: whatever
stops the rollback between two files, it can be repeated, and undone from there."""

FileAction = Literal["restored", "removed", "unchanged", "left"]


class FileRow(TypedDict):
    """What happens to a declared output.

    ``kept_as`` names the copy of what was discarded; ``reason`` says why a file is left as it is.
    """

    path: str
    action: FileAction
    kept_as: str | None
    reason: str | None


class _Step(Value):
    """One output on its way back.

    Attributes:
        data: the bytes to put there; None removes the file.
        wanted: their digest.
        attempt: the one of the output's phase that is discarded.
    """

    output: Output
    path: str
    action: FileAction
    attempt: int = 1
    data: bytes | None = None
    wanted: str | None = None
    current: Content | None = None
    reason: str | None = None

    @property
    def touches(self) -> bool:
        """Whether the file is changed."""
        return self.action in {"restored", "removed"}

    def fact(self) -> dict[str, str | None]:
        """What becomes of the file, by the digests of its contents."""
        before = self.current.sha256 if self.current else None
        return {"id": self.output.id, "path": self.path, "before": before, "after": self.wanted}


class Taken(Value):
    """What a rollback took back, for the answer.

    Attributes:
        source: files of the source by path: None where they were taken back, or why they were not.
        undo_at: the number of the change before it, to which a restore undoes it.
    """

    feature: Feature
    workflow: Workflow
    undone: list[str]
    rows: list[FileRow]
    steps: list[_Step]
    source: Mapping[str, str | None]
    undo_at: int | None


class Decision(Protocol):
    """What sends a feature back from its current phase: a verdict, or a person's no."""

    @property
    def by(self) -> str:
        """Who decided, for records."""

    def require(self, feature: Feature, workflow: Workflow) -> None:
        """Raise where it is not, or no longer, to be decided; before anything is changed."""

    def settle(self, feature: Feature, rows: list[FileRow]) -> None:
        """Record it with the feature, which is in the earlier phase by now."""


class Rollback(Value, kw_only=True):
    """A rollback on its way, and what it needs.

    Attributes:
        present: the source now.
        takeover: whether another agent's lease is overridden.
        seen: as of ``RollbackFeature``.
        again: whether the source is compared with what it was when the phase first began.
        code: what takes back the source, and is kept already; None where it stays as it is.
        decision: what sends the feature back; None where a caller wants it, who needs the lease.
    """

    feature_id: str
    to_phase: str
    reason: str
    features: ProjectFeatures
    outputs: ProjectOutputs
    leases: CallerLeases
    present: Present
    takeover: bool = False
    seen: str | None = None
    again: bool = True
    code: tuple[SourceTurn, SourceChanges, ProjectSources] | None = None
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
        if not steps and self.code is None:
            return
        for step in steps:
            if step.current is not None:
                self.outputs.keep(step.current)
        with repository.transaction(root) as project:
            project.require_writable()
            feature = project.feature(taken.feature.id)
            feature.note(
                ROLLING_BACK,
                at=self.leases.now.isoformat(),
                by=self.by,
                to_phase=self.to_phase,
                reason=self.reason,
                files=[step.fact() for step in steps],
                **self._source_fact(),
                undo_at=_undo_at(project, feature),
            )

    def _source_fact(self) -> dict[str, dict[str, str]]:
        return {"source": self.code[0].fact()} if self.code else {}

    def take_back(self, project: Project, *, dry_run: bool) -> Taken:
        """Put files and state back in a project; in a dry run, only see what would happen.

        Raises:
            FeatureError: E107, E122, E126, E155, or E123 where the phase began again meanwhile.
        """
        outputs, leases = self.outputs, self.leases
        feature, workflow = self.features.adopted(project, self.feature_id)
        phase = target_phase(feature, workflow, self.to_phase)
        if self.decision is None:
            require_seen(feature, self.seen)
            leases.require_free(feature, takeover=self.takeover)
        else:
            self.decision.require(feature, workflow)
        record = feature.phases[phase.id]
        if self.code is not None and record.start_source != self.code[1].start:
            raise FeatureError.of("E123", feature=feature.name, phase=phase.id)
        steps = list(self._steps(feature, record, workflow))
        rows = [self._apply(step, dry_run=dry_run) for step in steps]
        source = self._take_back_source(dry_run=dry_run)
        undo_at = _undo_at(project, feature)
        closed = {} if feature.is_open else {"closed_as": feature.status}
        undone = feature.roll_back(phase, self.reason, self.by, workflow, leases.now)
        _name_discarded(feature, phase, workflow, steps, rows)
        feature.note(
            ROLLED_BACK,
            at=leases.now.isoformat(),
            by=self.by,
            to_phase=phase.id,
            reason=self.reason,
            phases=undone,
            files=[step.fact() for step in steps if step.touches],
            **self._source_fact(),
            **closed,
        )
        if self.decision is not None:
            self.decision.settle(feature, rows)
        if not dry_run:
            if self.decision is None:
                leases.take(feature, deliberate=False)
            enter_phase(feature, workflow, outputs, self.present, again=self.again)
        return Taken(feature, workflow, undone, rows, steps, source, undo_at)

    def _take_back_source(self, *, dry_run: bool) -> Mapping[str, str | None]:
        """Take back what is to be of the source; why a file was left, or None."""
        if self.code is None:
            return {}
        _, changes, sources = self.code
        return turn_files(sources, changes.back, dry_run=dry_run)

    def _apply(self, step: _Step, *, dry_run: bool) -> FileRow:
        root, files = self.outputs.root, self.outputs.files
        kept_as = None
        if step.touches and step.current is not None:
            kept_as = files.copy_path(root, step.path, step.output.id, step.attempt)
        if not dry_run and step.touches:
            if step.current is not None:
                self.outputs.keep(step.current)
                kept_as = files.keep_attempt(root, step.path, step.output.id, step.attempt)
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
            attempt = max(feature.phases[phase.id].attempts, 1)
            for output in phase.outputs:
                path = output.path_for(feature.name)
                if output.id not in record.entered:
                    reason = "its content was not recorded when the phase started"
                    yield _Step(output, path, "left", reason=reason)
                    continue
                other = others.get(path)
                wanted = record.entered[output.id] if other is None else other.sha256
                step = self._step(output, path, wanted, attempt)
                if step.action != "unchanged" or wanted is not None:
                    yield step

    def _step(self, output: Output, path: str, wanted: str | None, attempt: int) -> _Step:
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
            attempt=attempt,
            data=data,
            wanted=wanted,
            current=current,
        )


def _undo_at(project: Project, feature: Feature) -> int | None:
    """The change before a rollback that begins now, or that was stopped and is repeated."""
    last = feature.events[-1] if feature.events else {}
    stopped = last.get("undo_at") if last.get("event") == ROLLING_BACK else None
    if isinstance(stopped, int) and feature.updated_at <= parse_utc(last["at"]):
        return stopped
    return project.sequence


def _name_discarded(
    feature: Feature,
    target: Phase,
    workflow: Workflow,
    steps: Sequence[_Step],
    rows: Sequence[FileRow],
) -> None:
    """Name what was discarded to whoever begins the phase again, and each later one its own.

    An earlier phase, which stays completed, keeps what was named to it.
    """
    kept = [
        Discarded(step.output.id, row["path"], row["kept_as"], step.attempt)
        for step, row in zip(steps, rows, strict=True)
        if row["kept_as"] is not None
    ]
    for phase in workflow.phases[workflow.phases.index(target) :]:
        record, own = feature.phases[phase.id], {output.id for output in phase.outputs}
        if record.returned is not None:
            named = [each for each in kept if phase == target or each.output in own]
            record.returned = replace(record.returned, discarded=tuple(named))


def target_phase(feature: Feature, workflow: Workflow, phase_id: str) -> Phase:
    """The phase to go back to; E107 where there is none, E126 where it was not begun yet."""
    phase = workflow.find(phase_id)
    if phase is None:
        raise workflow.no_phase(feature.name, phase_id)
    ids = [each.id for each in workflow.phases]
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
