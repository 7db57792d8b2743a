"""A folder that nobody said yes to: everything can be read, and nothing is written or run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from starlette.routing import Route
from starlette.testclient import TestClient

from cde_orchestrator.application.ports.core import ProjectRepository
from cde_orchestrator.application.ports.only_viewed import READS, OnlyViewed
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system import acting_files, viewing
from cde_orchestrator.infrastructure.trust.judge import VARIABLE, FolderTrust
from cde_orchestrator.project_ports import ProjectPorts
from cde_orchestrator.run_ports import RunPorts
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_app, build_server
from cde_orchestrator.web.routes import all_routes
from tests.integration.mcp_client import Agent
from tests.programs import program
from tests.security.stranger import WORKFLOW, World, git, made
from tests.terminal import terminal
from tests.whole_command import whole_command

LINE = "This folder is not trusted yet."
REFUSED = "E325"

COMMANDS: dict[str, tuple[str, ...]] = {
    "": (),
    **dict.fromkeys(("init", "project info", "project settings"), ()),
    "project activate": (),
    "project archive": (),
    "workflow list": (),
    "workflow show": ("short",),
    "workflow validate": (),
    "hook": ("Stop",),
    "state verify": (),
    "state history": (),
    "state diff": ("1",),
    "state show": (),
    "state backups": (),
    "state restore": ("--at", "1"),
    "state export": ("--output", "{folder}/out.json"),
    "state import": ("{folder}/in.json",),
    "state compact": (),
    "state move": ("--to-database",),
    "state leave": ("fork",),
    "state salvage": (),
    "state merge": ("{folder}/in.json", "{folder}/ours.json", "{folder}/in.json"),
    "doctor": ("--fix",),
    "dashboard": ("--stop",),
    "errors list": (),
    "errors show": ("20260101T000000000000-00000000",),
    "explain": ("E101",),
    "logs": (),
    "logs trace": ("abc",),
    "logs slow": (),
    "trust": ("--list",),
    "start": ("A thing",),
    "submit": ("login", "reproduce"),
    "status": ("login", "--prompt"),
    "list": (),
    "save": ("login", "A note"),
    "resume": ("login",),
    "grow": ("login",),
    "close": ("login", "cancelled", "--reason", "No"),
    "edit": ("login", "--goal", "Other"),
    "reopen": ("login", "--reason", "No"),
    "rollback": ("login", "reproduce", "--reason", "No"),
    **dict.fromkeys(("approve", "report", "finish"), ("login",)),
    "waive": ("login", "AC1", "--reason", "No"),
    **dict.fromkeys(("check", "check run"), ()),
    "check set": ("--", "true"),
    "run": ("login", "--agent", "claude"),
    "agents list": (),
    "agents test": ("claude",),
    "agents trust": ("claude", "--yes"),
    "health reset-breaker": ("git",),
    **dict.fromkeys(("health", "health breakers", "alerts", "alerts test", "serve"), ()),
    "verify": ("login",),
    "connect": ("vscode", "--yes"),
}
CHANGING = {
    *("state move", "state leave", "state salvage", "connect", "finish", "check set"),
    *("submit", "save", "resume", "close", "rollback", "run", "agents trust", "alerts test"),
    *("health reset-breaker", "doctor", "approve", "verify", "check run", "grow", "edit"),
    "reopen",
    *("init", "project activate", "project archive", "state restore", "state compact", "start"),
}
NOT_YET_THERE = (".cde/prompts/new.md", ".cde/rules.md")
ACTING = [
    *(".cde/config.toml", ".cde/workflow.yml", ".cde/prompts/short/plan.md", *NOT_YET_THERE),
    *("check.sh", "notify.sh"),
]
TOOLS: dict[str, dict[str, Any]] = {
    "cde_onboardProject": {"path": "."},
    "cde_getProjectInfo": {},
    "cde_setProjectStatus": {"status": "archived"},
    "cde_startFeature": {"prompt": "A thing"},
    "cde_submitWork": {"feature_id": "login", "phase_id": "reproduce", "results": {}},
    "cde_getFeatureStatus": {"feature_id": "login"},
    "cde_listFeatures": {},
    "cde_recoverState": {"action": "verify"},
    "cde_explainError": {"code": "E101"},
    "cde_saveProgress": {"feature_id": "login", "phase_id": "reproduce", "note": "A note"},
    "cde_resumeFeature": {"feature_id": "login"},
    "cde_closeFeature": {"feature_id": "login", "outcome": "cancelled", "reason": "No"},
    "cde_rollbackFeature": {"feature_id": "login", "to_phase": "reproduce", "reason": "No"},
    "cde_getHealth": {},
}
READING = {
    *("cde_getProjectInfo", "cde_getFeatureStatus", "cde_listFeatures", "cde_explainError"),
    *("cde_getHealth", "cde_recoverState"),
}


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The stranger's project, made once."""
    world = World(tmp_path_factory.mktemp("stranger"))
    made(world)
    return world


