"""See, trust and distrust a project's commands: a person's decision, not an agent's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.application.ports.core import (
    ProjectRepository,
    SettingsCommands,
    WorkflowRepository,
)
from cde_orchestrator.application.proofs.proof_commands import ProofCommands
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.command_line import CommandKind, CommandLine
from cde_orchestrator.domain.exceptions import FeatureError, ProjectError, StateError
from cde_orchestrator.domain.executed_places import executed_by
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import FEATURE, Workflow


class CheckRow(TypedDict):
    """A command, where it is used, and whether it is trusted.

    ``executed_by`` is empty for a command. An output at a place that others execute is here as
    ``write PATH``, with whoever executes it. ``reads`` is as of ``CommandLine``.
    """

    digest: str
    command: list[str]
    directory: str
    reads: list[str]
    used_by: list[str]
    executed_by: str
    trusted: bool


class GrantRow(TypedDict):
    """A command that is trusted in addition to the checks: an agent, or a check of the past."""

    digest: str
    kind: CommandKind
    name: str
    command: list[str]
    directory: str
    granted_at: str


class FileRow(TypedDict):
    """A file that acts in the project, and what would come into force by it.

    ``difference`` is in lines of a unified difference: from what was trusted, or else from what
    the product has in its place; empty where nothing changed.
    """

    path: str
    digest: str
    difference: str


class FolderRow(TypedDict):
    """Whether the folder is trusted, as of ``ProjectView``, and the files that act in it.

    ``was_trusted`` says that other contents of these files were trusted at this path before, or
    that trust in it was revoked; ``is_remembered``, that what was trusted there is written down.
    """

    path: str
    trust: str
    was_trusted: bool
    is_remembered: bool
    owner: str
    files: list[FileRow]


class TrustReply(TypedDict):
    """The commands of a project's workflows, and whatever else is trusted in it.

    Attributes:
        project: None where its state is not asked for, as while the database that keeps it is
            not trusted, and where there is none, or none that can be read.
    """

    project: ProjectView | None
    folder: FolderRow
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
    standing: Standing
    proofs: ProofCommands

    def project(self) -> Project | None:
        """The project; None where its state may not be asked for yet, or cannot be read.

        Raises:
            ProjectError: E004, nothing of the product is in the folder.
        """
        elsewhere = any(place == "state" for _, place in self.settings_commands())
        if elsewhere and not self.standing.acts:
            return None
        try:
            return self.repository.get(self.root)
        except StateError:  # it is restored by somebody who trusts the folder
            return None
        except ProjectError:  # a clone brings its settings, and often no state
            if self.standing.kind == "unset":
                raise
            return None

    def folder(self) -> FolderRow:
        """The folder as it is now, and what differs in it from what was trusted."""
        standing = self.standing
        differences = {} if standing.acts else self.trust.differences(self.root, standing.files)
        return {
            "path": str(self.root),
            "trust": standing.kind,
            "was_trusted": standing.was_trusted,
            "is_remembered": standing.is_remembered,
            "owner": standing.owner,
            "files": [
                {
                    "path": name,
                    "digest": standing.files.get(name, ""),
                    "difference": differences.get(name, ""),
                }
                for name in sorted({*standing.files, *differences})
            ],
        }

    def reply(self, project: Project | None) -> TrustReply:
        """All of them, as the contract has them."""
        checks, root, backend = self.checks(project), self.root, self.repository.backend
        return {
            "project": None if project is None else project_view(project, root, backend),
            "folder": self.folder(),
            "checks": [
                {
                    "digest": digest,
                    "command": list(command.words),
                    "directory": command.directory,
                    "reads": list(command.reads),
                    "used_by": places,
                    "executed_by": _executor(command),
                    "trusted": self.trust.trusts(root, command),
                }
                for digest, (command, places) in checks.items()
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

    def checks(self, project: Project | None) -> dict[str, tuple[CommandLine, list[str]]]:
        """Each command once, by digest, with what runs it: phases, proofs, alerts, the state.

        So is each output at a place that others execute.
        """
        found: dict[str, tuple[CommandLine, list[str]]] = {}
        for command, place in self._commands(project):
            _, places = found.setdefault(self.trust.digest(self.root, command), (command, []))
            if place not in places:
                places.append(place)
        return found

    def _commands(self, project: Project | None) -> Iterator[tuple[CommandLine, str]]:
        for check, place in self.settings_commands():
            yield check.command_line, place
        for workflow, names in self._workflows(project):
            yield from self.proofs.of(workflow, names)
            for phase in workflow.phases:
                place = f"{workflow.id}/{phase.id}"
                if phase.gate_check is not None:
                    yield phase.gate_check.command_line, place
                for output in phase.outputs:
                    for permission in filter(None, map(output.permission, names)):
                        yield permission, place

    def _workflows(self, project: Project | None) -> Iterator[tuple[Workflow, Sequence[str]]]:
        """Each workflow, with the names of the features that its paths may have."""
        current = self.workflows.load(self.root).workflows
        yield from ((each, [FEATURE]) for each in current.values())
        if project is None:
            return
        summaries = project.features.summaries()
        waiting = [each.id for each in summaries if each.status not in CLOSED_STATUSES]
        followed: dict[str, tuple[Workflow, list[str]]] = {}
        for feature in filter(None, map(project.features.by_id, waiting)):
            key = feature.workflow_digest or feature.workflow_type
            if key not in followed:
                kept = project.workflow_of(feature) or current.get(feature.workflow_type)
                if kept is None:
                    continue
                followed[key] = kept, []
            followed[key][1].append(feature.name)
        yield from followed.values()


def _executor(command: CommandLine) -> str:
    return (executed_by(command.words[-1]) or "") if command.kind == "output" else ""


class ShowChecks(UseCase[TrustReply], operation="show_checks"):
    """The commands of the project's workflows, open features and settings, and its database."""

    def __call__(self, *, commands: ProjectCommands) -> TrustReply:
        """Raises E004, E310, E311, E314."""
        return commands.reply(commands.project())


class TrustFolder(UseCase[None], operation="trust_folder"):
    """Trust the folder with the files that act in it. It is written down outside the project.

    Attributes:
        files: those that a person was shown, by path, with their digests.
    """

    files: Mapping[str, str]

    @classmethod
    def shown(cls, folder: FolderRow) -> TrustFolder:
        """The folder just as a person was shown it."""
        return cls(files={row["path"]: row["digest"] for row in folder["files"] if row["digest"]})

    def __call__(self, *, root: Path, trust: TrustStore) -> None:
        """Raises E128, they are others by now; E203 to E205."""
        trust.accept(root, self.files)


class TrustChecks(UseCase[TrustReply], operation="trust_checks"):
    """Trust the commands that a person was shown. It is written down outside the project.

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
        trusted = [command for command, _ in checks.values()]
        commands.trust.grant(commands.root, trusted, clock())
        return commands.reply(project)


class RevokeTrust(UseCase[TrustReply], operation="revoke_trust"):
    """Trust no longer what a person trusted in this project. What was not trusted stays so.

    Attributes:
        agents: names of agents; None means all that is trusted here, checks and the folder too.
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
        standing = trust.revoke(root, digests, folder=self.agents is None)
        return replace(commands, standing=standing).reply(commands.project())
