"""Files are opened as ordinary files of the folder itself, and read within bounds."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    open_regular,
    read_bounded,
    remove_folder,
    rename,
    replace_file,
    set_times,
    unlink,
)
from cde_orchestrator.infrastructure.system.tree import (
    entries_of,
    guard,
    is_folder,
    names_in,
)


def refusal(path: Path, flags: int = os.O_RDONLY) -> OSError:
    with pytest.raises(OSError, match="is in its place") as caught:
        os.close(open_regular(path, flags))
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


def test_a_file_in_a_linked_folder_below_a_guarded_one_is_refused_and_one_above_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "file").write_text("")
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "folder" / "linked").symlink_to("inner")
    guard(tmp_path / "folder")
    guard(tmp_path / "link")

    assert refusal(tmp_path / "folder" / "linked" / "file").errno == errno.ELOOP
    os.close(open_regular(tmp_path / "link" / "inner" / "file", os.O_RDONLY))
    with pytest.raises(OSError, match="a link is in its place"):
        OsFileOps().make_folder(tmp_path / "link")


def test_the_product_s_folder_may_be_a_link_to_one_folder(tmp_path: Path) -> None:
    own, first, other = tmp_path / ".cde", tmp_path / "first", tmp_path / "other"
    for folder in (first, other):
        folder.mkdir()
        (folder / "file").write_text(folder.name)
    own.symlink_to(first)
    assert read_bounded(own / "file", 100) == b"first"
    assert is_folder(own)

    own.unlink()
    own.symlink_to(other)
    assert refusal(own / "file").errno == errno.ELOOP
    assert not is_folder(own)

    own.unlink()
    other.rename(own)
    assert read_bounded(own / "file", 100) == b"other"


def test_a_path_that_leads_up_again_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="leads out of its folder"):
        read_bounded(tmp_path / ".cde" / ".." / "file", 100)


def test_what_is_done_below_a_guarded_folder_is_done_in_the_folder_itself(tmp_path: Path) -> None:
    guard(tmp_path)
    ops, folder = OsFileOps(), tmp_path / "folder"
    ops.make_folder(folder)
    replace_file(ops, folder / "file", b"1", 0o600)
    rename(folder / "file", tmp_path / "moved")
    set_times(tmp_path / "moved", (0, 0))

    assert (tmp_path / "moved").read_bytes() == b"1"
    assert (tmp_path / "moved").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "moved").stat().st_mtime == 0
    assert names_in(folder) == []
    with pytest.raises(FileNotFoundError) as missing:
        unlink(folder / "file")
    assert missing.value.filename == str(folder / "file")
    unlink(folder / "file", missing_ok=True)
    remove_folder(folder)
    assert list(entries_of(tmp_path)) == ["moved"]


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
