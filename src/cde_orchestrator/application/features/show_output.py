"""Show an output as it was accepted."""

from __future__ import annotations

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.ports.checks import ObjectStore
from cde_orchestrator.application.ports.core import ProjectFiles
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    ArtifactView,
    FeatureView,
    ProjectView,
    feature_view,
    phase_record_view,
    project_view,
)
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.standing import Standing


class OutputReply(ArtifactView):
    """An accepted output with its content, of which bytes that are no text are replaced."""

    project: ProjectView
    feature: FeatureView
    phase: str
    text: str


class ShowOutput(UseCase[OutputReply], operation="show_output"):
    """An output of a feature as the last phase that delivers it was accepted.

    Attributes:
        output_id: its id in the workflow.
    """

    feature_id: str
    output_id: str

    def __call__(
        self,
        *,
        standing: Standing,
        features: ProjectFeatures,
        objects: ObjectStore,
        files: ProjectFiles,
    ) -> OutputReply:
        """Raises E004, E102, E103, E112, E305, and E325 to E327: others chose the path."""
        if not standing.acts:
            raise standing.refusal()
        project, feature, workflow = features.read(self.feature_id)
        views = [phase_record_view(feature.phases[each.id]) for each in workflow.phases]
        accepted = {each["id"]: (view["id"], each) for view in views for each in view["outputs"]}
        if self.output_id not in accepted:
            has = f"it has accepted: {', '.join(accepted) or 'none yet'}"
            reason = f"{feature.name} has accepted no output {self.output_id!r}; {has}"
            raise ValidationError.of("E305", argument="output_id", reason=reason)
        phase, output = accepted[self.output_id]
        data = objects.get(features.root, output["sha256"])
        if data is None and files.digest(features.root, output["path"]) == output["sha256"]:
            data = files.read(features.root, output["path"], self.output_id)
        if data is None:
            reason = f"the accepted version is not kept any more; see the file {output['path']}"
            raise ValidationError.of("E305", argument="output_id", reason=reason)
        return {
            **output,
            "project": project_view(project, features.root, features.repository.backend),
            "feature": feature_view(feature),
            "phase": phase,
            "text": data.decode(errors="replace"),
        }
