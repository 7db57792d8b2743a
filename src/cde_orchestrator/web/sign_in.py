"""Signing in: a browser cannot send a bearer token, so it is given a cookie for one.

The token is posted once, to whatever page was asked for, and the cookie holds a value derived
from it: who steals the cookie can look at the pages as long as the token stays, and no more.
In place of the token an address may hold a ticket for the same, in its fragment, which is sent
nowhere: the form's script posts it. Who sees the address in a list of processes may be faster than
the browser; another user of the machine is not let in with it. A post of ``out`` signs out.

A person's browser gets a second cookie and a word. Browsers send cookies to every port of a
machine, as to what an agent serves; the word is kept for the pages of this port, which send it.
"""

from __future__ import annotations

import hmac
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDESystemError, ValidationError
from cde_orchestrator.infrastructure.system.peers import is_of_another_user
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.web._responses import data, is_below, path_of, posted, wants_json
from cde_orchestrator.web.assets import HEADERS, asset

PAGES = ("/dashboard", "/errors", "/health", "/metrics")
"""What a browser may look at with the cookie; that changes nothing."""
FORM_BYTES = 8_192
ACTIONS = "/dashboard/actions"
"""What a person may do below it, and nobody else."""
PAGE_WORD = "cde-page"
"""The header with the word that the pages of a person's session know."""
PERSON = "cde.person"
"""The key in a request's scope of the session that a ticket opened; None: no person is known."""


class SignIn:
    """Gives out the cookie for the token that requests must bear, and knows it again."""

    def __init__(self, token: bytes, key: ServerKey) -> None:
        self._token = token
        self._key = key
        # Several servers may run on one machine, and cookies do not distinguish their ports.
        self._name = f"cde_{_derived(token, 'name')[:12]}"
        self._value = _derived(token, "session")
        self._person = f"{self._name}_person"

    def knows(self, request: Request) -> bool:
        """Whether a request for a page bears the cookie."""
        # Whether what acts is a person's is said where they act, in words.
        pages = (ACTIONS,) if request.method == "POST" else PAGES
        if request.method not in {"GET", "HEAD", "POST"} or not is_below(path_of(request), pages):
            return False
        given = _cookie(request, self._name)
        return hmac.compare_digest(given.encode(), self._value.encode())

    def person(self, request: Request) -> str | None:
        """The session of a browser that a ticket of ``cde dashboard`` signed in.

        Whoever has the token alone, as programs do, has no such session; whoever has the cookie
        alone, as servers at other ports do, does not act in it.
        """
        session = _cookie(request, self._person)
        if not session or not self._key.knows(session):
            return None
        given = request.headers.get(PAGE_WORD, "")
        is_page = hmac.compare_digest(given.encode(), self._key.page_word(session).encode())
        return session if is_page else None

    def is_wanted(self, request: Request) -> bool:
        """Whether a browser asks for the dashboard, or posts the token to it."""
        path = path_of(request)
        if not is_below(path, ("/dashboard",)) or is_below(path, (ACTIONS,)):
            return False
        return request.method == "POST" or "text/html" in request.headers.get("accept", "")

    async def answer(self, request: Request) -> Response:
        """The form, or what becomes of the token that was filled in."""
        if request.method != "POST":
            return _form("")
        try:
            given = await posted(request, FORM_BYTES)
        except ValidationError:  # E315
            given = {}
        if "out" in given:
            return self._signed_out(request)
        if reason := self._refusal(request, given):
            error = CDESystemError.of("E902", reason=reason)
            return _form(ErrorFormatter.payload(error)["message"])
        query = request.scope.get("query_string", b"").decode("latin-1")
        target = quote(path_of(request)) + (f"?{query}" if query else "")
        cookies, word = {self._name: self._value}, None
        if self._key.is_of_person(given.get("once", "")):
            session = cookies[self._person] = self._key.session()
            word = self._key.page_word(session)
            target += f"#person={word}"
        json = wants_json(request)
        answer = data({"person": word}) if json else RedirectResponse(target, 303, HEADERS)
        if word is None and "once" in given:
            # Whoever opened it for looking does not act by an earlier ticket.
            answer.delete_cookie(self._person, path="/", httponly=True, samesite="strict")
        for name, value in cookies.items():
            answer.set_cookie(name, value, path="/", httponly=True, samesite="strict")
        return answer

    def _signed_out(self, request: Request) -> Response:
        """The answer to a browser that signs out: its session is over, and its cookies are gone."""
        self._key.end(_cookie(request, self._person))
        answer = data({"person": None})
        for name in (self._name, self._person):
            answer.delete_cookie(name, path="/", httponly=True, samesite="strict")
        return answer

    def _refusal(self, request: Request, given: dict[str, str]) -> str | None:
        """Why what was posted lets nobody in; None when it does."""
        if "once" in given:
            client, server = request.scope.get("client"), request.scope.get("server")
            if client and server and is_of_another_user(client[1], server[1] or 0):
                return "this address is for another user of this machine"
            is_good = self._key.take(given["once"])
            return None if is_good else "this address was opened before, or is too old"
        token = given.get("token", "").strip()
        return None if hmac.compare_digest(token.encode(), self._token) else "the token is wrong"


def _cookie(request: Request, name: str) -> str:
    """The value of a cookie that a request bears; empty for none."""
    try:
        cookies = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def is_public(request: Request) -> bool:
    """Whether it comes with the package: the dashboard's files, and the codes alerts link to."""
    return request.method == "GET" and is_below(path_of(request), ("/dashboard/static", "/errors"))


def _form(problem: str) -> Response:
    found = asset("sign-in.html")
    page = found.content.decode() if found else ""
    # Without a referrer the browser would post the form with the origin "null".
    headers = {**HEADERS, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    shown = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return Response(page.replace("<!--problem-->", shown), 401, headers, "text/html")


def _derived(token: bytes, purpose: str) -> str:
    return hmac.digest(token, f"cde dashboard {purpose}".encode(), "sha256").hex()
