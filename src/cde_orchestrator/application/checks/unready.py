"""What will refuse the work on open features late, and can be seen now."""

from __future__ import annotations

from collections.abc import Iterator

from cde_orchestrator.application.checks.baselines import Baselines, Subject
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.domain.check import check_cannot_run
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import Workflow


def unready(
    project: Project, features: ProjectFeatures, baselines: Baselines
) -> Iterator[CDEError]:
    """Checks that cannot be run (E121), and those of open features that nobody trusts (E120).

    Nothing is run to find out. Of features whose workflow has no such check, one is decoded.

    Raises:
        ValidationError: E310 or E311, the project's workflow file is not valid.
    """
    default = features.workflows.load(features.root).get()
    for subject in baselines.subjects(default):
        if problem := baselines.problem(subject):
            yield check_cannot_run(subject.command.words, problem)
    refused: dict[str | None, list[tuple[Subject, str]]] = {}
    for summary in project.features.summaries():
        found = refused.get(summary.workflow_digest)
        if summary.status in CLOSED_STATUSES or found == []:
            continue
        feature = project.features.by_id(summary.id)
        if feature is None:
            continue
        if found is None:
            found = _refused(baselines, features.workflow_of(project, feature))
        if summary.workflow_digest is not None:  # None of features of an older release
            refused[summary.workflow_digest] = found
        for subject, problem in found:
            due = [
                phase
                for phase in subject.used_by
                if phase not in feature.phases
                or feature.phases[phase].status is not PhaseStatus.COMPLETED
            ]
            words = subject.command.words
            if due and problem:
                yield check_cannot_run(words, problem)
            elif due:
                facts = {"feature": feature.name, "phase": due[0]}
                yield FeatureError.of("E120", **facts, command=" ".join(words))


def _refused(baselines: Baselines, workflow: Workflow) -> list[tuple[Subject, str]]:
    """The commands of a workflow that would not be run, and why not; empty for lack of trust."""
    found = []
    for subject in baselines.subjects(workflow):
        problem = baselines.problem(subject)
        if problem or not baselines.trusts(subject):
            found.append((subject, problem))
    return found
