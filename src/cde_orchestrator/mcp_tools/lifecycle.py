"""Tools around a phase: save, resume, close, take back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.types import CallToolResult
from pydantic import Field

from cde_orchestrator.mcp_tools import _texts
from cde_orchestrator.mcp_tools._boundary import Service, reply
from cde_orchestrator.mcp_tools._tool import Effect, tool
from cde_orchestrator.mcp_tools.features import AgentName, FeatureId, Takeover


def register(server: MCPServer, service: Service) -> None:
    """Add the tools to the server."""
    _register_inside(server, service)
    _register_around(server, service)


def _register_inside(server: MCPServer, service: Service) -> None:
    @tool(server, Effect.ADDS, "Save progress in the current phase, for whoever resumes it.")
    def cde_saveProgress(  # noqa: N802 - the tools' names are the plan's
        feature_id: FeatureId,
        phase_id: str,
        note: Annotated[str, Field(description="Done, found, next")],
        data: Annotated[Any, Field(description="Any JSON")] = None,
    ) -> CallToolResult:
        from cde_orchestrator.application.features.save_progress import SaveProgress

        use_case = SaveProgress(feature_id=feature_id, phase_id=phase_id, note=note, data=data)
        answer = service.handle(use_case)
        # The caller has what it saved; the answer only confirms it.
        answer["saved"]["data"] = None
        text = f"Saved in phase {phase_id}; {answer['kept']} entries are kept."
        return reply(answer, text, f"cde status {answer['feature']['name']} --full --json")

    @tool(
        server,
        Effect.ADDS,
        "Resume a feature. Returns its goal, what is done, prompt, saved progress and last "
        "failure. A failed feature goes back to the phase that failed.",
    )
    def cde_resumeFeature(  # noqa: N802
        feature_id: FeatureId, agent: AgentName = None, takeover: Takeover = False
    ) -> CallToolResult:
        from cde_orchestrator.application.features.resume_feature import ResumeFeature

        use_case = ResumeFeature(feature_id=feature_id, agent=agent, takeover=takeover)
        answer = service.handle(use_case)
        name = answer["feature"]["name"]
        text = _texts.work(answer, f"Feature {name} resumed.")
        return reply(answer, text, f"cde status {name} --full --json")


def _register_around(server: MCPServer, service: Service) -> None:
    @tool(server, Effect.TAKES_BACK, "Close a feature without finishing it; its files are kept.")
    def cde_closeFeature(  # noqa: N802
        feature_id: FeatureId, outcome: Literal["failed", "cancelled"], reason: str
    ) -> CallToolResult:
        from cde_orchestrator.application.features.close_feature import CloseFeature

        use_case = CloseFeature(feature_id=feature_id, outcome=outcome, reason=reason)
        answer = service.handle(use_case)
        name = answer["feature"]["name"]
        return reply(answer, f"Feature {name} is {outcome}.", f"cde status {name} --full --json")

    @tool(
        server,
        Effect.TAKES_BACK,
        "Start an earlier phase again: later phases are rolled back, outputs are restored; "
        "changed files are kept as copies.",
    )
    def cde_rollbackFeature(  # noqa: N802
        feature_id: FeatureId,
        to_phase: str,
        reason: str,
        dry_run: Annotated[bool, Field(description="Only preview")] = False,
    ) -> CallToolResult:
        from cde_orchestrator.application.features.rollback_feature import RollbackFeature

        use_case = RollbackFeature(
            feature_id=feature_id, to_phase=to_phase, reason=reason, dry_run=dry_run
        )
        answer = service.handle(use_case)
        name = answer["feature"]["name"]
        return reply(answer, _texts.rolled_back(answer), f"cde status {name} --full --json")
