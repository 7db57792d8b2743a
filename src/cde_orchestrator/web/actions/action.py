"""What a person does over the page, and what holds for all of it.

An action is an ``Action``: a name, the command that does the same, what its form shows, and what
its answer does. It is in a file of its own in this folder, and is listed in ``every.py``. Nothing
else is needed: the addresses, the forms and the guards are the same for all.

| address | what |
|---|---|
| ``GET /dashboard/actions`` | who acts in this browser, or why nobody does |
| ``GET /dashboard/actions/NAME[/ABOUT]`` | what ``show`` gives, with ``form``: the word of a form \
that may be answered once, or None; and ``refused``: why there is none |
| ``POST`` to the same | a form of ``form`` and the fields of the action; what ``do`` gives |

``ABOUT`` is the id of a feature, or whatever else the action is about; empty for the project. The
fields of the query reach ``show``, those of the form ``do``. A person has a session by a ticket of
``cde dashboard``; a token alone, or a page that another site sends, does nothing (E334). A form is
of one browser, one action and what it is about, and of what it showed, by the ``digest`` that
``show`` gave: ``do`` gets it, and refuses with E155 where that is not what there is now. A form
that was answered, or is an hour old, is refused with E156; a refusal that changed nothing comes
with a ``form`` to answer again, but for those after which the page has to read it again. With
``--read-only`` no form is given and nothing is done (E333). All that is done is logged and
journalled with the person's name and the channel ``page``.

In the browser ``static/acting.js`` has the button of an action, and ``static/actions.js`` the form
that it opens, which is loaded then; its first lines say how it is used.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDEError, FeatureError, ValidationError
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.trust.person import person_name
from cde_orchestrator.web._responses import data, failure, posted
from cde_orchestrator.web.actions.forms import Forms
from cde_orchestrator.web.sign_in import ACTIONS, PERSON

CHANNEL = "page"
FORM_BYTES = 512 * 1024
"""More than the longest goal, note or reason that is taken, as a browser encodes it."""
STATUS = {
    "E102": 404, "E103": 404, "E302": 400, "E303": 400, "E305": 400, "E315": 413, "E333": 403,
    "E334": 403,
}  # fmt: skip
"""HTTP's words for refusals; any other is a conflict with what there is."""

READ_AGAIN = frozenset({"E122", "E128", "E141", "E155", "E156"})
"""Refusals after which the form is about something else, and is given out again."""

Handle = Callable[[UseCase[Any]], Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """An action that a person asks for.

    Attributes:
        handle: runs a use case.
        about: the feature's id, or what else the address names; empty for the project.
        fields: of the query, or of the form without its word.
        digest: of what the form showed; empty before there is one.
        place: the address of the browser.
    """

    handle: Handle
    about: str
    fields: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    place: str = ""

    def given(self, name: str) -> str | None:
        """A field's text; None where it is left empty."""
        text = self.fields.get(name, "")
        return text if text.strip() else None

    def chosen(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.fields.get(name) == "on"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a person can do over the page.

    Attributes:
        name: in its address, as ``close``.
        command: what does the same in a terminal; ``{about}`` is what it is about.
        show: what the form shows, which has a ``digest`` of all that the answer builds on.
        do: what is done, and the answer to it.
    """

    name: str
    command: str
    show: Callable[[Asked], Mapping[str, Any]]
    do: Callable[[Asked], Mapping[str, Any]]


def digest_of(*facts: object) -> str:
    """A digest of what is shown; facts are what JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class Actions:
    """The addresses at which a person acts.

    Args:
        handle: runs a use case.
        actions: what can be done.
        read_only: whether nothing can, whoever asks.
    """

    def __init__(
        self, handle: Handle, actions: Mapping[str, Action], *, read_only: bool = False
    ) -> None:
        self._handle = handle
        self._actions = actions
        self._read_only = read_only
        self._forms = Forms()

    def routes(self) -> list[Route]:
        """Every address of it; only those with ``POST`` change something."""
        both = ["GET", "POST"]
        return [
            Route(ACTIONS, self._who),
            Route(f"{ACTIONS}/{{action}}", self._answer, methods=both),
            Route(f"{ACTIONS}/{{action}}/{{about}}", self._answer, methods=both),
        ]

    async def _who(self, request: Request) -> Response:
        """Who acts in this browser, None for nobody, and whether anybody has to sign in."""
        refused = self._refused(request, "cde dashboard")
        person = None if refused else person_name().partition(":")[2]
        known = {"person": person, "refused": _words(refused)}
        return data({**known, "signs_in": PERSON in request.scope})

    async def _answer(self, request: Request) -> Response:
        action = self._actions.get(request.path_params["action"])
        if action is None:
            path = request.scope["path"]
            return failure(request, ValidationError.of("E324", path=path), 404)
        answer = self._do if request.method == "POST" else self._show
        try:
            return await answer(request, action)
        except CDEError as error:
            return _refusal(request, error)

    async def _show(self, request: Request, action: Action) -> Response:
        asked = self._asked(request, request.query_params)
        refused = self._refused(request, _command(action, asked.about))
        shown = await run_in_threadpool(action.show, asked)
        form = None if refused else self._give(request, action, asked.about, shown["digest"])
        return data({**shown, "form": form, "refused": _words(refused)})

    async def _do(self, request: Request, action: Action) -> Response:
        asked = self._asked(request, {})
        command = _command(action, asked.about)
        refused = self._refused(request, command)
        if refused is None and "origin" not in request.headers:
            reason = "the page has to send the form itself"
            refused = ValidationError.of("E334", reason=reason, command=command)
        if refused is not None:
            raise refused
        fields = await posted(request, FORM_BYTES)
        session, subject = request.scope[PERSON], _subject(action, asked.about)
        digest = self._forms.take(fields.pop("form", ""), session, subject)
        if digest is None:
            raise FeatureError.of("E156")
        asked = replace(asked, fields=fields, digest=digest)
        try:
            with acting_as(person_name(CHANNEL)):
                return data(await run_in_threadpool(action.do, asked))
        except CDEError as error:
            again = None
            if error.code not in READ_AGAIN:  # what was shown is not what there is
                again = self._give(request, action, asked.about, digest)
            return _refusal(request, error, form=again)

    def _asked(self, request: Request, fields: Mapping[str, str]) -> Asked:
        place = request.client.host if request.client else ""
        about = request.path_params.get("about", "")
        return Asked(self._handle, about, dict(fields), place=place)

    def _give(self, request: Request, action: Action, about: str, digest: str) -> str:
        return self._forms.give(request.scope[PERSON], _subject(action, about), digest)

    def _refused(self, request: Request, command: str) -> ValidationError | None:
        """Why nobody acts in this browser: E333 or E334; None where a person does."""
        if self._read_only:
            return ValidationError.of("E333", command=command)
        if request.scope.get(PERSON) is None:
            reason = "since the server began, no cde dashboard at a terminal opened this browser"
            return ValidationError.of("E334", reason=reason, command=command)
        return None


def _command(action: Action, about: str) -> str:
    return action.command.format(about=shlex.quote(about))


def _subject(action: Action, about: str) -> str:
    return f"{action.name}/{about}"


def _words(refused: CDEError | None) -> dict[str, str] | None:
    return None if refused is None else {"code": refused.code, "message": refused.message}


def _refusal(request: Request, error: CDEError, **more: Any) -> Response:
    """The refusal, with a form that may still be answered."""
    error.context.setdefault("project_path", ".")
    return failure(request, error, STATUS.get(error.code, 409), **more)
