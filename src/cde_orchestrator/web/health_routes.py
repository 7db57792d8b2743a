"""How the server and its project are, for machines: probes and metrics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cde_orchestrator.application.monitoring.get_health import (
    ExposeMetrics,
    WatchHealth,
    readiness,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, ValidationError
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.system.server_key import CHALLENGE, PROOF, ServerKey
from cde_orchestrator.web._responses import HEADERS, failure, path_of
from cde_orchestrator.web.kept import PATIENCE_SECONDS, RefreshingCache

LIVENESS = "/health"
NOT_READY = 503
_JSON = "application/json"
_OPENMETRICS = "application/openmetrics-text"
_PLAIN = "text/plain"
_FORMATS = ("json", "prometheus")


@dataclass(frozen=True, slots=True)
class _Answer:
    """A whole answer, ready to be sent."""

    body: bytes
    media_type: str = _JSON
    status: int = 200

    def response(self) -> Response:
        headers = HEADERS if self.status != NOT_READY else {**HEADERS, "Retry-After": "5"}
        return Response(self.body, self.status, headers, self.media_type)


_ALIVE = _Answer(b'{"status":"alive"}')


class HealthRoutes:
    """The routes of health; answers are made in a thread, so that none of them waits for a tool."""

    def __init__(self, run: Callable[[UseCase[Any]], Any], key: ServerKey) -> None:
        self._run = run
        self._key = key
        self._health = RefreshingCache(self._make_health)
        self._metrics = {
            accept: RefreshingCache(partial(self._make_metrics, accept))
            for accept in (_PLAIN, _OPENMETRICS)
        }

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route(LIVENESS, self._alive),
            Route("/health/ready", self._ready),
            Route("/health/metrics", self._figures),
            Route("/metrics", self._exposed),
        ]

    async def _alive(self, request: Request) -> Response:
        answer = _ALIVE.response()
        if challenge := request.headers.get(CHALLENGE):
            answer.headers[PROOF] = self._key.proof(challenge)
        return answer

    async def _ready(self, request: Request) -> Response:
        return await _answered(request, self._health, lambda made: made[0])

    async def _figures(self, request: Request) -> Response:
        wanted = request.query_params.get("format")
        if wanted not in {None, *_FORMATS}:
            reason = f"the formats are: {', '.join(_FORMATS)}"
            return failure(
                request, ValidationError.of("E305", argument="format", reason=reason), 400
            )
        accept = request.headers.get("accept", "")
        asks = (_OPENMETRICS in accept or _PLAIN in accept) and _JSON not in accept
        if wanted == "prometheus" or (wanted is None and asks):
            return await self._exposed(request)
        return await _answered(request, self._health, lambda made: made[1])

    async def _exposed(self, request: Request) -> Response:
        is_open = _OPENMETRICS in request.headers.get("accept", "")
        kept = self._metrics[_OPENMETRICS if is_open else _PLAIN]
        return await _answered(request, kept, lambda made: made)

    def _make_health(self) -> tuple[_Answer, _Answer]:
        """Readiness, and all of it."""
        with calling("http"):
            health = self._run(WatchHealth())
        ready = readiness(health)
        return (
            _Answer(_encoded(ready), status=200 if ready["ready"] else NOT_READY),
            _Answer(_encoded(health)),
        )

    def _make_metrics(self, accept: str) -> _Answer:
        with calling("http"):
            return _Answer(*self._run(ExposeMetrics(accept=accept)))


async def _answered(
    request: Request, kept: RefreshingCache[Any], choose: Callable[[Any], _Answer]
) -> Response:
    """The kept answer; a probe gets a failure in JSON and as one that may pass."""
    try:
        answer: _Answer = choose(await kept.get())
        return answer.response()
    except TimeoutError:
        path, seconds = path_of(request), PATIENCE_SECONDS
        error: CDEError = CDESystemError.of("E923", tool=path, seconds=seconds)
    except CDEError as failed:
        error = failed
    return _Answer(_encoded({"error": ErrorFormatter.payload(error)}), status=NOT_READY).response()


def _encoded(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
