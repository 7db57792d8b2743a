"""See, trust and distrust a project's commands: a person's decision, not an agent's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.application.ports.core import (
    ProjectRepository,
    SettingsCommands,
    WorkflowRepository,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.command_line import CommandKind
from cde_orchestrator.domain.exceptions import FeatureError, UntrustedBackendError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import Workflow


class CheckRow(TypedDict):
    """A command, where it is used, and whether it is trusted."""

    digest: str
    command: list[str]
    directory: str
    used_by: list[str]
    trusted: bool


class GrantRow(TypedDict):
    """A command that is trusted in addition to the checks: an agent, or a check of the past."""

    digest: str
    kind: CommandKind
    name: str
    command: list[str]
    directory: str
    granted_at: str


class TrustReply(TypedDict):
    """The commands of a project's workflows, and whatever else is trusted in it.

    Attributes:
        project: None while the database with its state is not trusted, and so not asked.
    """

    project: ProjectView | None
    checks: list[CheckRow]
    others: list[GrantRow]


@dataclass(frozen=True, slots=True)
class ProjectCommands:
    """The commands of a project, and whether they are trusted."""

    root: Path
    repository: ProjectRepository
    workflows: WorkflowRepository
    trust: TrustStore
    settings_commands: SettingsCommands

    def project(self) -> Project | None:
        """The project; None where its state may not be asked for yet."""
        try:
            return self.repository.get(self.root)
        except UntrustedBackendError:
            return None

    def reply(self, project: Project | None) -> TrustReply:
        """All of them, as the contract has them."""
        checks, root, backend = self.checks(project), self.root, self.repository.backend
        return {
            "project": None if project is None else project_view(project, root, backend),
            "checks": [
                {
                    "digest": digest,
                    "command": list(check.command),
                    "directory": check.directory,
                    "used_by": places,
                    "trusted": self.trust.trusts(root, check.command_line),
                }
                for digest, (check, places) in checks.items()
            ],
            "others": [
                {
                    "digest": grant.digest,
                    "kind": grant.kind,
                    "name": grant.name,
                    "command": list(grant.words),
                    "directory": grant.directory,
                    "granted_at": grant.granted_at.isoformat(),
                }
                for grant in self.trust.granted(root)
                if grant.digest not in checks
            ],
        }

    def checks(self, project: Project | None) -> dict[str, tuple[Check, list[str]]]:
        """Each command once, by digest, with what runs it: phases, alerts, the state."""
        found: dict[str, tuple[Check, list[str]]] = {}
        for command, place in self.settings_commands():
            digest = self.trust.digest(self.root, command.command_line)
            found[digest] = (command, [place])
        for workflow in self._workflows(project):
            for phase in workflow.phases:
                check = phase.gate_check
                if check is None:
                    continue
                digest = self.trust.digest(self.root, check.command_line)
                _, places = found.setdefault(digest, (check, []))
                place = f"{workflow.id}/{phase.id}"
                if place not in places:
                    places.append(place)
        return found

    def _workflows(self, project: Project | None) -> Iterator[Workflow]:
        yield from self.workflows.load(self.root).workflows.values()
        if project is None:
            return
        seen = set()
        summaries = project.features.summaries()
        waiting = [each.id for each in summaries if each.status not in CLOSED_STATUSES]
        for feature in filter(None, map(project.features.by_id, waiting)):
            kept = project.workflow_of(feature)
            if kept is not None and feature.workflow_digest not in seen:
                seen.add(feature.workflow_digest)
                yield kept


class ShowChecks(UseCase[TrustReply], operation="show_checks"):
    """The commands of the project's workflows, open features and settings, and its database."""

    def __call__(self, *, commands: ProjectCommands) -> TrustReply:
        """Raises E004, E310, E311, E314."""
        return commands.reply(commands.project())


class TrustChecks(UseCase[TrustReply], operation="trust_checks"):
    """Trust the commands that a person was shown. It is written down outside of the project.

    Attributes:
        digests: those that were shown; when the project has others by now, none is trusted.
    """

    digests: frozenset[str]

    def __call__(self, *, commands: ProjectCommands, clock: Clock) -> TrustReply:
        """Raises E004, E128, E203 to E205, E310, E311, E314."""
        project = commands.project()
        checks = commands.checks(project)
        if set(checks) != self.digests:
            reason = "the commands changed while they were read"
            raise FeatureError.of("E128", path=str(commands.root), reason=reason)
        trusted = [check.command_line for check, _ in checks.values()]
        commands.trust.grant(commands.root, trusted, clock())
        return commands.reply(project)


class RevokeTrust(UseCase[TrustReply], operation="revoke_trust"):
    """Trust no longer what a person trusted in this project. What was not trusted stays so.

    Attributes:
        agents: names of agents; None means all that is trusted here, checks too.
    """

    agents: Sequence[str] | None = None

    def __call__(self, *, commands: ProjectCommands) -> TrustReply:
        """Raises E004, E203 to E205, E310, E311, E314."""
        root, trust = commands.root, commands.trust
        digests = {
            grant.digest
            for grant in trust.granted(root)
            if self.agents is None or (grant.kind == "agent" and grant.name in self.agents)
        }
        trust.revoke(root, digests)
        return commands.reply(commands.project())
