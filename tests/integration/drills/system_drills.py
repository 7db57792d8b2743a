"""Drills of the system around the product, E900 to E999."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO

import cde_orchestrator
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDESystemError
from tests.command_line import program
from tests.disks import remount, small_disk
from tests.integration.drills.stage import Outcome, Stage, drill
from tests.integration.drills.state_drills import Holder
from tests.let_in import bearer

TOKEN = "0123456789abcdef0123456789abcdef"


@contextmanager
def started(stage: Stage, *words: str, stderr: int = subprocess.STDOUT) -> Iterator[IO[str]]:
    """What a command of its own prints, until it is ended."""
    process = subprocess.Popen(
        [*program(stage.environment), *words],
        cwd=stage.root,
        env={**os.environ, **stage.environment},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        process.terminate()
        process.communicate(timeout=60)


@contextmanager
def serving(stage: Stage, *words: str) -> Iterator[str]:
    """A server of its own over HTTP; what it said when it was ready, or why it was not."""
    with started(stage, *words) as printed:
        said = printed.readline()
        yield said if " at http" in said else said + printed.read()


def address_in(said: str) -> str:
    """The server's address without the path of MCP."""
    return next(word for word in said.split() if word.startswith("http")).removesuffix("/mcp")


async def served(stage: Stage, *words: str) -> Outcome:
    """What starting a server comes to: what it says first, in JSON, of itself or of an error."""
    command = ["serve", "--transport", "http", *words, "--json"]
    with started(stage, *command, stderr=subprocess.DEVNULL) as printed:
        said = "".join(iter(printed.readline, "}\n")) + "}"
    content = json.loads(said)
    return Outcome(content.get("error"), said, content)


