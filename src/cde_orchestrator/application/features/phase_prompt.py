"""The current phase of a feature, with its prompt rendered from what came before."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.application.features import prompt_facts as facts
from cde_orchestrator.application.task_views import task_line, task_views
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import Caller, Surface
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.project_facts import NO_RULES, OwnRules, conventions_in
from cde_orchestrator.domain.proofs_file import FORMS
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

if TYPE_CHECKING:
    from cde_orchestrator.application.features.related_features import RelatedFeatures
    from cde_orchestrator.application.ports.checks import Callers, VersionControl
    from cde_orchestrator.application.ports.core import ProjectFiles, PromptRenderer
    from cde_orchestrator.application.proofs.proving import Proving
    from cde_orchestrator.application.views import OutputView, PhaseView

GOAL_LIMIT = 6_000
"""Characters of a feature's goal that a prompt repeats; the whole is kept with the feature."""


class PromptReader(Value):
    """Who is to work by a prompt.

    Attributes:
        fresh: whether everything is said; else only what is new to them.
        channel: as of ``Caller``.
        caller: who is given it; None where it is only looked at.
        rules: the project's own, as they are read for this prompt; None where nobody has yet.
    """

    fresh: bool = True
    channel: Surface = "mcp"
    caller: Caller | None = None
    rules: OwnRules | None = None


ONLOOKER = PromptReader()
"""Nobody who works by it: what takes time to find out is left out."""


