"""The current phase of a feature, with its prompt rendered from what came before."""

from __future__ import annotations

from typing import Any

from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.views import PhaseView, output_view
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.workflow import Phase, Workflow

GOAL_LIMIT = 6_000
"""Characters of a feature's goal that a prompt repeats; the whole is kept with the feature."""

PROGRESS_SHOWN = 5
NOTE_LIMIT = 2_000
"""Characters of a note or a failure that a prompt shows."""


def workflow_for(project: Project, feature: Feature, ports: Ports) -> Workflow:
    """The workflow that the feature follows, giving phase records to a feature without.

    It is the one kept with the feature; a feature of an older release takes the project's
    workflow of that name, or its default one.

    Raises:
        ValidationError: E310 or E311, the project's workflow file is needed and not valid.
    """
    kept = project.workflow_of(feature)
    if kept is not None:
        return kept
    workflow = ports.workflows.load(ports.root).get_or_default(feature.workflow_type)
    feature.follow(workflow)
    feature.workflow_type = workflow.id
    return workflow


def adopt_workflow(project: Project, feature: Feature, ports: Ports) -> Workflow:
    """``workflow_for``, keeping the workflow with a feature that has none; inside a change."""
    workflow = workflow_for(project, feature, ports)
    if feature.workflow_digest is None:
        feature.workflow_digest = project.keep_workflow(workflow)
    return workflow


def current_phase_view(
    project: Project, feature: Feature, workflow: Workflow, ports: Ports
) -> PhaseView | None:
    """The phase to work on, with its prompt; None when the feature is closed.

    Raises:
        ValidationError: E312 or E313, the phase's prompt template is not usable.
    """
    phase = workflow.find(feature.current_phase or "")
    if phase is None or not feature.is_open:
        return None
    return {
        "id": phase.id,
        "description": phase.description,
        "handler": phase.handler,
        "prompt": render_prompt(project, feature, phase, workflow, ports),
        "outputs": [output_view(output, feature.name) for output in phase.outputs],
    }


def committed_phase_view(
    project: Project, feature: Feature, workflow: Workflow, ports: Ports
) -> PhaseView | None:
    """``current_phase_view`` of what is committed: a template that broke is told in it.

    It is rendered once the project is free for others again, since a template may take its
    time; and what was done is done, whatever became of the next phase's template meanwhile.
    """
    try:
        return current_phase_view(project, feature, workflow, ports)
    except ValidationError as error:
        if error.code not in {"E312", "E313"}:
            raise
        phase = feature.require_current(feature.current_phase or "", workflow)
        return {
            "id": phase.id,
            "description": phase.description,
            "handler": phase.handler,
            "prompt": "",
            "outputs": [output_view(output, feature.name) for output in phase.outputs],
            "problem": error.message,
        }


def try_first_prompt(project: Project, workflow: Workflow, ports: Ports) -> None:
    """Try the first phase's template for a feature that is not there yet.

    Raises:
        ValidationError: E312 or E313, the template is not usable.
    """
    phase = workflow.phases[0]
    if phase.prompt:
        variables = sample_variables(workflow, phase)
        variables["project"] = _project_variables(project.name, str(ports.root), project.metadata)
        ports.prompts.render(ports.root, phase.prompt, variables)


def render_prompt(
    project: Project, feature: Feature, phase: Phase, workflow: Workflow, ports: Ports
) -> str:
    """The phase's prompt; a phase without a template is described in a sentence.

    Raises:
        ValidationError: E312 or E313, the template is not usable.
    """
    if not phase.prompt:
        return phase.description
    return ports.prompts.render(
        ports.root, phase.prompt, _variables(project, feature, phase, workflow, ports)
    )


def sample_variables(workflow: Workflow, phase: Phase) -> dict[str, Any]:
    """Variables of a made-up feature, to try a template with."""
    return {
        "project": _project_variables("project", "/project", {}),
        "feature": {"id": "0", "name": "feature", "goal": "A goal", "workflow": workflow.id},
        "phase": _phase_variables(phase),
        "outputs": [output_view(output, "feature") for output in phase.outputs],
        "inputs": [
            {"id": output.id, "path": output.path_for("feature"), "phase": owner.id, "excerpt": ""}
            for owner, output in _inputs(phase, workflow)
        ],
        "progress": [],
        "last_failure": None,
    }


def _variables(
    project: Project, feature: Feature, phase: Phase, workflow: Workflow, ports: Ports
) -> dict[str, Any]:
    return {
        "project": _project_variables(project.name, str(ports.root), project.metadata),
        "feature": {
            "id": feature.id,
            "name": feature.name,
            "goal": _goal(feature),
            "workflow": workflow.id,
        },
        "phase": _phase_variables(phase),
        "outputs": [output_view(output, feature.name) for output in phase.outputs],
        "inputs": [
            {
                "id": output.id,
                "path": output.path_for(feature.name),
                "phase": owner.id,
                "excerpt": ports.files.excerpt(ports.root, output.path_for(feature.name)),
            }
            for owner, output in _inputs(phase, workflow)
        ],
        "progress": _progress(feature, phase),
        "last_failure": _last_failure(feature, phase),
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


def _phase_variables(phase: Phase) -> dict[str, Any]:
    return {
        "id": phase.id,
        "description": phase.description,
        "handler": phase.handler,
        "check": list(phase.check),
        "changes": phase.changes,
    }


def _goal(feature: Feature) -> str:
    if len(feature.prompt) <= GOAL_LIMIT:
        return feature.prompt
    cut = len(feature.prompt) - GOAL_LIMIT
    where = f"cde_getFeatureStatus(feature_id={feature.name!r}, detail='full')"
    return f"{feature.prompt[:GOAL_LIMIT]}\n[{cut} more characters: {where}]"
