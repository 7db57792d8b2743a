"""What can be read of the project at an address: it, its features and workflows, its health."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from mcp.server import MCPServer
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Annotations,
    CallToolResult,
    ListResourcesResult,
    PaginatedRequestParams,
    Resource,
    ResourceLink,
)

from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.text import counted
from cde_orchestrator.mcp_tools._boundary import Service, as_cde_error
from cde_orchestrator.mcp_tools._fitting import REPLY_LIMIT, fitted
from cde_orchestrator.mcp_tools._refusals import protocol_error
from cde_orchestrator.mcp_tools.sdk import protocol_server

NOT_FOUND_BEFORE = -32002
"""What does not exist, until revision 2026-07-28; since then it is an invalid parameter."""
NEWER = "2026-07-28"
PAGE = 50
LINKS_SHOWN = 10
HISTORY_SHOWN = 100
JSON, MARKDOWN = "application/json", "text/markdown"


def register(server: MCPServer[Any], service: Service) -> None:
    """Add the resources to the server, and the list that has each open feature, page by page."""
    _add_project(server, service)
    _add_features(server, service)

    async def listed(
        _: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        from cde_orchestrator.application.features.feature_filter import OPEN
        from cde_orchestrator.application.features.list_features import ListFeatures

        cursor = params.cursor if params else None
        fixed = [] if cursor else await server.list_resources()
        asked = ListFeatures(status=OPEN, limit=PAGE, cursor=cursor)
        try:
            page = await to_thread.run_sync(service.handle, asked)
        except CDEError as error:
            if cursor:
                raise protocol_error(error, INVALID_PARAMS) from error
            return ListResourcesResult(resources=fixed)  # the project has no features to list
        features = [_feature(row) for row in page["features"]]
        following = page["next_cursor"]
        return ListResourcesResult(resources=[*fixed, *features], next_cursor=following)

    protocol_server(server).add_request_handler("resources/list", PaginatedRequestParams, listed)


def refusal(raised: Exception, uri: str, revision: str | None) -> MCPError | None:
    """What reading a resource is refused with, as the revision has it; None for an accident."""
    missing = INVALID_PARAMS if revision is None or revision >= NEWER else NOT_FOUND_BEFORE
    error = as_cde_error(raised)
    if error is not None:
        return protocol_error(error, INTERNAL_ERROR if error.is_failure else missing, uri=uri)
    if isinstance(raised, ResourceNotFoundError):
        return MCPError(missing, f"Unknown resource: {uri}", {"uri": uri})
    return None


def with_links(result: CallToolResult, answer: Mapping[str, Any]) -> CallToolResult:
    """The answer about a feature with links to outputs that are accepted, the newest last."""
    name = answer["feature"]["name"]
    accepted = answer.get("accepted")
    records = [accepted] if accepted else answer.get("phases") or answer.get("finished") or []
    outputs = [output for record in records for output in record["outputs"]]
    result.content += [
        ResourceLink(
            uri=f"cde://features/{name}/outputs/{output['id']}",
            name=output["path"],
            size=output["size"],
        )
        for output in outputs[-LINKS_SHOWN:]
    ]
    return result


def _add_project(server: MCPServer[Any], service: Service) -> None:
    @server.resource(
        "cde://project",
        name="project",
        title="Project",
        description="The project: status, facts, features by status, workflows.",
        mime_type=JSON,
    )
    def project() -> str:
        from cde_orchestrator.application.projects.get_project_info import GetProjectInfo

        info = service.handle(GetProjectInfo())
        return _json(info, "cde project info --json")

    @server.resource(
        "cde://health",
        name="health",
        title="Health",
        description="Whether all is well, and what to do.",
        mime_type=JSON,
    )
    def health() -> str:
        from cde_orchestrator.application.monitoring.get_health import GetHealth
        from cde_orchestrator.mcp_tools.health import shortened

        return _json(shortened(service.handle(GetHealth())), "cde health --json")

    @server.resource(
        "cde://workflows/{name}",
        name="workflow",
        title="Workflow",
        description="A workflow with its phases and what each demands.",
        mime_type=JSON,
    )
    def workflow(name: str) -> str:
        from cde_orchestrator.application.projects.show_workflows import ShowWorkflows

        found = service.handle(ShowWorkflows(name=name))
        return _json(found["workflows"][0], f"cde workflow show {name} --json")


def _add_features(server: MCPServer[Any], service: Service) -> None:
    @server.resource(
        "cde://features/{name}",
        name="feature",
        title="Feature",
        description="A feature with its goal, phases, outputs and events.",
        mime_type=JSON,
    )
    def feature(name: str) -> str:
        from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus

        # The prompt is a resource of its own.
        asked = GetFeatureStatus(feature_id=name, detail="full", prompt=False)
        status = service.handle(asked)
        return _json(status, _whole(status))

    @server.resource(
        "cde://features/{name}/prompt",
        name="prompt",
        title="Prompt",
        description="The prompt of the feature's current phase.",
        mime_type=MARKDOWN,
    )
    def prompt(name: str) -> str:
        from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
        from cde_orchestrator.domain.phase_record import state_predicate

        status = service.handle(GetFeatureStatus(feature_id=name))
        phase = status["phase"]
        said = "" if phase is None else phase.get("problem") or phase["prompt"]
        closed = f"The feature {state_predicate(status['feature']['status'])}: it has no prompt.\n"
        return _text(said or closed, _whole(status))

    @server.resource(
        "cde://features/{name}/history",
        name="history",
        title="History",
        description=f"The newest {HISTORY_SHOWN} changes of the feature.",
        mime_type=JSON,
    )
    def history(name: str) -> str:
        from cde_orchestrator.application.state.recover_state import ListChanges

        past = service.handle(ListChanges(limit=HISTORY_SHOWN, feature=name))
        return _json(past, f"cde state history --feature {name} --json")

    @server.resource(
        "cde://features/{name}/outputs/{id}",
        name="output",
        title="Output",
        description="An output of the feature as it was accepted.",
        mime_type=MARKDOWN,
    )
    def output(name: str, id: str) -> str:
        from cde_orchestrator.application.features.show_output import ShowOutput

        found = service.handle(ShowOutput(feature_id=name, output_id=id))
        return _text(found["text"], f"the file {found['path']}")


def _feature(row: Mapping[str, Any]) -> Resource:
    from cde_orchestrator.domain.phase_record import state_predicate

    phase = f", in phase {row['current_phase']}" if row["current_phase"] else ""
    return Resource(
        uri=f"cde://features/{row['name']}",
        name=row["name"],
        description=f"A feature that {state_predicate(row['status'])}{phase}.",
        mime_type=JSON,
        annotations=Annotations(last_modified=row["updated_at"]),
    )


def _json(content: Mapping[str, Any], whole: str) -> str:
    """The content as JSON, cut where it would be too long."""
    text = json.dumps(content, ensure_ascii=False, indent=2)
    if len(text) <= REPLY_LIMIT:
        return text
    return json.dumps(fitted({**content}, whole), ensure_ascii=False, separators=(",", ":"))


def _text(text: str, whole: str) -> str:
    """The text, or its beginning with how long it is and where all of it is."""
    if len(text) <= REPLY_LIMIT:
        return text
    marker = f"\n[cut; it has {counted(len(text), 'character')}; in full: {whole}]\n"
    return text[: REPLY_LIMIT - len(marker)] + marker


def _whole(status: Mapping[str, Any]) -> str:
    return f"cde status {status['feature']['name']} --full --json"
