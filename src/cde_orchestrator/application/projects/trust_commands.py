"""See, trust and distrust a project's commands: a person's decision, not an agent's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.check import Check
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
    """A command that is trusted beside the checks: an agent, or a check of the past."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowChecks(UseCase[TrustReply]):
    """The commands of the project's workflows, open features and settings, and its database."""

    def __call__(self, ports: Ports) -> TrustReply:
        """Look them up.

        Raises:
            CDEError: E004, E310, E311, E314 and the repository's own.
        """
        return _reply(_project(ports), ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustChecks(UseCase[TrustReply]):
    """Trust the commands that a person was shown.

    Attributes:
        digests: those that were shown; when the project has others by now, none is trusted.
    """

    digests: frozenset[str]

    def __call__(self, ports: Ports) -> TrustReply:
        """Write it down, outside of the project.

        Raises:
            CDEError: E004, E128, E203 to E205, E310, E311, E314 and the repository's own.
        """
        project = _project(ports)
        checks = _checks(project, ports)
        if set(checks) != self.digests:
            reason = "the commands changed while they were read"
            raise FeatureError.of("E128", path=str(ports.root), reason=reason)
        commands = [check.command_line for check, _ in checks.values()]
        ports.trust.grant(ports.root, commands, ports.clock())
        return _reply(project, ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeTrust(UseCase[TrustReply]):
    """Trust no longer what a person trusted in this project.

    Attributes:
        agents: names of agents; None means all that is trusted here, checks too.
    """

    agents: Sequence[str] | None = None

    def __call__(self, ports: Ports) -> TrustReply:
        """Write it down; what was not trusted stays so.

        Raises:
            CDEError: E004, E203 to E205, E310, E311, E314 and the repository's own.
        """
        digests = {
            grant.digest
            for grant in ports.trust.granted(ports.root)
            if self.agents is None or (grant.kind == "agent" and grant.name in self.agents)
        }
        ports.trust.revoke(ports.root, digests)
        return _reply(_project(ports), ports)


def _project(ports: Ports) -> Project | None:
    """The project; None where its state may not be asked for yet."""
    try:
        return ports.repository.get(ports.root)
    except UntrustedBackendError:
        return None


def _reply(project: Project | None, ports: Ports) -> TrustReply:
    checks = _checks(project, ports)
    return {
        "project": None if project is None else project_view(project, ports),
        "checks": [
            {
                "digest": digest,
                "command": list(check.command),
                "directory": check.directory,
                "used_by": places,
                "trusted": ports.trust.trusts(ports.root, check.command_line),
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
            for grant in ports.trust.granted(ports.root)
            if grant.digest not in checks
        ],
    }


def _checks(project: Project | None, ports: Ports) -> dict[str, tuple[Check, list[str]]]:
    """Each command once, by digest, with what runs it: phases, alerts, the state."""
    found: dict[str, tuple[Check, list[str]]] = {}
    for command, place in ports.settings_commands():
        digest = ports.trust.digest(ports.root, command.command_line)
        found[digest] = (command, [place])
    for workflow in _workflows(project, ports):
        for phase in workflow.phases:
            check = phase.gate_check
            if check is None:
                continue
            digest = ports.trust.digest(ports.root, check.command_line)
            _, places = found.setdefault(digest, (check, []))
            place = f"{workflow.id}/{phase.id}"
            if place not in places:
                places.append(place)
    return found


def _workflows(project: Project | None, ports: Ports) -> Iterator[Workflow]:
    yield from ports.workflows.load(ports.root).workflows.values()
    if project is None:
        return
    seen = set()
    for summary in project.features.summaries():
        if summary.status in CLOSED_STATUSES:
            continue
        feature = project.feature(summary.id)
        kept = project.workflow_of(feature)
        if kept is not None and feature.workflow_digest not in seen:
            seen.add(feature.workflow_digest)
            yield kept
