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
from cde_orchestrator.domain.exceptions import OutputError
from cde_orchestrator.domain.feature import Artifact, Feature
from cde_orchestrator.domain.text import checked_text
from cde_orchestrator.domain.workflow import Output, Phase

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
            CDEError: E004, E102, E103, E105 to E107, E110 to E113, E206, E302, E303, E312,
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
            artifacts = self._deliver(feature, phase, ports)
            feature.complete_phase(phase.id, artifacts, workflow, ports.clock())
            return {
                "project": project_view(project, ports),
                "feature": feature_view(feature),
                "phase": current_phase_view(project, feature, workflow, ports),
                "accepted": phase_record_view(feature.phases[phase.id]),
            }

    def _deliver(self, feature: Feature, phase: Phase, ports: Ports) -> list[Artifact]:
        """Write the outputs that ``results`` carries and record all of them."""
        for output_id, text in self.results.items():
            phase.output(output_id)
            checked_text(f"results.{output_id}", text, RESULT_LIMIT)
        contents = {
            output.id: content
            for output in phase.outputs
            if (content := self._content(feature, output, ports)) is not None
        }
        self._require_complete(feature, phase, contents)
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

    def _require_complete(
        self, feature: Feature, phase: Phase, contents: Mapping[str, bytes]
    ) -> None:
        """Refuse when a required output is missing or blank.

        Raises:
            OutputError: E110 when any is missing, else E111 when any is blank; every output
                with a problem is named.
        """
        required = [output for output in phase.outputs if output.required]
        missing = [output for output in required if output.id not in contents]
        given = [output for output in phase.outputs if output.id in contents]
        empty = [output for output in given if not contents[output.id].strip()]
        problems = [f"{o.id} at {o.path_for(feature.name)} is missing" for o in missing]
        problems += [f"{o.id} at {o.path_for(feature.name)} is empty" for o in empty]
        if problems:
            raise OutputError.of(
                "E110" if missing else "E111",
                feature=feature.name,
                phase=phase.id,
                problems="; ".join(problems),
            )