@pytest.fixture
def world(tmp_path: Path, original: World) -> World:
    """A new clone of it, and a new home."""
    world = World(tmp_path)
    world.origin = original.origin
    world.clone_again()
    world.leave_server_file()
    return world


@pytest.fixture(autouse=True)
def nobody_is_trusted(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Nothing is trusted but what a test trusts, and nothing is left of it."""
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    yield
    viewing.forget_all()


def leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command, and every group that does something by itself."""
    if getattr(group, "invoke_without_command", False):
        yield " ".join(path)
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from leaves(each, (*path, name))
        else:
            yield " ".join((*path, name))


def test_each_command_is_tried() -> None:
    assert set(COMMANDS) == set(leaves(whole_command()))


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_or_runs_anything(world: World, command: str) -> None:
    (world.folder / "in.json").write_text("{}")
    (world.folder / "ours.json").write_text("{}")
    words = [each.format(folder=world.folder) for each in COMMANDS[command]]
    before = world.listing()

    code, said = world.cde(*command.split(), *words)

    assert world.listing() == before
    assert not (world.folder / "RAN").exists()
    if command in CHANGING - {"doctor"} | {"workflow validate"}:  # of prompts not in force
        assert (code, REFUSED in said) == (1, True), said
    elif command not in {"hook", "trust", "explain", "doctor", "state import", "state merge"}:
        assert said.count(LINE) == 1, said


def test_a_command_with_json_says_so_in_its_answer_alone(world: World) -> None:
    info = world.json("project", "info")
    assert (info["project"]["trust"], info["project"]["read_only"]) == ("not_yet", True)
    assert world.json("status")["project"]["trust"] == "not_yet"
    assert [each["code"] for each in world.json("doctor")["findings"]] == [REFUSED]
    assert world.json("health")["checks"]["read_only"] == "warning"
    assert LINE not in world.cde("status", "--json")[1]


def test_a_server_that_is_started_in_the_background_writes_nothing(world: World) -> None:
    before = world.listing()
    started = world.json("dashboard", "--no-open")
    try:
        assert started["url"].startswith("http://127.0.0.1:")
        assert world.listing() == before
    finally:
        os.kill(started["pid"], signal.SIGTERM)
    assert world.listing() == before


def test_its_own_prompts_and_settings_do_not_apply(world: World) -> None:
    _, said = world.cde("status", "search", "--prompt")
    assert "The stranger's words" not in said
    shown = {each["key"]: each for each in world.json("project", "settings")["settings"]}
    assert (shown["log_level"]["value"], shown["log_level"]["source"]) == ("INFO", "default")
    assert world.json("project", "settings", CDE_LOG_LEVEL="ERROR") != shown


def test_not_even_a_database_of_the_environment_is_asked(world: World) -> None:
    url = "postgresql://me@127.0.0.1:9/x?connect_timeout=2"
    answer = world.json("project", "info", CDE_STATE_URL=url)
    assert answer["project"]["backend"] == "filesystem"


@pytest.fixture
def served(world: World) -> Iterator[ServedProject]:
    served = ServedProject(world.clone, pinned=True)
    served.watch()
    yield served
    served.close()


@pytest.mark.parametrize("tool", TOOLS)
def test_no_tool_writes_or_runs_anything(world: World, served: ServedProject, tool: str) -> None:
    before = world.listing()

    async def call() -> dict[str, Any]:
        async with Client(build_server(served)) as client:
            result = await Agent(client).raw(tool, TOOLS[tool])
            return dict(result.structured_content or {})

    answer = asyncio.run(call())
    served.close()

    assert world.listing() == before
    assert not (world.folder / "RAN").exists()
    code = answer.get("error", {}).get("code")
    assert code == (None if tool in READING else REFUSED), answer


def test_each_tool_is_tried(served: ServedProject) -> None:
    assert {tool.name for tool in asyncio.run(build_server(served).list_tools())} == set(TOOLS)


def test_no_page_writes_anything(world: World, served: ServedProject) -> None:
    routes = [each.path for each in all_routes(served, None) if isinstance(each, Route)]
    assert len(routes) > 10
    before = world.listing()
    token = "0123456789abcdef0123456789abcdef"
    app = build_app(served, host="127.0.0.1", address="127.0.0.1", token=token)
    headers = {"authorization": f"Bearer {token}"}
    with TestClient(app, base_url="http://127.0.0.1:8787", headers=headers) as client:
        for path in routes:
            if path != "/dashboard/events":  # which never ends
                client.get(re.sub(r"\{[^}]*\}", "login", path))
        shown = client.get("/dashboard/data").json()
    assert shown["project"]["trust"] == "not_yet"
    served.close()
    assert world.listing() == before


@pytest.mark.parametrize("words", [["status"], ["start", "A thing"], ["health"], ["init"]])
def test_no_file_is_even_opened_for_writing(world: World, words: list[str]) -> None:
    calls = world.folder / "calls"
    what = ("-f", "--seccomp-bpf", "-qq", "-e", "trace=%file,ftruncate,fchmod", "-o")
    strace = [program("strace"), *what, str(calls)]
    subprocess.run(
        [*strace, sys.executable, "-m", "cde_orchestrator", *words],
        cwd=world.clone,
        env=world.environment(world.home, PYTHONDONTWRITEBYTECODE="1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=100,
        check=False,
    )
    writing = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|\b(mkdir|rename|unlink|rmdir|link|chmod)")
    places = (str(world.clone), str(world.home))
    lines = calls.read_text().splitlines()
    assert any(places[0] in line for line in lines)
    written = list(filter(writing.search, lines))
    assert [line for line in written if any(place in line for place in places)] == []


@pytest.mark.parametrize("file", ["state.json", "journal.jsonl", "lock", "workflow.yml"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_damage_is_read_around_and_not_repaired(world: World, file: str, how: str) -> None:
    path = world.clone / ".cde" / file
    if how == "gone":
        path.unlink(missing_ok=True)
    elif path.exists():
        path.write_bytes(path.read_bytes()[:200])
    before = world.listing()
    assert world.json("project", "info")["project"]["name"] == "origin"
    for words in (["status"], ["doctor", "--fix"], ["health"], ["state", "verify"], ["list"]):
        _, said = world.cde(*words)
        assert world.listing() == before
        refused = REFUSED in said and words != ["health"]  # which counts it among its findings
        assert said.count(LINE) == (0 if refused else 1)


def test_a_folder_whose_state_is_only_outside_its_work_tree_is_not_set_up(world: World) -> None:
    shutil.rmtree(world.clone / ".cde")
    before = world.listing()
    assert world.code("start", "A thing") == REFUSED
    assert world.listing() == before


# What comes into force once a person says yes, and what ends that.


def test_trust_shows_what_would_come_into_force_and_then_it_does(world: World) -> None:
    listed = world.json("trust", "--list")
    assert listed["folder"]["trust"] == "not_yet"
    differences = {row["path"]: row["difference"] for row in listed["folder"]["files"]}
    assert '+log_level = "DEBUG"' in differences[".cde/config.toml"]
    assert "+The stranger's words" in differences[".cde/prompts/short/plan.md"]
    assert "+        check: [sh, check.sh]" in differences[".cde/workflow.yml"]
    commands = {" ".join(row["command"]): row["used_by"] for row in listed["checks"]}
    assert commands["sh check.sh"] == ["short/plan"]
    assert commands["sh notify.sh"] == ["alerts"]
    assert world.code("trust") == "E128"

    assert world.cde("trust", "--yes")[0] == 0

    assert world.json("trust", "--list")["folder"]["trust"] == "trusted"
    assert "The stranger's words" in world.cde("status", "search", "--prompt")[1]
    assert world.code("start", "A thing", "--name", "thing") is None
    assert world.cde("trust", "--revoke")[0] == 0
    assert world.code("start", "Another") == REFUSED


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (name, how)
        for how in ("written", "replaced", "link", "gone")
        for name in ACTING
        if how != "gone" or name not in NOT_YET_THERE
    ],
)
def test_each_file_that_acts_is_noticed_when_it_changes(world: World, name: str, how: str) -> None:
    world.cde("trust", "--yes")
    assert world.code("project", "activate") is None
    path = world.clone / name
    assert path.exists() == (name not in NOT_YET_THERE)
    content = path.read_bytes() if path.exists() else b""
    if how == "written":
        path.write_bytes(content + b"\n# more\n")
    else:
        path.unlink(missing_ok=True)
        if how == "replaced":
            path.write_bytes(content + b"\n# other\n")
        if how == "link":
            (world.folder / "other").write_bytes(content)
            path.symlink_to(world.folder / "other")
    before = world.listing()

    error = world.json("project", "activate")["error"]

    assert (error["code"], name in error["message"]) == ("E326", True)
    assert world.listing() == before
    if how == "link":
        return
    listed = world.json("trust", "--list")["folder"]
    assert listed["trust"] == "changed"
    if how in {"written", "replaced"}:
        (row,) = [each for each in listed["files"] if each["difference"]]
        assert row["path"] == name
        assert "+# " in row["difference"]
        assert "-" not in [line[:1] for line in row["difference"].splitlines()]
    world.trust_again()
    assert world.code("project", "activate") is None


def test_own_prompts_that_are_not_in_force_are_not_said_to_be_missing(
    world: World, served: ServedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.cde("trust", "--yes")
    (world.clone / ".cde" / "prompts" / "new.md").write_text("# by an agent\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.home / ".config"))
    refused = world.json("workflow", "validate")["error"]
    assert refused["code"] == "E325"
    assert any("its own prompts, which are not in force" in each for each in refused["suggestions"])

    async def status() -> dict[str, Any]:
        async with Client(build_server(served)) as client:
            return await Agent(client).call("cde_getFeatureStatus", feature_id="search")

    assert "is not trusted" in asyncio.run(status())["phase"]["problem"]
    (world.clone / ".cde" / "prompts" / "short" / "plan.md").unlink()
    assert world.json("workflow", "validate")["error"]["code"] == "E312"


def test_what_a_command_works_on_is_free_to_change(world: World) -> None:
    text = (world.clone / ".cde" / "workflow.yml").read_text()
    (world.clone / ".cde" / "workflow.yml").write_text(
        text.replace("[sh, check.sh]", "[python3, -m, pytest, tests/test_a.py]")
    )
    (world.clone / "tests").mkdir()
    (world.clone / "tests" / "test_a.py").write_text("")
    world.cde("trust", "--yes")
    (world.clone / "tests" / "test_a.py").write_text("def test_a():\n    assert 2 + 2 == 4\n")
    assert world.code("project", "activate") is None


def test_a_folder_that_is_cloned_again_at_the_same_path_is_not_trusted(world: World) -> None:
    world.cde("trust", "--yes")
    assert world.code("project", "activate") is None
    world.clone.rename(world.folder / "before")
    world.clone_again()
    assert world.code("project", "activate") == REFUSED
    world.cde("trust", "--list")
    shown = world.json("trust", "--list")
    assert not any(row["trusted"] for row in shown["checks"])


def test_what_is_the_same_is_not_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    trust = FolderTrust()
    trust.accept(world.clone, trust.judge(world.clone).files, at=time.time_ns() + 10**9)
    read: list[Path] = []
    digest_of = acting_files.digest_of

    def noted(path: Path) -> str:
        read.append(path)
        return digest_of(path)

    monkeypatch.setattr(acting_files, "digest_of", noted)

    assert trust.judge(world.clone).kind == "trusted"
    assert read == []
    (world.clone / ".cde" / "config.toml").write_text("")
    assert trust.judge(world.clone).changed == (".cde/config.toml",)
    assert [path.name for path in read] == ["config.toml"]


def test_a_server_notices_a_change_and_a_yes_while_it_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.cde("trust", "--yes")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.home / ".config"))
    served = ServedProject(world.clone, pinned=True)

    async def calls() -> None:
        async with Client(build_server(served)) as client:
            agent = Agent(client)
            await agent.call("cde_setProjectStatus", status="active")
            (world.clone / ".cde" / "workflow.yml").write_text(WORKFLOW + "# by an agent\n")
            refused = await agent.refused("cde_setProjectStatus", status="archived")
            assert refused["code"] == "E326"
            info = await agent.call("cde_getProjectInfo")
            assert info["project"]["trust"] == "changed"
            refused = await agent.refused("cde_setProjectStatus", status="archived")
            assert refused["code"] == "E326"
            world.trust_again()
            await agent.call("cde_setProjectStatus", status="archived")

    asyncio.run(calls())
    served.close()


class ChangeWhileItChanges(UseCase[None], operation="change_while_it_changes"):
    """Somebody writes a file that acts, and somebody else's call notices, before a change."""

    def __call__(self, *, root: Path, repository: ProjectRepository) -> None:
        with (root / ".cde" / "workflow.yml").open("a") as file:
            file.write("# by an agent\n")
        assert FolderTrust().judge(root).kind == "changed"
        with repository.transaction(root) as project:
            project.metadata["changed"] = True


def test_a_call_under_way_is_refused_with_the_same_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.cde("trust", "--yes")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.home / ".config"))
    application = build_application(world.clone)
    with pytest.raises(CDEError) as refused:
        application.handle(ChangeWhileItChanges())
    assert refused.value.code == "E326"
    application.close()