class PhasePrompts(Value):
    """The prompts of the phases of the project at ``root``.

    Who calls, git, and what has the bases of features are asked for where they are needed.
    """

    root: Path
    renderer: PromptRenderer
    files: ProjectFiles
    callers: Callable[[], Callers]
    git: Callable[[], VersionControl]
    proving: Callable[[], Proving]

    @cached_property
    def related(self) -> RelatedFeatures:
        """What finds features on the same files; it is the same for all of a call."""
        from cde_orchestrator.application.features.related_features import RelatedFeatures

        return RelatedFeatures(self.root, self.files)

    def reader(self, agent: str | None = None, *, unattended: bool = False) -> PromptReader:
        """Whoever calls, as somebody who knows nothing; a run's agent is ``unattended``."""
        caller = self.callers().caller(self.root, agent)
        if unattended:
            caller = replace(caller, channel="run", connection="")
        rules = self.renderer.rules(self.root)
        return PromptReader(channel=caller.channel, caller=caller, rules=rules)

    def submitter(self, feature: Feature, agent: str | None, *, to_work: bool) -> PromptReader:
        """Whoever submits the feature's present phase; they may know all but what comes next."""
        reader = self.reader(agent)
        if reader.caller is None or not to_work:
            return replace(reader, caller=None)
        knows = self.callers().briefings.knows(reader.caller, feature, reader.rules)
        return replace(reader, fresh=not knows)

    def current_view(
        self,
        project: Project,
        feature: Feature,
        workflow: Workflow,
        reader: PromptReader | None = None,
    ) -> PhaseView | None:
        """The phase to work on, with its prompt; None when the feature is closed.

        Args:
            project: the project.
            feature: the feature.
            workflow: the feature's.
            reader: who works by it; None for the caller, who is given everything.

        Raises:
            ValidationError: E312, E313 or E325, the phase's prompt template is not usable.
        """
        phase = _current(feature, workflow)
        if phase is None:
            return None
        reader = self.reader() if reader is None else reader
        prompt = self.render(project, feature, phase, workflow, reader=reader)
        self.give(feature, reader)
        return phase_view(phase, feature, workflow, prompt)

    def committed_view(
        self,
        project: Project,
        feature: Feature,
        workflow: Workflow,
        reader: PromptReader | None = None,
    ) -> PhaseView | None:
        """``current_view`` of what is committed: a template that broke is reported in it.

        It is rendered once the project is free for others again, since a template may take its
        time; and what was done is done, whatever became of the next phase's template meanwhile.
        """
        try:
            return self.current_view(project, feature, workflow, reader)
        except ValidationError as error:
            if error.code not in {"E312", "E313", "E325"}:
                raise
            phase = feature.require_current(feature.current_phase or "", workflow)
            return {**phase_view(phase, feature, workflow, ""), "problem": error.message}

    def give(self, feature: Feature, reader: PromptReader) -> None:
        """Remember who is given the feature's present phase."""
        if reader.caller is not None:
            self.callers().briefings.give(reader.caller, feature, reader.rules)

    def try_first(self, project: Project, workflow: Workflow) -> None:
        """Try the first phase's template for a feature that is not there yet.

        Raises:
            ValidationError: E312, E313 or E325, the template is not usable.
        """
        phase = workflow.phases[0]
        if phase.prompt:
            variables = sample_variables(workflow, phase)
            variables["project"] = self._project(project, ONLOOKER)
            self.renderer.render(self.root, phase.prompt, variables)

    def render(
        self,
        project: Project,
        feature: Feature,
        phase: Phase,
        workflow: Workflow,
        delivered: Mapping[str, bytes] | None = None,
        reader: PromptReader = ONLOOKER,
    ) -> str:
        """The phase's prompt; a phase without a template is described in a sentence.

        Args:
            project: the project.
            feature: the feature.
            phase: any of its phases.
            workflow: the feature's.
            delivered: outputs by path that count in place of their files.
            reader: who works by it.

        Raises:
            ValidationError: E312, E313 or E325, the template is not usable.
        """
        if not phase.prompt:
            return phase.description
        record = feature.phases[phase.id]
        given = facts.InputFiles(self.root, self.files, delivered or {})
        criteria = given.criteria(phase, feature, workflow) if reader.fresh else []
        tasks = _tasks(feature, workflow) if reader.fresh else []
        variables = {
            "project": self._project(project, reader),
            "feature": {
                "id": feature.id,
                "name": feature.name,
                "goal": _goal(feature, reader.channel),
                "workflow": workflow.id,
            },
            "phase": _phase_variables(phase, workflow),
            "proof": _proof_variables(workflow),
            "outputs": _outputs(phase, workflow, feature.name),
            "inputs": given.variables(phase, feature, workflow, criteria=criteria, tasks=tasks),
            "progress": facts.progress(record),
            "last_failure": facts.last_failure(record),
            "fresh": reader.fresh,
            "channel": reader.channel,
            "tools": None if reader.caller is None else reader.caller.tools,
            "agent": _typed(reader),
            "known": bool(reader.caller and reader.caller.connection),
            "criteria": criteria,
            "tasks": tasks,
            **self._on_files(project, feature, phase, workflow, given, reader),
            "failing_tests": facts.failing_tests(record),
            "returned": facts.returned(record),
            "earlier_attempts": facts.earlier_attempts(record),
            "attempt": {
                "number": record.present_attempt,
                "limit": record.last_attempt(workflow.max_attempts),
            },
            "baseline": facts.baseline(feature, phase, workflow),
        }
        return self.renderer.render(self.root, phase.prompt, variables)

    def _on_files(
        self,
        project: Project,
        feature: Feature,
        phase: Phase,
        workflow: Workflow,
        given: facts.InputFiles,
        reader: PromptReader,
    ) -> dict[str, Any]:
        """What was changed, and features on the same files; to who knows the rest, the new ones."""
        if reader.caller is None:
            return {"changed_files": [], "related": []}
        begun = phase != workflow.first and reader.fresh
        changed = self._changed(project, feature, workflow) if begun else []
        texts, known = given.texts(phase, feature, workflow), None
        if not reader.fresh:
            before = workflow.phases[max(workflow.phases.index(phase) - 1, 0)]
            known = [text for name, text in texts.items() if name in before.inputs]
        paths = {each["path"] for each in changed}
        related = self.related(project, feature, texts.values(), paths, known)
        return {"changed_files": changed, "related": related}

    def _changed(
        self, project: Project, feature: Feature, workflow: Workflow
    ) -> list[dict[str, Any]]:
        since = facts.SourceSince(self.root, self.git, self.proving)
        return since.variables(project, feature, workflow)

    def _project(self, project: Project, reader: PromptReader) -> dict[str, Any]:
        rules = self.renderer.rules(self.root) if reader.rules is None else reader.rules
        return _project_variables(
            project.name,
            str(self.files.folder(self.root)),
            project.metadata,
            believed=project.trust == "trusted",
            rules=rules if reader.fresh else NO_RULES,
        )


def unprompted_view(feature: Feature, workflow: Workflow) -> PhaseView | None:
    """The phase to work on with an empty prompt; None when the feature is closed."""
    phase = _current(feature, workflow)
    return None if phase is None else phase_view(phase, feature, workflow, "")


