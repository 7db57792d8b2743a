"""The dashboard: its pages, what they show and the events that keep them up to date.

It only reads: no address here changes anything. What a person does is in ``actions``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cde_orchestrator.application.features.report_feature import ReportFeature, ReportReply
from cde_orchestrator.application.features.report_markdown import report_markdown
from cde_orchestrator.application.logs.error_reports import ShowErrorReport
from cde_orchestrator.application.monitoring.show_dashboard import (
    GetPulse,
    ShowDashboard,
    ShowFeature,
)
from cde_orchestrator.application.monitoring.show_operations import ShowOperations
from cde_orchestrator.application.runs.show_run import ShowRun
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.web._responses import data, failure
from cde_orchestrator.web.assets import HEADERS, served
from cde_orchestrator.web.live import LiveChanges, Pulse

ACTOR = "dashboard"
NOT_FOUND = frozenset({"E004", "E007", "E008", "E102", "E103", "E322"})
ASKED = ("word", "workflow", "waits_for", "agent", "proof", "by", "sort")
"""What the address of the first page can ask for."""

Handle = Callable[[UseCase[Any]], Any]


class Dashboard:
    """The dashboard of the project that a server serves; whoever ends it closes ``live``."""

    def __init__(self, handle: Handle, live: LiveChanges) -> None:
        self._handle = handle
        self._live = live

    def routes(self) -> list[Route]:
        """Every address of it."""
        answer = partial(answers, self._handle)
        return [
            Route("/dashboard", partial(served, "dashboard.html")),
            Route("/dashboard/operations", partial(served, "operations.html")),
            Route("/dashboard/features/{feature}", partial(served, "feature.html")),
            Route("/dashboard/features/{feature}/report", answer(_report_of, _as_markdown)),
            Route("/dashboard/data", answer(_features)),
            Route("/dashboard/data/operations", answer(_operations)),
            Route("/dashboard/data/features/{feature}", answer(_one_feature)),
            Route("/dashboard/data/features/{feature}/run", answer(_run)),
            Route("/dashboard/data/errors/{report}", answer(_one_report)),
            Route("/dashboard/events", self._events),
            Route("/dashboard/static/{name}", _static),
        ]

    async def _events(self, request: Request) -> Response:
        headers = {**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            self._live.messages(self._pulse), headers=headers, media_type="text/event-stream"
        )

    def _pulse(self) -> Pulse:
        try:
            with calling(ACTOR):
                pulse: Pulse = self._handle(GetPulse())
                return pulse
        except CDEError as error:
            return {"mark": error.code, "lines": {}}


def answers(
    handle: Handle,
    asked: Callable[[Request], UseCase[Any]],
    shown: Callable[[Any], Response] = data,
) -> Callable[[Request], Awaitable[Response]]:
    """What answers a request by the use case that is asked for, as its reply is shown."""

    async def answer(request: Request) -> Response:
        try:
            return await run_in_threadpool(lambda: shown(handle(asked(request))))
        except CDEError as error:
            return _refused(request, error)

    return answer


def _refused(request: Request, error: CDEError) -> Response:
    """The answer to what cannot be shown."""
    if error.code in NOT_FOUND:
        return failure(request, error, 404)
    return failure(request, error, 400 if error.code == "E305" else 503)


def _features(request: Request) -> UseCase[Any]:
    asked = request.query_params
    wanted = {name: asked[name] for name in ASKED if asked.get(name)}
    cards = asked.get("cards", "")[:4]
    return ShowDashboard(**wanted, cards=int(cards) if cards.isdecimal() else None)


def _operations(request: Request) -> UseCase[Any]:
    return ShowOperations(span=request.query_params.get("span", "hour"))


def _one_feature(request: Request) -> UseCase[Any]:
    known = request.query_params.get("known")
    return ShowFeature(feature_id=request.path_params["feature"], known=known)


def _run(request: Request) -> UseCase[Any]:
    asked = request.query_params
    after = asked.get("after", "")[:16]
    return ShowRun(
        feature_id=request.path_params["feature"],
        run=asked.get("run", ""),
        after=int(after) if after.isascii() and after.isdecimal() else 0,
    )


def _report_of(request: Request) -> UseCase[Any]:
    return ReportFeature(feature_id=request.path_params["feature"])


def _as_markdown(reply: ReportReply) -> Response:
    """For people and their pull requests."""
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return Response(report_markdown(reply), headers=headers, media_type="text/markdown")


def _one_report(request: Request) -> UseCase[Any]:
    return ShowErrorReport(report_id=request.path_params["report"])


def _static(request: Request) -> Response:
    return served(request.path_params["name"], request)
