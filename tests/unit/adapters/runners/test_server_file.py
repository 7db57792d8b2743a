"""A server is found as long as it runs and answers, and never taken for another one."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from cde_orchestrator.adapters.runners import callers, server_file
from cde_orchestrator.adapters.runners.callers import current_process, is_own
from cde_orchestrator.adapters.runners.server_file import FILE, announced, running, server_folder
from cde_orchestrator.infrastructure.system.server_key import CHALLENGE, PROOF, ServerKey

KEY = ServerKey()


class Answering(BaseHTTPRequestHandler):
    """A server with the key."""

    def do_GET(self) -> None:
        """Prove it."""
        self.send_response(200)
        self.send_header(PROOF, KEY.proof(self.headers[CHALLENGE]))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Where something answers."""
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def elsewhere() -> Iterator[HTTPServer]:
    """Sends everybody to another address, which must not be asked."""

    class Sending(Answering):
        def do_GET(self) -> None:
            """Tell another address of the same server."""
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/other")
            self.end_headers()

    asked: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), Sending)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
    assert asked == ["/health"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder."""
    server_folder(tmp_path).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_server_is_found_while_it_runs(root: Path, port: int, host: str) -> None:
    assert running(root) is None
    with announced(root, host, port, KEY):
        found = running(root)
        assert found is not None
        name = "localhost" if host == "localhost" else "127.0.0.1"
        assert (found.url, found.background) == (f"http://{name}:{port}", False)
        assert found.process == current_process()
    assert running(root) is None
    assert list(server_folder(root).iterdir()) == []


def test_one_that_does_not_answer_is_not_found(root: Path, port: int) -> None:
    with announced(root, "::1", 9, KEY):
        assert running(root) is None


@pytest.mark.parametrize("gone", ["", "another start"])
def test_a_process_of_the_same_number_is_another_one(root: Path, port: int, gone: str) -> None:
    with announced(root, "127.0.0.1", port, KEY):
        path = server_folder(root) / FILE
        told = json.loads(path.read_text())
        told["process"]["started"] = gone
        path.write_text(json.dumps(told))
        assert running(root) is None
    assert path.exists(), "what another one wrote stays"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"url": "file:///etc/passwd"}', "\xff", "[" * 100_000]
)
def test_a_file_that_says_nothing_is_no_server(root: Path, content: str) -> None:
    file = server_folder(root) / FILE
    file.write_text(content, encoding="latin-1")
    file.chmod(0o600)

    assert running(root) is None


def test_an_address_that_is_none_is_no_server(root: Path, port: int) -> None:
    with announced(root, "127.0.0.1", port, KEY):
        path = server_folder(root) / FILE
        told = json.loads(path.read_text())
        path.write_text(json.dumps({**told, "url": "file:///etc"}))
        assert running(root) is None


def test_who_sends_elsewhere_is_no_server_and_is_not_followed(
    root: Path, elsewhere: HTTPServer
) -> None:
    with announced(root, "127.0.0.1", elsewhere.server_address[1], KEY):
        assert running(root) is None


def test_a_server_is_asked_without_a_proxy(
    root: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with announced(root, "127.0.0.1", port, KEY):
        assert running(root) is not None


def test_a_server_that_only_a_network_reaches_says_nothing(root: Path) -> None:
    with announced(root, "192.0.2.1", 80, KEY):
        assert list(server_folder(root).iterdir()) == []


def test_what_stands_in_the_place_of_the_file_is_replaced_and_not_followed(
    root: Path, port: int
) -> None:
    other = root / "other"
    other.write_text("mine")
    for name in (FILE, f"http-server.{os.getpid()}.tmp"):
        (server_folder(root) / name).symlink_to(other)
    with announced(root, "127.0.0.1", port, KEY):
        assert running(root) is not None
        assert (server_folder(root) / FILE).lstat().st_mode & 0o777 == 0o600
    assert other.read_text() == "mine"


def test_a_file_without_end_is_no_server(root: Path, port: int) -> None:
    with announced(root, "127.0.0.1", port, KEY):
        path = server_folder(root) / FILE
        path.write_text(path.read_text() + " " * 20_000)
        assert running(root) is None


def test_a_process_of_another_user_is_nobody_of_ours() -> None:
    assert is_own(current_process())
    own = psutil.Process().username()
    foreign = 1  # ends with the system, which any other process that is found may not
    with ExitStack() as ending:
        if psutil.Process(foreign).username() == own:
            if os.geteuid() != 0:
                pytest.skip("every process here is this user's")
            process = subprocess.Popen(["sleep", "100"], user=65534)
            ending.callback(process.wait)
            ending.callback(process.kill)
            foreign = process.pid
        started = callers._started(foreign)
        assert started is not None
        assert not is_own(replace(current_process(), pid=foreign, started=started))


def test_where_nothing_can_be_written_the_server_serves_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server_folder(root) / FILE).mkdir()
    with announced(root, "127.0.0.1", 1, KEY):
        assert running(root) is None
    assert [path.name for path in server_folder(root).iterdir()] == [FILE]
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(root / "file"))
    (root / "file").write_text("")
    with announced(root, "127.0.0.1", 1, KEY):
        assert running(root) is None


def test_without_a_home_there_is_no_server(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_file, "user_state_folder", lambda: None)
    with announced(root, "127.0.0.1", 1, KEY):
        assert running(root) is None


def test_a_server_without_the_key_is_another_one(root: Path, port: int) -> None:
    with announced(root, "127.0.0.1", port, ServerKey()):
        assert running(root) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666])
def test_a_file_that_others_can_read_is_no_server(root: Path, port: int, mode: int) -> None:
    with announced(root, "127.0.0.1", port, KEY):
        assert running(root) is not None
        (server_folder(root) / FILE).chmod(mode)
        assert running(root) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_no_server(root: Path, port: int) -> None:
    with announced(root, "127.0.0.1", port, KEY):
        os.chown(server_folder(root) / FILE, 65534, 65534)
        assert running(root) is None


def test_a_server_in_the_background_says_so(
    root: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(server_file.BACKGROUND_VARIABLE, "1")
    with announced(root, "127.0.0.1", port, KEY):
        found = running(root)
        assert found is not None
        assert found == replace(found, background=True)


def test_the_machine_is_read_once_and_again_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, boot, read_text = current_process(), callers._BOOT_ID, Path.read_text
    read: list[Path] = []

    def counted(path: Path, *words: Any, **options: Any) -> str:
        read.append(path)
        return read_text(path, *words, **options)

    callers._machine_of.cache_clear()
    monkeypatch.setattr(callers, "_BOOT_ID", tmp_path / "missing")
    assert callers.ProcessCallers().runs(replace(me, started="another:1:2"))
    monkeypatch.setattr(callers, "_BOOT_ID", boot)
    monkeypatch.setattr(Path, "read_text", counted)
    for _ in range(2):
        assert callers.ProcessCallers().runs(me)
        assert not callers.ProcessCallers().runs(replace(me, started=f"{me.started}1"))
    assert read.count(boot) == 1
