"""Which feature is meant, and the workflow that it follows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cde_orchestrator.application.ports.core import WorkflowRepository
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.domain.workflow import Workflow


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
