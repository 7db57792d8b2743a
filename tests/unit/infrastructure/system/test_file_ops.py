"""Files are opened as ordinary files of the folder itself, and read within bounds."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    open_in_own_folder,
    open_regular,
    read_bounded,
)


def refusal(path: Path, flags: int = os.O_RDONLY) -> OSError:
    with pytest.raises(OSError, match="is in its place") as caught:
        os.close(open_in_own_folder(path, flags))
    assert caught.value.filename
    return caught.value


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_APPEND | os.O_CREAT])
def test_what_is_no_file_is_refused_in_words(tmp_path: Path, flags: int) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = {name: refusal(tmp_path / name, flags) for name in ("link", "folder", "pipe")}

    assert [found[name].errno for name in found] == [errno.ELOOP, errno.EISDIR, errno.EINVAL]
    assert found["link"].strerror == "a link is in its place"


def test_a_file_in_a_linked_folder_is_refused_and_one_in_a_linked_parent_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "file").write_text("")
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "folder" / "linked").symlink_to("inner")

    assert refusal(tmp_path / "folder" / "linked" / "file").errno == errno.ELOOP
    os.close(open_in_own_folder(tmp_path / "link" / "inner" / "file", os.O_RDONLY))
    os.close(open_regular(tmp_path / "folder" / "linked" / "file", os.O_RDONLY))
    with pytest.raises(OSError, match="a link is in its place"):
        OsFileOps().make_folder(tmp_path / "link")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bounded(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_bounded(tmp_path / "file", 4)


@pytest.mark.skipif(sys.platform != "linux", reason="files that say they have no size")
def test_the_limit_counts_what_is_read_and_not_what_the_file_says() -> None:
    path = Path("/proc/self/maps")
    assert path.stat().st_size == 0
    with pytest.raises(OSError, match="more than 10 bytes"):
        read_bounded(path, 10)
