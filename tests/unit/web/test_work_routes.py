"""What a feature made over HTTP: outputs as elements or as a file, and the code that differs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cde_orchestrator.adapters.runners.run_notes import noted, notes_folder
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.projects.trust_commands import ShowChecks, TrustChecks
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.web.markdown import SHOWN_CHARACTERS
from tests.let_in import BEARER
from tests.repository import git
from tests.unit.web.test_dashboard_routes import browsing
from tests.workflows import SHORT

WORKFLOW = (
    SHORT
    + """\
          - {id: table, path: "specs/{feature}/ümläut \\"x\\".csv", required: false}
"""
)
OUTPUTS = "/dashboard/data/features/login/outputs"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedProject]:
    """A project in a repository with one feature, that is served."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "cart.py").write_text("one\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "First")
    served = ServedProject(tmp_path, pinned=True)
    served.handle(OnboardProject(name="shop"))
    (tmp_path / ".cde" / "workflow.yml").write_text(WORKFLOW)
    served.handle(StartFeature(prompt="Add login", name="login"))
    (tmp_path / "specs" / "login").mkdir(parents=True)
    yield served
    served.close()
    stop_logging()


@pytest.fixture
def client(served: ServedProject) -> Iterator[TestClient]:
    """What sends the token."""
    with browsing(served) as client:
        client.headers.update(BEARER)
        yield client


def test_an_output_is_drawn_and_downloaded(client: TestClient, tmp_path: Path) -> None:
    text = "# Login\n\n<script>alert(1)</script>\n"
    (tmp_path / "specs" / "login" / "spec.md").write_text(text)

    answer = client.get(f"{OUTPUTS}/spec")
    shown, shown_headers = answer.json(), answer.headers
    whole = client.get(f"{OUTPUTS}/spec/text", params={"version": shown["version"]})

    assert shown["nodes"] == [
        ["h4", ["Login"], {"level": 1}],
        ["p", ["<script>alert(1)</script>"]],
    ]
    assert "text" not in shown
    assert not shown["partial"]
    assert whole.text == text
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''spec.md"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert shown_headers["cache-control"] == whole.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in whole.headers["content-security-policy"]


def test_a_long_output_is_drawn_in_part(client: TestClient, tmp_path: Path) -> None:
    text = "word " * 400_000
    (tmp_path / "specs" / "login" / "spec.md").write_text(text)
    (tmp_path / "specs" / "login" / 'ümläut "x".csv').write_text(text)

    for output in ("spec", "table"):
        shown = client.get(f"{OUTPUTS}/{output}")
        assert shown.json()["partial"]
        assert shown.json()["size"] == len(text)
        assert len(shown.content) < 2 * SHOWN_CHARACTERS
        assert client.get(f"{OUTPUTS}/{output}/text").text == text
    name = client.get(f"{OUTPUTS}/table/text").headers["content-disposition"]
    assert name == "attachment; filename*=UTF-8''%C3%BCml%C3%A4ut%20%22x%22.csv"


def test_what_a_check_printed_is_shown_in_part_and_downloaded(
    client: TestClient, served: ServedProject, tmp_path: Path
) -> None:
    (tmp_path / "check.py").write_text(
        "for number in range(40_000): print('<b>', number, 'of very many that this check prints')\n"
        "import sys; sys.exit(3)\n"
    )
    check = f"        check: [{sys.executable}, check.py]\n"
    (tmp_path / ".cde" / "workflow.yml").write_text(WORKFLOW + check)
    shown = served.handle(ShowChecks())["checks"]
    served.handle(TrustChecks(digests=frozenset(row["digest"] for row in shown)))
    with pytest.raises(CDEError, match="exit code 3"):
        served.handle(
            SubmitWork(feature_id="login", phase_id="define", results={"spec": "# A\n\nB\n"})
        )

    end = client.get("/dashboard/data/features/login/checks/define")
    whole = client.get("/dashboard/data/features/login/checks/define/text")

    assert (end.json()["partial"], end.json()["whole"]) == (True, True)
    assert len(end.json()["text"]) == SHOWN_CHARACTERS
    assert end.json()["text"].endswith("39999 of very many that this check prints\n")
    assert len(whole.text) == end.json()["printed"]
    assert whole.text.startswith("<b> 0 of very many")
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    name = whole.headers["content-disposition"]
    assert name == "attachment; filename*=UTF-8''login-define-check.txt"

    for each in (tmp_path / ".cde" / "objects").rglob("*"):
        if each.is_file():
            each.unlink()
    end = client.get("/dashboard/data/features/login/checks/define")
    assert (end.json()["partial"], end.json()["whole"]) == (False, False)
    assert end.json()["text"].endswith("39999 of very many that this check prints\n")


