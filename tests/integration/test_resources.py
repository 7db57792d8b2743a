"""What can be read of a project at an address, and who is notified when it changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    ResourceLink,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    TextResourceContents,
)

from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from cde_orchestrator.mcp_tools import resources
from cde_orchestrator.mcp_tools._fitting import REPLY_LIMIT
from cde_orchestrator.mcp_tools.resources import NOT_FOUND_BEFORE
from cde_orchestrator.mcp_tools.subscriptions import MOST, ResourceSubscriptions
from cde_orchestrator.orchestrator_server import OrchestratorServer
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tests.integration.deliverables import deliverable

pytestmark = pytest.mark.anyio

NEW, OLD = "2026-07-28", "legacy"
GOAL = "Add a login page for everybody. "


@asynccontextmanager
async def reading(root: Path, goal: str = GOAL, **options: Any) -> AsyncIterator[Client]:
    """A client of a project with the feature ``login``."""
    served = ServedProject(root, pinned=True)
    served.handle(OnboardProject())
    served.handle(StartFeature(prompt=goal, name="login"))
    async with Client(build_server(served), **options) as client:
        yield client
    served.close()


async def text_at(client: Client, uri: str) -> str:
    """The text at an address, which is short enough."""
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert str(content.uri) == uri
    assert len(content.text) <= REPLY_LIMIT
    return content.text


async def submit(client: Client) -> tuple[CallToolResult, str]:
    """The answer to a submission of the first phase, and the text of its output."""
    status = await client.call_tool("cde_getFeatureStatus", {"feature_id": "login"})
    (output,) = (status.structured_content or {})["phase"]["outputs"]
    text = deliverable(output)
    about = {"feature_id": "login", "phase_id": "define", "results": {output["id"]: text}}
    return await client.call_tool("cde_submitWork", about), text


def links(result: CallToolResult) -> list[tuple[str, int | None]]:
    """Where an answer points, with the sizes."""
    found = [each for each in result.content if isinstance(each, ResourceLink)]
    return [(str(each.uri), each.size) for each in found]


@pytest.mark.parametrize("mode", [NEW, OLD])
async def test_the_project_and_its_feature_can_be_read(tmp_path: Path, mode: str) -> None:
    async with reading(tmp_path, mode=mode) as client:
        project = json.loads(await text_at(client, "cde://project"))
        health = json.loads(await text_at(client, "cde://health"))
        workflow = json.loads(await text_at(client, "cde://workflows/standard"))
        feature = json.loads(await text_at(client, "cde://features/login"))
        prompt = await text_at(client, "cde://features/login/prompt")
        history = json.loads(await text_at(client, "cde://features/login/history"))
        status = await client.call_tool("cde_getFeatureStatus", {"feature_id": "login"})
    assert project["open_features"] == 1
    assert health["checks"]
    assert workflow["id"] == "standard"
    assert (feature["goal"], feature["phase"]["prompt"]) == (GOAL.strip(), "")
    assert status.structured_content is not None
    assert prompt == status.structured_content["phase"]["prompt"]
    assert history["changes"][0]["operation"] == "start_feature"


async def test_an_accepted_output_is_linked_with_its_size_and_read_as_it_was_accepted(
    tmp_path: Path,
) -> None:
    async with reading(tmp_path) as client:
        accepted, text = await submit(client)
        resumed = await client.call_tool("cde_resumeFeature", {"feature_id": "login"})
        status = await client.call_tool("cde_getFeatureStatus", {"feature_id": "login"})
        ((uri, size),) = links(accepted)
        (tmp_path / "specs" / "login" / "spec.md").write_text("Something else\n")
        read = await text_at(client, uri)
        ref = ResourceTemplateReference(
            type="ref/resource", uri="cde://features/{name}/outputs/{id}"
        )
        proposed = await client.complete(
            ref, {"name": "id", "value": "s"}, context_arguments={"name": "login"}
        )
    assert read == text
    assert size == len(text.encode())
    assert links(resumed) == links(status) == [(uri, size)]
    assert uri == "cde://features/login/outputs/spec"
    assert proposed.completion.values == ["spec"]


async def test_a_feature_is_read_without_rendering_its_prompt(tmp_path: Path) -> None:
    """A template of the project's own takes a program of its own, for each that is followed."""
    own = tmp_path / ".cde" / "prompts" / "own.md"
    own.parent.mkdir(parents=True)
    own.write_text("Write {{ feature.name }}.\n")
    phase = "{id: write, description: Write it., prompt: own.md}"
    workflow = f"version: 1\ndefault: note\nworkflows: {{note: {{phases: [{phase}]}}}}\n"
    (tmp_path / ".cde" / "workflow.yml").write_text(workflow)
    async with reading(tmp_path) as client:
        own.write_text("Write {{ feature.name\n")
        feature = json.loads(await text_at(client, "cde://features/login"))
        prompt = await text_at(client, "cde://features/login/prompt")
    assert (feature["phase"]["prompt"], feature["phase"].get("problem")) == ("", None)
    assert "own.md" in prompt


