"""Tools about the project as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.onboard_project import OnboardProject, SetProjectStatus
from cde_orchestrator.mcp_tools import _texts
from cde_orchestrator.mcp_tools._boundary import Service, reply
from cde_orchestrator.mcp_tools._tool import Effect, tool

_INFO = "cde project info --json"


@tool(Effect.SETS)
def cde_onboardProject(  # noqa: N802 - the tools' names are the plan's
    service: Service,
    path: Annotated[str, Field(description="Folder; '.' is the one served")],
    name: Annotated[str | None, Field(description="Default: the folder's name")] = None,
) -> CallToolResult:
    """Set up a project folder, once: creates .cde/, detects languages and tests, activates it.

    Safe to repeat.
    """
    answer = service.onboard(path, OnboardProject(name=name))
    return reply(answer, _texts.onboarded(answer), _INFO)


@tool(Effect.READS)
def cde_getProjectInfo(service: Service) -> CallToolResult:  # noqa: N802
    """The served project: status, features by status, facts, workflows."""
    answer = service.handle(GetProjectInfo())
    return reply(answer, _texts.project_info(answer), _INFO)


@tool(Effect.SETS)
def cde_setProjectStatus(  # noqa: N802
    service: Service, status: Literal["active", "archived"]
) -> CallToolResult:
    """Activate or archive the project. Only an active one starts features."""
    answer = service.handle(SetProjectStatus(status=status))
    return reply(answer, _texts.project_line(answer["project"]) + ".", _INFO)


@tool(Effect.READS)
def cde_getHealth(service: Service) -> CallToolResult:  # noqa: N802
    """Project health: checks, figures, alerts. Works on a broken project too."""
    from cde_orchestrator.application.monitoring.get_health import GetHealth
    from cde_orchestrator.mcp_tools.health import health_text

    health = service.handle(GetHealth())
    return reply(health, health_text(health), "cde health --json")
