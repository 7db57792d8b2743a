"""Whatever is asked, of any tool and any command: a success or a coded error, and no harm."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.cli.app import run
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import scan
from tests.integration.mcp_client import Agent, text_of
from tests.soak import SOAK
from tests.whole_command import whole_command

SECONDS = 30
EXAMPLES = 500 if SOAK else 10
ENDLESS = {"serve", "run", "test", "dashboard"}
"""Commands that run until they are told to end, or that start another program."""
NEVER_GIVEN = {"--create", "--help", "-h", "--yes", "-y"}
"""Options that reach beyond the test's own folder, or end everything else."""
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,  # replays a failure
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

words = st.text(max_size=30) | st.sampled_from(
    ["login", "define", "brief", "E101", ".", "..", "-", "", "0", "-1", "full", "active", "open"]
)
hostile = st.sampled_from(
    ["\x00", "\x1b[2J", "\u202e", "../" * 40, "x" * 70_000, "{{ 7 * 7 }}", "$(id)", "1e999", "\r\n"]
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
    | hostile
    | st.binary(max_size=20).map(lambda data: data.decode("latin-1")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
# What the system can hand to a program: bytes, but no NUL.
arguments = (
    words | hostile | st.binary(max_size=20).map(os.fsdecode) | st.integers().map(str)
).map(lambda text: text.replace("\x00", "0").encode("utf-8", "surrogateescape"))


def require_whole(project: Path) -> None:
    """The state can be read, and both copies of its journal are whole and the same."""
    files = StateFiles(project)
    journal = scan(files.journal.read_bytes())
    segments = {first: scan(path.read_bytes()) for first, path in files.segments().items()}
    assert not any(copy.damage for copy in (journal, *segments.values()))
    assert journal.header is not None
    assert segments[journal.header.first].records == journal.records
    names = [feature.name for feature in FilesystemProjectRepository().get(project).features]
    assert "login" in names
    assert len(set(names)) == len(names)


@dataclass
class Conversation:
    """A client that is connected for as long as the test runs."""

    portal: BlockingPortal
    agent: Agent
    tools: dict[str, list[str]]

    def call(self, tool: str, given_arguments: dict[str, Any]) -> None:
        """Call a tool, and require an answer as it must be."""

        async def called() -> None:
            if tool not in self.tools:
                with anyio.fail_after(SECONDS), pytest.raises(MCPError) as refused:
                    await self.agent.raw(tool, given_arguments)
                assert refused.value.error.data["error"]["code"] == "E309"
                return
            with anyio.fail_after(SECONDS):
                result = await self.agent.raw(tool, given_arguments)
            content = result.structured_content
            assert content is not None
            assert bool(result.is_error) == ("error" in content)
            assert "Traceback" not in text_of(result)
            if result.is_error:
                assert content["error"]["code"] in ERROR_MESSAGES
                assert content["error"]["code"] != "E999", text_of(result)

        self.portal.call(called)


@pytest.fixture
def busy(project: Path) -> Path:
    """A project with a feature."""
    code, _, _ = commanded([b"start", b"Login", b"--project", os.fsencode(project)])
    assert code == 0
    return project


@pytest.fixture
def conversation(busy: Path) -> Iterator[Conversation]:
    server = build_server(ServedProject(busy, pinned=True))
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(server)) as client,
    ):
        listed = portal.call(client.list_tools)
        tools = {tool.name: list(tool.input_schema.get("properties", {})) for tool in listed.tools}
        yield Conversation(portal, Agent(client), tools)


@bounded
@given(data=st.data())
def test_any_arguments_of_any_tool(conversation: Conversation, busy: Path, data: Any) -> None:
    for tool, names in conversation.tools.items():
        keys = st.sampled_from(names) if names else words
        given_arguments = data.draw(st.dictionaries(keys | words, json_values, max_size=5), tool)
        conversation.call(tool, given_arguments)
    require_whole(busy)


@bounded
@given(tool=words | hostile, given_arguments=st.dictionaries(words, json_values, max_size=3))
def test_any_name_of_a_tool(
    conversation: Conversation, tool: str, given_arguments: dict[str, Any]
) -> None:
    conversation.call(tool, given_arguments)


def commands() -> dict[tuple[str, ...], list[str]]:
    """Every command that ends by itself, with its options."""
    found: dict[tuple[str, ...], list[str]] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        for name, child in getattr(command, "commands", {}).items():
            if name not in ENDLESS:
                walk(child, (*path, name))
        if path and not getattr(command, "commands", {}):
            found[path] = [each for p in command.params for each in p.opts if each[0] == "-"]

    walk(whole_command(), ())
    return found


COMMANDS = commands()


@contextmanager
def terminal(words_given: list[str]) -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """Arguments and streams as a process has them."""
    kept = sys.argv, sys.stdin, sys.stdout, sys.stderr
    out, err, empty = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(3))
    sys.argv, sys.stdin, sys.stdout, sys.stderr = ["cde", *words_given], empty, out, err
    try:
        yield out, err
    finally:
        sys.argv, sys.stdin, sys.stdout, sys.stderr = kept


def commanded(words_given: list[bytes]) -> tuple[int, str, str]:
    """The exit code and the output of a command."""
    code: Any = 0
    with terminal([os.fsdecode(word) for word in words_given]) as streams:
        try:
            run()
        except SystemExit as end:
            code = end.code or 0
        said = []
        for stream in streams:
            stream.flush()
            assert isinstance(stream.buffer, io.BytesIO)
            said.append(stream.buffer.getvalue().decode())
    return int(code), said[0], said[1]


def tamed(path: tuple[str, ...], word: bytes) -> bytes:
    """A word that cannot lead ``init`` to a folder outside the test's own."""
    return b"sub-" + word.replace(b"/", b"_") if path == ("init",) else word


def require_answer(words_given: list[bytes], *, as_json: bool) -> None:
    """Run a command, and require an answer as it must be."""
    code, said, complained = commanded(words_given)
    assert code in {0, 1, 2}, words_given
    assert "Traceback" not in said + complained, words_given
    if code and as_json and said.strip():
        answered = json.loads(said)["error"]["code"]
        assert answered in ERROR_MESSAGES
        assert answered != "E999", words_given
    elif code:
        assert re.search(r"\bE\d{3}\b", said + complained), words_given
        assert "E999" not in said + complained, words_given


@settings(bounded, max_examples=5 * EXAMPLES)
@given(data=st.data())
def test_any_arguments_of_any_command(busy: Path, data: Any) -> None:
    here = Path.cwd()
    path = data.draw(st.sampled_from(sorted(COMMANDS)), "command")
    allowed = [each.encode() for each in COMMANDS[path] if each not in NEVER_GIVEN]
    given_words = data.draw(st.lists(st.sampled_from(allowed) | arguments, max_size=5), "words")
    tamed_words = [word if word in allowed else tamed(path, word) for word in given_words]
    os.chdir(busy)
    try:
        for form in ([], [b"--json"]):
            whole = [*(part.encode() for part in path), *form, *tamed_words]
            require_answer(whole, as_json=bool(form))
    finally:
        os.chdir(here)
    require_whole(busy)
