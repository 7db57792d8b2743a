"""Who may ask, by which name and with how much: what is around everything that is served."""

from __future__ import annotations

import hmac
from ipaddress import IPv6Address, ip_address

from mcp.server.transport_security import (
    DEFAULT_MAX_REQUEST_BODY_SIZE,
    TransportSecurityMiddleware,
    TransportSecuritySettings,
)
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cde_orchestrator.domain.exceptions import CDESystemError, ValidationError
from cde_orchestrator.web._responses import path_of, refuse
from cde_orchestrator.web.health_routes import LIVENESS
from cde_orchestrator.web.sign_in import SignIn, is_public

TOO_LARGE = 413


def guarded(app: ASGIApp, names: TransportSecuritySettings | None, token: str | None) -> ASGIApp:
    """The application as it may be shown to a network, by these names, with this token."""
    worded = BodyLimit(app)
    known = worded if token is None else BearerToken(worded, token)
    return known if names is None else HostGuard(known, names)


def host_guard(host: str, address: str) -> TransportSecuritySettings | None:
    """The guard against other names for a server that only this machine reaches; else None.

    Args:
        host: the name that the server was asked to listen on.
        address: the numeric address that it is bound to.
    """
    number = ip_address(address)
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    if not number.is_loopback:
        return None
    names = {"127.0.0.1", "localhost", "::1", host, host.lower(), address, str(number)}
    shown = sorted(f"[{name}]" if ":" in name else name for name in names)
    origins = [f"{scheme}://{name}" for scheme in ("http", "https") for name in shown]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*shown, *(f"{name}:*" for name in shown)],
        allowed_origins=[*origins, *(f"{origin}:*" for origin in origins)],
    )


class HostGuard:
    """Refuses requests by other names than those of ``host_guard``, for every path."""

    def __init__(self, app: ASGIApp, settings: TransportSecuritySettings) -> None:
        self._app = app
        self._names = TransportSecurityMiddleware(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        answer = self._app
        if scope["type"] == "http":
            answer = await self._names.validate_request(Request(scope)) or self._app
        await answer(scope, receive, send)


class BearerToken:
    """Lets requests with the token through; all others are answered with E902.

    Whether the process lives is shown to anybody: ``/health`` says nothing else. A browser is
    shown a form for the token instead, and let in with a cookie from then on,
    to look at pages alone.
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
            alive = request.method in {"GET", "HEAD"} and path_of(request) == LIVENESS
            if alive or is_public(request) or self._sign_in.knows(request):
                await self._app(scope, receive, send)
                return
            if self._sign_in.is_wanted(request):
                await (await self._sign_in.answer(request))(scope, receive, send)
                return
        error = CDESystemError.of("E902", reason=reason)
        await refuse(scope, send, error, 401, (b"www-authenticate", b'Bearer realm="cde"'))

    def _refusal(self, scope: Scope) -> str | None:
        """Why a request is refused; None when it is not."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            return "the request has no Authorization header"
        scheme, _, token = given[0].strip().partition(b" ")
        if len(given) > 1 or scheme.lower() != b"bearer":
            return "its Authorization header has no bearer token"
        # As long as the comparison takes, it says nothing about the token.
        return None if hmac.compare_digest(token.strip(), self._token) else "the token is wrong"


class BodyLimit:
    """Says what is wrong where the SDK answers a request with a bare 413: E315."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and put words to a refusal."""
        refused = False

        async def worded(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == TOO_LARGE:
                refused = True
                # The rest of the body is not read.
                await refuse(scope, send, _too_large(scope), TOO_LARGE, (b"connection", b"close"))
            elif not refused:
                await send(message)

        await self._app(scope, receive, worded)


def _too_large(scope: Scope) -> ValidationError:
    declared = dict(scope["headers"]).get(b"content-length", b"").decode("latin-1")
    limit = DEFAULT_MAX_REQUEST_BODY_SIZE
    size = int(declared) if declared.isdecimal() else f"more than {limit}"
    return ValidationError.of(
        "E315", field="The request's body", size_bytes=size, limit_bytes=limit
    )