# Who is asked nothing.


def test_a_person_s_own_new_project_is_trusted_by_itself(world: World, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    assert world.code("init", at=own) is None
    assert world.code("start", "A thing", at=own) is None
    assert LINE not in world.cde("status", at=own)[1]


def test_a_person_who_sets_up_a_clone_is_shown_it_and_asked(world: World) -> None:
    assert world.code("init") == REFUSED
    shown = on_terminal(world, "init", answer="n")
    assert '+log_level = "DEBUG"' in shown
    assert "sh check.sh" in shown
    assert "E128" in shown
    assert world.code("project", "activate") == REFUSED

    assert "was already set up" in on_terminal(world, "init", answer="y")
    assert world.code("project", "activate") is None


def test_what_is_not_shown_of_a_long_difference_is_counted(world: World) -> None:
    prompt = world.clone / ".cde" / "prompts" / "long.md"
    prompt.write_text("".join(f"Line {number}\n" for number in range(300)))
    (world.clone / ".cde" / "workflow.yml").unlink()
    asked = on_terminal(world, "trust", answer="n")
    assert "... and 101 more lines, which cde trust --list shows" in asked
    assert "Trust all of this, and 101 lines that were not shown (cde trust --list)" in asked
    assert "Line 299" not in asked
    listed = world.cde("trust", "--list")[1]
    assert "Line 299" in listed
    assert "more lines" not in listed


def on_terminal(world: World, *words: str, answer: str) -> str:
    """What a command writes on a terminal where a person gives an answer."""
    given = world.environment(world.home, NO_COLOR="1")
    with terminal(*words, cwd=world.clone, environment=given) as screen:
        screen.type(answer)
        return screen.end()


def test_a_clone_without_a_state_is_trusted_and_set_up(world: World) -> None:
    shutil.rmtree(world.clone)
    other = world.folder / "other"  # which takes the place of the first one
    for folder in (world.clone, other):
        git(world.folder, "clone", "--quiet", str(world.origin), str(folder))
    code, said = world.cde("trust", "--yes")
    assert (code, "Trusted from now on" in said) == (0, True), said
    assert world.json("trust", "--list")["folder"]["trust"] == "trusted"
    assert world.code("init") is None
    assert world.code("start", "A thing") is None

    shutil.rmtree(world.clone)
    other.rename(world.clone)
    on_terminal(world, "init", answer="y")
    assert world.code("start", "A thing") is None


def test_a_changed_folder_with_a_broken_state_is_trusted_and_repaired(world: World) -> None:
    world.cde("trust", "--yes")
    (world.clone / ".cde" / "workflow.yml").write_text(WORKFLOW + "# by an agent\n")
    for path in (world.clone / ".cde").rglob("*"):
        if path.is_file() and path.name not in {"workflow.yml", "config.toml", "plan.md"}:
            path.write_bytes(b"{broken")
    assert world.code("state", "salvage") == "E326"
    assert world.json("trust", "--list")["folder"]["trust"] == "changed"
    world.trust_again()
    assert world.code("state", "salvage") != "E326"
    assert world.code("state", "leave", "fork") != "E326"
    revoked = world.json("trust", "--revoke")["folder"]
    assert revoked["trust"] == "not_yet"
    assert ".cde/workflow.yml" in [row["path"] for row in revoked["files"] if row["difference"]]


def test_onboarding_where_nothing_acts_is_asked_nothing(world: World) -> None:
    for name in ("config.toml", "workflow.yml"):
        (world.clone / ".cde" / name).unlink()
    shutil.rmtree(world.clone / ".cde" / "prompts")
    assert world.code("project", "activate") == REFUSED
    assert world.code("init") is None
    assert world.code("project", "activate") is None


def test_a_worktree_of_a_trusted_project_is_trusted_while_it_is_the_same(world: World) -> None:
    world.cde("trust", "--yes")
    tree = world.folder / "tree"
    git(world.clone, "worktree", "add", "--quiet", str(tree))
    assert world.code("project", "activate", at=tree) is None
    (tree / ".cde" / "workflow.yml").write_text("version: 1\n")
    assert world.code("project", "activate", at=tree) == "E326"
    assert world.code("project", "activate") is None


def test_trust_that_is_revoked_in_a_worktree_ends_for_the_whole_project(world: World) -> None:
    world.cde("trust", "--yes")
    tree = world.folder / "tree"
    git(world.clone, "worktree", "add", "--quiet", str(tree))
    assert world.code("project", "activate", at=tree) is None
    assert world.cde("trust", "--revoke", at=tree)[0] == 0
    assert world.code("project", "activate", at=tree) == REFUSED
    assert world.code("project", "activate") == REFUSED


def test_branches_that_were_trusted_in_turn_ask_nothing_when_they_are_switched(
    world: World,
) -> None:
    world.cde("trust", "--yes")
    git(world.clone, "switch", "--quiet", "--create", "other")
    (world.clone / ".cde" / "workflow.yml").write_text(WORKFLOW + "# other\n")
    git(world.clone, "commit", "--quiet", "--all", "--message", "Other")
    assert world.code("project", "activate") == "E326"
    world.trust_again()
    first = world.folder / "first"
    git(world.clone, "worktree", "add", "--quiet", "--detach", str(first), "HEAD~1")
    assert world.code("project", "activate", at=first) is None
    git(world.clone, "worktree", "remove", "--force", str(first))
    for branch in ("main", "other"):
        git(world.clone, "switch", "--quiet", branch)
        assert world.code("project", "activate") is None


def test_folders_that_the_environment_names_are_trusted(world: World) -> None:
    listed = os.pathsep.join([str(world.elsewhere), str(world.folder)])
    assert world.code("project", "activate", CDE_TRUSTED_FOLDERS=listed) is None
    for other in ("", ".", str(world.clone / "inner"), f"{world.clone}-not"):
        assert world.code("project", "activate", CDE_TRUSTED_FOLDERS=other) == REFUSED


def test_no_store_of_trust_comes_with_the_folder(world: World) -> None:
    world.cde("trust", "--yes")
    for place in ("~/.config", "here"):
        shutil.copytree(world.home / ".config", world.clone / place)
    world.variables = {"XDG_CONFIG_HOME": "here"}
    assert world.code("project", "activate") is None  # it is not where it is kept
    for home in ("", ".", "~"):
        world.variables = {"XDG_CONFIG_HOME": "here", "HOME": home}
        assert world.code("project", "activate") == REFUSED


def test_what_an_earlier_release_trusted_still_counts_as_commands(world: World) -> None:
    world.cde("trust", "--yes")
    store = world.home / ".config" / "cde-orchestrator" / "trust.json"
    kept = json.loads(store.read_text())
    store.write_text(json.dumps({"version": 1, "projects": kept["projects"]}))
    assert world.code("project", "activate") == REFUSED
    assert all(each["trusted"] is False for each in world.json("trust", "--list")["checks"])
    world.cde("trust", "--yes")
    assert world.code("project", "activate") is None


# Agents are no persons.


@pytest.mark.parametrize("variable", ["CDE_RUN_ID", "CLAUDECODE", "CODEX_SANDBOX", "GEMINI_CLI"])
def test_an_agent_says_yes_to_nothing(world: World, variable: str) -> None:
    world.variables = {variable: "1"}
    assert world.code("trust", "--yes") == "E328"
    assert world.code("project", "activate") == REFUSED
    world.variables = {}
    assert world.code("trust", "--yes") is None
    world.variables = {variable: "1"}
    assert world.code("agents", "trust", "claude", "--yes") == "E328"


# Other owners.

AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)


