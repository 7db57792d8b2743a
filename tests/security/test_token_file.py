"""The token of a server comes from a file that nobody else can read, and from no other."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import cde

TOKEN = "0123456789abcdef0123456789abcdef"


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_huge_file(path: Path) -> None:
    path.touch(0o600)
    os.truncate(path, 1 << 30)


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def serve(folder: Path, token: Path) -> str:
    words = ("serve", "--transport", "http", "--port", "0", "--token-file", str(token))
    done = cde(*words, cwd=folder, timeout=30)
    assert done.returncode == 1
    return " ".join(done.stderr.decode().split())


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666, 0o444])
def test_one_that_others_can_read_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(mode)
    refused = serve(tmp_path, token)

    assert "E924" in refused
    assert "others can read it; run chmod 600" in refused
    assert TOKEN not in refused


def test_a_link_to_one_that_others_can_read_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(TOKEN)
    (tmp_path / "token").symlink_to("real")

    assert "others can read it" in serve(tmp_path, tmp_path / "token")


@pytest.mark.parametrize(
    "make", [a_pipe, a_socket, a_device, a_huge_file, a_dangling_link, Path.mkdir]
)
def test_what_is_no_such_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "token")
    refused = serve(tmp_path, tmp_path / "token")

    assert "E924" in refused
    assert "Traceback" not in refused
