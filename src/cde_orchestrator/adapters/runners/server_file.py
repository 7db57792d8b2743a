"""Which HTTP server of a project runs: it says so in a file of the project while it does.

The file names a process by more than its number, so that what is left of a server that was
killed is never taken for another one. It may be missing, or be lost: then no server is known.

It may also have come with the project from elsewhere, and name any process and any address. A
server counts only where its process is the same person's, on this machine, and began when the
file says; and only addresses of this machine's loopback are asked.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from cde_orchestrator.adapters.runners.callers import current_process, is_own
from cde_orchestrator.domain.lease import Process
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, read_bounded, replace_file
from cde_orchestrator.infrastructure.system.project_home import local_folder

FILE = "http-server.json"
BACKGROUND_VARIABLE = "CDE_BACKGROUND_SERVER"
"""Set for a server that was started by a command, and is to be ended by one."""
ANSWER_SECONDS = 3.0
_SIZE_LIMIT = 16 * 1024
_LOOPBACK = re.compile(r"http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\]):[0-9]{1,5}")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server that runs: its address without a path, and whether nobody sits in front of it."""

    url: str
    process: Process
    background: bool


@contextmanager
def announced(root: Path, host: str, port: int) -> Iterator[None]:
    """Say that this process serves the project, unless only a network reaches it; never fails."""
    path = local_folder(root) / FILE
    own = HttpServer(_address(host, port), current_process(), BACKGROUND_VARIABLE in os.environ)
    try:
        if _LOOPBACK.fullmatch(own.url) and path.parent.is_dir():
            replace_file(OsFileOps(), path, json.dumps(asdict(own)).encode(), 0o600)
    except OSError as error:
        log.info("http_server_not_announced", reason=str(error))
    try:
        yield
    finally:
        if (found := _read(path)) and found.process == own.process:
            with suppress(OSError):
                path.unlink()


def running(root: Path) -> HttpServer | None:
    """The server that serves the project now, if one of this person does and it answers."""
    found = _read(local_folder(root) / FILE)
    if found is None or not is_own(found.process) or not answers(found.url):
        return None
    return found


def _address(host: str, port: int) -> str:
    """How this machine reaches it, whatever it listens on."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared alone
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _read(path: Path) -> HttpServer | None:
    try:
        content = json.loads(read_bounded(path, _SIZE_LIMIT))
        process = Process(**content["process"])
        url, background = content["url"], content["background"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(url, str) or not _LOOPBACK.fullmatch(url):
        return None
    return HttpServer(url, process, background is True)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Who answers with another address is no server of ours."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def answers(url: str) -> bool:
    """Whether a server answers there, asked without a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(f"{url}/health", timeout=ANSWER_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return not 300 <= error.code < 400  # it wants a token, say
    except (OSError, ValueError, HTTPException):
        return False