@AS_ROOT
@pytest.mark.parametrize("which", ["", ".cde"])
def test_a_folder_of_another_owner_is_refused_until_a_person_says_yes(
    world: World, which: str
) -> None:
    os.chown(world.clone / which, 65534, 65534)
    before = world.listing()
    for words in (["status"], ["start", "A thing"], ["init"]):
        assert world.code(*words) == "E327", words
    assert world.json("doctor")["findings"][0]["code"] == "E327"
    assert world.listing() == before
    assert world.cde("trust", "--yes")[0] == 0
    assert world.code("project", "activate") is None


@AS_ROOT
def test_the_person_who_called_sudo_is_no_other_owner(world: World) -> None:
    os.chown(world.clone, 65534, 65534)
    os.chown(world.clone / ".cde", 65534, 65534)
    assert world.code("status", SUDO_UID="65534") is None
    assert world.code("status", SUDO_UID="1") == "E327"


@AS_ROOT
def test_a_project_of_another_owner_is_not_found_from_below(world: World) -> None:
    shutil.rmtree(world.clone / ".git")
    inner = world.clone / "inner"
    inner.mkdir()
    os.chown(world.clone / ".cde", 65534, 65534)
    before = world.listing()
    code, said = world.cde("start", "My private plan", at=inner)
    assert (code, "E004" in said) == (1, True), said
    assert f"The project at {world.clone} belongs to nobody" in said
    assert world.listing() == before


