"""Start a feature."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import (
    adopt_workflow,
    committed_phase_view,
    try_first_prompt,
)
from cde_orchestrator.application.features.work_changes import baseline_for
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply, feature_view, project_view
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.domain.records import checked_key
from cde_orchestrator.domain.workflow import Workflow

_PATHS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFeature(UseCase[FeatureReply]):
    """Start a feature; the answer has its first phase with its prompt.

    Attributes:
        prompt: what the feature shall do, in any language.
        workflow: name of the workflow; the project's default one when None.
        name: the feature's name; made from the prompt when None.
        idempotency_key: names the call, so that a repeated one gets the same feature.
    """

    prompt: str
    workflow: str | None = None
    name: str | None = None
    idempotency_key: str | None = None

    def __call__(self, ports: Ports) -> FeatureReply:
        """Start it.

        Raises:
            CDEError: E004, E101, E104, E124, E125, E127, E206, E301 to E306, E310 to E313
                and the repository's own.
        """
        key = checked_key(self.idempotency_key)
        desk, tree = CallerLeases.of(ports, None), ports.git.work_tree(ports.root)
        tried = self._tried_workflow(key, ports)
        baseline = baseline_for(tried, ports)
        with ports.repository.transaction(ports.root) as project:
            started = project.features.by_idempotency_key(key) if key else None
            if started is not None:
                feature, workflow = started, self._again(project, started, ports)
            else:
                workflow = tried or ports.workflows.load(ports.root).get(self.workflow)
                feature = project.start_feature(self.prompt, name=self.name, workflow=workflow)
                feature.idempotency_key, feature.baseline = key, baseline
                desk.take(feature, deliberate=False)
                if workflow.branch:
                    feature.branch = _branch(feature, workflow, ports)
                enter_phase(feature, workflow, ports, tree)
        return {
            "project": project_view(project, ports),
            "feature": feature_view(feature),
            "phase": committed_phase_view(project, feature, workflow, ports),
        }

    def _tried_workflow(self, key: str | None, ports: Ports) -> Workflow | None:
        """The workflow, once its first template was tried; None where nothing will be started.

        A broken template is told before anything is changed, and a slow one keeps nobody
        waiting: the project is not held yet.
        """
        project = ports.repository.get(ports.root)
        again = key is not None and project.features.by_idempotency_key(key) is not None
        if again or project.read_only or project.status is not ProjectStatus.ACTIVE:
            return None
        workflow = ports.workflows.load(ports.root).get(self.workflow)
        try_first_prompt(project, workflow, ports)
        return workflow

    def _again(self, project: Project, feature: Feature, ports: Ports) -> Workflow:
        """The workflow of the feature that the first call started.

        Raises:
            FeatureError: E127, that call said something else.
        """
        for argument, same in (
            ("prompt", self.prompt.strip() == feature.prompt),
            ("workflow", self.workflow in {None, feature.workflow_type}),
            ("name", self.name in {None, feature.name}),
        ):
            if not same:
                raise FeatureError.of(
                    "E127", key=self.idempotency_key, feature=feature.name, argument=argument
                )
        return adopt_workflow(project, feature, ports)


def _branch(feature: Feature, workflow: Workflow, ports: Ports) -> str | None:
    """Put the feature on a branch of its own; None where there is no repository.

    Raises:
        FeatureError: E124, changes would be taken along; E125, git refuses.
    """
    changes = ports.git.changes(ports.root)
    if changes is None:
        return None
    if changes:
        raise FeatureError.of(
            "E124",
            workflow=workflow.id,
            count=len(changes),
            paths=", ".join(changes[:_PATHS_SHOWN]) + (", ..." if changes[_PATHS_SHOWN:] else ""),
        )
    name = f"feature/{feature.name}"
    ports.git.start_branch(ports.root, name)
    return name
