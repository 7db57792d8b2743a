"""Which HTTP server of a project runs: it says so in a file of the project while it does.

The file names a process by more than its number, so that what is left of a server that was
killed is never taken for another one. It may be missing, or be lost: then no server is known.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from cde_orchestrator.adapters.process_callers import ProcessCallers, current_process
from cde_orchestrator.domain.claim import Process
from cde_orchestrator.infrastructure.state_files import FOLDER

FILE = "http-server.json"
BACKGROUND_VARIABLE = "CDE_BACKGROUND_SERVER"
"""Set for a server that was started by a command, and is to be ended by one."""
ANSWER_SECONDS = 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server that runs.

    Attributes:
        url: its address without a path.
        background: whether nobody sits in front of it.
    """

    url: str
    process: Process
    background: bool


@contextmanager
def announced(root: Path, host: str, port: int) -> Iterator[None]:
    """Say meanwhile that this process serves the project; never fails."""
    path = root / FOLDER / FILE
    own = HttpServer(_address(host, port), current_process(), BACKGROUND_VARIABLE in os.environ)
    _write(path, own)
    try:
        yield
    finally:
        found = _read(path)
        if found is not None and found.process == own.process:
            with suppress(OSError):
                path.unlink()


def running(root: Path) -> HttpServer | None:
    """The server that serves the project now, if one does and it answers."""
    found = _read(root / FOLDER / FILE)
    if found is None or not ProcessCallers().runs(found.process) or not answers(found.url):
        return None
    return found


def _address(host: str, port: int) -> str:
    """How this machine reaches it, whatever it listens on."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared alone
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _write(path: Path, server: HttpServer) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        if path.parent.is_dir():
            temporary.write_text(json.dumps(asdict(server)), encoding="utf-8")
            temporary.replace(path)
    except OSError as error:
        log.info("http_server_not_announced", reason=str(error))
        with suppress(OSError):
            temporary.unlink()


def _read(path: Path) -> HttpServer | None:
    try:
        told = json.loads(path.read_bytes())
        process = Process(**told["process"])
        url, background = str(told["url"]), bool(told["background"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if not url.startswith("http://") or not isinstance(process.pid, int):
        return None
    return HttpServer(url, process, background)


def answers(url: str) -> bool:
    """Whether a server answers there."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=ANSWER_SECONDS):  # noqa: S310 - http
            return True
    except urllib.error.HTTPError:
        return True  # it wants a token, say
    except (OSError, ValueError):
        return False
