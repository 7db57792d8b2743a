"""What will refuse the work on open features late, and can be seen now."""

from __future__ import annotations

from collections.abc import Iterator

from cde_orchestrator.application.checks.baselines import Baselines
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.project import Project


def unready(
    project: Project, features: ProjectFeatures, baselines: Baselines
) -> Iterator[CDEError]:
    """Checks that cannot be run (E121), and those of open features that nobody trusts (E120).

    Nothing is run to find out.

    Raises:
        ValidationError: E310 or E311, the project's workflow file is not valid.
    """
    default = features.workflows.load(features.root).get()
    for subject in baselines.subjects(default):
        if problem := baselines.problem(subject):
            yield _cannot_run(subject.command.words, problem)
    for summary in project.features.summaries():
        feature = project.features.by_id(summary.id)
        if feature is None or summary.status in CLOSED_STATUSES:
            continue
        for subject in baselines.subjects(features.workflow_of(project, feature)):
            due = [
                phase
                for phase in subject.used_by
                if phase not in feature.phases
                or feature.phases[phase].status is not PhaseStatus.COMPLETED
            ]
            words = subject.command.words
            if due and (problem := baselines.problem(subject)):
                yield _cannot_run(words, problem)
            elif due and not baselines.trusts(subject):
                facts = {"feature": feature.name, "phase": due[0]}
                yield FeatureError.of("E120", **facts, command=" ".join(words))


def _cannot_run(words: tuple[str, ...], problem: str) -> FeatureError:
    return FeatureError.of("E121", command=" ".join(words), reason=problem)
