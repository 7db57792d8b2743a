"""Who may ask, by which name and with how much: what is around everything that is served."""

from __future__ import annotations

import hmac
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cde_orchestrator.domain.exceptions import CDESystemError, ValidationError
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.web._responses import path_of, refuse
from cde_orchestrator.web.connections import StreamLimit
from cde_orchestrator.web.health_routes import LIVENESS
from cde_orchestrator.web.sign_in import PERSON, SignIn, is_public

TOO_LARGE = 413
_SHOWN_CHARACTERS = 100
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s:/?#@\[\]]+)(:[0-9]{1,5})?")
_ORIGIN = re.compile(rf"https?://(?P<host>{_HOST.pattern})")


def guarded(app: ASGIApp, names: Names, token: str | None, key: ServerKey) -> ASGIApp:
    """The application as it may be shown to a network, by these names, with this token."""
    known: ASGIApp = StreamLimit(BodyLimit(app))
    if token is not None:
        known = BearerToken(known, token, key)
    return HostGuard(known, names)


@dataclass(frozen=True, slots=True)
class Names:
    """The names by which a server may be asked, in lower case.

    Attributes:
        own: those of the address that it listens on, and of its machine.
        allowed: further ones, by which others know it; pages of them may ask, too.
        any_number: whether every numeric address is one: no page can have a name that is one.
    """

    own: frozenset[str]
    allowed: frozenset[str] = frozenset()
    any_number: bool = False

    def know(self, name: str) -> bool:
        """Whether it is one of them."""
        return name in self.own or name in self.allowed or (self.any_number and _is_number(name))


def names_of(host: str, address: str, allowed: Iterable[str] = ()) -> Names:
    """The names of a server.

    Args:
        host: the name that the server was asked to listen on.
        address: the numeric address that it is bound to.
        allowed: names by which it is known elsewhere.
    """
    number = ip_address(address)
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    own = {"127.0.0.1", "localhost", "::1", host.lower(), address, str(number)}
    if not number.is_loopback:
        own.add(socket.gethostname().lower())
    given = frozenset(name.lower().strip("[]") for name in allowed)
    return Names(frozenset(own), given, any_number=not number.is_loopback)


class HostGuard:
    """Refuses what is asked by other names, or from pages of other hosts, for every path: E938.

    A page of another host can give its name this machine's address, but then it asks by that
    name; and a browser says from which page a request comes that could do harm.
    """

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        refusal = self._refusal(scope) if scope["type"] in {"http", "websocket"} else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, reason = refusal
        error = CDESystemError.of("E938", reason=reason)
        await refuse(scope, send, error, status, (b"connection", b"close"))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        hosts, origins = _headers(scope, b"host"), _headers(scope, b"origin")
        host = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if host is None or not self._names.know(host["name"].strip("[]")):
            return 421, f"for the host '{', '.join(hosts)[:_SHOWN_CHARACTERS]}'"
        if not origins:
            return None
        origin = _ORIGIN.fullmatch(origins[0]) if len(origins) == 1 else None
        if origin is not None and (
            origin["host"] == hosts[0] or origin["name"].strip("[]") in self._names.allowed
        ):
            return None
        return 403, f"from a page of '{', '.join(origins)[:_SHOWN_CHARACTERS]}'"


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]


def _is_number(name: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(name))
    return False


class BearerToken:
    """Lets requests with the token through; all others are answered with E902.

    Whether the process lives is shown to anybody: ``/health`` says nothing else. A browser is
    shown a form for the token instead, and let in with a cookie from then on, for pages alone.
    """

    def __init__(self, app: ASGIApp, token: str, key: ServerKey) -> None:
        self._app = app
        self._token = token.encode()
        self._sign_in = SignIn(self._token, key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        reason = self._refusal(scope) if scope["type"] in {"http", "websocket"} else None
        if scope["type"] == "http":
            scope[PERSON] = self._sign_in.person(Request(scope))
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
