"""The dashboard over HTTP: its pages, what they show, and who may look."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.runs.show_agents import GetTrustedAgents
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_app
from cde_orchestrator.web.assets import _assets
from tests.let_in import BEARER, TOKEN

HTML = {"accept": "text/html"}
NAMED = r"(?:/dashboard/static/|from \"\./)([\w.-]+)"
"""What an asset names another by."""
LATER = r"import\(\"\./([\w.-]+)"
"""What it names one by that is loaded when it is used."""


@contextmanager
def browsing(served: ServedProject, token: str = TOKEN) -> Iterator[TestClient]:
    """A browser in front of the server, that has not signed in."""
    app = build_app(served, host="127.0.0.1", address="127.0.0.1", token=token)
    address = "http://127.0.0.1:8787"
    with TestClient(app, base_url=address, follow_redirects=False) as client:
        yield client


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedProject]:
    """A project with one feature, that is served."""
    served = ServedProject(tmp_path, pinned=True)
    served.handle(OnboardProject(name="shop"))
    served.handle(StartFeature(prompt="Add login", name="login"))
    yield served
    served.close()
    stop_logging()


@pytest.fixture
def client(served: ServedProject) -> Iterator[TestClient]:
    """What sends the token."""
    with browsing(served) as client:
        client.headers.update(BEARER)
        yield client


def test_the_pages_and_their_files_come_with_a_strict_policy(client: TestClient) -> None:
    addresses = ["/dashboard", "/dashboard/operations", "/dashboard/features/login"]
    addresses += [f"/dashboard/static/{name}" for name in _assets()]

    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_files_name_nothing_outside_and_hold_nothing_inline() -> None:
    for name, asset in _assets().items():
        text = asset.content.decode()
        outside = re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S+", text)
        assert outside == [], name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), name
        if name.endswith(".html"):
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text), name


def test_every_file_that_a_page_names_is_served() -> None:
    texts = [asset.content.decode() for asset in _assets().values()]
    named = {found for text in texts for each in (NAMED, LATER) for found in re.findall(each, text)}

    assert named <= set(_assets())
    assert {"dashboard.js", "feature.js", "base.js", "style.css"} <= named


def loaded_by(page: str) -> set[str]:
    """The files of a page: those that it names, and those that they import."""
    found, waiting = set[str](), [page]
    while waiting:
        name = waiting.pop()
        found.add(name)
        named = re.findall(NAMED, _assets()[name].content.decode())
        waiting += [each for each in named if each not in found]
    return found


def test_the_first_page_is_small() -> None:
    files = loaded_by("dashboard.html")

    assert "charts.js" not in files
    assert sum(len(_assets()[name].content) for name in files) < 90_000


@pytest.mark.parametrize("page", ["dashboard.html", "feature.html", "operations.html"])
def test_no_page_loads_a_form_before_its_button_is_used(page: str) -> None:
    assets = _assets().items()
    forms = {name for name, asset in assets if b'from "./actions.js"' in asset.content}

    assert {"actions-start.js", "actions-close.js", "actions-project.js"} <= forms
    assert not (forms | {"actions.js"}) & loaded_by(page)


def test_a_file_that_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/dashboard/static/style.css")
    again = client.get(
        "/dashboard/static/style.css", headers={"if-none-match": first.headers["etag"]}
    )

    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip, br", "gzip"), ("identity", None), ("gzip;q=0", None), ("x-gzip", None)],
)
def test_files_are_packed_for_whoever_unpacks_them(
    client: TestClient, accepted: str, packed: str | None
) -> None:
    headers = {"accept-encoding": accepted}
    with client.stream("GET", "/dashboard/static/style.css", headers=headers) as answer:
        sent = b"".join(answer.iter_raw())

    wanted = _assets()["style.css"].content
    assert (answer.headers.get("content-encoding"), answer.headers["vary"]) == (
        packed,
        "Accept-Encoding",
    )
    assert (gzip.decompress(sent) if packed else sent) == wanted
    assert (len(sent) < len(wanted) / 3) is bool(packed)


@pytest.mark.parametrize("name", ["", "nothing.js", "..%2fdashboard.py", "../dashboard.py"])
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/dashboard/static/{name}").status_code == 404


def test_what_the_pages_show_is_json(client: TestClient) -> None:
    dashboard = client.get("/dashboard/data?word=LOG&cards=5&sort=").json()
    operations = client.get("/dashboard/data/operations?span=day").json()
    page = client.get("/dashboard/data/features/login").json()
    known = page["status"]["updated_at"]
    same = client.get("/dashboard/data/features/login", params={"known": known}).json()

    assert dashboard["project"]["name"] == "shop"
    assert (dashboard["board"]["found"], dashboard["board"]["total"]) == (1, 1)
    assert operations["history"]["span"] == "day"
    assert [each["operation"] for each in page["changes"]] == ["start_feature", "onboard_project"]
    assert same["changes"] is None


def test_the_report_of_a_feature_is_markdown(client: TestClient) -> None:
    report = client.get("/dashboard/features/login/report")

    assert report.headers["content-type"] == "text/markdown; charset=utf-8"
    assert report.headers["x-content-type-options"] == "nosniff"
    assert report.text.startswith("**login** is ")
    assert client.get("/dashboard/features/nothing/report").status_code == 404


def test_an_error_leads_to_its_report(served: ServedProject, client: TestClient) -> None:
    with pytest.raises(CDEError):
        served.handle(GetTrustedAgents(names=["claude"]))

    [error] = client.get("/dashboard/data/operations").json()["errors"]
    report = client.get(f"/dashboard/data/errors/{error['id']}").json()["report"]

    assert error["code"] == report["code"] == "E912"


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("data/operations?span=year", 400, "E305"),
        ("data?sort=size", 400, "E305"),
        ("data?by=nothing", 400, "E305"),
        ("data?cards=0", 400, "E305"),
        ("data/features/nothing", 404, "E102"),
        ("data/errors/nothing", 404, "E322"),
    ],
)
def test_a_refusal_carries_its_code(
    client: TestClient, address: str, status: int, code: str
) -> None:
    answer = client.get(f"/dashboard/{address}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_settings_that_are_not_valid_do_not_hide_the_project(
    served: ServedProject, tmp_path: Path
) -> None:
    (tmp_path / ".cde" / "config.toml").write_text('log_level = "LOUD"\n')
    other = ServedProject(tmp_path, pinned=True)
    with browsing(other) as client:
        answer = client.get("/dashboard/data", headers=BEARER)
    other.close()

    assert answer.json()["project"]["name"] == "shop"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    for address in ("/dashboard", "/dashboard/operations", "/dashboard/data", "/dashboard/events"):
        assert client.request(method, address).status_code == 405


def test_no_page_of_another_host_reaches_it(client: TestClient) -> None:
    for address in (
        "/dashboard",
        "/dashboard/data",
        "/dashboard/events",
        "/dashboard/static/base.js",
    ):
        assert client.get(address, headers={"host": "evil.example"}).status_code == 421


def test_who_has_no_token_is_shown_the_form_and_nothing_else(served: ServedProject) -> None:
    with browsing(served) as client:
        form = client.get("/dashboard/features/login", headers=HTML)
        style = client.get("/dashboard/static/style.css")
        refused = [client.get(address) for address in ("/dashboard/data", "/dashboard/events")]

    assert form.status_code == 401
    assert '<form method="post">' in form.text
    assert "default-src 'none'" in form.headers["content-security-policy"]
    assert style.status_code == 200
    assert [answer.json()["error"]["code"] for answer in refused] == ["E902", "E902"]


def test_the_token_is_exchanged_for_a_cookie_that_shows_pages_alone(served: ServedProject) -> None:
    with browsing(served) as client:
        entered = client.post("/dashboard/features/login?x=1", data={"token": f" {TOKEN} "})
        shown = [client.get(each) for each in ("/dashboard", "/dashboard/data", "/errors/E101")]
        posted = client.post("/dashboard/data")
        over_mcp = [client.post("/mcp", json={}), client.get("/mcp")]

    assert entered.status_code == 303
    assert entered.headers["location"] == "/dashboard/features/login?x=1"
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert [answer.status_code for answer in shown] == [200, 200, 200]
    assert posted.status_code == 401
    assert [answer.status_code for answer in over_mcp] == [401, 401]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"token=",
        b"token=wrong",
        f"token={TOKEN[:-1]}".encode(),
        b"token=\xff\xfe",
        b"&" * 50,
        b"token=" + b"x" * 10_000,
    ],
)
def test_another_token_gives_no_cookie(served: ServedProject, body: bytes) -> None:
    with browsing(served) as client:
        answer = client.post("/dashboard", content=body)

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("cookie", ["", "x=1", "cde_0=1", "\x7f=;;", "cde=;"])
def test_another_cookie_opens_nothing(served: ServedProject, cookie: str) -> None:
    with browsing(served) as client:
        assert client.get("/dashboard/data", headers={"cookie": cookie}).status_code == 401


def test_the_cookie_of_one_token_is_nothing_to_a_server_with_another(served: ServedProject) -> None:
    with browsing(served) as client:
        given = client.post("/dashboard", data={"token": TOKEN}).headers["set-cookie"]
    name, _, value = given.split(";")[0].partition("=")
    with browsing(served, TOKEN + "x") as other:
        stolen = other.get("/dashboard/data", headers={"cookie": f"{name}={value}"})

    assert stolen.status_code == 401
