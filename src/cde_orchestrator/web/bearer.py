"""The bearer token that the HTTP transport may ask for."""

from __future__ import annotations

import hmac
import json

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.web._responses import path_of
from cde_orchestrator.web.health_routes import LIVENESS
from cde_orchestrator.web.sign_in import SignIn, is_public


class BearerToken:
    """Lets requests with the token through; all others are answered with E902.

    Whether the process lives is told to anybody: ``/health`` says nothing else. A browser is
    shown a form for the token instead, and let in with a cookie from then on,
    to look at pages alone.

    Args:
        app: what is guarded, every path of it.
        token: what requests must bear.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()
        self._sign_in = SignIn(self._token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        reason = self._refusal(scope) if scope["type"] in {"http", "websocket"} else None
        if reason is None:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http":
            request = Request(scope, receive)
            if _asks_for_life(request) or is_public(request) or self._sign_in.knows(request):
                await self._app(scope, receive, send)
                return
            if self._sign_in.is_wanted(request):
                await (await self._sign_in.answer(request))(scope, receive, send)
                return
        error = CDESystemError.of("E902", reason=reason)
        body = json.dumps({"error": ErrorFormatter.payload(error)}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"www-authenticate", b'Bearer realm="cde"'),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> str | None:
        """Why a request is refused; None when it is not."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            return "the request has no Authorization header"
        scheme, _, token = given[0].strip().partition(b" ")
        if len(given) > 1 or scheme.lower() != b"bearer":
            return "its Authorization header has no bearer token"
        # As long as the comparison takes, it tells nothing about the token.
        return None if hmac.compare_digest(token.strip(), self._token) else "the token is wrong"


def _asks_for_life(request: Request) -> bool:
    return request.method in {"GET", "HEAD"} and path_of(request) == LIVENESS
