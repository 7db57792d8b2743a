"""Change what gates phases, for features under way too: a person's decision, not an agent's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.ports.checks import CheckRunner
from cde_orchestrator.application.projects.trust_commands import ProjectCommands
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import Workflow, WorkflowCatalog

FILE = ".cde/workflow.yml"


class CheckChange(TypedDict):
    """A phase whose check changes; ``before`` is empty where it had none."""

    workflow: str
    phase: str
    before: list[str]


class SetCheckReply(TypedDict):
    """What was changed, or would be.

    ``features`` are the open ones that get the check too. ``problem`` says why the command cannot
    be run here, as far as that is seen without a run.
    """

    project: ProjectView
    source: str
    command: list[str]
    phases: list[CheckChange]
    features: list[str]
    problem: str | None


class SetCheck(UseCase[SetCheckReply], operation="set_check"):
    """Let a command gate phases: in the workflow file, which keeps its comments, and in features.

    Without a phase it takes the place of the one check that the workflows have; where they have
    none, it gates what proves criteria and what ends a workflow that changes code.

    Attributes:
        command: its words.
        workflow: the only one to change; all of them when None.
        phase: the only one to change.
        dry_run: only say what would change.
    """

    command: Sequence[str]
    workflow: str | None = None
    phase: str | None = None
    dry_run: bool = False

    def __call__(
        self, *, features: ProjectFeatures, commands: ProjectCommands, checks: CheckRunner
    ) -> SetCheckReply:
        """Raises E004, E147, E203 to E206, E306, E310, E311."""
        root, repository = features.root, features.repository
        repository.get(root).require_writable()
        catalog = features.workflows.load(root)
        phases = self._phases(catalog)
        words = tuple(self.command)
        lines = {
            Check(words, phase.check_directory, phase.check_timeout_seconds)
            for workflow, ids in phases.items()
            for phase in catalog.workflows[workflow].phases
            if phase.id in ids
        }
        problems = (checks.problem(root, line) for line in lines)
        reply: SetCheckReply = {
            "project": project_view(repository.get(root), root, repository.backend),
            "source": FILE,
            "command": [*words],
            "phases": _changes(catalog, phases),
            "features": [],
            "problem": next(filter(None, problems), None),
        }
        if self.dry_run:
            project = repository.get(root)
            names = [feature.name for feature, _ in self._under_way(features, phases, project)]
            return {**reply, "features": names}
        seen = commands.standing.files.get(FILE)
        features.workflows.set_check(root, phases, words, seen)
        granted = [*dict.fromkeys(line.command_line for line in lines)]
        commands.trust.grant(root, granted, features.clock())
        with repository.transaction(root) as project:
            for feature, workflow in self._under_way(features, phases, project):
                features.adopt(project, feature, workflow)
                reply["features"].append(feature.name)
        return reply

    def _phases(self, catalog: WorkflowCatalog) -> dict[str, set[str]]:
        """The phases to change, by workflow."""
        names = [self.workflow] if self.workflow else [*catalog.workflows]
        chosen = [catalog.get(name) for name in names]
        if self.phase is not None:
            named = {each.id: {self.phase} for each in chosen if each.find(self.phase)}
            if not named:
                raise _refusal(f"no workflow has a phase {self.phase}")
            return named
        known = {phase.check for each in chosen for phase in each.phases if phase.check}
        if len(known) > 1:
            checks = ", ".join(sorted(" ".join(words) for words in known))
            raise _refusal(f"there are several checks ({checks}): name the phase with --phase")
        found = {each.id: _checked(each, is_new=not known) for each in chosen}
        found = {workflow: ids for workflow, ids in found.items() if ids}
        if not found:
            raise _refusal("no phase has a check: name the phase with --phase")
        return found

    def _under_way(
        self, features: ProjectFeatures, phases: dict[str, set[str]], project: Project
    ) -> list[tuple[Feature, Workflow]]:
        """The open features that get the check, each with its workflow from now on."""
        found = []
        for summary in project.features.summaries():
            feature = project.features.by_id(summary.id)
            if feature is None or summary.status in CLOSED_STATUSES:
                continue
            workflow = features.workflow_of(project, feature)
            ids = phases.get(workflow.id, set())
            if any(phase.id in ids for phase in workflow.phases):
                found.append((feature, workflow.with_check(ids, tuple(self.command))))
        return found


def _checked(workflow: Workflow, *, is_new: bool) -> set[str]:
    """The phases that have a check; of a workflow that changes code, those that should have it."""
    if not is_new:
        return {phase.id for phase in workflow.phases if phase.check}
    if not any(phase.changes for phase in workflow.phases):
        return set()
    proving = {phase.id for phase in workflow.phases if phase.proves}
    return {*proving, workflow.phases[-1].id}


def _changes(catalog: WorkflowCatalog, phases: dict[str, set[str]]) -> list[CheckChange]:
    return [
        {"workflow": workflow, "phase": phase.id, "before": list(phase.check)}
        for workflow, ids in phases.items()
        for phase in catalog.workflows[workflow].phases
        if phase.id in ids
    ]


def _refusal(reason: str) -> FeatureError:
    return FeatureError.of("E147", reason=reason)