def rarely_taken() -> socket.socket:
    """A listener on a port that the system gives to nobody of itself."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
    raise AssertionError("every port is taken")


async def asked(address: str, path: str = "/errors/E101", **headers: str) -> Outcome:
    """What a request for a page comes to; that of an error code, unless another is named."""
    return requested(address + path, headers)


def requested(url: str, headers: Mapping[str, str]) -> Outcome:
    """The same, waited for."""
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Outcome(None, answer.read().decode())
    except urllib.error.HTTPError as error:
        refusal = error
    content = json.loads(refusal.read())
    assert refusal.code in {401, 404, 421, 503}
    assert refusal.headers.get("WWW-Authenticate", "").startswith("Bearer") == (refusal.code == 401)
    return Outcome(content["error"], str(content))


@contextmanager
def listened(url: str, headers: Mapping[str, str], times: int) -> Iterator[None]:
    """So many streams of events, which are open meanwhile."""
    with ExitStack() as streams:
        for _ in range(times):
            request = urllib.request.Request(url, headers=dict(headers))
            streams.enter_context(urllib.request.urlopen(request, timeout=60))
        yield


@drill("E901")
async def an_address_that_is_taken(stage: Stage) -> None:
    taken = rarely_taken()
    port = str(taken.getsockname()[1])

    async def follow(command: str) -> Outcome:
        with serving(stage, *shlex.split(command)[1:]) as said:
            served_there = f"serves {stage.root} at http" in said
            return Outcome(None if served_there else {"code": "?"}, said)

    try:
        await stage.prove(
            lambda: served(stage, "--port", port, "--project", str(stage.root)),
            follow=follow,
            by_hand=taken.close,
        )
    finally:
        taken.close()


@drill("E324")
async def a_page_that_does_not_exist(stage: Stage) -> None:
    with serving(stage, "serve", "--transport", "http", "--port", "0") as said:
        address = address_in(said)
        await stage.prove(
            lambda: asked(address, "/dashbord", **bearer(stage.root)),
            names="No Such Page",
            corrected=lambda: asked(address, "/dashboard", **bearer(stage.root)),
        )


@drill("E902")
async def a_request_without_the_token(stage: Stage) -> None:
    file = stage.folder / "token"
    file.touch(0o600)
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    words = ["serve", "--transport", "http", "--port", "0", "--token-file", str(file)]
    with serving(stage, *words) as said:
        address = address_in(said)
        await stage.prove(
            lambda: asked(address, "/health/metrics"),
            names="Authorization: Bearer",
            corrected=lambda: asked(address, "/health/metrics", Authorization=f"Bearer {TOKEN}"),
        )


@drill("E936")
async def a_network_and_no_token(stage: Stage) -> None:
    words = ["--port", "0", "--host", "0.0.0.0", "--project", str(stage.root)]

    async def follow(command: str) -> Outcome:
        with serving(stage, *shlex.split(command)[1:]) as said:
            return Outcome(None if f"serves {stage.root} at http" in said else {"code": "?"}, said)

    await stage.prove(
        lambda: served(stage, *words),
        follow=follow,
        by_hand=lambda: stage.environment.update(CDE_HTTP_TOKEN=TOKEN),
    )


@drill("E937")
async def more_listeners_than_a_server_takes(stage: Stage) -> None:
    with serving(stage, "serve", "--transport", "http", "--port", "0") as said:
        address, token = address_in(said), bearer(stage.root)
        with listened(address + "/dashboard/events", token, times=64):
            await stage.prove(
                lambda: asked(address, "/dashboard/events", **token),
                names="a stream that ends makes room",
                corrected=lambda: asked(address, "/health/metrics", **token),
            )


@drill("E938")
async def a_name_that_the_server_does_not_know(stage: Stage) -> None:
    words = ["serve", "--transport", "http", "--port", "0"]
    with serving(stage, *words, "--allow-host", "cde.example") as said:
        address = address_in(said)
        await stage.prove(
            lambda: asked(address, Host="dce.example"),
            names="--allow-host NAME",
            corrected=lambda: asked(address, Host="cde.example"),
        )


@drill("E920")
async def a_change_from_the_future(stage: Stage) -> None:
    ahead = FilesystemProjectRepository(clock=lambda: utc_now() + timedelta(days=3))
    with ahead.transaction(stage.root) as project:
        project.archive()

    def change() -> None:
        with FilesystemProjectRepository().transaction(stage.root) as again:
            again.activate()

    await stage.prove(stage.finding, names="transaction", by_hand=change)


@drill("E921", own_disk=True)
async def a_disk_with_little_space(stage: Stage) -> None:
    with small_disk(stage.root):
        await stage.prove(
            stage.finding,
            names="are wanted",
            by_hand=lambda: remount(stage.root, "size=400m"),
        )
        await stage.close()


@drill("E922")
async def a_repository_that_git_does_not_understand(stage: Stage) -> None:
    link = stage.root / ".git"
    link.write_text("gitdir: /nowhere\n")
    await stage.prove(stage.finding, names="Run git status there", by_hand=link.unlink)


@drill("E923")
async def an_answer_that_takes_too_long(stage: Stage) -> None:
    (stage.root / ".cde" / "config.toml").write_text(
        "call_timeout_seconds = 3\nlock_timeout_seconds = 60\n"
    )
    assert (await stage.tool("cde_getProjectInfo")).error is None
    holder = Holder(stage.root)

    try:
        await stage.prove(
            lambda: stage.tool("cde_startFeature", prompt="Patience"),
            names="login",
            by_hand=holder.end,
        )
    finally:
        holder.end()


@drill("E924")
async def a_token_that_anybody_could_guess(stage: Stage) -> None:
    file = stage.folder / "token"
    file.touch(0o600)
    file.write_text("1234\n")
    words = ["--port", "0", "--project", str(stage.root), "--token-file", str(file)]
    await stage.prove(
        lambda: served(stage, *words),
        names="--token-file",
        by_hand=lambda: file.write_text(TOKEN + "\n"),
    )


@drill("E930")
async def a_machine_with_little_memory(stage: Stage) -> None:
    settings = stage.root / ".cde" / "config.toml"
    settings.write_text("alert_memory_percent = 1\n")

    async def checked() -> Outcome:
        finished = stage.run("health", "--project", str(stage.root), "--json")
        code = json.loads(finished.stdout)["details"]["memory"]["error_code"]
        if code is None:
            return Outcome(None, finished.stdout)
        error = CDESystemError.of(code, project_path=str(stage.root))
        return Outcome(dict(ErrorFormatter.payload(error)), finished.stdout)

    await stage.prove(
        checked,
        names="of the memory is in use",
        by_hand=lambda: settings.write_text("alert_memory_percent = 100\n"),
    )


@drill("E935")
async def a_dashboard_whose_server_does_not_start(stage: Stage) -> None:
    stage.environment["CDE_HTTP_TOKEN"] = "short"
    words = ["dashboard", "--no-open", "--project", str(stage.root)]
    try:
        await stage.prove(
            lambda: stage.json_command(*words),
            by_hand=lambda: stage.environment.update(CDE_HTTP_TOKEN=TOKEN),
        )
    finally:
        stage.run("dashboard", "--stop", "--project", str(stage.root))


@drill("E931")
async def a_package_that_was_replaced(stage: Stage) -> None:
    own = Path(cde_orchestrator.__file__).parent
    copy = stage.folder / "site" / own.name
    shutil.copytree(own, copy, ignore=shutil.ignore_patterns("__pycache__"))
    stage.environment["PYTHONPATH"] = str(copy.parent)
    module = copy / "adapters" / "workflows" / "prompts.py"
    removed = module.rename(stage.folder / "removed.py")
    words = ["start", "Something", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words),
        names="adapters.workflows.prompts cannot be imported",
        by_hand=lambda: removed.rename(module),
    )


@drill("E999")
async def a_damaged_installation(stage: Stage) -> None:
    broken = stage.folder / "site" / "jinja2"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('the disk ate this library')\n")
    stage.environment["PYTHONPATH"] = str(broken.parent)

    def reinstall() -> None:
        broken.rename(stage.folder / "removed")  # at once, whoever is reading it

    words = ["start", "Something", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words),
        names="the disk ate this library",
        by_hand=reinstall,
    )
