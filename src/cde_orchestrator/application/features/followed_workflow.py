"""Which feature is meant, and the workflow that it follows; how a call reads and changes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.ports.checks import Callers
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.views import FeatureReply, PhaseView, feature_view, project_view
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.domain.workflow import Workflow


@dataclass(frozen=True, slots=True)
class ProjectFeatures:
    """The features of the project at ``root``, as a call reads and changes them."""

    root: Path
    repository: ProjectRepository
    workflows: WorkflowRepository
    callers: Callers
    clock: Clock

    def leases(self, agent: str | None = None) -> CallerLeases:
        """The leases for a call that may name its agent.

        Raises:
            ValidationError: E302, E303 or E305, the name is not usable.
        """
        return CallerLeases.of(self.callers, self.root, self.clock(), agent)

    def read(self, reference: str) -> tuple[Project, Feature, Workflow]:
        """The project, the feature that is meant and its workflow, as they are.

        Raises:
            CDEError: E004, E102, E103, E310 or E311.
        """
        project = self.repository.get(self.root)
        return project, *followed(project, reference, self.workflows, self.root)

    @contextmanager
    def change(self, reference: str) -> Iterator[tuple[Project, Feature, Workflow]]:
        """The same alone and up to date, to be changed; committed when the block ends well.

        Raises:
            CDEError: E004, E102, E103, E206, E310, E311, or E203 or E204, not written.
        """
        with self.repository.transaction(self.root) as project:
            project.require_writable()
            yield project, *adopted(project, reference, self.workflows, self.root)

    def reply(self, project: Project, feature: Feature, phase: PhaseView | None) -> FeatureReply:
        """The feature and the phase to work on next, as the contract has them."""
        return {
            "project": project_view(project, self.root, self.repository.backend),
            "feature": feature_view(feature),
            "phase": phase,
        }


def meant_feature(project: Project, reference: str) -> Feature:
    """The feature, from now on named in the log of the operation.

    Raises:
        FeatureError: E102 none found, E103 ambiguous.
    """
    feature = project.feature(reference)
    name_subject(feature_id=feature.id, feature=feature.name)
    return feature


def followed(
    project: Project, reference: str, workflows: WorkflowRepository, root: Path
) -> tuple[Feature, Workflow]:
    """The feature that is meant and its workflow; nothing is changed.

    Raises:
        CDEError: E102, E103, E310 or E311.
    """
    feature = meant_feature(project, reference)
    workflow = workflow_for(project, feature, workflows, root)
    return as_followed(feature, workflow), workflow


def adopted(
    project: Project, reference: str, workflows: WorkflowRepository, root: Path
) -> tuple[Feature, Workflow]:
    """The same inside a change: a feature that has no workflow of its own keeps it.

    Raises:
        CDEError: E102, E103, E310 or E311.
    """
    feature = meant_feature(project, reference)
    workflow = workflow_for(project, feature, workflows, root)
    adopt_workflow(project, feature, workflow)
    return feature, workflow


def workflow_for(
    project: Project, feature: Feature, workflows: WorkflowRepository, root: Path
) -> Workflow:
    """The workflow that the feature follows.

    It is the one kept with the feature; a feature of an older release takes the project's
    workflow of that name, or its default one.

    Raises:
        ValidationError: E310 or E311, the project's workflow file is needed and not valid.
    """
    kept = project.workflow_of(feature)
    return kept or workflows.load(root).get_or_default(feature.workflow_type)


def adopt_workflow(project: Project, feature: Feature, workflow: Workflow) -> None:
    """Keep the workflow with a feature that has none; inside a change."""
    if feature.workflow_digest is None:
        feature.follow(workflow)
        feature.workflow_digest = project.keep_workflow(workflow)


def as_followed(feature: Feature, workflow: Workflow) -> Feature:
    """The feature with its records of phases; one of an older release as a copy that has them."""
    if feature.workflow_digest is None:
        feature = replace(feature, phases=dict(feature.phases))
        feature.follow(workflow)
    return feature