# The one place that refuses.


def test_a_port_that_is_only_viewed_gives_what_reads_and_nothing_else(tmp_path: Path) -> None:
    ports = ProjectPorts(tmp_path, Settings(), OperationMeter())
    made = {**vars(RunPorts), **vars(ProjectPorts)}
    names = {name for name, each in made.items() if "MadeOnce" in str(type(each))}
    assert names == {*READS}
    refusal = ValidationError.of("E325", path="/x")
    for name in names:
        port = getattr(ports, name)
        viewed = OnlyViewed(name, port, refusal)
        methods = [each for each in dir(port) if not each.startswith("_")]
        assert READS[name] <= {*methods}, name
        for method in methods:
            if method in READS[name]:
                assert getattr(viewed, method) == getattr(port, method)
            else:
                with pytest.raises(CDEError, match="not trusted"):
                    getattr(viewed, method)


def test_no_project_is_made_where_trust_could_not_be_written_down(
    world: World, tmp_path: Path
) -> None:
    (world.home / ".config").write_text("in the way")
    own = tmp_path / "own"
    own.mkdir()

    assert world.code("init", at=own) == "E203"
    assert list(own.iterdir()) == []


@pytest.mark.parametrize("command", ["rm -rf .cde", "git clean -fdxq"])
def test_a_folder_of_the_product_that_is_gone_is_restored_and_asks_for_nothing(
    world: World, tmp_path: Path, command: str
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=own, check=True)
    assert world.code("init", at=own) is None
    assert world.code("start", "A thing", "--name", "thing", at=own) is None
    kept = (own / ".cde" / "workflow.yml").read_text()
    subprocess.run(command.split(), cwd=own, check=True)

    code, said = world.cde("list", at=own)
    assert (code, LINE in said) == (0, False)
    assert "thing" in said
    assert world.code("start", "Another one", at=own) is None
    (own / ".cde" / "workflow.yml").write_text(kept)  # as git restore does
    assert world.code("start", "A third one", at=own) is None
    (own / ".cde" / "workflow.yml").write_text(kept + "# by somebody")
    assert world.code("start", "A fourth one", at=own) == "E326"


LIBRARY = """
from pathlib import Path
from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.bootstrap import build_application
repository = FilesystemProjectRepository()
project = repository.get_or_create(".")
if project.status != "active":
    project.activate()
    repository.save(project)
application = build_application(Path())
application.handle(StartFeature(prompt="Add search"))
application.close()
"""


def test_a_project_that_a_person_s_own_program_makes_is_trusted(
    world: World, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    words = [sys.executable, "-c", LIBRARY]
    given = world.environment(world.home)
    subprocess.run(words, cwd=own, env=given, check=True)
    assert world.code("start", "Another one", at=own) is None

    refused = subprocess.run(
        words, cwd=world.clone, env=given, capture_output=True, text=True, check=False
    )
    assert "is not trusted" in refused.stderr
