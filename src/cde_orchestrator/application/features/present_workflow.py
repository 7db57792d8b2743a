"""The workflow that a feature follows at present."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Workflow

if TYPE_CHECKING:
    from cde_orchestrator.application.checks.baselines import Subject
    from cde_orchestrator.application.ports.checks import TrustStore
    from cde_orchestrator.application.ports.core import WorkflowRepository
    from cde_orchestrator.application.ports.proving import TestRunners


class Newer(Value):
    """A workflow that differs from a kept one in nothing, or in nothing but what is run.

    Attributes:
        waiting: what is run by it and nobody trusts; where nothing is, features follow it.
    """

    workflow: Workflow
    waiting: Sequence[Subject]


class Followed(Value):
    """The workflow that a feature follows, and what nobody trusts of a newer one."""

    workflow: Workflow
    waiting: Sequence[Subject] = ()


def followed_by(
    root: Path,
    project: Project,
    feature: Feature,
    workflows: WorkflowRepository,
    trust: TrustStore,
    runners: Callable[[], TestRunners],
) -> Followed:
    """The workflow that the feature of the project at ``root`` follows.

    It is the one kept with the feature; of an open one the project's present one of that
    name, where that differs in nothing but what is run, which a person trusts. A feature of
    an older release takes the project's workflow of that name, or its default one.

    Raises:
        ValidationError: E310 or E311, the project's workflow file is needed and not valid.
    """
    kept = project.workflow_of(feature)
    if kept is None:
        return Followed(workflows.load(root).get_or_default(feature.workflow_type))
    newer = newer_than(root, project, feature, workflows, trust, runners)
    if newer is None:
        return Followed(kept)
    return Followed(kept if newer.waiting else newer.workflow, newer.waiting)


def newer_than(
    root: Path,
    project: Project,
    feature: Feature,
    workflows: WorkflowRepository,
    trust: TrustStore,
    runners: Callable[[], TestRunners],
) -> Newer | None:
    """The present workflow in place of the kept one, where an open feature may follow it."""
    if not feature.is_open or feature.workflow_digest is None:
        return None
    try:
        if feature.workflow_file and feature.is_of_file(workflows.digest(root)):
            return None
        present = workflows.load(root).workflows.get(feature.workflow_type)
    except ValidationError:  # whoever starts a feature is told
        return None
    if present is None:
        return None
    if project.follows(feature, present):
        return Newer(present, ())
    kept = project.workflow_of(feature)
    if kept is None or not kept.differs_only_in_checks(present):
        return None
    from cde_orchestrator.application.checks.baselines import subjects_of

    subjects = subjects_of(present, root, runners)
    runs_tests = any(each.check is None for each in subjects)
    if kept.runner and not runs_tests and any(map(present.must_prove, present.phases)):
        return None  # it would be left without any
    waiting = [
        each
        for each in subjects
        if each.check is not None or present.runner != kept.runner
        if each.problem or not trust.trusts(root, each.command)
    ]
    return Newer(present, waiting)


def as_followed(feature: Feature, workflow: Workflow) -> Feature:
    """The feature with its records of phases; one of an older release as a copy that has them."""
    if feature.workflow_digest is None:
        feature = replace(feature, phases=dict(feature.phases))
        feature.follow(workflow)
    return feature