def test_the_run_of_a_feature_is_asked_for_from_a_line_on(
    client: TestClient, served: ServedProject, tmp_path: Path
) -> None:
    address = "/dashboard/data/features/login/run"
    assert client.get(address).json()["run"] is None
    feature = client.get("/dashboard/data/features/login").json()["status"]["feature"]["id"]
    with noted(notes_folder(tmp_path), feature) as note:
        note("line", "one")
        note("line", "two")
        run = client.get(address).json()["run"]
        assert (run["state"], [each["text"] for each in run["lines"]]) == (
            "running",
            ["one", "two"],
        )
        for after, texts in {"1": ["two"], "2": [], "-1": ["one", "two"], "9" * 99: []}.items():
            asked = {"run": run["id"], "after": after}
            found = client.get(address, params=asked).json()["run"]["lines"]
            assert [each["text"] for each in found] == texts
        note("done", "The feature is completed")
    assert client.get(address).json()["run"]["state"] == "ended"


def test_what_is_no_markdown_is_shown_as_it_is(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "specs" / "login" / 'ümläut "x".csv').write_text("# a,*b*\n")

    assert client.get(f"{OUTPUTS}/table").json()["nodes"] == [["pre", ["# a,*b*\n"]]]
    assert client.get(f"{OUTPUTS}/spec").json()["nodes"] == []


def test_the_code_that_differs_is_listed_and_shown(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "cart.py").write_text("two\n")
    (tmp_path / "new.py").write_text("new\n")
    (tmp_path / "specs" / "login" / "spec.md").write_text("a record")

    found = client.get("/dashboard/data/features/login/code").json()
    shown = client.get("/dashboard/data/features/login/code", params={"path": "cart.py"}).json()

    rows = [(each["path"], each["lines_added"], each["lines_removed"]) for each in found["files"]]
    assert rows == [("cart.py", 1, 1), ("new.py", 1, 0)]
    (tmp_path / "cart.py").write_text("one\n")
    (tmp_path / "cart.py").chmod(0o755)
    moded = client.get("/dashboard/data/features/login/code", params={"path": "cart.py"}).json()
    assert moded["compared"]["problem"] == "only its mode differs, 100644 before and 100755 now"
    assert shown["compared"]["hunks"] == [{"before": 1, "after": 1, "lines": ["-one", "+two"]}]


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("none/outputs/spec", 404, "E102"),
        ("login/outputs/none", 400, "E305"),
        ("login/outputs/spec/text?version=none", 400, "E305"),
        ("login/outputs/spec?against=none", 400, "E305"),
        ("login/code?path=../x", 400, "E305"),
        ("none/code", 404, "E102"),
        ("none/checks/define", 404, "E102"),
        ("login/checks/none", 400, "E305"),
        ("login/checks/define", 400, "E305"),
        ("login/checks/define/text", 400, "E305"),
        ("none/run", 404, "E102"),
    ],
)
def test_a_refusal_carries_its_code(
    client: TestClient, address: str, status: int, code: str
) -> None:
    answer = client.get(f"/dashboard/data/features/{address}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_who_has_no_token_is_shown_nothing(served: ServedProject) -> None:
    with browsing(served) as client:
        for address in (f"{OUTPUTS}/spec", f"{OUTPUTS}/spec/text", f"{OUTPUTS}/../code"):
            assert client.get(address).status_code == 401
