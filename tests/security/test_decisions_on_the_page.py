"""The page decides for a person whom `cde dashboard` signed in, and for nobody who has a token."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.command_line import cde
from tests.integration.test_approval_by_clients import NOTES, SPEC, WORKFLOW, in_worktree
from tests.let_in import bearer
from tests.security.http_stage import Answer, Asked
from tests.terminal import of_a_person, terminal

ADDRESS = "/dashboard/actions/decide/shop"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Page:
    """A server, the feature that waits, and a person's browser."""

    def __init__(self, root: Path, server: Asked) -> None:
        self.root, self.server = root, server
        self.origin = {"Origin": f"http://127.0.0.1:{server.port}"}

    def sign_in(self, fields: dict[str, str]) -> dict[str, str]:
        """What a browser sends that posted this to the sign-in form: cookies, and its word."""
        body = urlencode(fields)
        answer = self.server.ask("/dashboard", {**FORM, **self.origin}, "POST", body)
        assert answer.status == 303, answer.body
        cookies = "; ".join(re.findall(r"cde_\w+=[^;]+", answer.headers["set-cookie"]))
        word = answer.headers["location"].partition("#person=")[2]
        return {"Cookie": cookies, **({"CDE-Page": word} if word else {})}

    def person(self) -> dict[str, str]:
        """The cookies of a browser that was opened by ``cde dashboard`` at a terminal."""
        return self.sign_in({"once": opened(self.root)[1]})

    def show(self, headers: dict[str, str]) -> dict[str, Any]:
        """What waits, as a browser with these headers is shown it."""
        answer = self.server.ask(ADDRESS, headers)
        assert answer.status == 200, answer.body
        shown: dict[str, Any] = json.loads(answer.body)
        return shown

    def decide(self, headers: dict[str, str], **fields: str) -> Answer:
        """The answer to a form."""
        return self.server.ask(ADDRESS, {**FORM, **headers}, "POST", urlencode(fields))

    def status(self) -> dict[str, Any]:
        """All that is known of the feature."""
        done = cde("status", "shop", "--full", "--json", cwd=self.root)
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    @property
    def phase(self) -> str:
        """The phase that the feature is in."""
        return str(self.status()["feature"]["current_phase"])


def opened(root: Path) -> tuple[int, str]:
    """The server's port and the word that ``cde dashboard`` gives a person at a terminal."""
    words = ("dashboard", "--no-open")
    with terminal(*words, cwd=root, environment=of_a_person(os.environ)) as asked:
        said = asked.end().replace("\n", "")
    found = re.search(r":([0-9]+)/dashboard#once=([0-9a-f]+-[0-9a-f]{20})", said)
    assert found, said
    return int(found[1]), found[2]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    root = tmp_path / "project"
    root.mkdir()
    assert cde("init", cwd=root).returncode == 0
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW)
    assert cde("start", "Sell", "--name", "shop", cwd=root).returncode == 0
    (root / "specs" / "shop").mkdir(parents=True)
    (root / "specs" / "shop" / "spec.md").write_text(SPEC)
    assert cde("submit", "shop", "define", cwd=root).returncode == 0
    try:
        port, _ = opened(root)  # by then the server is known to commands
        yield Page(root, Asked(port, bearer(root)))
    finally:
        assert cde("dashboard", "--stop", cwd=root).returncode == 0


def test_a_person_approves_on_the_page_once(page: Page) -> None:
    cookies = page.person()
    shown = page.show(cookies)
    assert shown["approval"]["outputs"][0]["path"] == "specs/shop/spec.md"
    answer = page.decide({**cookies, **page.origin}, form=shown["form"], decision="approve")
    assert answer.status == 200, answer.body
    status = page.status()
    assert status["feature"]["current_phase"] == "build"
    (record,) = (each for each in status["phases"] if each["id"] == "approve")
    assert (record["approval"]["channel"], record["approval"]["place"]) == ("page", "127.0.0.1")
    assert status["events"][-1]["channel"] == "page"
    again = page.decide({**cookies, **page.origin}, form=shown["form"], decision="approve")
    assert (again.status, again.code) == (409, "E156")


def test_the_page_is_about_the_feature_s_own_worktree(page: Page) -> None:
    notes = in_worktree(page.root)
    cookies = page.person()
    shown = page.show(cookies)
    assert shown["approval"]["outputs"][1]["size"] == notes.stat().st_size
    notes.write_text("# Notes\n\nIt was not tried.\n")
    headers = {**cookies, **page.origin}
    assert page.decide(headers, form=shown["form"], decision="approve").code == "E141"
    form = page.show(cookies)["form"]
    answer = page.decide(headers, form=form, decision="send back", reason="Try it")
    assert answer.status == 200, answer.body
    assert page.phase == "define"
    assert not notes.exists()
    assert not (page.root / NOTES).exists()


