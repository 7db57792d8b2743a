"""Start a feature."""

from __future__ import annotations

from dataclasses import dataclass

from cde_orchestrator.application.phase_prompt import current_phase_view
from cde_orchestrator.application.ports import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply, feature_view, project_view


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFeature(UseCase[FeatureReply]):
    """Start a feature; the answer has its first phase with its prompt.

    Attributes:
        prompt: what the feature shall do, in any language.
        workflow: name of the workflow; the project's default one when None.
        name: the feature's name; made from the prompt when None.
    """

    changes = True

    prompt: str
    workflow: str | None = None
    name: str | None = None

    def __call__(self, ports: Ports) -> FeatureReply:
        """Start it.

        Raises:
            CDEError: E004, E101, E104, E206, E301 to E304, E306, E310 to E313 and the
                repository's own.
        """
        with ports.repository.transaction(ports.root) as project:
            workflow = ports.workflows.load(ports.root).get(self.workflow)
            feature = project.start_feature(self.prompt, name=self.name, workflow=workflow)
            return {
                "project": project_view(project, ports),
                "feature": feature_view(feature),
                "phase": current_phase_view(project, feature, workflow, ports),
            }
