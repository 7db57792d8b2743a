"""A project of ten thousand features, which share a file: no answer is above its bound.

What an answer costs is judged by how many features are decoded for it: no more than are shown.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from cde_orchestrator.adapters.repositories import codec
from cde_orchestrator.adapters.repositories.filesystem import (
    FilesystemProjectRepository,
    FolderStore,
)
from cde_orchestrator.application.features.list_features import LARGEST_LIMIT
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.records import Difference
from cde_orchestrator.mcp_tools import completions, resources, subscriptions
from cde_orchestrator.mcp_tools._fitting import REPLY_LIMIT
from cde_orchestrator.mcp_tools.all_tools import TOOLS
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tests.integration.mcp_client import require_short
from tests.state_stores import change

pytestmark = pytest.mark.anyio

MANY = 10_000
SHARED = "src/report.py"
GOAL = f"Make {SHARED} faster for every customer"
WORKFLOW = """\
version: 1
default: note
workflows:
  note:
    phases:
      - id: write
        description: Write it.
        prompt: standard/design.md
        outputs: [{id: text, path: NOTES.md}]
      - {id: read, description: Read it., prompt: standard/design.md}
"""
NAME = "make-the-reports-of-the-month-faster-for-every-customer"
"""With a number, as long as a name can be."""


def named(number: int) -> str:
    return f"{NAME[:54]}-{number:05}"


LAST = named(MANY - 2)
"""The newest that is open."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every second feature is open; all have the same goal and file, and write the same output."""
    root = tmp_path_factory.mktemp("crowd") / "project"
    (root / ".cde").mkdir(parents=True)
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        served = ServedProject(root, pinned=True)
        served.handle(OnboardProject())
        served.handle(StartFeature(prompt=GOAL, name="first"))
        served.close()
    with FilesystemProjectRepository().transaction(root) as project:
        record = project.feature("first").phases["write"]
        record.difference = Difference(1, 1, 1, (SHARED,))
    store = FolderStore(root)
    store.refresh()
    (one,) = store.document["features"].values()
    began = datetime(2026, 1, 1, tzinfo=UTC)
    copies = []
    for number in range(MANY):
        key, at = str(uuid.UUID(int=number)), (began + timedelta(minutes=number)).isoformat()
        copy = {**one, "id": key, "name": named(number), "created_at": at, "updated_at": at}
        if number % 2:
            copy |= {"status": "completed", "current_phase": None}
        copies.append({"op": "add", "path": f"/features/{key}", "value": copy})
    change(store, copies)
    return root


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the features that are decoded for an answer: of a page at most."""
    names: list[str] = []
    decode = codec.decode_feature

    def noted(document: dict[str, Any]) -> Feature:
        names.append(document["name"])
        return decode(document)

    monkeypatch.setattr(codec, "decode_feature", noted)
    return names


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[Client]:
    """A client of a server of the project."""
    served = ServedProject(root, pinned=True)
    async with Client(build_server(served)) as client:
        yield client
    served.close()


class Asking:
    """Calls tools, each of whose answers is short and made of few features."""

    def __init__(self, client: Client, decoded: list[str]) -> None:
        self.client, self.decoded = client, decoded
        self.called: set[str] = set()

    async def call(self, tool: str, refused: str = "", /, **arguments: Any) -> dict[str, Any]:
        """The structured content of an answer, or of what is refused with a code."""
        self.decoded.clear()
        result = await self.client.call_tool(tool, arguments)
        require_short(result)
        # A page that is too long for an answer is asked for again, shorter, until it fits.
        assert len(self.decoded) < 3 * LARGEST_LIMIT
        assert result.structured_content is not None
        assert result.structured_content.get("error", {}).get("code", "") == refused
        self.called.add(tool)
        return dict(result.structured_content)


@pytest.mark.slow
async def test_no_answer_of_a_tool_grows_with_the_features(crowd: Path, decoded: list[str]) -> None:
    async with serving(crowd) as client:
        ask = Asking(client, decoded)
        await ask.call("cde_onboardProject", path=".")
        info = await ask.call("cde_getProjectInfo")
        await ask.call("cde_getHealth")
        await ask.call("cde_setProjectStatus", status="active")
        await ask.call("cde_explainError")
        await ask.call("cde_listFeatures", status="open")
        for reference, code in ((NAME[:9], "E103"), ("0000", "E103"), ("nobody", "E102")):
            await ask.call("cde_getFeatureStatus", code, feature_id=reference)
        for detail in ("brief", "full"):
            await ask.call("cde_getFeatureStatus", feature_id=LAST, detail=detail)
        await ask.call("cde_resumeFeature", feature_id=LAST)
        await ask.call("cde_saveProgress", feature_id=LAST, phase_id="write", note="Half of it")
        await ask.call("cde_startFeature", prompt=GOAL, name="another")
        results = {"text": "It is so.\n"}
        await ask.call("cde_submitWork", feature_id="another", phase_id="write", results=results)
        for dry in (True, False):
            back = {"feature_id": "another", "to_phase": "write", "reason": "It is not so"}
            await ask.call("cde_rollbackFeature", dry_run=dry, **back)
        await ask.call("cde_closeFeature", feature_id="another", outcome="cancelled", reason="No")
        for action in ("verify", "backups"):
            await ask.call("cde_recoverState", action=action)
        past = await ask.call("cde_recoverState", action="history")
        await ask.call("cde_recoverState", action="history", feature=LAST)
        (put,) = [row["sequence"] for row in past["changes"] if row["operation"] == "put"]
        restored = await ask.call("cde_recoverState", action="restore", at=put - 1)

    assert ask.called == {tool.name for tool in TOOLS}
    assert MANY > info["open_features"] > MANY // 2
    assert 0 < len(restored["difference"]["removed"]) < MANY


async def test_features_and_resources_are_listed_page_by_page(
    crowd: Path, decoded: list[str]
) -> None:
    async with serving(crowd) as client:
        ask = Asking(client, decoded)
        whole = await ask.call("cde_listFeatures", limit=LARGEST_LIMIT)
        following = await ask.call("cde_listFeatures", cursor=whole["next_cursor"], limit=1_000)
        opened = await ask.call("cde_listFeatures", status="open", limit=LARGEST_LIMIT)
        first = await client.list_resources()
        second = await client.list_resources(cursor=first.next_cursor)

    assert whole["total"] > MANY
    assert MANY > opened["total"] > MANY // 2
    rows = [*whole["features"], *following["features"]]
    assert {named(MANY - 1), named(MANY - 2)} <= {row["name"] for row in rows}
    assert len({row["id"] for row in rows}) == len(rows) <= 2 * LARGEST_LIMIT
    assert len(second.resources) == resources.PAGE
    assert not {str(each.uri) for each in first.resources} & {
        str(each.uri) for each in second.resources
    }
    for page in (first, second):
        assert len(page.model_dump_json(by_alias=True, exclude_none=True)) <= REPLY_LIMIT
        assert page.next_cursor


async def test_nothing_that_is_read_or_proposed_grows_with_the_features(
    crowd: Path, decoded: list[str]
) -> None:
    async with serving(crowd) as client:
        for address in (
            *("project", "health", "alerts", "workflows/note", "errors/E102"),
            *(f"features/{LAST}{below}" for below in ("", "/prompt", "/history")),
        ):
            decoded.clear()
            (content,) = (await client.read_resource(f"cde://{address}")).contents
            assert isinstance(content, TextResourceContents)
            assert len(content.text) <= REPLY_LIMIT, address
            assert len(decoded) <= 1, address
        with pytest.raises(MCPError, match="E103") as ambiguous:
            await client.read_resource(f"cde://features/{NAME[:9]}")
        assert len(str(ambiguous.value.error.data)) <= REPLY_LIMIT
        for prompt in ("next_phase", "resume_feature", "review_feature"):
            decoded.clear()
            (message,) = (await client.get_prompt(prompt)).messages
            assert isinstance(message.content, TextContent)
            assert len(message.content.text) <= REPLY_LIMIT
            assert len(decoded) <= 2, prompt  # once as what is open, once as what is asked for
            decoded.clear()
            ref = PromptReference(type="ref/prompt", name=prompt)
            proposed = (await client.complete(ref, {"name": "feature", "value": "make"})).completion
            assert (len(proposed.values), proposed.has_more) == (completions.MOST, True)
            assert len(decoded) <= completions.MOST
        named_one = ResourceTemplateReference(type="ref/resource", uri="cde://features/{name}")
        proposed = (await client.complete(named_one, {"name": "name", "value": ""})).completion
        assert len(proposed.values) == completions.MOST
        assert (proposed.total or 0) > MANY


async def test_as_many_features_are_followed_as_there_is_room_for(
    crowd: Path, decoded: list[str]
) -> None:
    uris = [f"cde://features/{named(2 * number)}" for number in range(subscriptions.MOST + 1)]
    async with serving(crowd) as client:
        async with client.listen(resource_subscriptions=uris[:-1]):
            assert len(decoded) <= 2 * subscriptions.MOST
        with pytest.raises(MCPError, match="At most"):
            async with client.listen(resource_subscriptions=uris):
                pass
