"""The dashboard: its pages, what they show and the events that keep them up to date.

It only reads: no address here changes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cde_orchestrator.application.logs.error_reports import ShowErrorReport
from cde_orchestrator.application.monitoring.show_dashboard import (
    GetPulse,
    ShowDashboard,
    ShowFeature,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.web._responses import data, failure
from cde_orchestrator.web.assets import HEADERS, asset
from cde_orchestrator.web.live import LiveChanges

ACTOR = "dashboard"
NOT_FOUND = frozenset({"E004", "E007", "E102", "E103", "E322"})

Handle = Callable[[UseCase[Any]], Any]


class Dashboard:
    """The dashboard of the project that a server serves.

    Args:
        handle: runs a use case.
        live: tells the pages when there is something new; whoever ends the server closes it.
    """

    def __init__(self, handle: Handle, live: LiveChanges) -> None:
        self._handle = handle
        self._live = live

    def routes(self) -> list[Route]:
        """Every address of it."""
        return [
            Route("/dashboard", self._page("dashboard.html")),
            Route("/dashboard/features/{feature}", self._page("feature.html")),
            Route("/dashboard/data", self._data),
            Route("/dashboard/data/features/{feature}", self._feature),
            Route("/dashboard/data/errors/{report}", self._report),
            Route("/dashboard/events", self._events),
            Route("/dashboard/static/{name}", _static),
        ]

    def _page(self, name: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            found = asset(name)
            return found.answer(request) if found else Response(status_code=404)

        return answer

    async def _data(self, request: Request) -> Response:
        span = request.query_params.get("span", "hour")
        return await self._answer(request, ShowDashboard(span=span))

    async def _feature(self, request: Request) -> Response:
        known = request.query_params.get("known")
        work = ShowFeature(feature_id=request.path_params["feature"], known=known)
        return await self._answer(request, work)

    async def _report(self, request: Request) -> Response:
        return await self._answer(request, ShowErrorReport(report_id=request.path_params["report"]))

    async def _events(self, request: Request) -> Response:
        headers = {**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            self._live.messages(self._mark), headers=headers, media_type="text/event-stream"
        )

    async def _answer(self, request: Request, work: UseCase[Any]) -> Response:
        try:
            return data(await run_in_threadpool(self._run, work))
        except CDEError as error:
            if error.code in NOT_FOUND:
                return failure(request, error, 404)
            return failure(request, error, 400 if error.code == "E305" else 503)

    def _run(self, work: UseCase[Any]) -> Any:
        with calling(ACTOR):
            return self._handle(work)

    def _mark(self) -> str:
        try:
            mark: str = self._run(GetPulse())["mark"]
        except CDEError as error:
            return error.code
        return mark


def _static(request: Request) -> Response:
    found = asset(request.path_params["name"])
    return found.answer(request) if found else Response(status_code=404)
