"""The pages ``/errors`` and ``/errors/E101``; programs get the same as JSON."""

from __future__ import annotations

import re
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cde_orchestrator.application.logs.explain_error import CatalogReply, explain, explain_all
from cde_orchestrator.domain.errors.explanation import Explanation
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.web._responses import data, failure, page, wants_page


def routes() -> list[Route]:
    """The routes of these pages."""
    return [Route("/errors", _all_codes), Route("/errors/{code}", _one_code)]


async def _all_codes(request: Request) -> Response:
    every = explain_all()
    return page("Error codes", _index(every)) if wants_page(request) else data(every)


async def _one_code(request: Request) -> Response:
    try:
        known = explain(request.path_params["code"])
    except ValidationError as error:
        return failure(request, error, 404)
    if not wants_page(request):
        return data(known)
    explanation = known["explanation"]
    return page(f"{explanation['code']} {explanation['title']}", _article(explanation))


def _index(every: CatalogReply) -> str:
    parts = ["<h1>Error codes</h1>"]
    for family in every["families"]:
        rows = "".join(
            f'<li><a href="/errors/{row["code"]}">{row["code"]}</a> {escape(row["title"])}</li>'
            for row in family["codes"]
        )
        parts.append(f"<h2>{escape(family['name'])}</h2><ul>{rows}</ul>")
    return "".join(parts)


_OPEN = re.compile("&lt;([a-z][a-z0-9_]*)&gt;")


def _worded(text: str) -> str:
    """A text as HTML; what differs from case to case stands out as such."""
    return _OPEN.sub(lambda match: f"<var>{match[1].replace('_', ' ')}</var>", escape(text))


def _article(known: Explanation) -> str:
    suggestions = "".join(f"<li>{_worded(each)}</li>" for each in known["suggestions"])
    commands = "\n".join(_worded(fix["command"]) for fix in known["fixes"])
    differs = "<p>Words <var>like these</var> differ from case to case.</p>"
    texts = f"{_worded(known['description'])}{suggestions}{commands}"
    return (
        f"<h1>{escape(known['title'])} <small>{escape(known['code'])}</small></h1>"
        f"<p>{_worded(known['description'])}</p>"
        f"<p>{escape(known['severity'])}, {escape(known['family'])}, since "
        f"{escape(known['since'])}.</p><ul>{suggestions}</ul>"
        f"<p>To fix it:</p><pre>{commands}</pre>{differs if '<var>' in texts else ''}"
        f'<p><a href="/errors">All codes</a></p>'
    )
