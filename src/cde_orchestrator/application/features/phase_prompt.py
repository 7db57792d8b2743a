"""The current phase of a feature, with its prompt rendered from what came before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cde_orchestrator.application.ports.core import ProjectFiles, PromptRenderer
from cde_orchestrator.application.views import PhaseView, output_view
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.proofs_file import FORMS
from cde_orchestrator.domain.text import EXCERPT_LIMIT, excerpt_of, shortened
from cde_orchestrator.domain.workflow import Phase, Workflow

GOAL_LIMIT = 6_000
"""Characters of a feature's goal that a prompt repeats; the whole is kept with the feature."""

PROGRESS_SHOWN = 5
NOTE_LIMIT = 2_000
"""Characters of a note or a failure that a prompt shows."""


@dataclass(frozen=True, slots=True)
class PhasePrompts:
    """The prompts of the phases of the project at ``root``."""

    root: Path
    renderer: PromptRenderer
    files: ProjectFiles

    def current_view(
        self, project: Project, feature: Feature, workflow: Workflow
    ) -> PhaseView | None:
        """The phase to work on, with its prompt; None when the feature is closed.

        Raises:
            ValidationError: E312, E313 or E325, the phase's prompt template is not usable.
        """
        phase = workflow.find(feature.current_phase or "")
        if phase is None or not feature.is_open:
            return None
        return phase_view(phase, feature, self.render(project, feature, phase, workflow))

    def committed_view(
        self, project: Project, feature: Feature, workflow: Workflow
    ) -> PhaseView | None:
        """``current_view`` of what is committed: a template that broke is reported in it.

        It is rendered once the project is free for others again, since a template may take its
        time; and what was done is done, whatever became of the next phase's template meanwhile.
        """
        try:
            return self.current_view(project, feature, workflow)
        except ValidationError as error:
            if error.code not in {"E312", "E313", "E325"}:
                raise
            phase = feature.require_current(feature.current_phase or "", workflow)
            return {**phase_view(phase, feature, ""), "problem": error.message}

    def try_first(self, project: Project, workflow: Workflow) -> None:
        """Try the first phase's template for a feature that is not there yet.

        Raises:
            ValidationError: E312, E313 or E325, the template is not usable.
        """
        phase = workflow.phases[0]
        if phase.prompt:
            variables = sample_variables(workflow, phase)
            variables["project"] = self._project(project)
            self.renderer.render(self.root, phase.prompt, variables)

    def render(
        self,
        project: Project,
        feature: Feature,
        phase: Phase,
        workflow: Workflow,
        delivered: Mapping[str, bytes] | None = None,
    ) -> str:
        """The phase's prompt; a phase without a template is described in a sentence.

        Args:
            project: the project.
            feature: the feature.
            phase: any of its phases.
            workflow: the feature's.
            delivered: outputs by path that count in place of their files.

        Raises:
            ValidationError: E312, E313 or E325, the template is not usable.
        """
        if not phase.prompt:
            return phase.description
        inputs = []
        for owner, output in _inputs(phase, workflow):
            path = output.path_for(feature.name)
            data = delivered.get(path) if delivered else None
            excerpt = (
                self.files.excerpt(self.root, path)
                if data is None
                else excerpt_of(data, len(data), EXCERPT_LIMIT)
            )
            inputs.append({"id": output.id, "path": path, "phase": owner.id, "excerpt": excerpt})
        variables = {
            "project": self._project(project),
            "feature": {
                "id": feature.id,
                "name": feature.name,
                "goal": _goal(feature),
                "workflow": workflow.id,
            },
            "phase": _phase_variables(phase, workflow),
            "proof": _proof_variables(workflow),
            "outputs": [output_view(output, feature.name) for output in phase.outputs],
            "inputs": inputs,
            "progress": _progress(feature, phase),
            "last_failure": _last_failure(feature, phase),
        }
        return self.renderer.render(self.root, phase.prompt, variables)

    def _project(self, project: Project) -> dict[str, Any]:
        return _project_variables(project.name, str(self.files.folder(self.root)), project.metadata)


def phase_view(phase: Phase, feature: Feature, prompt: str) -> PhaseView:
    """The phase as the contract has it, with its rendered prompt."""
    return {
        "id": phase.id,
        "description": phase.description,
        "handler": phase.handler,
        "prompt": prompt,
        "outputs": [output_view(output, feature.name) for output in phase.outputs],
    }


def sample_variables(workflow: Workflow, phase: Phase) -> dict[str, Any]:
    """Variables of a made-up feature, to try a template with."""
    return {
        "project": _project_variables("project", "/project", {}),
        "feature": {"id": "0", "name": "feature", "goal": "A goal", "workflow": workflow.id},
        "phase": _phase_variables(phase, workflow),
        "proof": _proof_variables(workflow),
        "outputs": [output_view(output, "feature") for output in phase.outputs],
        "inputs": [
            {"id": output.id, "path": output.path_for("feature"), "phase": owner.id, "excerpt": ""}
            for owner, output in _inputs(phase, workflow)
        ],
        "progress": [],
        "last_failure": None,
    }


def _progress(feature: Feature, phase: Phase) -> list[dict[str, str]]:
    """The newest notes, oldest first, each in short."""
    saved = feature.phases[phase.id].saved()[-PROGRESS_SHOWN:]
    return [
        {"at": each.at.isoformat(timespec="seconds"), "note": shortened(each.note, NOTE_LIMIT)}
        for each in saved
    ]


def _last_failure(feature: Feature, phase: Phase) -> str | None:
    failure = feature.phases[phase.id].last_failure()
    return None if failure is None else shortened(failure, NOTE_LIMIT)


def _inputs(phase: Phase, workflow: Workflow) -> list[tuple[Phase, Any]]:
    found = (workflow.output_owner(output_id) for output_id in phase.inputs)
    return [each for each in found if each is not None]


def _project_variables(name: str, path: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "path": path,
        "languages": list(metadata.get("languages") or []),
        "package_manager": metadata.get("package_manager"),
        "test_command": list(metadata.get("test_command") or []),
        "git": bool(metadata.get("git")),
    }


def _phase_variables(phase: Phase, workflow: Workflow) -> dict[str, Any]:
    return {
        "id": phase.id,
        "description": phase.description,
        "handler": phase.handler,
        "check": list(phase.check),
        "changes": phase.changes,
        "proves": phase.proves if workflow.must_prove(phase) else None,
    }


def _proof_variables(workflow: Workflow) -> dict[str, Any]:
    required = any(workflow.must_prove(phase) for phase in workflow.phases)
    runners = list(workflow.runner.names) if workflow.runner else []
    forms = {name: FORMS[name] for name in runners if name in FORMS}
    return {"required": required, "runners": runners, "forms": forms}


def _goal(feature: Feature) -> str:
    if len(feature.prompt) <= GOAL_LIMIT:
        return feature.prompt
    cut = len(feature.prompt) - GOAL_LIMIT
    where = f"cde_getFeatureStatus(feature_id={feature.name!r}, detail='full')"
    return f"{feature.prompt[:GOAL_LIMIT]}\n[{cut} more characters: {where}]"
