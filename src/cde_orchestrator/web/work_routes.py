"""What a feature made, on its page: its outputs with their versions, and the changed code."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cde_orchestrator.application.features.show_check_output import (
    CheckOutputReply,
    ShowCheckOutput,
)
from cde_orchestrator.application.features.show_code_changes import ShowCodeChanges
from cde_orchestrator.application.features.show_versions import ShowVersions, VersionsReply
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.web._responses import HEADERS, data
from cde_orchestrator.web.dashboard_routes import Handle, refused
from cde_orchestrator.web.markdown import SHOWN_CHARACTERS, drawn

FEATURE = "/dashboard/data/features/{feature}"
MARKDOWN = frozenset({".md", ".markdown"})


class WorkRoutes:
    """Answers with what was made; nothing is changed."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def routes(self) -> list[Route]:
        """Every address of it."""
        return [
            Route(f"{FEATURE}/outputs/{{output}}", self._output),
            Route(f"{FEATURE}/outputs/{{output}}/text", self._whole),
            Route(f"{FEATURE}/checks/{{phase}}", self._check),
            Route(f"{FEATURE}/checks/{{phase}}/text", self._printed),
            Route(f"{FEATURE}/code", self._code),
        ]

    async def _output(self, request: Request) -> Response:
        try:
            return data(await run_in_threadpool(lambda: _shown(self._handle(_asked(request)))))
        except CDEError as error:
            return refused(request, error)

    async def _whole(self, request: Request) -> Response:
        """The whole text as a file, which no browser takes for a page."""
        try:
            found: VersionsReply = await run_in_threadpool(self._handle, _asked(request))
        except CDEError as error:
            return refused(request, error)
        return _file(PurePosixPath(found["path"]).name, found["text"])

    async def _check(self, request: Request) -> Response:
        """The end of what a check printed, which says most."""
        try:
            found = await self._checked(request)
        except CDEError as error:
            return refused(request, error)
        part = found["text"][-SHOWN_CHARACTERS:]
        return data({**found, "text": part, "partial": len(part) < len(found["text"])})

    async def _printed(self, request: Request) -> Response:
        """All that is kept of it, as a file."""
        try:
            found = await self._checked(request)
        except CDEError as error:
            return refused(request, error)
        return _file(f"{found['feature']['name']}-{found['phase']}-check.txt", found["text"])

    async def _checked(self, request: Request) -> CheckOutputReply:
        feature, phase = request.path_params["feature"], request.path_params["phase"]
        asked = ShowCheckOutput(feature_id=feature, phase_id=phase)
        found: CheckOutputReply = await run_in_threadpool(self._handle, asked)
        return found

    async def _code(self, request: Request) -> Response:
        path = request.query_params.get("path")
        asked = ShowCodeChanges(feature_id=request.path_params["feature"], path=path)
        try:
            return data(await run_in_threadpool(self._handle, asked))
        except CDEError as error:
            return refused(request, error)


def _asked(request: Request) -> ShowVersions:
    return ShowVersions(
        feature_id=request.path_params["feature"],
        output_id=request.path_params["output"],
        version=request.query_params.get("version"),
        against=request.query_params.get("against"),
    )


def _file(name: str, text: str) -> Response:
    headers = {
        **HEADERS,
        "Cache-Control": "no-store",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
    }
    return Response(text, headers=headers, media_type="text/plain; charset=utf-8")


def _shown(found: VersionsReply) -> dict[str, Any]:
    """The answer with the text as it is drawn: as Markdown, or as its first characters."""
    shown: dict[str, Any] = {**found}
    text = shown.pop("text")
    if PurePosixPath(found["path"]).suffix.lower() in MARKDOWN:
        return {**shown, **drawn(text)}
    part = text[:SHOWN_CHARACTERS]
    return {**shown, "nodes": [["pre", [part]]] if part else [], "partial": len(part) < len(text)}
