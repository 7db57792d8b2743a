"""Everything that is served over HTTP next to MCP, by an HTTP server and by a stdio one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cde_orchestrator.application.use_case import Handles
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.web import errors_page
from cde_orchestrator.web._responses import failure, path_of
from cde_orchestrator.web.dashboard_routes import Dashboard
from cde_orchestrator.web.health_routes import HealthRoutes
from cde_orchestrator.web.live import LiveChanges


def all_routes(service: Handles, live: LiveChanges | None = None) -> Sequence[BaseRoute]:
    """The routes, for both kinds of server; ``live`` is to be closed when it ends."""
    dashboard = Dashboard(service.handle, live or LiveChanges())
    health = HealthRoutes(service.handle)
    return [
        *errors_page.routes(),
        *health.routes(),
        *dashboard.routes(),
        Route("/{path:path}", _nothing),
    ]


async def _nothing(request: Request) -> Response:
    return failure(request, ValidationError.of("E324", path=path_of(request)), 404)
