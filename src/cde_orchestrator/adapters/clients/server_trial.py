"""Starts or reaches a server as a client would, and counts its tools."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, cast
from urllib.parse import urlsplit

import cde_orchestrator
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.os_errors import error_words

TRIAL_SECONDS = 60.0
END_SECONDS = 5.0
_LINES_KEPT = 20
_ANSWER_BYTES = 1024 * 1024
_REASON_CHARACTERS = 300
_PROTOCOL = "2025-11-25"
_PASSED = {
    *("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ"),
    *("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
    *("APPDATA", "LOCALAPPDATA", "PATHEXT", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE"),
}
"""What every client lets its servers see of the environment."""
_HELLO = {
    "protocolVersion": _PROTOCOL,
    "capabilities": {},
    "clientInfo": {"name": "cde-connect", "version": cde_orchestrator.__version__},
}


class TrialError(Exception):
    """It has no tools of cde, or is no server at all; the argument says why."""


def tools_started(
    words: Sequence[str], more: Mapping[str, str], environment: Mapping[str, str]
) -> int:
    """The number of tools of the server that these words start, in no project's folder.

    Args:
        words: the program first.
        more: variables that the entry sets.
        environment: of which clients pass on a part.

    Raises:
        TrialError: it cannot be started, takes too long, or lists no tools.
    """
    seen = {name: value for name, value in environment.items() if name in _PASSED}
    seen |= {"PATH": programs.absolute_path(environment), **more}
    program = programs.found(words[0], seen)
    if program is None:
        raise TrialError(f"there is no program {words[0]}")
    pipes = {"stdin": programs.PIPE, "stdout": programs.PIPE, "stderr": programs.WITH_OUTPUT}
    try:
        process = programs.start([program, *words[1:]], folder=programs.TOP, env=seen, **pipes)
    except OSError as error:
        raise TrialError(f"{words[0]} cannot be started: {error_words(error)}") from error
    limit = threading.Timer(TRIAL_SECONDS, process.kill)
    limit.start()
    try:
        return _asked(process)
    finally:
        limit.cancel()
        _end(process)


def _asked(process: programs.Process) -> int:
    """The number of tools that a server on these pipes lists."""
    to, of = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    said: list[str] = []
    for message in (_request(1, "initialize", _HELLO), _notice(), _request(2, "tools/list", {})):
        with suppress(OSError):  # it has ended, and may have said why
            to.write(json.dumps(message).encode() + b"\n")
            to.flush()
    while line := of.readline(_ANSWER_BYTES):
        text = line.decode("utf-8", "replace")
        answers = [*_messages([text])]
        if not answers:
            said = [*said, text.strip()][:_LINES_KEPT]
        elif any(each.get("id") == 2 or "error" in each for each in answers):
            return _counted(answers)
    reason = next(filter(None, said), "it said nothing")
    raise TrialError(_shortened(f"it ended, or took too long: {reason}"))


def _end(process: programs.Process) -> None:
    """End a server as a client does, by the end of its input."""
    with suppress(OSError):
        cast("IO[bytes]", process.stdin).close()
    try:
        process.wait(END_SECONDS)
    except programs.TookTooLongError:
        process.kill()
        process.wait()
    cast("IO[bytes]", process.stdout).close()


def tools_reached(url: str, token: str | None) -> int:
    """The number of tools of the server at a URL.

    Raises:
        TrialError: it cannot be reached, does not let us in, or lists no tools.
    """
    session: dict[str, str] = {}
    answers, found = _posted(url, token, session, _request(1, "initialize", _HELLO))
    if found is not None:
        session["Mcp-Session-Id"] = found
    session["Mcp-Protocol-Version"] = _PROTOCOL
    _posted(url, token, session, _notice())
    answers, _ = _posted(url, token, session, _request(2, "tools/list", {}))
    return _counted(answers)


def _posted(
    url: str, token: str | None, session: Mapping[str, str], message: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str | None]:
    """The answers to a message, and the session's name."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    parts = urlsplit(url)
    of_scheme = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    headers = {"Content-Type": "application/json", **session}
    headers["Accept"] = "application/json, text/event-stream"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    connection = of_scheme(parts.hostname or "", parts.port, timeout=TRIAL_SECONDS)
    try:
        connection.request("POST", path, json.dumps(message), headers)
        answer = connection.getresponse()
        data = answer.read(_ANSWER_BYTES)
    except (OSError, HTTPException, ValueError) as error:
        words = error_words(error) if isinstance(error, OSError) else type(error).__name__
        raise TrialError(f"no answer: {words}") from error
    finally:
        connection.close()
    if answer.status == 401:
        why = "refuses the token" if token else "asks for a token, and CDE_HTTP_TOKEN is not set"
        raise TrialError(f"the server {why}")
    if answer.status >= 300:
        raise TrialError(f"the server answers with status {answer.status}")
    lines = data.decode("utf-8", "replace").split("\n")
    found = _messages(line.removeprefix("data:") for line in lines)
    return [*found], answer.getheader("Mcp-Session-Id")


def _request(number: int, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**parameters}}


def _notice() -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/initialized"}


def _messages(lines: Iterator[str] | Sequence[str]) -> Iterator[dict[str, Any]]:
    """The messages of JSON-RPC among the lines."""
    for line in lines:
        with suppress(ValueError, RecursionError):
            message = json.loads(line)
            if isinstance(message, dict) and "jsonrpc" in message:
                yield message


def _counted(answers: Sequence[Mapping[str, Any]]) -> int:
    for each in answers:
        if "error" in each:
            raise TrialError(_shortened(f"the server refuses: {each['error']}"))
        result = each.get("result")
        tools = result.get("tools") if isinstance(result, dict) else None
        if isinstance(tools, list):
            names = [str(tool.get("name")) for tool in tools if isinstance(tool, dict)]
            if found := sum(name.startswith("cde_") for name in names):
                return found
            raise TrialError(f"it has no tools of cde, but {', '.join(names[:5]) or 'none at all'}")
    raise TrialError("it did not list its tools")


def _shortened(text: str) -> str:
    return without_secrets(text.strip(), strict=True)[:_REASON_CHARACTERS]
