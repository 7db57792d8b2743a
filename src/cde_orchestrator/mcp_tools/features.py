"""Tools that take a feature through its phases."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.server import MCPServer
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field

from cde_orchestrator.application.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.list_features import (
    DEFAULT_LIMIT,
    LARGEST_LIMIT,
    ListFeatures,
)
from cde_orchestrator.application.start_feature import StartFeature
from cde_orchestrator.application.submit_work import SubmitWork
from cde_orchestrator.mcp_tools import _texts
from cde_orchestrator.mcp_tools._boundary import REPLY_LIMIT, Service, reply, size

FeatureId = Annotated[str, Field(description="Name, id or beginning of the id")]


def register(server: MCPServer, service: Service) -> None:
    """Add the tools to the server."""
    _register_changes(server, service)
    _register_queries(server, service)


def _register_changes(server: MCPServer, service: Service) -> None:
    @server.tool(
        description="Start a feature. Answers with the first phase: its prompt to follow and "
        "the outputs to produce.",
        annotations=ToolAnnotations(destructive_hint=False),
        structured_output=False,
    )
    def cde_startFeature(  # noqa: N802 - the tools' names are the plan's
        prompt: Annotated[str, Field(description="What the feature shall do")],
        workflow: Annotated[
            str | None, Field(description="Default: the project's default workflow")
        ] = None,
        name: Annotated[str | None, Field(description="Slug; made from the prompt")] = None,
    ) -> CallToolResult:
        answer = service.handle(StartFeature(prompt=prompt, workflow=workflow, name=name))
        started = answer["feature"]["name"]
        text = _texts.work(answer, f"Feature {started} started.")
        return reply(answer, text, f"cde status {started} --json")

    @server.tool(
        description="Submit the current phase. Its required outputs must be files in the project "
        "or texts in results. Answers with the next phase.",
        annotations=ToolAnnotations(destructive_hint=False),
        structured_output=False,
    )
    def cde_submitWork(  # noqa: N802
        feature_id: FeatureId,
        phase_id: Annotated[str, Field(description="The current phase's id")],
        results: Annotated[
            dict[str, str] | None,
            Field(description="Output id to text; written to the output's path"),
        ] = None,
    ) -> CallToolResult:
        use_case = SubmitWork(feature_id=feature_id, phase_id=phase_id, results=results or {})
        answer = service.handle(use_case)
        text = _texts.work(answer, f"Phase {phase_id} accepted.")
        return reply(answer, text, f"cde status {answer['feature']['name']} --json")


def _register_queries(server: MCPServer, service: Service) -> None:
    @server.tool(
        description="Where a feature stands: all phases, and the current one's prompt.",
        annotations=ToolAnnotations(read_only_hint=True),
        structured_output=False,
    )
    def cde_getFeatureStatus(  # noqa: N802
        feature_id: FeatureId,
        detail: Annotated[
            Literal["brief", "full"], Field(description="full adds the goal and times")
        ] = "brief",
    ) -> CallToolResult:
        answer = service.handle(GetFeatureStatus(feature_id=feature_id, detail=detail))
        whole = f"cde status {answer['feature']['name']} --full --json"
        return reply(answer, _texts.feature_status(answer), whole)

    @server.tool(
        description="Features, newest first, page by page.",
        annotations=ToolAnnotations(read_only_hint=True),
        structured_output=False,
    )
    def cde_listFeatures(  # noqa: N802
        status: Annotated[
            str | None, Field(description="One status, or 'open' for all unfinished")
        ] = None,
        limit: Annotated[int, Field(description=f"At most {LARGEST_LIMIT}")] = DEFAULT_LIMIT,
        cursor: Annotated[str | None, Field(description="next_cursor of the last page")] = None,
    ) -> CallToolResult:
        while True:
            answer = service.handle(ListFeatures(status=status, limit=limit, cursor=cursor))
            text = _texts.feature_list(answer)
            if size(answer, text) <= REPLY_LIMIT or limit == 1:
                return reply(answer, text, "cde list --json")
            limit = min(limit, len(answer["features"])) // 2 or 1
