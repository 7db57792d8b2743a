"""The files of the dashboard: they come with the package, and are served as they stand."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_GZIP = 31
"""Bits of the window and the format, as zlib has them."""

HEADERS = {
    # Scripts, styles and data of this server alone, nothing inline; and no script may make
    # markup out of text, which the browser holds by itself (Trusted Types).
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, also packed as gzip; their ``tag`` is another one when the content is."""

    content: bytes
    packed: bytes
    media_type: str
    tag: str


def asset(name: str) -> Asset | None:
    """The file of that name; None when there is none that is served."""
    return _assets().get(name)


def served(name: str, request: Request) -> Response:
    """The file of that name, that the browser has it already, or that there is none."""
    found = asset(name)
    if found is None:
        return Response(status_code=404)
    headers = {**HEADERS, "ETag": found.tag, "Cache-Control": "no-cache"}
    headers["Vary"] = "Accept-Encoding"
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    content = found.content
    accepted = request.headers.get("accept-encoding", "").split(",")
    if "gzip" in (each.strip() for each in accepted):
        content, headers["Content-Encoding"] = found.packed, "gzip"
    return Response(content, headers=headers, media_type=found.media_type)


@cache
def _assets() -> dict[str, Asset]:
    folder = files("cde_orchestrator.web") / "static"
    found = {}
    for entry in folder.iterdir():
        media_type = MEDIA_TYPES.get(PurePath(entry.name).suffix)
        if media_type is not None:
            content = entry.read_bytes()
            tag = f'W/"{hashlib.sha256(content).hexdigest()[:20]}"'
            found[entry.name] = Asset(content, zlib.compress(content, wbits=_GZIP), media_type, tag)
    return found
