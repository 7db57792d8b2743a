"""Answers that a browser can do nothing with but show, and errors as everywhere else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Scope, Send

from cde_orchestrator.domain.errors.formatter import ErrorFormatter, ErrorPayload
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.infrastructure.observability.correlation import call_context

ERROR = "cde.error"
"""The key in a request's scope of the error that it is answered with."""
MOST_READ_BYTES = 8 * 1024 * 1024
"""Of a body that is refused; whoever sends more is not waited for."""
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}code,pre{font-family:ui-monospace,monospace}"
    "pre{padding:.75rem;border:1px solid #8886;border-radius:.4rem;overflow-x:auto}"
    "h1 small{opacity:.6;font-weight:400}var{opacity:.75;text-decoration:underline dotted}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """A whole page; ``body`` is HTML, its texts escaped already."""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )
    return HTMLResponse(html, status, HEADERS)


def data(value: object, status: int = 200) -> JSONResponse:
    """A JSON answer."""
    return JSONResponse(value, status, HEADERS)


def failure(request: Request, error: CDEError, status: int, **more: object) -> Response:
    """An error: the object that every surface gives, with more, or a page of it for a browser."""
    payload = _payload(request.scope, error)
    if not wants_page(request):
        return data({"error": payload, **more}, status)
    body = f"<h1>{escape(payload['title'])} <small>{escape(error.code)}</small></h1>"
    body += f"<p>{escape(payload['message'])}</p><ul>"
    body += "".join(f"<li>{escape(each)}</li>" for each in payload["suggestions"])
    return page(payload["title"], body + "</ul>", status)


async def refuse(
    scope: Scope, send: Send, error: CDEError, status: int, header: tuple[bytes, bytes]
) -> None:
    """Answer with an error in JSON, whoever asks."""
    body = json.dumps({"error": _payload(scope, error)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        header,
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _payload(scope: Scope, error: CDEError) -> ErrorPayload:
    """The error as it is shown, with the call's id, and left for the log of the request."""
    scope[ERROR] = error
    payload = ErrorFormatter.payload(error)
    return {
        **payload,
        "correlation_id": payload["correlation_id"] or call_context().correlation_id,
    }


def path_of(request: Request) -> str:
    """The path that the request is routed by; ``request.url`` depends on its Host header."""
    path: str = request.scope["path"]
    return path


def is_below(path: str, pages: Iterable[str]) -> bool:
    """Whether it is the path of one of the pages, or of something below one."""
    return any(path == page or path.startswith(f"{page}/") for page in pages)


def wants_page(request: Request) -> bool:
    """Whether a browser asks, rather than a program."""
    return "text/html" in request.headers.get("accept", "")


def wants_json(request: Request) -> bool:
    """Whether a script asks."""
    return request.headers.get("accept", "") == "application/json"


async def posted(request: Request, limit_bytes: int) -> dict[str, str]:
    """The fields of a form that was sent, the first of each name; none where it is no such form.

    Raises:
        ValidationError: E315, it is too large.
    """
    body, size = b"", 0
    async for part in request.stream():  # to its end: a browser reads no answer before
        size += len(part)
        if size > MOST_READ_BYTES:
            break
        if size <= limit_bytes:
            body += part
    if size > limit_bytes:
        facts = {"field": "The form", "size_bytes": size, "limit_bytes": limit_bytes}
        raise ValidationError.of("E315", **facts)
    try:
        found = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}
