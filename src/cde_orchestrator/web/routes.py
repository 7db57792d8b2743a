"""Everything that is served over HTTP next to MCP, by an HTTP server and by a stdio one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cde_orchestrator.application.use_case import Handles
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.web import errors_page
from cde_orchestrator.web._responses import failure, path_of
from cde_orchestrator.web.actions.action import Actions
from cde_orchestrator.web.actions.every import EVERY
from cde_orchestrator.web.dashboard_routes import Dashboard
from cde_orchestrator.web.health_routes import HealthRoutes
from cde_orchestrator.web.live import LiveChanges
from cde_orchestrator.web.work_routes import WorkRoutes


def all_routes(
    service: Handles,
    live: LiveChanges | None = None,
    key: ServerKey | None = None,
    *,
    read_only: bool = False,
) -> Sequence[BaseRoute]:
    """The routes, for both kinds of server; ``live`` is to be closed when it ends.

    ``read_only`` is whether nothing can be changed over the pages.
    """
    dashboard = Dashboard(service.handle, live or LiveChanges())
    health = HealthRoutes(service.handle, key or ServerKey())
    return [
        *errors_page.routes(),
        *health.routes(),
        *Actions(service.handle, EVERY, read_only=read_only).routes(),
        *dashboard.routes(),
        *WorkRoutes(service.handle).routes(),
        Route("/{path:path}", _nothing),
    ]


def not_served(request: Request, refused: Exception) -> Response:
    """The answer to a method that is not served at an address, as ``POST /health``."""
    if request.scope.get("endpoint") is _nothing:
        return failure(request, ValidationError.of("E324", path=path_of(request)), 404)
    headers = getattr(refused, "headers", None) or {}
    allowed = ", ".join(sorted(headers.get("Allow", "").split(", ")))
    reason = f"{request.method} is not served at {path_of(request)}, but {allowed} is"
    error = ValidationError.of("E305", argument="request", reason=reason)
    answer = failure(request, error, 405)
    answer.headers["Allow"] = allowed
    return answer


async def _nothing(request: Request) -> Response:
    return failure(request, ValidationError.of("E324", path=path_of(request)), 404)
