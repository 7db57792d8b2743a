"""What a feature made, on its page: its outputs with their versions, and the changed code."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cde_orchestrator.application.features.show_check_output import (
    CheckOutputReply,
    ShowCheckOutput,
)
from cde_orchestrator.application.features.show_code_changes import ShowCodeChanges
from cde_orchestrator.application.features.show_versions import ShowVersions, VersionsReply
from cde_orchestrator.web._responses import HEADERS, data
from cde_orchestrator.web.dashboard_routes import Handle, answers
from cde_orchestrator.web.markdown import SHOWN_CHARACTERS, drawn

FEATURE = "/dashboard/data/features/{feature}"
MARKDOWN = frozenset({".md", ".markdown"})


class WorkRoutes:
    """Answers with what was made; nothing is changed."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def routes(self) -> list[Route]:
        """Every address of it."""
        answer = partial(answers, self._handle)
        return [
            Route(f"{FEATURE}/outputs/{{output}}", answer(_versions, _drawn)),
            Route(f"{FEATURE}/outputs/{{output}}/text", answer(_versions, _whole)),
            Route(f"{FEATURE}/checks/{{phase}}", answer(_check, _end)),
            Route(f"{FEATURE}/checks/{{phase}}/text", answer(_check, _printed)),
            Route(f"{FEATURE}/code", answer(_code)),
        ]


def _versions(request: Request) -> ShowVersions:
    return ShowVersions(
        feature_id=request.path_params["feature"],
        output_id=request.path_params["output"],
        version=request.query_params.get("version"),
        against=request.query_params.get("against"),
    )


def _check(request: Request) -> ShowCheckOutput:
    feature, phase = request.path_params["feature"], request.path_params["phase"]
    return ShowCheckOutput(feature_id=feature, phase_id=phase)


def _code(request: Request) -> ShowCodeChanges:
    path = request.query_params.get("path")
    return ShowCodeChanges(feature_id=request.path_params["feature"], path=path)


def _drawn(found: VersionsReply) -> Response:
    """The text as it is drawn: as Markdown, or as its first characters."""
    shown: dict[str, Any] = {**found}
    text = shown.pop("text")
    if PurePosixPath(found["path"]).suffix.lower() in MARKDOWN:
        return data({**shown, **drawn(text)})
    part = text[:SHOWN_CHARACTERS]
    nodes = [["pre", [part]]] if part else []
    return data({**shown, "nodes": nodes, "partial": len(part) < len(text)})


def _whole(found: VersionsReply) -> Response:
    """The whole text as a file, which no browser takes for a page."""
    return _file(PurePosixPath(found["path"]).name, found["text"])


def _end(found: CheckOutputReply) -> Response:
    """The end of what a check printed, which says most."""
    part = found["text"][-SHOWN_CHARACTERS:]
    return data({**found, "text": part, "partial": len(part) < len(found["text"])})


def _printed(found: CheckOutputReply) -> Response:
    """All that is kept of it, as a file."""
    return _file(f"{found['feature']['name']}-{found['phase']}-check.txt", found["text"])


def _file(name: str, text: str) -> Response:
    headers = {
        **HEADERS,
        "Cache-Control": "no-store",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
    }
    return Response(text, headers=headers, media_type="text/plain; charset=utf-8")
