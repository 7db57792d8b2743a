"""Tools about the project as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.server import MCPServer
from mcp.types import CallToolResult
from pydantic import Field

from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.projects.set_project_status import SetProjectStatus
from cde_orchestrator.mcp_tools import _texts
from cde_orchestrator.mcp_tools._boundary import Service, reply
from cde_orchestrator.mcp_tools._tool import Effect, tool

_INFO = "cde project info --json"


def register(server: MCPServer, service: Service) -> None:
    """Add the tools to the server."""

    @tool(
        server,
        Effect.SETS,
        "Set up a project folder, once: creates .cde/, detects languages and tests, "
        "activates it. Safe to repeat.",
    )
    def cde_onboardProject(  # noqa: N802 - the tools' names are the plan's
        path: Annotated[str, Field(description="Folder; '.' is the one served")],
        name: Annotated[str | None, Field(description="Default: the folder's name")] = None,
    ) -> CallToolResult:
        answer = service.onboard(path, OnboardProject(name=name))
        return reply(answer, _texts.onboarded(answer), _INFO)

    @tool(server, Effect.READS, "The served project: status, features by status, facts, workflows.")
    def cde_getProjectInfo() -> CallToolResult:  # noqa: N802
        answer = service.handle(GetProjectInfo())
        return reply(answer, _texts.project_info(answer), _INFO)

    @tool(
        server, Effect.SETS, "Activate or archive the project. Only an active one starts features."
    )
    def cde_setProjectStatus(status: Literal["active", "archived"]) -> CallToolResult:  # noqa: N802
        answer = service.handle(SetProjectStatus(status=status))
        return reply(answer, _texts.project_line(answer["project"]) + ".", _INFO)