def test_a_person_sends_back_on_the_page(page: Page) -> None:
    cookies = page.person()
    form, headers = page.show(cookies)["form"], {**cookies, **page.origin}
    assert page.decide(headers, form=form, decision="send back").code == "E305"
    form = page.show(cookies)["form"]
    answer = page.decide(headers, form=form, decision="send back", reason="It must also buy")
    assert answer.status == 200, answer.body
    status = page.status()
    assert status["feature"]["current_phase"] == "define"
    assert "It must also buy" in status["phase"]["prompt"]


def test_whoever_has_the_token_alone_decides_nothing(page: Page) -> None:
    bearer = page.server.token
    token = bearer["Authorization"].removeprefix("Bearer ")
    seen = page.show(bearer)
    assert seen["form"] is None
    signed_in = page.sign_in({"token": token})
    assert page.show(signed_in)["form"] is None
    person = page.person()
    form = page.show(person)["form"]
    for headers in (bearer, signed_in, {**bearer, **signed_in}):
        answer = page.decide({**headers, **page.origin}, form=form, decision="approve")
        assert answer.status in {401, 403}, answer.body
    assert page.phase == "approve"
    # Their attempts did not use the person's form up.
    assert page.decide({**person, **page.origin}, form=form, decision="approve").status == 200


def test_an_address_that_no_terminal_was_given_only_shows(page: Page) -> None:
    reply = json.loads(cde("dashboard", "--no-open", "--json", cwd=page.root).stdout)
    assert not reply["started"]
    cookies = page.sign_in({"once": reply["sign_in"].partition("#once=")[2]})
    assert page.show(cookies)["form"] is None


def test_a_forged_request_decides_nothing(page: Page) -> None:
    cookies = page.person()
    form = page.show(cookies)["form"]
    other = {"Origin": "http://evil.example"}
    assert page.decide({**cookies, **other}, form=form, decision="approve").status == 403
    assert page.decide(cookies, form=form, decision="approve").code == "E334"
    assert page.decide({**cookies, **page.origin}, form="guess", decision="approve").code == "E156"
    name, _, value = cookies["Cookie"].rpartition("=")
    made_up = {**cookies, "Cookie": f"{name}={'0' * len(value)}"}
    answer = page.decide({**made_up, **page.origin}, form=form, decision="approve")
    assert (answer.status, answer.code) == (403, "E334")
    nobody = {**cookies, "Cookie": re.sub(r"=\w+", lambda each: "=" + "0" * 64, cookies["Cookie"])}
    assert page.decide({**nobody, **page.origin}, form=form, decision="approve").status == 401
    assert page.server.ask(ADDRESS, {**cookies, **page.origin}, "PUT").status in {401, 405}
    assert page.phase == "approve"


def test_who_has_a_person_s_cookies_alone_does_not_act(page: Page) -> None:
    person = page.person()  # a browser sends cookies to whatever an agent serves at another port
    form = page.show(person)["form"]
    other = page.person()["CDE-Page"]
    for word in ({}, {"CDE-Page": ""}, {"CDE-Page": other}, {"CDE-Page": "\xe9"}):
        stolen = {"Cookie": person["Cookie"], **word}
        assert page.show(stolen)["form"] is None
        answer = page.decide({**stolen, **page.origin}, form=form, decision="approve")
        assert (answer.status, answer.code) == (403, "E334")
    assert page.phase == "approve"


def test_a_form_is_of_one_browser_and_one_feature(page: Page) -> None:
    one, other = page.person(), page.person()
    form = page.show(one)["form"]
    assert page.decide({**other, **page.origin}, form=form, decision="approve").code == "E156"
    assert page.phase == "approve"


def test_what_changed_since_the_page_showed_it_is_not_approved(page: Page) -> None:
    cookies = page.person()
    form = page.show(cookies)["form"]
    (page.root / "specs" / "shop" / "spec.md").write_text("# Specification\n\nA back door.\n")
    answer = page.decide({**cookies, **page.origin}, form=form, decision="approve")
    assert (answer.status, answer.code) == (409, "E141")
    assert page.phase == "approve"


def test_what_does_not_wait_is_not_shown(page: Page) -> None:
    cookies = page.person()
    answer = page.server.ask("/dashboard/actions/decide/other", cookies)
    assert (answer.status, answer.code) == (404, "E102")
