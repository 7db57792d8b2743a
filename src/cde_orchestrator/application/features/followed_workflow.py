"""Which feature is meant, and the workflow that it follows; how a call reads and changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cde_orchestrator.application.checks.baselines import Subject
from cde_orchestrator.application.checks.trial_views import waiting_words
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.present_workflow import (
    Followed,
    as_followed,
    followed_by,
    newer_than,
)
from cde_orchestrator.application.made_views import made_view
from cde_orchestrator.application.ports.checks import Callers, TrustStore
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.ports.proving import TestRunners
from cde_orchestrator.application.views import FeatureReply, PhaseView, feature_view, project_view
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Workflow


class ProjectFeatures(Value):
    """The features of the project at ``root``, as a call reads and changes them.

    Attributes:
        runners: gives the runners of tests, where a newer workflow has any.
    """

    root: Path
    repository: ProjectRepository
    workflows: WorkflowRepository
    trust: TrustStore
    callers: Callers
    clock: Clock
    runners: Callable[[], TestRunners]

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
        return project, *self.followed(project, reference)

    def require_named(self, reference: str, phase_id: str | None) -> None:
        """Refuse what names no feature (E102, E103), or no phase of it (E107)."""
        _, feature, workflow = self.read(reference)
        if phase_id is not None and workflow.find(phase_id) is None:
            raise workflow.no_phase(feature.name, phase_id)

    def read_followed(self, reference: str) -> tuple[Project, Feature, Followed]:
        """The same, with what ``waiting`` says, for which the workflow file is read once."""
        project = self.repository.get(self.root)
        feature = meant_feature(project, reference)
        followed = self._followed_by(project, feature)
        return project, as_followed(feature, followed.workflow), followed

    @contextmanager
    def change(self, reference: str) -> Iterator[tuple[Project, Feature, Workflow]]:
        """The same alone and up to date, to be changed; committed when the block ends well.

        Raises:
            CDEError: E004, E102, E103, E206, E310, E311, or E203 or E204, not written.
        """
        with self.repository.transaction(self.root) as project:
            project.require_writable()
            yield project, *self.adopted(project, reference)

    def followed(self, project: Project, reference: str) -> tuple[Feature, Workflow]:
        """The feature that is meant and its workflow; nothing is changed.

        Raises:
            CDEError: E102, E103, E310 or E311.
        """
        feature = meant_feature(project, reference)
        workflow = self.workflow_of(project, feature)
        return as_followed(feature, workflow), workflow

    def adopted(self, project: Project, reference: str) -> tuple[Feature, Workflow]:
        """The feature that is meant and its workflow, which it keeps; inside a change.

        Raises:
            CDEError: E102, E103, E310 or E311.
        """
        feature = meant_feature(project, reference)
        workflow = self.workflow_of(project, feature)
        self.adopt(project, feature, workflow)
        return feature, workflow

    def workflow_of(self, project: Project, feature: Feature) -> Workflow:
        """The workflow that the feature follows; raises as ``followed_by``."""
        return self._followed_by(project, feature).workflow

    def waiting(self, project: Project, feature: Feature) -> Sequence[Subject]:
        """What nobody trusts of a newer workflow, which the feature does not follow until then."""
        world = (self.workflows, self.trust, self.runners)
        newer = newer_than(self.root, project, feature, *world)
        return newer.waiting if newer is not None else ()

    def adopt(self, project: Project, feature: Feature, workflow: Workflow) -> None:
        """Keep the workflow with a feature that has none, or an earlier one; inside a change."""
        if feature.workflow_digest is None:
            feature.follow(workflow)
            project.give_workflow(feature, workflow)
        elif project.follows(feature, workflow):
            feature.remember_file(workflow)
        else:
            before = project.workflow_of(feature)
            project.give_workflow(feature, workflow)
            is_same = before is not None and before.runner == workflow.runner
            said: dict[str, Any] = {"checks": sorted(_checks(workflow))}
            if not is_same:
                said["runner"] = workflow.runner and workflow.runner.plain()
            feature.note("check_changed", at=self.clock().isoformat(), **said)
            run = {(phase.check, phase.check_directory) for phase in workflow.phases}
            feature.trials = [
                each
                for each in feature.trials
                if (is_same if each.kind == "runner" else each.subject[1:] in run)
            ]

    def _followed_by(self, project: Project, feature: Feature) -> Followed:
        return followed_by(self.root, project, feature, self.workflows, self.trust, self.runners)

    def reply(
        self,
        project: Project,
        feature: Feature,
        phase: PhaseView | None,
        *,
        is_new: bool = False,
    ) -> FeatureReply:
        """The feature and the phase to work on next, as the contract has them.

        One that is new follows the workflow that was read for it, so nothing waits.
        """
        reply: FeatureReply = {
            "project": project_view(project, self.root, self.repository.backend),
            "feature": feature_view(feature),
            "phase": phase,
        }
        if not feature.is_open:
            reply["open_features"] = project.open_features(besides=feature.id)
        if (made := made_view(feature)) is not None:
            reply["made"] = made
        if not is_new and (words := waiting_words(self.waiting(project, feature))):
            reply["waiting"] = words
        return reply


def meant_feature(project: Project, reference: str) -> Feature:
    """The feature, from now on named in the log of the operation.

    Raises:
        FeatureError: E102 none found, E103 ambiguous.
    """
    feature = project.feature(reference)
    name_subject(feature_id=feature.id, feature=feature.name)
    return feature


def _checks(workflow: Workflow) -> set[str]:
    return {" ".join(phase.check) for phase in workflow.phases if phase.check}
