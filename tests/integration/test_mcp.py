"""The server through a real MCP client."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError

from tests.command_line import program
from tests.integration.asked_person import Person, filled_in
from tests.integration.deliverables import deliverable
from tests.integration.mcp_client import (
    Agent,
    kill_servers,
    require_short,
    stdio_agent,
    text_of,
)
from tests.let_in import bearer, let_in

pytestmark = pytest.mark.anyio

FEATURE_KEYS = {"id", "name", "status", "current_phase", "workflow"}
PHASE_KEYS = {"id", "description", "handler", "prompt", "outputs"}
OUTPUT_KEYS = {"id", "path", "type", "required", "min_bytes", "must_contain", "verdict", "covers"}
PROJECT_KEYS = {"id", "name", "path", "status", "backend", "read_only", "trust"}
PHASES = ["define", "decompose", "design", "implement", "test", "review"]


def results_for(phase: dict[str, Any]) -> dict[str, str]:
    return {output["id"]: deliverable(output) for output in phase["outputs"]}


def snapshot(project: Path) -> dict[str, bytes]:
    """Every file of the project but those that any call may change."""
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in sorted(project.rglob("*"))
        if path.is_file() and path.name != "lock" and not path.name.startswith("telemetry.db")
        if not {"logs", "errors"} & set(path.parts)
    }


async def finish(agent: Agent, feature_id: str, phase: dict[str, Any] | None) -> list[str]:
    done = []
    while phase is not None:
        done.append(phase["id"])
        answer = await agent.call(
            "cde_submitWork",
            feature_id=feature_id,
            phase_id=phase["id"],
            results=results_for(phase),
        )
        phase = answer["phase"]
    return done


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_feature_goes_from_prompt_to_completed_over_stdio(
    tmp_path: Path, mode: str
) -> None:
    async with stdio_agent(tmp_path, mode=mode) as agent:
        onboarded = await agent.call("cde_onboardProject", path=".", name="Shop")
        assert set(onboarded["project"]) == PROJECT_KEYS
        assert onboarded["project"] | {"id": ""} == {
            "id": "",
            "name": "Shop",
            "path": str(tmp_path),
            "status": "active",
            "backend": "filesystem",
            "read_only": False,
            "trust": "trusted",
        }
        started = await agent.call("cde_startFeature", prompt="Add a login page")
        feature, phase = started["feature"], started["phase"]
        assert set(feature) == FEATURE_KEYS
        assert set(phase) == PHASE_KEYS
        assert all(set(output) == OUTPUT_KEYS for output in phase["outputs"])
        assert (feature["name"], feature["status"]) == ("add-a-login-page", "defining")
        assert "Add a login page" in phase["prompt"]
        assert await finish(agent, feature["id"], phase) == PHASES
        status = await agent.call("cde_getFeatureStatus", feature_id=feature["name"])
    assert status["feature"]["status"] == "completed"
    assert status["phase"] is None
    for record in status["phases"]:
        assert (record["status"], record["attempts"]) == ("completed", 1)
        for output in record["outputs"]:
            content = (tmp_path / output["path"]).read_bytes()
            assert output["path"].startswith("specs/add-a-login-page/")
            assert output["sha256"] == hashlib.sha256(content).hexdigest()
            assert output["size"] == len(content)


async def test_a_feature_goes_on_after_its_server_was_killed(project: Path) -> None:
    async with stdio_agent(project) as agent:
        started = await agent.call("cde_startFeature", prompt="Survive")
        second = await agent.call(
            "cde_submitWork",
            feature_id="survive",
            phase_id="define",
            results=results_for(started["phase"]),
        )
        assert second["accepted"]["id"] == "define"
        kill_servers(project)
    async with stdio_agent(project) as agent:
        status = await agent.call("cde_getFeatureStatus", feature_id="survive")
        assert status["feature"]["current_phase"] == "decompose"
        assert await finish(agent, "survive", status["phase"]) == PHASES[1:]


async def test_outputs_may_be_written_by_the_agent_itself(project: Path) -> None:
    async with stdio_agent(project) as agent:
        phase = (await agent.call("cde_startFeature", prompt="By hand", name="mine"))["phase"]
        for output in phase["outputs"]:
            path = project / output["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(deliverable(output))
        answer = await agent.call("cde_submitWork", feature_id="mine", phase_id=phase["id"])
        assert answer["feature"]["current_phase"] == "decompose"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(("offered", "tools", "most"), [("all", 14, 8_000), ("core", 6, 3_500)])
async def test_all_tools_are_listed_in_8000_characters_and_the_core_in_3500(
    project: Path, offered: str, tools: int, most: int, mode: str
) -> None:
    async with stdio_agent(project, mode=mode, options=["--tools", offered]) as agent:
        listed = (await agent.client.list_tools()).tools
        await agent.call("cde_getProjectInfo")  # which can be called, also of a core
    names = {tool.name for tool in listed}
    assert len(names) == tools
    assert {
        "cde_startFeature",
        "cde_submitWork",
        "cde_getFeatureStatus",
        "cde_listFeatures",
        "cde_resumeFeature",
        "cde_saveProgress",
    } <= names
    sizes = [len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in listed]
    assert sum(sizes) + len(sizes) + 1 <= most


async def test_a_client_is_introduced_to_the_server(project: Path) -> None:
    async with stdio_agent(project) as agent:
        server, instructions = agent.client.server_info, agent.client.instructions or ""
        listed = await agent.client.list_tools()
    assert server is not None
    assert (server.title, bool(server.description)) == ("CDE Orchestrator", True)
    (icon,) = server.icons or []
    head, _, drawing = icon.src.partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(drawing, validate=True).endswith(b"</svg>")
    assert len(instructions) <= 1_200
    for word in ("cde_resumeFeature", "E004", "refused", "cde_saveProgress", "person", "loop"):
        assert word in instructions
    assert listed.ttl_ms == 3_600_000
    assert listed.cache_scope == "public"


async def test_every_tool_says_what_it_does_and_that_it_reaches_nothing_outside(
    project: Path,
) -> None:
    async with stdio_agent(project) as agent:
        listed = (await agent.client.list_tools()).tools
    hints = {
        tool.name: tool.annotations.model_dump(exclude_none=True) if tool.annotations else {}
        for tool in listed
    }
    assert [name for name, each in hints.items() if each.pop("open_world_hint", True)] == []
    titles = [each.pop("title") for each in hints.values()]
    assert len(set(titles)) == len(titles)
    reads, adds = {"read_only_hint": True}, {"destructive_hint": False}
    sets = {**adds, "idempotent_hint": True}
    takes_back = {"destructive_hint": True, "idempotent_hint": True}
    assert hints == {
        "cde_onboardProject": sets,
        "cde_getProjectInfo": reads,
        "cde_setProjectStatus": sets,
        "cde_startFeature": adds,
        "cde_submitWork": sets,
        "cde_getFeatureStatus": reads,
        "cde_listFeatures": reads,
        "cde_recoverState": adds,
        "cde_explainError": reads,
        "cde_saveProgress": adds,
        "cde_resumeFeature": sets,
        "cde_closeFeature": takes_back,
        "cde_rollbackFeature": takes_back,
        "cde_getHealth": reads,
    }
    kept = {tool.name for tool in listed if (tool.meta or {}).get("anthropic/alwaysLoad")}
    assert kept == {
        "cde_startFeature",
        "cde_submitWork",
        "cde_resumeFeature",
        "cde_getFeatureStatus",
    }
    assert all(
        (tool.meta or {})["anthropic/maxResultSizeChars"] == 25_000
        for tool in listed
        if tool.name in kept
    )


async def test_every_argument_has_a_type_and_none_has_to_be_invented(project: Path) -> None:
    def of(schema: dict[str, Any]) -> Any:
        """What a client that omits nothing sends for an argument of which it has no value."""
        kinds = [each["type"] for each in schema.get("anyOf", [schema])]
        assert all(isinstance(each, str) for each in kinds)  # some clients know no list of types
        if "null" in kinds:
            return None
        (kind,) = kinds
        empty: dict[str, Any] = {
            "string": "",
            "boolean": False,
            "object": {},
            "array": [],
            "integer": schema.get("default"),
        }
        return schema.get("default", empty[kind])

    async with stdio_agent(project, elicit=Person(filled_in(restore=True))) as agent:
        listed = {tool.name: tool.input_schema for tool in (await agent.client.list_tools()).tools}

        async def strictly(tool: str, **said: Any) -> dict[str, Any]:
            properties = listed[tool]["properties"]
            left = {name: of(each) for name, each in properties.items() if name not in said}
            return await agent.call(tool, **left, **said)

        phase = (await strictly("cde_startFeature", prompt="Log in"))["phase"]
        work = {"feature_id": "log-in", "phase_id": "define"}
        await strictly("cde_saveProgress", **work, note="Half")
        await strictly("cde_listFeatures")
        await strictly("cde_resumeFeature", feature_id="log-in")
        await strictly("cde_getFeatureStatus", feature_id="log-in")
        await strictly("cde_submitWork", **work, results=results_for(phase))
        await strictly("cde_recoverState", action="history")
        preview = await strictly("cde_recoverState", action="restore", at=1)
        await strictly("cde_recoverState", action="restore", at=1, token=preview["token"])
        await strictly("cde_explainError")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_tool_that_does_not_exist_is_refused_by_the_protocol(
    project: Path, mode: str
) -> None:
    async with stdio_agent(project, mode=mode) as agent:
        with pytest.raises(MCPError) as refused:
            await agent.raw("cde_noSuchTool", {})
        await agent.call("cde_getProjectInfo")
    assert refused.value.error.code == -32602
    assert "cde_noSuchTool" in refused.value.error.message
    assert refused.value.error.data["error"]["code"] == "E309"
    assert refused.value.error.data["next"]["tool"]


async def test_the_text_of_a_status_holds_the_prompt_as_far_as_it_fits(project: Path) -> None:
    async with stdio_agent(project) as agent:
        started = await agent.call("cde_startFeature", prompt="Greet", name="greet")
        status = await agent.raw("cde_getFeatureStatus", {"feature_id": "greet"})
        assert f"{started['phase']['prompt'].strip()}\n\nNext: " in text_of(status)
        await agent.call("cde_startFeature", prompt="x" * 20_000, name="long")
        saved = {"feature_id": "long", "phase_id": "define", "note": "y" * 2_000}
        for _ in range(10):
            await agent.call("cde_saveProgress", **saved)
        whole = {"feature_id": "long", "detail": "full"}
        status = await agent.raw("cde_getFeatureStatus", whole)
    assert "cde status long" in status.model_dump_json()
    require_short(status)


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("cde_startFeature", {"prompt": ""}, "E301"),
    ("cde_startFeature", {"prompt": " \n\t\u200b "}, "E301"),
    ("cde_startFeature", {"prompt": "x" * 20_001}, "E302"),
    ("cde_startFeature", {"prompt": "a\0b"}, "E303"),
    ("cde_startFeature", {"prompt": "Fine", "workflow": "nope"}, "E306"),
    ("cde_startFeature", {"prompt": "Fine", "name": "Not A Slug"}, "E304"),
    ("cde_startFeature", {"prompt": "Fine", "name": "present"}, "E104"),
    ("cde_startFeature", {}, "E305"),
    ("cde_startFeature", {"prompt": "Fine", "colour": "red"}, "E305"),
    ("cde_startFeature", {"prompt": ["not", "text"]}, "E305"),
    ("cde_submitWork", {"feature_id": "nobody", "phase_id": "define"}, "E102"),
    ("cde_submitWork", {"feature_id": "present", "phase_id": "nope"}, "E107"),
    ("cde_submitWork", {"feature_id": "present", "phase_id": "test"}, "E106"),
    (
        "cde_submitWork",
        {"feature_id": "present", "phase_id": "define", "results": {"other": "text"}},
        "E113",
    ),
    (
        "cde_submitWork",
        {
            "feature_id": "present",
            "phase_id": "define",
            "failed": True,
            "reason": "No",
            "results": {"spec": "text"},
        },
        "E305",
    ),
    (
        "cde_submitWork",
        {"feature_id": "present", "phase_id": "define", "results": {"spec": "a\0b"}},
        "E303",
    ),
    (
        "cde_submitWork",
        {"feature_id": "present", "phase_id": "define", "results": "not an object"},
        "E305",
    ),
    ("cde_getFeatureStatus", {"feature_id": ""}, "E102"),
    ("cde_getFeatureStatus", {"feature_id": "present", "detail": "all"}, "E305"),
    ("cde_listFeatures", {"limit": 0}, "E305"),
    ("cde_listFeatures", {"cursor": "not a cursor"}, "E308"),
    ("cde_setProjectStatus", {"status": "onboarding"}, "E305"),
    ("cde_onboardProject", {"path": "/nowhere/at/all"}, "E001"),
    ("cde_onboardProject", {"path": ".cde/state.json"}, "E002"),
    ("cde_onboardProject", {"path": ".."}, "E006"),
]


async def test_what_cannot_be_accepted_gets_a_code_and_changes_nothing(project: Path) -> None:
    async with stdio_agent(project) as agent:
        await agent.call("cde_startFeature", prompt="Present", name="present")
        before = snapshot(project)
        for tool, arguments, code in REFUSALS:
            error = await agent.refused(tool, **arguments)
            assert error["code"] == code, (tool, arguments, error)
            assert error["suggestions"]
            assert error["fixes"]
            assert snapshot(project) == before, (tool, arguments)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_that_is_no_json_to_the_server_is_answered_with_a_code(
    project: Path, mode: str
) -> None:
    async with stdio_agent(project, mode=mode) as agent:
        with anyio.fail_after(10):
            error = await agent.refused("cde_listFeatures", limit=10**4_299 * 10)
        assert error["code"] == "E305"
        assert error["report_id"] is None
        await agent.call("cde_getProjectInfo")


WANTING: list[tuple[dict[str, Any], str]] = [
    ({}, "E110"),
    ({"results": {"spec": " \n"}}, "E111"),
]


async def test_work_that_is_refused_changes_nothing_but_the_answer_to_why(project: Path) -> None:
    async with stdio_agent(project) as agent:
        await agent.call("cde_startFeature", prompt="Present", name="present")
        before = await standing(agent)
        for arguments, code in WANTING:
            submitted = {"feature_id": "present", "phase_id": "define", **arguments}
            error = await agent.refused("cde_submitWork", **submitted)
            assert error["code"] == code
            assert error["fixes"]
            whole = await agent.call("cde_getFeatureStatus", feature_id="present", detail="full")
            assert whole["attempt"]["last_failure"] == error["message"]
            refused = whole["work"]["define"]["refused"]
            assert (refused["code"], refused["reason"]) == (code, error["message"])
            assert await standing(agent) == before

            kept = snapshot(project)
            await agent.refused("cde_submitWork", **submitted)
            assert snapshot(project) == kept  # what is known is not written again
        resumed = await agent.call("cde_resumeFeature", feature_id="present")
    assert resumed["last_failure"] == error["message"]


async def standing(agent: Agent) -> dict[str, Any]:
    """All that is known of the feature but why its work was refused last."""
    found = await agent.call("cde_getFeatureStatus", feature_id="present", detail="full")
    found["attempt"].pop("last_failure")
    found["phase"].pop("prompt")
    found["work"]["define"].pop("refused", None)
    return found


async def test_two_features_with_the_same_prompt_get_different_names(project: Path) -> None:
    async with stdio_agent(project) as agent:
        prompts = ["Add search", "Add search", "添加用户登录功能", "🚀🎉", "🚀🎉"]
        names = [
            (await agent.call("cde_startFeature", prompt=prompt, idempotency_key=f"{number}"))[
                "feature"
            ]["name"]
            for number, prompt in enumerate(prompts)
        ]
    assert names == [
        "add-search",
        "add-search-2",
        "tian-jia-yong-hu-deng-lu-gong",
        "feature",
        "feature-2",
    ]


async def test_features_are_listed_page_by_page_and_by_status(project: Path) -> None:
    async with stdio_agent(project) as agent:
        for number in range(7):
            await agent.call("cde_startFeature", prompt=f"Number {number}")
        seen: list[str] = []
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await agent.call("cde_listFeatures", limit=3, status="open", **more)
            assert page["total"] == 7
            seen += [row["name"] for row in page["features"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == [f"number-{number}" for number in reversed(range(7))]
        assert (await agent.call("cde_listFeatures", status="completed"))["features"] == []


async def test_no_answer_is_longer_than_25000_characters(project: Path) -> None:
    prompt = '"\\\n' * 6_000
    async with stdio_agent(project) as agent:
        results = [await agent.raw("cde_startFeature", {"prompt": "a" + prompt, "name": "long"})]
        results.append(
            await agent.raw("cde_getFeatureStatus", {"feature_id": "long", "detail": "full"})
        )
        for number in range(110):
            await agent.call("cde_startFeature", prompt="b" * 60, name=f"{'b' * 50}-{number}")
        results.append(await agent.raw("cde_listFeatures", {"limit": 1_000}))
    for result in results:
        assert not result.is_error
        require_short(result)
    assert "cde status long --full" in json.dumps(results[1].structured_content)
    page = results[2].structured_content
    assert page is not None
    assert page["next_cursor"]


@pytest.mark.parametrize("kind", ["folder", "escaping link", "linked parent"])
async def test_an_output_never_leaves_the_project(project: Path, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "spec.md").write_text("secret")
    async with stdio_agent(project) as agent:
        phase = (await agent.call("cde_startFeature", prompt="Escape", name="escape"))["phase"]
        target = project / phase["outputs"][0]["path"]
        if kind == "linked parent":
            target.parent.parent.mkdir()
            target.parent.symlink_to(outside)
        else:
            target.parent.mkdir(parents=True)
            if kind == "folder":
                target.mkdir()
            else:
                target.symlink_to(outside / "spec.md")
        for results in ({}, results_for(phase)):
            error = await agent.refused(
                "cde_submitWork", feature_id="escape", phase_id="define", results=results
            )
            assert error["code"] == "E112"
    assert (outside / "spec.md").read_text() == "secret"
    assert [path.name for path in outside.iterdir()] == ["spec.md"]


async def test_a_server_started_outside_of_any_project_takes_the_one_that_is_onboarded(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    project = home / "project"
    project.mkdir(parents=True)
    async with stdio_agent(None, cwd=home) as agent:
        assert (await agent.refused("cde_getProjectInfo"))["code"] == "E004"
        await agent.call("cde_onboardProject", path=str(project))
        info = await agent.call("cde_getProjectInfo")
        assert info["project"]["path"] == str(project)
        assert (await agent.refused("cde_onboardProject", path=str(home)))["code"] == "E006"
    assert list(home.iterdir()) == [project]


async def test_a_server_in_a_subfolder_serves_the_project_above(project: Path) -> None:
    inner = project / "src" / "deep"
    inner.mkdir(parents=True)
    async with stdio_agent(None, cwd=inner) as agent:
        info = await agent.call("cde_getProjectInfo")
        assert info["project"]["path"] == str(project)
        assert [workflow["id"] for workflow in info["workflows"]] == [
            "standard",
            "standard-approved",
            "lean",
            "quick-fix",
            "research",
            "docs",
        ]


async def test_a_fix_of_an_error_can_be_called_as_it_stands(project: Path) -> None:
    async with stdio_agent(project) as agent:
        await agent.call("cde_setProjectStatus", status="archived")
        error = await agent.refused("cde_startFeature", prompt="Too early")
        assert error["code"] == "E101"
        fix = error["fixes"][0]
        await agent.call(fix["tool"], **fix["arguments"])
        await agent.call("cde_startFeature", prompt="Now")


async def test_the_text_alone_is_enough_to_work_with(project: Path) -> None:
    async with stdio_agent(project) as agent:
        result = await agent.raw("cde_startFeature", {"prompt": "Readable", "name": "readable"})
        assert result.structured_content is not None
        assert result.structured_content["phase"]["prompt"] in text_of(result)
        assert "specs/readable/" in text_of(result)


async def test_what_comes_next_after_the_last_open_feature_is_another_start(tmp_path: Path) -> None:
    async with stdio_agent(tmp_path) as agent:
        await agent.call("cde_onboardProject", path=".")
        ended = []
        for name in ("one", "two"):
            await agent.call("cde_startFeature", prompt="Why?", name=name, workflow="research")
        for name in ("one", "two"):
            arguments = {"feature_id": name, "outcome": "cancelled", "reason": "Not needed"}
            ended.append(await agent.raw("cde_closeFeature", arguments))
        ended.append(await agent.raw("cde_getFeatureStatus", {"feature_id": "two"}))

    replies = [dict(each.structured_content or {}) for each in ended]
    assert [each["open_features"] for each in replies] == [1, 0, 0]
    following = [each["next"]["tool"] for each in replies]
    assert following == ["cde_listFeatures", "cde_startFeature", "cde_startFeature"]


async def test_a_failure_names_tools_with_their_arguments_to_an_agent(tmp_path: Path) -> None:
    async with stdio_agent(tmp_path) as agent:
        await agent.call("cde_onboardProject", path=".")
        asked = {"prompt": "Sell", "name": "shop", "workflow": "standard-approved"}
        phase = (await agent.call("cde_startFeature", **asked))["phase"]
        taken = text_of(await agent.raw("cde_startFeature", {**asked, "prompt": "Buy"}))
        results = {each["id"]: deliverable(each) for each in phase["outputs"]}
        there = {"feature_id": "shop", "phase_id": "define"}
        await agent.call("cde_submitWork", **there, results=results)
        person = text_of(await agent.raw("cde_submitWork", {**there, "phase_id": "approve-spec"}))

    assert "(E104)" in taken
    assert "Next: cde_getFeatureStatus(feature_id='shop'): See what that feature is about." in taken
    assert "has the name: cde_resumeFeature(feature_id='shop')\n" in taken
    assert "(E140)" in person
    for text in (taken, person):
        assert "Fix:\n  cde_getFeatureStatus(feature_id='shop')\n  $ cde status shop" in text
        assert text.count("$ cde") == 1, "what only a person may do is not among the fixes"


@pytest.fixture
def http_server(project: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*program(), "serve", "--project", str(project)]
    server = subprocess.Popen([*command, "--transport", "http", "--port", str(port)])
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.terminate()
        server.wait(60)


async def test_a_feature_is_completed_over_http(project: Path, http_server: str) -> None:
    async with let_in(http_server, bearer(project)) as client:
        agent = Agent(client)
        started = await agent.call("cde_startFeature", prompt="Over HTTP", workflow="quick-fix")
        done = await finish(agent, started["feature"]["id"], started["phase"])
        assert done == ["reproduce", "fix", "verify"]


async def test_over_http_refusals_are_results_too(project: Path, http_server: str) -> None:
    async with let_in(http_server, bearer(project)) as client:
        error = await Agent(client).refused("cde_submitWork", feature_id="x", phase_id="y")
        assert error["code"] == "E102"
