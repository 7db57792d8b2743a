"""The command that shows the project in a browser."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Annotated, Any, cast

import typer
from rich.console import RenderableType
from rich.text import Text

from cde_orchestrator.adapters.runners.callers import is_own
from cde_orchestrator.adapters.runners.server_file import (
    BACKGROUND_VARIABLE,
    HttpServer,
    running,
)
from cde_orchestrator.cli.console.layout import unbroken
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.infrastructure.observability.correlation import CALL_VARIABLES
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.project_home import home_of
from cde_orchestrator.infrastructure.system.spans import SERVER, span
from cde_orchestrator.infrastructure.trust.person import terminal_problem

top_level = Commands()

START_SECONDS = 30.0
END_SECONDS = 10.0
REASON_CHARACTERS = 300


@top_level.command("cde dashboard", "cde dashboard --read-only", "cde dashboard --stop")
def dashboard(
    call: Call,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the address; do not open a browser.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let that browser only read.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the server that this command started.")
    ] = False,
) -> None:
    """Open the project's dashboard in the browser; start a server if none is running."""
    work = _end if stop else partial(_open, browse=not no_open, acts=not read_only)
    call.say(call.logged("open_dashboard", work), _shown)


def _open(root: Path, *, browse: bool, acts: bool) -> dict[str, Any]:
    found = running(root)
    with span(SERVER):
        server = found or _start(home_of(root))
    # The word in it is good for one browser alone.
    person = acts and terminal_problem([sys.stdin, sys.stdout]) is None
    opened = browse and programs.browse(server.sign_in(person=person))
    return {
        "url": f"{server.url}/dashboard",
        "sign_in": None if opened else server.sign_in(person=person),
        "pid": server.process.pid,
        "started": found is None,
        "opened": opened,
        "acts": person,
    }


def _start(root: Path) -> HttpServer:
    """A server in the background, on the project's usual port, or else on one that is free.

    Raises:
        CDESystemError: E935, it does not come up.
    """
    words = ["serve", "--transport", "http", "--port", "0", "--project", str(root), "--json"]
    with programs.start(
        programs.python_words("-m", "cde_orchestrator", *words),
        folder=programs.TOP,
        stdin=programs.NOTHING,
        stdout=programs.PIPE,
        stderr=programs.PIPE,
        # It outlives this call, and is no part of it.
        env={
            **{name: value for name, value in os.environ.items() if name not in CALL_VARIABLES},
            **programs.python_path(),
            BACKGROUND_VARIABLE: "1",
        },
    ) as process:
        said = bytearray()
        errors = cast("IO[bytes]", process.stderr)
        os.set_blocking(errors.fileno(), False)

        def ended() -> int | None:
            code = process.poll()
            said.extend(errors.read() or b"")  # a pipe that is full would stop it
            return code

        answer = _first_answer(cast("IO[bytes]", process.stdout), ended)
        deadline = time.monotonic() + START_SECONDS
        while "url" in answer and ended() is None and time.monotonic() < deadline:
            if (found := running(root)) and found.process.pid == process.pid:
                process.returncode = 0  # it outlives this command, as it is meant to
                return found
            time.sleep(0.05)
        process.kill()
        process.wait()
        ended()
    reason = str(answer.get("error", {}).get("message", "")) or _last_line(said)
    raise CDESystemError.of("E935", reason=reason.rstrip("."), project_path=str(root))


def _last_line(said: bytes | bytearray) -> str:
    """What it wrote last on standard error, which names the failure."""
    lines = said.decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
    return without_secrets(last, strict=True)[-REASON_CHARACTERS:]


def _first_answer(output: IO[bytes], ended: Callable[[], int | None]) -> dict[str, Any]:
    """The JSON object that a server begins with; empty when it ends, or takes too long."""
    data, deadline = b"", time.monotonic() + START_SECONDS
    with output:
        os.set_blocking(output.fileno(), False)
        while time.monotonic() < deadline:
            was_ended = ended() is not None
            data += output.read() or b""
            try:
                answer = json.loads(data)
            except ValueError:
                if was_ended:
                    break
                time.sleep(0.02)
                continue
            return answer if isinstance(answer, dict) else {}
    return {}


def _end(root: Path) -> dict[str, Any]:
    found = running(root)
    if found is None or not found.background:
        return {"url": None, "pid": None, "stopped": False}
    with suppress(ProcessLookupError):
        os.kill(found.process.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    while is_own(found.process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return {"url": f"{found.url}/dashboard", "pid": found.process.pid, "stopped": True}


def _shown(reply: dict[str, Any], _look: RenderTarget) -> RenderableType:
    if "stopped" in reply:
        ended = (
            "The dashboard's server was stopped"
            if reply["stopped"]
            else "No dashboard server is running in the background"
        )
        return Text(ended)
    lines = [f"The dashboard is at {reply['sign_in'] or reply['url']}"]
    if reply["sign_in"]:
        lines.append("This address signs one browser in, once, within ten minutes.")
    if not reply["acts"]:
        lines.append("That browser reads only: to act in it, run cde dashboard in a terminal.")
    if reply["started"]:
        lines.append(f"Its server runs in the background (process {reply['pid']}).")
        lines.append("To stop it: cde dashboard --stop")
    return unbroken(Text("\n".join(lines)))  # an address has to be whole to be opened
