"""The state of a project moves from its files into a database and back, and is never buried."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.repositories import movable, project_key
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.repositories.postgres.repository import PostgresProjectRepository
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.move_state import MoveReply, MoveState
from cde_orchestrator.application.state.recover_state import VerifyState
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.system.file_ops import replace_file
from tests import command_line
from tests.command_line import in_words
from tests.integration.mcp_client import stdio_agent
from tests.postgres_server import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

Shell = Callable[[str | None], None]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Sets the URL in the environment, or unsets it."""

    def with_url(url: str | None) -> None:
        if url is None:
            monkeypatch.delenv("CDE_STATE_URL", raising=False)
        else:
            monkeypatch.setenv("CDE_STATE_URL", url)

    with_url(None)
    return with_url


@contextmanager
def opened(root: Path) -> Iterator[Application]:
    application = build_application(root)
    try:
        yield application
    finally:
        application.close()


def ask(root: Path, use_case: Any) -> Any:
    with opened(root) as application:
        return application.handle(use_case)


def code_of(root: Path, use_case: Any) -> str:
    with pytest.raises(CDEError) as caught:
        ask(root, use_case)
    return caught.value.code


def names(root: Path) -> list[str]:
    return [each["name"] for each in ask(root, ListFeatures())["features"]]


def move(root: Path, to: str, **how: bool) -> MoveReply:
    reply: MoveReply = ask(root, MoveState(to=to, **how))  # type: ignore[arg-type] # a literal
    return reply


@pytest.fixture
def root(tmp_path: Path, shell: Shell) -> Path:
    """A project in files with two features."""
    folder = tmp_path / "shop"
    folder.mkdir()
    ask(folder, OnboardProject())
    for name in ("a", "b"):
        ask(folder, StartFeature(prompt=f"Build {name}", name=name))
    return folder


