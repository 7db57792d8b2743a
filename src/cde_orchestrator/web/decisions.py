"""A person's decision on the feature's page: what waits, and the form that answers it once.

Only a browser that was signed in by an address of ``cde dashboard`` decides: the bearer token,
which programs have, is not enough.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cde_orchestrator.application.approvals.decide import ApprovePhase, SendBack
from cde_orchestrator.application.approvals.shown import ShowApproval
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.trust.person import person_name
from cde_orchestrator.web._responses import data, failure, posted
from cde_orchestrator.web.sign_in import DECISIONS, PERSON

FORM_BYTES = 32_768
FORMS_KEPT = 256
FORM_SECONDS = 3_600
STATUS = {"E140": 403, "E102": 404, "E103": 404, "E305": 400, "E302": 400, "E303": 400}
"""HTTP's words for refusals; any other is a conflict with what there is."""

Handle = Callable[[UseCase[Any]], Any]


@dataclass(frozen=True, slots=True)
class _Form:
    """A form that was given out: to whom, and what it showed."""

    session: str
    feature: str
    digest: str
    until: float


@dataclass(slots=True)
class Forms:
    """Forms that may be answered, each once; the newest are kept."""

    clock: Callable[[], float] = time.monotonic
    _given: OrderedDict[str, _Form] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def give(self, session: str, feature: str, digest: str) -> str:
        """The word of a new form."""
        word = secrets.token_urlsafe(24)
        with self._lock:
            until = self.clock() + FORM_SECONDS
            self._given[word] = _Form(session, feature, digest, until)
            while len(self._given) > FORMS_KEPT:
                self._given.popitem(last=False)
        return word

    def take(self, word: str, session: str, feature: str) -> str | None:
        """The digest of what the form showed; None where it may not be answered, or not again."""
        with self._lock:
            form = self._given.pop(word, None)
        if form is None or form.until < self.clock():
            return None
        same = secrets.compare_digest(form.session.encode(), session.encode())
        return form.digest if same and form.feature == feature else None


class Decisions:
    """What a person sees and answers of features that wait for one."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._forms = Forms()

    def routes(self) -> list[Route]:
        """Every address of it; the second one alone changes something."""
        address = f"{DECISIONS}/{{feature}}"
        return [
            Route(address, self._show, methods=["GET"]),
            Route(address, self._decide, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        feature, session = request.path_params["feature"], request.scope.get(PERSON)
        try:
            shown = await run_in_threadpool(self._handle, ShowApproval(feature_id=feature))
        except CDEError as error:
            return _refusal(request, error)
        digest = shown["approval"]["digest"]
        form = self._forms.give(session, feature, digest) if session else None
        return data({**shown, "form": form})

    async def _decide(self, request: Request) -> Response:
        given = await posted(request, FORM_BYTES)
        feature_id, session = request.path_params["feature"], request.scope.get(PERSON)
        try:
            if session is None or "origin" not in request.headers:
                reason = "the page has to be opened by cde dashboard, and to send the form itself"
                raise _not_decided("E140", feature_id, reason)
            digest = self._forms.take(given.get("form", ""), session, feature_id)
            if digest is None:
                raise _not_decided(
                    "E141", feature_id, "the form was answered before, or is too old"
                )
            place = request.client.host if request.client else ""
            answer: UseCase[Any]
            if given.get("decision") == "approve":
                answer = ApprovePhase(
                    feature_id=feature_id, digest=digest, channel="page", place=place
                )
            else:
                answer = SendBack(
                    feature_id=feature_id,
                    digest=digest,
                    reason=given.get("reason"),
                    to_phase=given.get("to"),
                    channel="page",
                    place=place,
                )
            with acting_as(person_name()):
                return data(await run_in_threadpool(self._handle, answer))
        except CDEError as error:
            return _refusal(request, error)


def _not_decided(code: str, feature: str, reason: str) -> FeatureError:
    return FeatureError.of(code, feature=feature, phase="-", reason=reason)


def _refusal(request: Request, error: CDEError) -> Response:
    error.context.setdefault("project_path", ".")
    return failure(request, error, STATUS.get(error.code, 409))
