"""Standard input and output as pipes: all lines, whatever comes, and nobody is kept waiting."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from cde_orchestrator.mcp_tools.pipes import PipeInput, PipeOutput

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="the SDK's own there"),
]

SCRIPT = """
import asyncio, os, subprocess, sys
from cde_orchestrator.mcp_tools.pipes import standard_pipes
async def echo(incoming, outgoing):
    async for line in incoming:
        await outgoing.write(line.upper())
        await outgoing.flush()
with standard_pipes() as (incoming, outgoing):
    if incoming is None:
        sys.exit(3)
    print("stray", flush=True)
    child = subprocess.run(["cat"], stdout=subprocess.PIPE)
    os.write(2, b"child read %d" % len(child.stdout))
    asyncio.run(echo(incoming, outgoing))
print("after", flush=True)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends."""
    ends = os.pipe()
    yield ends
    for each in ends:
        try:
            os.close(each)
        except OSError:
            continue


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., Any]]:
    """What was handed to a thread."""
    handed: list[Callable[..., Any]] = []
    real = anyio.to_thread.run_sync

    async def counted(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        handed.append(function)
        return await real(function, *arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", counted)
    return handed


async def test_each_line_comes_whole_however_it_was_cut(pipe: tuple[int, int]) -> None:
    long = "x" * 2_000_000
    sent = f"one\nzw\u00f6lf\r\n\n{long}\nlast".encode()
    lines: list[str] = []

    async def read() -> None:
        lines.extend([line async for line in PipeInput(pipe[0])])

    def write() -> None:
        for piece in (sent[:2], sent[2:6], sent[6:]):
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(pipe[1], rest) :]
        os.close(pipe[1])

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.to_thread.run_sync(write)

    assert lines == ["one\n", "zw\u00f6lf\r\n", "\n", f"{long}\n", "last"]


async def test_bytes_that_are_no_text_are_replaced(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"a\xff\n")
    os.close(pipe[1])

    assert [line async for line in PipeInput(pipe[0])] == ["a\ufffd\n"]


async def test_lines_need_no_thread_and_answers_none_while_there_is_room(
    pipe: tuple[int, int], threads: list[Callable[..., Any]]
) -> None:
    lines = aiter(PipeInput(pipe[0]))
    output = PipeOutput(pipe[1])
    for number in range(5):
        text = f"{number}{'x' * 20_000}\n"
        await output.write(text)
        assert await anext(lines) == text
    assert threads == []  # the SDK takes one to read, one to write and one to flush


@pytest.mark.parametrize("waits", [True, False])
async def test_a_client_that_does_not_read_keeps_nobody_waiting(
    pipe: tuple[int, int], threads: list[Callable[..., Any]], waits: bool
) -> None:
    os.set_blocking(pipe[1], waits)
    text = "x" * 1_000_000
    found = bytearray()
    async with anyio.create_task_group() as group:
        group.start_soon(PipeOutput(pipe[1]).write, text)
        while len(found) < len(text):
            await anyio.wait_readable(pipe[0])
            found += os.read(pipe[0], 65_536)
    assert found.decode() == text
    assert len(threads) == 1


async def test_where_nobody_reads_any_more_that_is_reported(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])

    with pytest.raises(BrokenPipeError):
        await PipeOutput(pipe[1]).write("x\n")


def run(stdin: Any, stdout: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE
    )


def test_what_prints_and_what_children_read_is_not_the_clients() -> None:
    process = run(subprocess.PIPE, subprocess.PIPE)
    written, errors = process.communicate(b"one\ntwo\n")

    assert written == b"ONE\nTWO\nafter\n"
    assert errors == b"stray\nchild read 0"
    assert process.returncode == 0


def test_a_client_may_have_a_socket_as_programs_made_with_node_do() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = run(subprocess.PIPE, theirs)
        process.communicate(b"one\n")
        theirs.close()
        assert ours.recv(100) == b"ONE\nafter\n"


def test_files_are_left_to_the_sdk(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        process = run(subprocess.DEVNULL, out)
        process.communicate()
    assert process.returncode == 3
