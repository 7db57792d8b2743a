"""The names by which a local server may be asked, so that no page of another host reaches it."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from mcp.server.transport_security import (
    TransportSecurityMiddleware,
    TransportSecuritySettings,
)
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


def host_guard(host: str, address: str) -> TransportSecuritySettings | None:
    """The guard against other names for a server that only this machine reaches; else None.

    Args:
        host: the name that the server was told to listen on.
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
    """Refuses requests by other names, for every path.

    Args:
        app: what is guarded.
        settings: the names, as of ``host_guard``.
    """

    def __init__(self, app: ASGIApp, settings: TransportSecuritySettings) -> None:
        self._app = app
        self._names = TransportSecurityMiddleware(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        answer = self._app
        if scope["type"] == "http":
            answer = await self._names.validate_request(Request(scope)) or self._app
        await answer(scope, receive, send)
