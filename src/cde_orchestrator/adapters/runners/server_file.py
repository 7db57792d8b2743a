"""What the HTTP servers of this user leave for commands and clients of the same user.

For each project, in the user's own folder and never in the project, which may have come from
elsewhere: which server runs, and the token that its servers ask for. Both files are the user's
alone; one that others can read or that is not the user's is none.

A server counts only while its process is the one that the file names, by machine, number, start
and user, and while what answers at its address, which is one of this machine's loopback, proves
that it knows the server's key. The file may be missing, or be lost: then no server is known.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import re
import secrets
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
from cde_orchestrator.infrastructure.paths import user_state_folder
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    read_secret,
    replace_file,
    unlink,
)
from cde_orchestrator.infrastructure.system.os_errors import write_failure
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.infrastructure.system.project_home import home_of
from cde_orchestrator.infrastructure.system.server_key import CHALLENGE, PROOF, ServerKey

FILE = "http-server.json"
TOKEN_FILE = "http-token"  # noqa: S105 - the name of a file
BACKGROUND_VARIABLE = "CDE_BACKGROUND_SERVER"
"""Set for a server that was started by a command, and is to be ended by one."""
ANSWER_SECONDS = 3.0
PORTS = range(20_000, 30_000)
"""Of servers that take any free port: below what systems give to connections that go out."""
_LOCK_SECONDS = 5.0
_SIZE_LIMIT = 16 * 1024
_LOOPBACK = re.compile(r"http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\]):[0-9]{1,5}")
_MADE = re.compile(rb"[A-Za-z0-9_-]{43}\n")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server that runs: its address without a path, and whether nobody sits in front of it."""

    url: str
    process: Process
    background: bool
    key: ServerKey

    def sign_in(self, *, person: bool) -> str:
        """An address that opens the dashboard, and signs its browser in, once.

        ``person`` is whether a person asks at a terminal, whose browser may decide, too.
        """
        return f"{self.url}/dashboard#once={self.key.ticket(person=person)}"


def server_folder(root: Path) -> Path:
    """Where the servers of a project leave what they have to say.

    Raises:
        OSError: the user has no folder.
    """
    if (folder := user_state_folder()) is None:
        raise OSError(errno.ENOENT, "the user has no home folder")
    place = os.fsencode(os.path.realpath(home_of(root)))
    return folder / "servers" / hashlib.blake2b(place, digest_size=16).hexdigest()


def usual_port(root: Path) -> int:
    """The port that a project's servers try first when any free one will do.

    A browser keeps what somebody typed for the port of a page: the next server is to have the same.

    Raises:
        OSError: the user has no folder.
    """
    return PORTS[int(server_folder(root).name, 16) % len(PORTS)]


def kept_token(root: Path) -> tuple[str, Path]:
    """The token that the project's servers ask for, made when there is none; and its file.

    It stays the same from server to server: clients are set up with it.

    Raises:
        StateError: E204 the disk is full, E203 writing failed otherwise, E205 another process
            did not let go of the file.
    """
    path = Path(TOKEN_FILE)
    try:
        path = _made(server_folder(root)) / TOKEN_FILE
        with ProcessLock(path.with_suffix(".lock"), _LOCK_SECONDS).exclusive():
            kept = _private(path)
            if kept is None or not _MADE.fullmatch(kept):
                kept = secrets.token_urlsafe(32).encode() + b"\n"
                replace_file(OsFileOps(), path, kept, 0o600)
    except OSError as error:
        raise write_failure(path, error) from error
    return kept.decode().strip(), path


@contextmanager
def announced(root: Path, host: str, port: int, key: ServerKey) -> Iterator[None]:
    """Say that this process serves the project, unless only a network reaches it; never fails."""
    path, own = None, current_process()
    url = _address(host, port)
    is_background = BACKGROUND_VARIABLE in os.environ
    content = {"url": url, "process": asdict(own), "background": is_background, "key": key.secret}
    try:
        if _LOOPBACK.fullmatch(url):
            path = _made(server_folder(root)) / FILE
            replace_file(OsFileOps(), path, json.dumps(content).encode(), 0o600)
    except OSError as error:
        log.warning("http_server_not_announced", reason=str(error))
    try:
        yield
    finally:
        if path is not None and (found := _read(path)) and found.process == own:
            with suppress(OSError):
                unlink(path)


def running(root: Path) -> HttpServer | None:
    """The server that serves the project now, if one of this person does and it answers."""
    try:
        found = _read(server_folder(root) / FILE)
    except OSError:
        return None
    if found is None or not is_own(found.process) or not _answers(found):
        return None
    return found


def _address(host: str, port: int) -> str:
    """How this machine reaches it, whatever it listens on."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared alone
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _made(folder: Path) -> Path:
    for each in (folder.parent.parent, folder.parent, folder):  # all of them are the product's
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _private(path: Path) -> bytes | None:
    """What is in a file that nobody but this user can read or could have written."""
    with suppress(OSError):
        return read_secret(path, _SIZE_LIMIT)
    return None


def _read(path: Path) -> HttpServer | None:
    try:
        content = json.loads(_private(path) or b"")
        process = Process(**content["process"])
        url, background, secret = content["url"], content["background"], content["key"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(url, str) or not _LOOPBACK.fullmatch(url) or not isinstance(secret, str):
        return None
    return HttpServer(url, process, background is True, ServerKey(secret))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Who answers with another address is no server of ours."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def _answers(server: HttpServer) -> bool:
    """Whether that very server answers at its address, asked without a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    challenge = secrets.token_hex(16)
    opener.addheaders.append((CHALLENGE, challenge))
    try:
        with opener.open(f"{server.url}/health", timeout=ANSWER_SECONDS) as answer:
            given = answer.headers.get(PROOF, "")
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except (OSError, ValueError, HTTPException):
        return False
    return hmac.compare_digest(given.encode(), server.key.proof(challenge).encode())
