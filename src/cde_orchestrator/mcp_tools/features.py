"""Tools that take a feature through its phases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import (
    DEFAULT_LIMIT,
    LARGEST_LIMIT,
    ListFeatures,
)
from cde_orchestrator.application.views import FeatureListReply
from cde_orchestrator.mcp_tools import _texts
from cde_orchestrator.mcp_tools._boundary import REPLY_LIMIT, Service, reply, reply_page, size
from cde_orchestrator.mcp_tools._progress import progress_watch
from cde_orchestrator.mcp_tools._tool import Effect, tool

if TYPE_CHECKING:
    from cde_orchestrator.application.features.fail_phase import FailPhase

NOTES_SHOWN = 10
"""Saved notes of a phase that stay in an answer that was too long."""

FeatureId = Annotated[str, Field(description="Name, id or the beginning of the id")]
AgentName = Annotated[str | None, Field(description="Your name, if several share a client")]
Takeover = Annotated[bool, Field(description="Override another agent's lease")]


def register(server: MCPServer, service: Service) -> None:
    """Add the tools to the server."""
    _register_start(server, service)
    _register_submit(server, service)
    _register_queries(server, service)


def _register_start(server: MCPServer, service: Service) -> None:
    @tool(
        server,
        Effect.ADDS,
        "Start a feature. Answers with the first phase: its prompt to follow and "
        "the outputs to produce.",
    )
    def cde_startFeature(  # noqa: N802 - the tools' names are the plan's
        prompt: Annotated[str, Field(description="What the feature should do")],
        workflow: Annotated[
            str | None, Field(description="Default: the project's default workflow")
        ] = None,
        name: Annotated[
            str | None, Field(description="Slug; default: derived from the prompt")
        ] = None,
        idempotency_key: Annotated[
            str | None, Field(description="Repeats with the same key start nothing new")
        ] = None,
    ) -> CallToolResult:
        from cde_orchestrator.application.features.start_feature import StartFeature

        use_case = StartFeature(
            prompt=prompt, workflow=workflow, name=name, idempotency_key=idempotency_key
        )
        answer = service.handle(use_case)
        started = answer["feature"]["name"]
        text = _texts.work(answer, f"Feature {started} started.")
        return reply(answer, text, f"cde status {started} --json")


def _register_submit(server: MCPServer, service: Service) -> None:
    @tool(
        server,
        Effect.ADDS,
        "Submit the current phase. Its required outputs must be files in the project "
        "or texts in results. Returns the next phase.",
    )
    def cde_submitWork(  # noqa: N802
        context: Context,
        feature_id: FeatureId,
        phase_id: Annotated[str, Field(description="The current phase's id")],
        results: Annotated[
            dict[str, str] | None,
            Field(description="Maps output ids to texts, which are written to the outputs' paths"),
        ] = None,
        failed: Annotated[bool, Field(description="Give up this attempt instead")] = False,
        reason: Annotated[str | None, Field(description="Why it failed")] = None,
        idempotency_key: Annotated[
            str | None, Field(description="With failed: repeats with the same key count once")
        ] = None,
        agent: AgentName = None,
        takeover: Takeover = False,
        restore: Annotated[
            bool, Field(description="First restore changed outputs of earlier phases (E132)")
        ] = False,
    ) -> CallToolResult:
        if failed:
            from cde_orchestrator.application.features.fail_phase import FailPhase

            return _give_up(
                service,
                FailPhase(
                    feature_id=feature_id,
                    phase_id=phase_id,
                    reason=reason,
                    agent=agent,
                    takeover=takeover,
                    idempotency_key=idempotency_key,
                    results=results or {},
                ),
            )
        from cde_orchestrator.application.features.submit_work import SubmitWork

        use_case = SubmitWork(
            feature_id=feature_id,
            phase_id=phase_id,
            results=results or {},
            agent=agent,
            takeover=takeover,
            restore=restore,
            watch=progress_watch(context),
        )
        answer = service.handle(use_case)
        text = _texts.work(answer, f"Phase {phase_id} accepted.")
        return reply(answer, text, f"cde status {answer['feature']['name']} --json")


def _give_up(service: Service, use_case: FailPhase) -> CallToolResult:
    answer = service.handle(use_case)
    left = answer["attempts_left"]
    text = _texts.work(answer, f"Attempt at {use_case.phase_id} recorded as failed; {left} left.")
    return reply(answer, text, f"cde status {answer['feature']['name']} --json")


def _register_queries(server: MCPServer, service: Service) -> None:
    @tool(server, Effect.READS, "A feature's status: all phases, and the current one's prompt.")
    def cde_getFeatureStatus(  # noqa: N802
        feature_id: FeatureId,
        detail: Annotated[
            Literal["brief", "full"], Field(description="full adds the goal and times")
        ] = "brief",
    ) -> CallToolResult:
        answer = service.handle(GetFeatureStatus(feature_id=feature_id, detail=detail))
        whole = f"cde status {answer['feature']['name']} --full --json"
        text = _texts.feature_status(answer)
        if size(answer, text) > REPLY_LIMIT:
            _shed(answer, whole)
        return reply(answer, text, whole)

    @tool(server, Effect.READS, "Features, newest first, page by page.")
    def cde_listFeatures(  # noqa: N802
        status: Annotated[
            str | None, Field(description="One status, or 'open' for all unfinished")
        ] = None,
        limit: Annotated[int, Field(description=f"At most {LARGEST_LIMIT}")] = DEFAULT_LIMIT,
        cursor: Annotated[str | None, Field(description="next_cursor of the previous page")] = None,
    ) -> CallToolResult:
        def ask(rows: int) -> FeatureListReply:
            return service.handle(ListFeatures(status=status, limit=rows, cursor=cursor))

        return reply_page(ask, _texts.feature_list, "features", limit, "cde list --json")


def _shed(answer: Mapping[str, Any], whole: str) -> None:
    """Leave away what can be of any depth: saved data, and all but the newest notes."""
    for work in answer.get("work", {}).values():
        work["progress"] = work["progress"][-NOTES_SHOWN:]
        for saved in work["progress"]:
            if saved["data"] is not None:
                saved["data"] = f"[left out; in full: {whole}]"
        work["past"] = work["past"][-NOTES_SHOWN:]
