"""What holds for every action of the page: who may act, once, and about what they were shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.infrastructure.system.server_key import ServerKey
from cde_orchestrator.infrastructure.trust.person import person_name
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_app
from cde_orchestrator.web.actions.action import FORM_BYTES, Action, Actions, Asked
from cde_orchestrator.web.actions.every import EVERY
from cde_orchestrator.web.sign_in import ACTIONS, PERSON
from tests.let_in import BEARER, TOKEN

SITE = "http://127.0.0.1:8787"
ORIGIN = {"origin": SITE}
DANCE = f"{ACTIONS}/dance/login"


class Session:
    """Puts the session that a header names where that of a person's cookie is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = dict(scope.get("headers", ()))
        scope[PERSON] = names.get(b"x-session", b"").decode() or None
        await self._app(scope, receive, send)


class Dances:
    """An action that notes what it was asked for."""

    def __init__(self) -> None:
        self.done: list[Asked] = []
        self.actors: list[str] = []

    def show(self, asked: Asked) -> Mapping[str, Any]:
        """What is asked for, as it is."""
        return {"about": asked.about, "step": asked.given("step"), "digest": "as it was"}

    def do(self, asked: Asked) -> Mapping[str, Any]:
        """Refuse with the code that a field has, or do it."""
        if refusal := asked.given("refusal"):
            if refusal == "E305":
                raise ValidationError.of("E305", argument="step", reason="it is empty")
            raise FeatureError.of(refusal, feature="login", news="it is closed")
        self.actors.append(call_context().actor)
        self.done.append(asked)
        return {"danced": True}


@pytest.fixture
def dances() -> Dances:
    return Dances()


def serving(dances: Dances, *, read_only: bool = False) -> TestClient:
    """A browser in front of a server with that action alone."""
    both = {
        name: Action(name, f"cde {name} {{about}}", dances.show, dances.do)
        for name in ("dance", "sing")
    }
    routes = Actions(lambda use_case: use_case, both, read_only=read_only).routes()
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Session)]), base_url=SITE)


@pytest.fixture
def client(dances: Dances) -> TestClient:
    made = serving(dances)
    made.headers["x-session"] = "one"
    return made


def form(client: TestClient, address: str = DANCE, **headers: str) -> dict[str, str]:
    """A form that was given out."""
    return {"form": client.get(address, headers=headers).json()["form"]}


def code(answer: Any) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


def test_a_person_does_once_what_they_were_shown(client: TestClient, dances: Dances) -> None:
    shown = client.get(f"{DANCE}?step=tango").json()
    assert (shown["about"], shown["step"], shown["refused"]) == ("login", "tango", None)
    given = {"form": shown["form"], "step": "waltz", "twice": "on", "slow": "off"}

    assert client.post(DANCE, data=given, headers=ORIGIN).json() == {"danced": True}
    assert code(client.post(DANCE, data=given, headers=ORIGIN)) == (409, "E156")

    (asked,) = dances.done
    assert (asked.about, asked.digest, asked.given("step")) == ("login", "as it was", "waltz")
    assert (asked.chosen("twice"), asked.chosen("slow"), asked.given("none")) == (True, False, None)
    assert "form" not in asked.fields
    assert dances.actors == [person_name("page")]
    assert dances.actors[0].endswith(" (page)")


def test_whoever_acts_is_named(client: TestClient) -> None:
    who = client.get(ACTIONS).json()
    assert who["person"] == person_name().removeprefix("person:")
    assert who["refused"] is None

    who = client.get(ACTIONS, headers={"x-session": ""}).json()
    assert (who["person"], who["refused"]["code"]) == (None, "E334")


def test_without_a_session_nothing_is_given_and_nothing_done(
    client: TestClient, dances: Dances
) -> None:
    nobody = {"x-session": ""}
    shown = client.get(DANCE, headers=nobody).json()
    assert (shown["about"], shown["form"]) == ("login", None)
    assert shown["refused"]["code"] == "E334"
    given = form(client)
    refused = client.post(DANCE, data=given, headers={**ORIGIN, **nobody})
    assert code(refused) == (403, "E334")
    assert any("cde dance login" in each for each in refused.json()["error"]["suggestions"])
    assert code(client.post(DANCE, data=given)) == (403, "E334")  # no page says that it sent it
    assert dances.done == []
    assert client.post(DANCE, data=given, headers=ORIGIN).status_code == 200  # it was not used up