async def test_what_is_long_is_cut_and_says_where_the_rest_is(tmp_path: Path) -> None:
    async with reading(tmp_path, GOAL * 600) as client:
        feature = await text_at(client, "cde://features/login")
        status = await client.call_tool("cde_getFeatureStatus", {"feature_id": "login"})
        (output,) = (status.structured_content or {})["phase"]["outputs"]
        results = {output["id"]: deliverable(output) + "More words of it.\n" * 3_000}
        about = {"feature_id": "login", "phase_id": "define", "results": results}
        await client.call_tool("cde_submitWork", about)
        read = await text_at(client, "cde://features/login/outputs/spec")
    assert json.loads(feature)["goal"].startswith(GOAL)
    assert f"has {len(results['spec'])} characters; in full: the file specs/login/spec.md" in read


async def test_open_features_are_listed_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "PAGE", 2)
    async with reading(tmp_path) as client:
        other = build_application(tmp_path)
        for name in ("a", "b"):
            other.handle(StartFeature(prompt="Add it", name=name))
        other.close()
        first = await client.list_resources()
        second = await client.list_resources(cursor=first.next_cursor)
        with pytest.raises(MCPError, match="E308") as refused:
            await client.list_resources(cursor="nonsense")
    uris = [str(each.uri) for each in first.resources]
    assert uris[:3] == ["cde://alerts", "cde://project", "cde://health"]
    assert uris[3:] == ["cde://features/b", "cde://features/a"]
    assert [str(each.uri) for each in second.resources] == ["cde://features/login"]
    assert second.next_cursor is None
    assert refused.value.error.code == INVALID_PARAMS


async def follow(client: Client, uri: str, mode: str) -> None:
    """Subscribe to a resource, in the words of the revision."""
    if mode == OLD:
        await client.subscribe_resource(uri)
    else:
        async with client.listen(resource_subscriptions=[uri]):
            pass


@pytest.mark.parametrize(("mode", "code"), [(NEW, INVALID_PARAMS), (OLD, NOT_FOUND_BEFORE)])
@pytest.mark.parametrize(
    ("uri", "known_as"),
    [
        ("cde://errors/E777", "E321"),
        ("cde://features/nobody", "E102"),
        ("cde://features/nobody/prompt", "E102"),
        ("cde://features/nobody/history", "E102"),
        ("cde://features/login/outputs/none", "E305"),
        ("cde://features/login/none", None),
        ("cde://features/..%2f..%2fetc/prompt", None),
        ("cde://workflows/none", "E306"),
        ("nonsense://x", None),
    ],
)
@pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")
async def test_what_does_not_exist_is_refused_as_the_revision_has_it(
    tmp_path: Path, uri: str, known_as: str | None, mode: str, code: int
) -> None:
    async with reading(tmp_path, mode=mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
        with pytest.raises(MCPError) as not_followed:
            await follow(client, uri, mode)
    for each in (refused, not_followed):
        error = each.value.error
        assert (error.code, error.data["uri"]) == (code, uri)
        assert error.data.get("error", {}).get("code") == known_as


@asynccontextmanager
async def following(root: Path, **options: Any) -> AsyncIterator[Client]:
    """A client of a server that checks for changes all the time."""
    served, subscriptions = ServedProject(root, pinned=True), ResourceSubscriptions(0.01)
    served.handle(OnboardProject())
    served.handle(StartFeature(prompt=GOAL, name="login"))
    server = OrchestratorServer(served, subscriptions=subscriptions)
    resources.register(server, served)
    subscriptions.serve(server, served)
    async with Client(server, **options) as client:
        yield client
    served.close()


def save_elsewhere(root: Path) -> None:
    """Another process changes the feature."""
    other = build_application(root)
    other.handle(SaveProgress(feature_id="login", phase_id="define", note="Half of it"))
    other.close()


async def test_a_stream_reports_what_another_process_changed(tmp_path: Path) -> None:
    uri = "cde://features/login"
    async with following(tmp_path) as client:
        async with client.listen(resource_subscriptions=[uri, "cde://workflows/lean"]) as changes:
            save_elsewhere(tmp_path)
            with anyio.fail_after(60):
                async for event in changes:
                    assert getattr(event, "uri", None) == uri
                    break
        async with client.listen(resource_subscriptions=[uri]):
            pass


@pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")
async def test_a_session_is_notified_until_it_unsubscribes(tmp_path: Path) -> None:
    send, receive = anyio.create_memory_object_stream[str](10)

    async def remember(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            await send.send(str(message.params.uri))

    uri = "cde://features/login/history"
    with send, receive:
        async with following(tmp_path, mode=OLD, message_handler=remember) as client:
            await client.subscribe_resource(uri)
            save_elsewhere(tmp_path)
            with anyio.fail_after(60):
                assert await receive.receive() == uri
            await client.unsubscribe_resource(uri)


async def test_no_more_is_followed_than_is_cheap(tmp_path: Path) -> None:
    uris = [f"cde://errors/{code}" for code in list(ERROR_MESSAGES)[: MOST + 1]]
    assert len(uris) > MOST
    async with following(tmp_path) as client:
        with pytest.raises(MCPError, match="At most"):
            async with client.listen(resource_subscriptions=uris):
                pass


async def test_a_folder_that_is_not_trusted_gives_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(tmp_path) as client:
        await submit(client)
    monkeypatch.delenv(VARIABLE)
    (tmp_path / ".cde" / "config.toml").write_text("[project]\n")
    served = ServedProject(tmp_path, pinned=True)
    async with Client(build_server(served)) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource("cde://features/login/outputs/spec")
        assert refused.value.error.data["error"]["code"] in {"E325", "E326"}
        assert json.loads(await text_at(client, "cde://features/login"))["feature"]
    served.close()
