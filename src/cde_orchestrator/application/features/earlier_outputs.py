"""What earlier phases left stays as it was accepted, until its phase is begun again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.domain.errors.fixes import START_AGAIN
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import OUTPUTS_RESTORED, Feature
from cde_orchestrator.domain.gate import Problem, problem_as_dict
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.records import Artifact
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Phase, Workflow


class AcceptedOutput(Value):
    """An accepted output, and what is there now.

    Attributes:
        current: None: nothing that can be read.
        is_there: whether a file is there all the same, as one that is too large.
        problem: why nothing can be put there; None where it can.
    """

    phase: Phase
    artifact: Artifact
    current: Content | None
    is_there: bool
    problem: OutputError | None = None

    @classmethod
    def now(cls, phase: Phase, artifact: Artifact, outputs: ProjectOutputs) -> AcceptedOutput:
        """The output of the phase, with what is at its place."""
        try:
            current = outputs.read(artifact.path, artifact.id)
        except OutputError as error:  # no plain file any more, or one that cannot be read
            return cls(phase, artifact, None, is_there=False, problem=error)
        except ValidationError:  # one that is too large
            return cls(phase, artifact, None, is_there=True)
        return cls(phase, artifact, current, is_there=current is not None)

    @property
    def is_changed(self) -> bool:
        """Whether other bytes are there than were accepted."""
        return self.current is None or self.current.sha256 != self.artifact.sha256

    def fact(self) -> dict[str, str | None]:
        """What the event keeps of its being restored."""
        return {
            "id": self.artifact.id,
            "path": self.artifact.path,
            "before": self.current.sha256 if self.current else None,
            "after": self.artifact.sha256,
        }


def require_accepted(
    feature: Feature, phase: Phase, workflow: Workflow, outputs: ProjectOutputs
) -> Mapping[str, Content | None]:
    """Refuse to go on from outputs of earlier phases that are no longer what was accepted.

    Returns:
        Those outputs by path.

    Raises:
        OutputError: E132.
    """
    accepted = list(_accepted(feature, phase, workflow, outputs))
    changed = [each for each in accepted if each.is_changed]
    if changed:
        raise _changed(changed, feature, phase, outputs)
    return {each.artifact.path: each.current for each in accepted}


def changed_before(
    feature: Feature, phase: Phase, workflow: Workflow, outputs: ProjectOutputs
) -> list[AcceptedOutput]:
    """Outputs of earlier phases as which ``require_accepted`` refuses to go on from them."""
    found = _accepted(feature, phase, workflow, outputs)
    return [each for each in found if each.is_changed]


def restore_changed(
    feature: Feature, phase: Phase, workflow: Workflow, outputs: ProjectOutputs, at: str, by: str
) -> dict[str, str | None]:
    """Put them back as they were accepted, all or none; a copy is kept next to them.

    The feature keeps by whom, as an event by which that can be undone, and its phase is refused
    for them no longer.

    Returns:
        By the path of each that was put back, that of the copy; None where nothing was there.

    Raises:
        OutputError: E112, a path is no place for an output any more; E132, the accepted version
            of one is no longer kept, and nothing was put back.
        StateError: E203 or E204, one cannot be written.
    """
    changed = changed_before(feature, phase, workflow, outputs)
    for each in changed:
        if each.current is not None:
            outputs.keep(each.current)
    restored = _put_back(changed, feature, phase, outputs)
    if changed:
        files = [each.fact() for each in changed if each.current or not each.is_there]
        feature.note(OUTPUTS_RESTORED, phase=phase.id, files=files, at=at, by=by)
        record = feature.phases[phase.id]
        if record.refused is not None and record.refused.code == "E132":
            record.refused = None
    return restored


def _put_back(
    changed: Sequence[AcceptedOutput], feature: Feature, phase: Phase, outputs: ProjectOutputs
) -> dict[str, str | None]:
    root, files, restored = outputs.root, outputs.files, dict[str, str | None]()
    kept = [(each, outputs.kept(each.artifact.sha256)) for each in changed]
    if any(data is None for _, data in kept):
        raise _changed(changed, feature, phase, outputs)
    for each in changed:  # before the first of them is touched
        if each.problem is not None:
            raise each.problem
        if not files.is_plain(root, each.artifact.path):
            facts = {"output": each.artifact.id, "path": each.artifact.path}
            raise OutputError.of("E112", **facts, reason="a symbolic link leads elsewhere")
    for each, data in kept:
        if data is not None:
            path, output_id, copy = each.artifact.path, each.artifact.id, None
            if each.is_there:
                copy = files.set_aside(root, path, output_id)
            if each.current is not None:  # a worktree's; the project's own file may be another
                known = {each.current.sha256, each.artifact.sha256}
                files.keep_changed(root, path, output_id, known)
            files.restore(root, path, output_id, data)
            restored[path] = copy
    return restored


def _changed(
    changed: Sequence[AcceptedOutput], feature: Feature, phase: Phase, outputs: ProjectOutputs
) -> OutputError:
    problems = [_problem(each, feature, outputs) for each in changed]
    lost = [each for each in changed if outputs.kept(each.artifact.sha256) is None]
    return OutputError.of(
        "E132",
        feature=feature.name,
        phase=phase.id,
        owner=(lost or changed)[0].phase.id,
        problems="; ".join(map(str, problems)),
        outputs=[problem_as_dict(problem) for problem in problems],
    ).fixed_by([START_AGAIN] if lost else [])


def _accepted(
    feature: Feature, phase: Phase, workflow: Workflow, outputs: ProjectOutputs
) -> Iterator[AcceptedOutput]:
    for earlier, artifact in accepted_before(feature, phase, workflow):
        yield AcceptedOutput.now(earlier, artifact, outputs)


def accepted_before(
    feature: Feature, phase: Phase, workflow: Workflow
) -> Iterator[tuple[Phase, Artifact]]:
    """The outputs of completed phases before this one that belong to this feature alone.

    A path without the feature's name, as ``CHANGELOG.md``, is the project's: others may write
    there. One that a later phase declares too is that phase's to change.
    """
    at = workflow.phases.index(phase)
    for index, earlier in enumerate(workflow.phases[:at]):
        record = feature.phases[earlier.id]
        if record.status is not PhaseStatus.COMPLETED:
            continue
        own = {each.id for each in earlier.outputs if not each.is_shared}
        later = {
            output.path_for(feature.name)
            for following in workflow.phases[index + 1 :]
            for output in following.outputs
        }
        for artifact in record.outputs:
            if artifact.id in own and artifact.path not in later:
                yield earlier, artifact


def _problem(each: AcceptedOutput, feature: Feature, outputs: ProjectOutputs) -> Problem:
    what = "was changed" if each.is_there else "is missing"
    words = f"{what} since phase {each.phase.id} was accepted"
    for record in feature.phases.values():
        if record.approval is not None and each.artifact.path in record.approval.outputs:
            words += f", so that the approval of phase {record.id} is void"
    fix = f"Restore it, or start phase {each.phase.id} again"
    if outputs.kept(each.artifact.sha256) is None:
        words += ", and the accepted version is no longer kept"
        fix = f"Restore it by other means, or start phase {each.phase.id} again"
    return Problem("E132", each.artifact.id, each.artifact.path, None, words, fix)
