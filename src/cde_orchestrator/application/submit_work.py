"""Submit the outputs of a feature's current phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cde_orchestrator.application.phase_prompt import (
    adopt_workflow,
    current_phase_view,
    render_prompt,
)
from cde_orchestrator.application.ports import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    SubmitReply,
    feature_view,
    phase_record_view,
    project_view,
)
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import Artifact, Feature
from cde_orchestrator.domain.gate import Gate
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.text import checked_text
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

RESULT_LIMIT = 1_000_000
"""Characters of one output's text in ``results``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitWork(UseCase[SubmitReply]):
    """Complete the current phase; the answer has the next one with its prompt.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        phase_id: the phase that is submitted; it must be the current one.
        results: text by output id; the files are written from it. An output that is not
            named must stand in the project already.
    """

    changes = True

    feature_id: str
    phase_id: str
    results: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, ports: Ports) -> SubmitReply:
        """Check the outputs, record them and go on to the next phase.

        Raises:
            CDEError: E004, E102, E103, E105 to E107, E110 to E117, E206, E302, E303, E312,
                E313, E315 and the repository's own.
        """
        with ports.repository.transaction(ports.root) as project:
            project.require_writable()
            feature = project.feature(self.feature_id)
            workflow = adopt_workflow(project, feature, ports)
            phase = feature.require_current(self.phase_id, workflow)
            following = workflow.after(phase.id)
            if following is not None:  # a broken template is told before anything is written
                render_prompt(project, feature, following, workflow, ports)
            artifacts = self._deliver(project, feature, phase, workflow, ports)
            feature.complete_phase(phase.id, artifacts, workflow, ports.clock())
            return {
                "project": project_view(project, ports),
                "feature": feature_view(feature),
                "phase": current_phase_view(project, feature, workflow, ports),
                "accepted": phase_record_view(feature.phases[phase.id]),
            }

    def _deliver(
        self, project: Project, feature: Feature, phase: Phase, workflow: Workflow, ports: Ports
    ) -> list[Artifact]:
        """Write the outputs that ``results`` carries and record all of them."""
        for output_id, text in self.results.items():
            phase.output(output_id)
            checked_text(f"results.{output_id}", text, RESULT_LIMIT)
        contents = {
            output.id: content
            for output in phase.outputs
            if (content := self._content(feature, output, ports)) is not None
        }
        self._gate(project, feature, phase, workflow, ports).require(contents)
        for output in phase.outputs:
            if output.id in self.results:
                path = output.path_for(feature.name)
                ports.files.write(ports.root, path, self.results[output.id], output.id)
                contents[output.id] = ports.files.read(ports.root, path, output.id) or b""
        return [
            ports.files.record(ports.root, output.path_for(feature.name), output.id, content)
            for output in phase.outputs
            if (content := contents.get(output.id)) is not None
        ]

    def _content(self, feature: Feature, output: Output, ports: Ports) -> bytes | None:
        standing = ports.files.read(ports.root, output.path_for(feature.name), output.id)
        return self.results[output.id].encode() if output.id in self.results else standing

    def _gate(
        self, project: Project, feature: Feature, phase: Phase, workflow: Workflow, ports: Ports
    ) -> Gate:
        try:
            skeleton = render_prompt(project, feature, phase, workflow, ports)
        except ValidationError:  # a template that broke since is no fault of the work
            skeleton = ""
        return Gate(
            phase=phase,
            feature_name=feature.name,
            syntax=ports.syntax.problem,
            skeleton=skeleton,
        )