def cde(root: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return in_words(command_line.cde(*words, cwd=root, environment={**os.environ, **environment}))


def settings_of(root: Path) -> str:
    path = root / ".cde" / "config.toml"
    return path.read_text() if path.exists() else ""


def test_a_database_never_hides_nor_buries_what_is_in_files(root: Path, url: str) -> None:
    for words in (["status"], ["list"], ["start", "c"], ["init"], ["project", "info"]):
        done = cde(root, *words, "--json", CDE_STATE_URL=url)
        error = json.loads(done.stdout)["error"]
        assert error["code"] == "E227", done.stdout
        assert "features: 2" in error["message"]
        assert str(root / ".cde") in error["message"]
        assert error["fixes"][0]["command"] == f"cde state move --to-database --project {root}"
    assert "terminal" in cde(root, "init", "--new", CDE_STATE_URL=url).stderr
    assert settings_of(root) == ""
    assert {
        each["name"] for each in json.loads(cde(root, "list", "--json").stdout)["features"]
    } == {
        "a",
        "b",
    }


async def test_an_agent_does_not_bury_it_either(root: Path, url: str) -> None:
    async with stdio_agent(root, CDE_STATE_URL=url) as agent:
        refused = await agent.raw("cde_onboardProject", {"path": "."})
    assert "E227" in str(refused)
    assert names(root) == ["b", "a"]


def test_it_is_moved_there_and_back(root: Path, url: str) -> None:
    shown = cde(root, "state", "move", "--to-database", "--dry-run", CDE_STATE_URL=url)
    assert shown.returncode == 0, shown.stderr
    assert "2 features" in shown.stdout
    assert settings_of(root) == ""
    for words in (
        ["state", "move", "--to-database"],
        ["list"],
        ["start", "Third", "--name", "c"],
        ["state", "verify"],
        ["doctor"],
    ):
        done = cde(root, *words, CDE_STATE_URL=url)
        assert done.returncode == 0, done.stdout + done.stderr
    without = cde(root, "list", "--json")
    assert json.loads(without.stdout)["error"]["code"] == "E314"
    (root / ".cde" / "config.toml").unlink()  # as on a branch from before
    for words in (["list"], ["start", "d"], ["init"]):
        error = json.loads(cde(root, *words, "--json").stdout)["error"]
        assert error["code"] == "E228"
        assert "as 'shop-" in error["message"]
    found = json.loads(cde(root, "doctor", "--json").stdout)["findings"]
    assert "E228" in [each["code"] for each in found]
    again = cde(root, "state", "move", "--to-database", CDE_STATE_URL=url)
    assert "there already" in again.stdout, again.stderr
    done = cde(root, "state", "move", "--to-files", CDE_STATE_URL=url)
    assert done.returncode == 0, done.stderr
    assert settings_of(root) == ""
    listed = json.loads(cde(root, "list", "--json").stdout)
    assert {each["name"] for each in listed["features"]} == {"a", "b", "c"}
    assert cde(root, "state", "verify").returncode == 0
    assert cde(root, "doctor").returncode == 0


def test_what_is_moved_back_and_forth_stays_the_same(root: Path, url: str, shell: Shell) -> None:
    for number in range(3):
        shell(url)
        assert move(root, "database")["moved"]
        assert not move(root, "database")["moved"]
        ask(root, StartFeature(prompt="In the database", name=f"d{number}"))
        assert move(root, "files")["moved"]
        shell(None)
        ask(root, StartFeature(prompt="In files", name=f"f{number}"))
        assert ask(root, VerifyState())["whole"]
    assert set(names(root)) == {"a", "b", "d0", "d1", "d2", "f0", "f1", "f2"}


class CutError(BaseException):
    """The process is killed here."""


@pytest.mark.parametrize("to", ["database", "files"])
@pytest.mark.parametrize("back", [False, True])
def test_a_move_that_is_cut_anywhere_is_completed_or_taken_back(
    root: Path, url: str, shell: Shell, monkeypatch: pytest.MonkeyPatch, to: str, back: bool
) -> None:
    """Every commit and every write of the settings is the last thing that a process did."""
    shell(url)
    if to == "files":
        move(root, "database")
    ways = ("database", "files") if to == "database" else ("files", "database")
    cuts = 0
    while cuts < 20:
        before = names(root) if to == "files" else ["b", "a"]
        with monkeypatch.context() as patched:
            done = cut_after(patched, cuts)
            with suppress(CutError):
                move(root, ways[0])
        if not done():
            break
        assert len(answering(root, url, shell)) <= 1  # never two states that both go on
        move(root, ways[1] if back else ways[0])
        if not back:
            assert sorted(there(root, ways[0], url, shell)) == sorted(before)
            move(root, ways[1])
        assert sorted(there(root, ways[1], url, shell)) == sorted(before)
        cuts += 1
    assert cuts >= 3
    assert cuts < 20


def answering(root: Path, url: str, shell: Shell) -> list[str]:
    """The places that say they have the state."""
    found = []
    for place in ("database", "files"):
        with suppress(CDEError):
            there(root, place, url, shell)
            found.append(place)
    return found


def there(root: Path, place: str, url: str, shell: Shell) -> list[str]:
    shell(url if place == "database" else None)
    try:
        return names(root)
    finally:
        shell(url)


def cut_after(patched: pytest.MonkeyPatch, count: int) -> Callable[[], bool]:
    """Cut the process after so many commits and writes; whether it was cut is the answer."""
    made = 0

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal made
            if made > count:
                raise CutError
            result = work(*arguments, **named)
            made += 1
            if made > count:
                raise CutError
            return result

        return call

    patched.setattr(movable.MovableProjects, "_record", counted(movable.MovableProjects._record))
    patched.setattr(project_key, "replace_file", counted(replace_file))
    return lambda: made > count


def test_a_refused_move_changes_nothing(root: Path, server: PostgresServer, shell: Shell) -> None:
    url = server.schema_url()
    shell(url)
    before = (root / ".cde" / "journal.jsonl").read_bytes()
    with server.stopped():
        assert code_of(root, MoveState(to="database")) == "E217"
    assert (root / ".cde" / "journal.jsonl").read_bytes() == before
    read_only = url.replace("-csearch_path", "-cdefault_transaction_read_only%3Don%20-csearch_path")
    shell(read_only)
    assert code_of(root, MoveState(to="database")) in {"E203", "E206"}
    shell(None)
    assert settings_of(root) == ""
    assert names(root) == ["b", "a"]
    ask(root, StartFeature(prompt="Go on", name="c"))
    assert ask(root, VerifyState())["whole"]


def test_it_is_refused_while_an_agent_works_on_it(root: Path, url: str, shell: Shell) -> None:
    with calling("mcp:other"):
        ask(root, ResumeFeature(feature_id="a", agent="ann"))
    shell(url)
    assert code_of(root, MoveState(to="database")) == "E122"
    assert settings_of(root) == ""
    assert move(root, "database", force=True)["moved"]


@pytest.mark.parametrize("to", ["database", "files"])
def test_it_is_refused_while_somebody_else_changes_it(
    root: Path, url: str, shell: Shell, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.setenv("CDE_LOCK_TIMEOUT_SECONDS", "0.2")
    shell(url)
    if to == "files":
        move(root, "database")
    settings = settings_of(root)
    other: Any = (
        FilesystemProjectRepository() if to == "database" else PostgresProjectRepository(url)
    )
    with other.transaction(root):
        assert code_of(root, MoveState(to=to)) == "E205"  # type: ignore[arg-type] # a literal
    other.close()
    assert settings_of(root) == settings
    assert move(root, to)["moved"]


def test_without_a_database_there_is_nowhere_to_move_it(root: Path) -> None:
    assert code_of(root, MoveState(to="database")) == "E314"
    assert code_of(root, MoveState(to="files")) == "E314"
    assert cde(root, "state", "move").returncode == 2


def test_a_running_server_follows_nobody_into_the_past(root: Path, url: str, shell: Shell) -> None:
    with opened(root) as served:
        served.handle(ListFeatures())
        shell(url)
        move(root, "database")
        shell(None)
        with pytest.raises(CDEError) as read:
            served.handle(ListFeatures())
        with pytest.raises(CDEError) as changed:
            served.handle(StartFeature(prompt="Late", name="late"))
        assert (read.value.code, changed.value.code) == ("E228", "E228")
    shell(url)
    assert names(root) == ["b", "a"]


def test_two_states_of_a_project_are_a_persons_choice(
    root: Path, url: str, shell: Shell, tmp_path: Path
) -> None:
    shutil.copytree(root / ".cde", tmp_path / "kept")
    shell(url)
    move(root, "database")
    ask(root, StartFeature(prompt="Only there", name="there"))
    settings = settings_of(root)
    # A whole folder from before, without its vault, is put back.
    shutil.rmtree(root / ".cde")
    shutil.rmtree(Path(os.environ["XDG_STATE_HOME"]) / "cde-orchestrator", ignore_errors=True)
    shutil.copytree(tmp_path / "kept", root / ".cde")
    shell(None)
    ask(root, StartFeature(prompt="Only here", name="here"))
    (root / ".cde" / "config.toml").write_text(settings)
    shell(url)
    assert code_of(root, MoveState(to="database")) == "E305"
    assert move(root, "database", force=True)["moved"]
    assert set(names(root)) == {"a", "b", "here"}


def test_another_project_is_not_replaced(
    root: Path, url: str, shell: Shell, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shell(url)
    ask(other, OnboardProject())
    (root / ".cde" / "config.toml").write_text(settings_of(other))
    assert code_of(root, MoveState(to="database")) == "E219"
    assert code_of(root, MoveState(to="database", force=True)) == "E219"


def test_another_checkout_is_referred_to_where_the_state_went(
    root: Path, url: str, shell: Shell, tmp_path: Path
) -> None:
    shell(url)
    move(root, "database")
    clone = tmp_path / "clone"
    shutil.copytree(
        root / ".cde", clone / ".cde", ignore=lambda *_: {"state.json", "journal.jsonl"}
    )
    assert names(clone) == ["b", "a"]
    move(root, "files")
    for use_case in (ListFeatures(), StartFeature(prompt="Lost", name="lost"), OnboardProject()):
        assert code_of(clone, use_case) == "E228"
    assert code_of(clone, MoveState(to="files")) == "E228"
    assert move(clone, "files", force=True)["moved"]  # the other machine is lost


def test_the_wrong_database_gets_nothing(
    root: Path, url: str, server: PostgresServer, shell: Shell
) -> None:
    shell(url)
    move(root, "database")
    server.execute("CREATE DATABASE another")
    shell(server.url.replace("/postgres?", "/another?"))
    assert code_of(root, ListFeatures()) == "E228"
    assert code_of(root, OnboardProject()) == "E228"
    assert code_of(root, MoveState(to="database")) == "E228"


def test_settings_that_no_program_can_change_are_left_to_a_person(
    root: Path, url: str, shell: Shell
) -> None:
    shell(url)
    move(root, "database")
    path = root / ".cde" / "config.toml"
    path.write_text(path.read_text().replace("state_project", '"state_project"'))
    assert code_of(root, MoveState(to="files")) == "E314"
    assert names(root) == ["b", "a"]


def test_it_replaces_files_that_are_set_aside_once_a_person_says_so(
    root: Path, url: str, shell: Shell
) -> None:
    done = cde(root, "init", "--new", "--yes", CDE_STATE_URL=url)
    assert done.returncode == 0, done.stderr
    shell(url)
    assert names(root) == []
    assert list((root / ".cde" / "quarantine").glob("*journal.jsonl"))
