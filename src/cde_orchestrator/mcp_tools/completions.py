"""What a client proposes while a person fills in a prompt's argument, or a resource's address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anyio import to_thread
from mcp.server import MCPServer
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    PromptReference,
)
from mcp.types import Completion as Proposed

from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.mcp_tools._boundary import Service
from cde_orchestrator.mcp_tools.sdk import protocol_server

MOST = 100
"""Values that the protocol allows in an answer."""

Known = Mapping[str, str]
"""The other arguments, as far as they are filled in."""
Values = Callable[[Service, str, Known], Proposed]


def register(server: MCPServer[Any], service: Service) -> None:
    """Answer for every argument of the server's prompts and resources."""

    async def complete(
        _: ServerRequestContext[Any, Any], params: CompleteRequestParams
    ) -> CompleteResult:
        ref, argument, context = params.ref, params.argument, params.context
        if isinstance(ref, PromptReference):
            listed = {each.name: each for each in await server.list_prompts()}
            if ref.name not in listed:
                raise MCPError(INVALID_PARAMS, f"Unknown prompt: {ref.name}")
            values = _OF_PROMPTS.get((ref.name, argument.name))
        else:
            templates = {each.uri_template for each in await server.list_resource_templates()}
            if ref.uri not in templates:
                raise MCPError(INVALID_PARAMS, f"Unknown resource template: {ref.uri}")
            values = _OF_RESOURCES.get((ref.uri.split("/")[2], argument.name))
        known = (context.arguments if context else None) or {}
        if values is None:
            return CompleteResult(completion=Proposed(values=[]))
        found = await to_thread.run_sync(_proposed, values, service, argument.value, known)
        return CompleteResult(completion=found)

    handlers = protocol_server(server)
    handlers.add_request_handler("completion/complete", CompleteRequestParams, complete)


def _proposed(values: Values, service: Service, begun: str, known: Known) -> Proposed:
    try:
        return values(service, begun, known)
    except CDEError:  # it was logged where it arose; nothing can be proposed there
        return Proposed(values=[])


def _features(*, unfinished: bool) -> Values:
    def found(service: Service, begun: str, _: Known) -> Proposed:
        from cde_orchestrator.application.features.feature_filter import OPEN
        from cde_orchestrator.application.features.list_features import LARGEST_LIMIT, ListFeatures

        status = OPEN if unfinished else None
        asked = ListFeatures(status=status, limit=LARGEST_LIMIT, prefix=begun.lower())
        page = service.handle(asked)
        names = [row["name"] for row in page["features"]]
        return Proposed(values=names, total=page["total"], has_more=page["total"] > len(names))

    return found


def _workflows(service: Service, begun: str, _: Known) -> Proposed:
    from cde_orchestrator.application.projects.show_workflows import ShowWorkflows

    catalog = service.handle(ShowWorkflows())
    names = [each["id"] for each in catalog["workflows"]]
    names.sort(key=lambda name: name != catalog["default"])
    return _beginning(names, begun)


def _codes(_: Service, begun: str, __: Known) -> Proposed:
    from cde_orchestrator.application.logs.explain_error import explain_all

    codes = [row["code"] for family in explain_all()["families"] for row in family["codes"]]
    return _beginning(codes, begun)


def _outputs(service: Service, begun: str, known: Known) -> Proposed:
    if "name" not in known:
        return Proposed(values=[])
    from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus

    status = service.handle(GetFeatureStatus(feature_id=known["name"], prompt=False))
    ids = [output["id"] for record in status["phases"] for output in record["outputs"]]
    return _beginning(list(dict.fromkeys(ids)), begun)


def _beginning(every: list[str], begun: str) -> Proposed:
    """Those that begin so, in upper or lower case."""
    found = [each for each in every if each.lower().startswith(begun.lower())]
    return Proposed(values=found[:MOST], total=len(found), has_more=len(found) > MOST)


_OF_PROMPTS: Mapping[tuple[str, str], Values] = {
    ("start_feature", "workflow"): _workflows,
    ("next_phase", "feature"): _features(unfinished=True),
    ("resume_feature", "feature"): _features(unfinished=True),
    ("review_feature", "feature"): _features(unfinished=False),
    ("explain_error", "code"): _codes,
}
_OF_RESOURCES: Mapping[tuple[str, str], Values] = {
    ("features", "name"): _features(unfinished=False),
    ("features", "id"): _outputs,
    ("workflows", "name"): _workflows,
    ("errors", "code"): _codes,
}
"""By what comes first in the address, and the argument."""
