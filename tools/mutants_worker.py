"""Runs tests in forks of a process that has imported what takes long: see ``tools.mutants``.

Each line of stdin is a request, as JSON; each line of stdout says how its tests ended.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from typing import Any

import pytest

# Nothing of the product: a fork imports that as it stands when its tests begin.
_SLOW_IMPORTS = (
    "hypothesis",
    "jinja2",
    "mcp.client.session",
    "mcp.server",
    "orjson",
    "prometheus_client",
    "psutil",
    "pydantic",
    "rich.console",
    "starlette.applications",
    "structlog",
    "typer",
    "uvicorn",
    "yaml",
)


def _serve() -> None:
    for name in _SLOW_IMPORTS:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_tested(request)), flush=True)


def _tested(request: dict[str, Any]) -> int | None:
    """The exit code of pytest; None when the tests were still running at the end of the time."""
    child = os.fork()
    if child == 0:
        _run(request)
    deadline = time.monotonic() + request["seconds"]
    try:
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # what the tests left behind


def _run(request: dict[str, Any]) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, output), (2, output)):
            os.dup2(source, target)
        code = int(pytest.main(request["arguments"]))
    except BaseException:  # noqa: BLE001 - the fork ends here, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