def test_a_page_that_only_shows_gives_no_form(dances: Dances) -> None:
    client = serving(dances, read_only=True)
    client.headers["x-session"] = "one"
    assert client.get(ACTIONS).json()["refused"]["code"] == "E333"
    assert client.get(DANCE).json()["form"] is None
    assert code(client.post(DANCE, data={"form": "guess"}, headers=ORIGIN)) == (403, "E333")
    assert dances.done == []


@pytest.mark.parametrize(
    ("address", "session"),
    [
        (f"{ACTIONS}/dance/other", "one"),
        (f"{ACTIONS}/sing/login", "one"),
        (f"{ACTIONS}/dance", "one"),
        (DANCE, "two"),
    ],
)
def test_a_form_is_of_one_action_one_thing_and_one_browser(
    client: TestClient, dances: Dances, address: str, session: str
) -> None:
    given = form(client)
    headers = {**ORIGIN, "x-session": session}
    assert code(client.post(address, data=given, headers=headers)) == (409, "E156")
    assert code(client.post(DANCE, data={"form": "guess"}, headers=ORIGIN)) == (409, "E156")
    assert dances.done == []


def test_what_was_refused_can_be_corrected_unless_it_changed(
    client: TestClient, dances: Dances
) -> None:
    refused = client.post(DANCE, data={**form(client), "refusal": "E305"}, headers=ORIGIN)
    assert code(refused) == (400, "E305")
    given = {"form": refused.json()["form"], "step": "tango"}
    assert client.post(DANCE, data=given, headers=ORIGIN).status_code == 200

    refused = client.post(DANCE, data={**form(client), "refusal": "E155"}, headers=ORIGIN)
    assert code(refused) == (409, "E155")
    assert "it is closed" in refused.json()["error"]["message"]
    assert refused.json()["form"] is None


def test_what_is_too_large_uses_no_form_up(client: TestClient, dances: Dances) -> None:
    given = form(client)
    for size in (FORM_BYTES, 2_000_000):
        large = {**given, "step": "x" * size}
        assert code(client.post(DANCE, data=large, headers=ORIGIN)) == (413, "E315")
    assert client.post(DANCE, data=given, headers=ORIGIN).status_code == 200


def test_what_is_no_form_is_refused(client: TestClient, dances: Dances) -> None:
    for body in (b"", b"\xff\xfe", b"form", b"&".join(b"a=1" for _ in range(500))):
        assert code(client.post(DANCE, content=body, headers=ORIGIN)) == (409, "E156")
    assert dances.done == []


def test_an_action_that_there_is_not_is_no_page(client: TestClient) -> None:
    assert code(client.get(f"{ACTIONS}/leap")) == (404, "E324")
    assert code(client.post(f"{ACTIONS}/leap", headers=ORIGIN)) == (404, "E324")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedProject]:
    """A project that is served."""
    served = ServedProject(tmp_path, pinned=True)
    served.handle(OnboardProject(name="shop"))
    yield served
    served.close()
    stop_logging()


@pytest.mark.parametrize("token", [TOKEN, None])
def test_where_nobody_signs_in_nobody_is_offered_to_sign_out(
    served: ServedProject, token: str | None
) -> None:
    key = ServerKey()
    app = build_app(served, host="127.0.0.1", address="127.0.0.1", token=token, key=key)
    with TestClient(app, base_url=SITE) as client:
        who = client.get(ACTIONS, headers=BEARER).json()
        assert who["signs_in"] == (token is not None)


@pytest.mark.parametrize("action", EVERY)
def test_nobody_who_has_the_token_alone_does_anything(served: ServedProject, action: str) -> None:
    key = ServerKey()
    app = build_app(served, host="127.0.0.1", address="127.0.0.1", token=TOKEN, key=key)
    with TestClient(app, base_url=SITE, follow_redirects=False) as client:
        for address in (f"{ACTIONS}/{action}", f"{ACTIONS}/{action}/login"):
            answer = client.post(address, data={"form": "x"}, headers={**BEARER, **ORIGIN})
            assert code(answer) == (403, "E334")
            assert code(client.post(address, data={"form": "x"}, headers=ORIGIN)) == (401, "E902")
        # A browser that was opened for a person, and then for looking, only looks.
        word = ""
        for person, status in ((True, 409), (False, 403)):
            signed_in = client.post("/dashboard", data={"once": key.ticket(person=person)})
            word = signed_in.headers["location"].partition("#person=")[2] or word
            headers = {**ORIGIN, "cde-page": word}
            assert client.post(address, data={"form": "x"}, headers=headers).status_code == status
