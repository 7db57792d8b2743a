"""Tools about the project as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.onboard_project import OnboardProject, SetProjectStatus
from cde_orchestrator.mcp_tools import _next, _texts
from cde_orchestrator.mcp_tools._boundary import Service, reply
from cde_orchestrator.mcp_tools._tool import Effect, found_by, tool

_INFO = "cde project info --json"


@tool(Effect.SETS, "Set up a project")
def cde_onboardProject(  # noqa: N802 - the tools' names are the plan's
    service: Service,
    path: Annotated[str, Field(description="Folder; '.' is the one served")],
    name: Annotated[str | None, Field(description="Default: the folder's name")] = None,
) -> CallToolResult:
    """Set up a project folder, once, after E004.

    Safe to repeat. Next: cde_startFeature.
    """
    answer = service.onboard(path, OnboardProject(name=name))
    return reply(answer, _texts.onboarded(answer), _INFO, _next.in_project(answer["project"]))


@tool(Effect.READS, "Show the project")
def cde_getProjectInfo(service: Service) -> CallToolResult:  # noqa: N802
    """The project's status, facts and workflows, to choose one for cde_startFeature."""
    answer = service.handle(GetProjectInfo())
    following = _next.in_project(answer["project"], answer["open_features"])
    return reply(answer, _texts.project_info(answer), _INFO, following)


@tool(Effect.SETS, "Activate or archive")
def cde_setProjectStatus(  # noqa: N802
    service: Service, status: Literal["active", "archived"]
) -> CallToolResult:
    """Activate or archive the project, after E101: only an active one starts features."""
    answer = service.handle(SetProjectStatus(status=status))
    text = _texts.project_line(answer["project"]) + "."
    following = (
        _next.open_features() if status == "archived" else _next.in_project(answer["project"])
    )
    return reply(answer, text, _INFO, following)


@tool(Effect.READS, "Show health", found_by("health, alerts"))
def cde_getHealth(service: Service) -> CallToolResult:  # noqa: N802
    """A verdict and what to do, when calls fail or are slow."""
    from cde_orchestrator.application.monitoring.get_health import GetHealth
    from cde_orchestrator.mcp_tools.health import health_words, shortened

    health = shortened(service.handle(GetHealth()))
    answer = {**health, "project": service.place}
    return reply(answer, health_words(health), "cde health --json", _next.after_health(health))