def _current(feature: Feature, workflow: Workflow) -> Phase | None:
    return workflow.find(feature.current_phase or "") if feature.is_open else None


def phase_view(phase: Phase, feature: Feature, workflow: Workflow, prompt: str) -> PhaseView:
    """The phase as the contract has it, with its rendered prompt."""
    return {
        "id": phase.id,
        "description": phase.description,
        "handler": phase.handler,
        "prompt": prompt,
        "outputs": _outputs(phase, workflow, feature.name),
    }


def sample_variables(workflow: Workflow, phase: Phase) -> dict[str, Any]:
    """Variables of a made-up feature, to try a template with."""
    return {
        "project": _project_variables("project", "/project", {}),
        "feature": {"id": "0", "name": "feature", "goal": "A goal", "workflow": workflow.id},
        "phase": _phase_variables(phase, workflow),
        "proof": _proof_variables(workflow),
        "outputs": _outputs(phase, workflow, "feature"),
        "inputs": [
            {
                "id": output.id,
                "path": output.path_for("feature"),
                "phase": owner.id,
                "excerpt": "",
                "sections": [],
                "specifies": False,
            }
            for owner, output in facts.inputs_of(phase, workflow)
        ],
        "progress": [],
        "last_failure": None,
        "attempt": {"number": 1, "limit": workflow.max_attempts},
        "baseline": [],
        "fresh": True,
        "channel": "mcp",
        "tools": None,
        "agent": "",
        "known": True,
        "criteria": [],
        "tasks": [],
        "changed_files": [],
        "related": [],
        "failing_tests": [],
        "returned": None,
        "earlier_attempts": [],
    }


def _typed(reader: PromptReader) -> str:
    """The name that the reader gave itself, as its calls have it; empty for none."""
    name = reader.caller.agent if reader.caller else None
    if not name:
        return ""
    return shlex.quote(name) if reader.channel == "shell" else json.dumps(name, ensure_ascii=False)


def _outputs(phase: Phase, workflow: Workflow, feature_name: str) -> list[OutputView]:
    return [_output_view(output, feature_name) for output in workflow.asked_of(phase)]


def _output_view(output: Output, feature_name: str) -> OutputView:
    """The declared output, its path filled in."""
    return {
        "id": output.id,
        "path": output.path_for(feature_name),
        "type": output.type,
        "required": output.required,
        "min_bytes": output.min_bytes,
        "must_contain": list(output.must_contain),
        "verdict": list(output.verdict),
        "covers": output.covers,
    }


def _project_variables(
    name: str,
    path: str,
    metadata: dict[str, Any],
    *,
    believed: bool = True,
    rules: OwnRules = NO_RULES,
) -> dict[str, Any]:
    return {
        "name": name,
        "path": path,
        "languages": list(metadata.get("languages") or []),
        "package_manager": metadata.get("package_manager"),
        "test_command": list(metadata.get("test_command") or []),
        "git": bool(metadata.get("git")),
        **conventions_in(metadata, believed=believed),
        "rules": {**asdict(rules), "fence": facts.fence_for(rules.text)},
    }


def _phase_variables(phase: Phase, workflow: Workflow) -> dict[str, Any]:
    return {
        "id": phase.id,
        "description": phase.description,
        "handler": phase.handler,
        "check": list(phase.check),
        "changes": phase.changes,
        "proves": phase.proves if workflow.must_prove(phase) else None,
        "agent": phase.agent,
    }


def _proof_variables(workflow: Workflow) -> dict[str, Any]:
    required = any(workflow.must_prove(phase) for phase in workflow.phases)
    runners = list(workflow.runner.names) if workflow.runner else []
    forms = {name: FORMS[name] for name in runners if name in FORMS}
    return {"required": required, "runners": runners, "forms": forms}


def _tasks(feature: Feature, workflow: Workflow) -> list[dict[str, Any]]:
    return [{**each, "line": task_line(each)} for each in task_views(feature, workflow)]


def _goal(feature: Feature, channel: Surface) -> str:
    if len(feature.prompt) <= GOAL_LIMIT:
        return feature.prompt
    cut = len(feature.prompt) - GOAL_LIMIT
    where = f"cde status {feature.name}"
    if channel == "mcp":
        where = f"cde_getFeatureStatus(feature_id={feature.name!r}, detail='full')"
    return f"{feature.prompt[:GOAL_LIMIT]}\n[{counted(cut, 'more character')}: {where}]"
