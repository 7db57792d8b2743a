"""Outputs are read and written in the project and nowhere else, whatever the folder holds."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cde_orchestrator.adapters.project_files.files import (
    READ_LIMIT_BYTES,
    WRITE_LIMIT_BYTES,
    FilesystemProjectFiles,
)
from cde_orchestrator.application.ports.core import OutputText
from cde_orchestrator.domain.exceptions import OutputError, StateError, ValidationError
from cde_orchestrator.domain.records import Artifact
from cde_orchestrator.infrastructure.system import os_errors
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, read_regular_file

FILES = FilesystemProjectFiles()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty project, beside which other folders may be made."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def names_in(folder: Path) -> list[str]:
    """What lies in the folder, in order."""
    return sorted(path.name for path in folder.iterdir())


NO_PLACES = [
    "",
    ".",
    "..",
    "docs/",
    "docs//a.md",
    "./a.md",
    "docs/./a.md",
    "../a.md",
    "docs/../../a.md",
    "/etc/passwd",
    "//etc/passwd",
    "C:/a.md",
    "docs\\a.md",
    "docs/a\0.md",
    "docs/a\n.md",
    "docs/\u202eda.md",
    "docs/\ud800.md",
    ".cde/state.json",
    ".CDE/journal.jsonl",
    ".git/config",
    ".Git",
    "module/.git/hooks/pre-commit",
]


@pytest.mark.parametrize("relative", NO_PLACES)
def test_a_path_that_is_no_place_for_an_output_is_refused(root: Path, relative: str) -> None:
    with pytest.raises(OutputError) as raised:
        FILES.resolve(root, relative, "spec")
    with pytest.raises(OutputError):
        FILES.read(root, relative, "spec")
    with pytest.raises(OutputError):
        FILES.write(root, [OutputText(relative, "text", "spec")])

    assert raised.value.code == "E112"
    assert raised.value.context["output"] == "spec"
    assert raised.value.context["path"] == relative
    assert FILES.excerpt(root, relative) == ""
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    "relative", ["a.md", "docs/a b/ü-🙂.md", ".github/a.md", "docs/.gitignore"]
)
def test_a_path_in_the_project_is_resolved(root: Path, relative: str) -> None:
    assert FILES.resolve(root, relative, "spec") == root / relative


def test_the_project_itself_may_be_reached_by_a_link(root: Path) -> None:
    link = root.with_name("link")
    link.symlink_to(root)

    FILES.write(link, [OutputText("docs/a.md", "text\n", "spec")])

    assert FILES.resolve(link, "docs/a.md", "spec") == root / "docs" / "a.md"
    assert FILES.read(link, "docs/a.md", "spec") == b"text\n"


def link_to_outside(root: Path) -> None:
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "a.md").write_text("secret", encoding="utf-8")
    (root / "docs").symlink_to("../outside")


def link_to_outside_file(root: Path) -> None:
    (root.parent / "a.md").write_text("secret", encoding="utf-8")
    (root / "docs").mkdir()
    (root / "docs" / "a.md").symlink_to(root.parent / "a.md")


def link_to_missing_outside(root: Path) -> None:
    (root / "docs").mkdir()
    (root / "docs" / "a.md").symlink_to(root.parent / "missing.md")


def link_to_git(root: Path) -> None:
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / "docs").symlink_to(".git/hooks")


def link_to_the_project(root: Path) -> None:
    (root / "docs").mkdir()
    (root / "docs" / "a.md").symlink_to(root)


def link_to_itself(root: Path) -> None:
    (root / "docs").mkdir()
    (root / "docs" / "a.md").symlink_to("a.md")


def folder_link_to_itself(root: Path) -> None:
    (root / "docs").symlink_to("docs")


def folder(root: Path) -> None:
    (root / "docs" / "a.md").mkdir(parents=True)


def pipe(root: Path) -> None:
    (root / "docs").mkdir()
    os.mkfifo(root / "docs" / "a.md")


def unix_socket(root: Path) -> None:
    (root / "docs").mkdir()
    here = Path.cwd()
    os.chdir(root / "docs")  # the address of a socket has little room
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("a.md")
    finally:
        os.chdir(here)


def file_as_folder(root: Path) -> None:
    (root / "docs").touch()


HOSTILE = [
    link_to_outside,
    link_to_outside_file,
    link_to_missing_outside,
    link_to_git,
    link_to_the_project,
    link_to_itself,
    folder_link_to_itself,
    folder,
    pipe,
    unix_socket,
    file_as_folder,
]


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_what_is_no_file_of_the_project_is_neither_read_nor_written(
    root: Path, make: Callable[[Path], None]
) -> None:
    make(root)
    before = sorted(root.parent.rglob("*"))

    with pytest.raises(OutputError) as reading:
        FILES.read(root, "docs/a.md", "spec")
    with pytest.raises(OutputError) as writing:
        FILES.write(root, [OutputText("docs/a.md", "text", "spec")])

    assert (reading.value.code, writing.value.code) == ("E112", "E112")
    assert FILES.excerpt(root, "docs/a.md") == ""
    assert sorted(root.parent.rglob("*")) == before


def test_a_device_is_named_as_one() -> None:
    with pytest.raises(OutputError) as raised:
        FILES.read(Path("/dev"), "null", "spec")

    assert raised.value.context["reason"].startswith("a device")


def test_a_link_within_the_project_is_followed_and_stays(root: Path) -> None:
    (root / "real").mkdir()
    (root / "docs").symlink_to("real")
    (root / "real" / "a.md").symlink_to("b.md")

    FILES.write(root, [OutputText("docs/a.md", "text\n", "spec")])

    assert (root / "real" / "a.md").is_symlink()
    assert (root / "real" / "b.md").read_text(encoding="utf-8") == "text\n"
    assert FILES.read(root, "docs/a.md", "spec") == b"text\n"


@pytest.mark.parametrize("worktree", [False, True])
def test_a_folder_is_lacking_where_nothing_is_in_its_place(root: Path, worktree: bool) -> None:
    other = root.with_name("worktree")
    other.mkdir()
    files = FilesystemProjectFiles(worktree=other if worktree else None)
    (root / "specs").mkdir()
    (root / "link").symlink_to("nowhere")
    (root / "file").touch()

    assert files.lacks(root, "specs/new")
    assert files.lacks(root, "other/new")
    for there in ("specs", "link", "link/new", "file", "file/new", "", "../x", ".cde", "specs/"):
        assert not files.lacks(root, there), there
    (other / "other" / "new").mkdir(parents=True)
    assert files.lacks(root, "other/new") is not worktree


def test_a_missing_file_is_none(root: Path) -> None:
    assert FILES.read(root, "docs/a.md", "spec") is None
    assert FILES.read(root / "missing", "docs/a.md", "spec") is None


def swap_before_opening(
    monkeypatch: pytest.MonkeyPatch, path: Path, swap: Callable[[Path], object]
) -> None:
    """Let another process change the file after it was looked at."""

    class Racing(FilesystemProjectFiles):
        def resolve(self, root: Path, relative: str, output_id: str) -> Path:
            found = super().resolve(root, relative, output_id)
            path.unlink()
            swap(path)
            return found

    monkeypatch.setattr(f"{__name__}.FILES", Racing())


@pytest.mark.parametrize("swap", [os.mkfifo, lambda path: path.symlink_to("/etc/passwd")])
def test_a_file_that_is_swapped_before_it_is_opened_is_not_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path], object]
) -> None:
    (root / "a.md").touch()
    swap_before_opening(monkeypatch, root / "a.md", swap)

    with pytest.raises(OutputError) as raised:
        FILES.read(root, "a.md", "spec")

    assert raised.value.code == "E112"


def test_a_file_that_vanishes_before_it_is_opened_is_none(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.md").touch()
    swap_before_opening(monkeypatch, root / "a.md", lambda path: None)

    assert FILES.read(root, "a.md", "spec") is None


def test_no_descriptor_is_left_open(root: Path) -> None:
    pipe(root)
    (root / "a.md").write_bytes(b"x")
    before = len(names_in(Path("/dev/fd")))

    for path in (root / "docs" / "a.md", root / "docs"):
        with pytest.raises(OSError, match="is in its place"):
            read_regular_file(path, 10, follow=False)
    assert read_regular_file(root / "a.md", 10, follow=False) == (b"x", 1)

    assert len(names_in(Path("/dev/fd"))) == before


def test_a_file_is_read_up_to_the_limit(root: Path) -> None:
    with (root / "a.md").open("wb") as file:
        file.truncate(READ_LIMIT_BYTES)
        assert len(FILES.read(root, "a.md", "spec") or b"") == READ_LIMIT_BYTES

        file.truncate(READ_LIMIT_BYTES + 5)
        with pytest.raises(ValidationError) as raised:
            FILES.read(root, "a.md", "spec")

    assert raised.value.code == "E315"
    assert raised.value.context == {
        "field": "output spec",
        "size_bytes": READ_LIMIT_BYTES + 5,
        "limit_bytes": READ_LIMIT_BYTES,
    }


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a", b"a\n"),
        ("a\n", b"a\n"),
        ("", b""),
        ("ü\r\n", "ü\r\n".encode()),
        ("a\n\n", b"a\n\n"),
    ],
)
def test_a_text_is_written_with_the_end_of_its_last_line(
    root: Path, text: str, stored: bytes
) -> None:
    FILES.write(root, [OutputText("new/folders/a.md", text, "spec")])

    assert (root / "new" / "folders" / "a.md").read_bytes() == stored
    assert names_in(root / "new" / "folders") == ["a.md"]


def test_a_text_takes_the_place_of_the_old_one(root: Path) -> None:
    FILES.write(root, [OutputText("a.md", "old and long", "spec")])
    FILES.write(root, [OutputText("a.md", "new", "spec")])

    assert FILES.read(root, "a.md", "spec") == b"new\n"


def test_new_folders_are_made_durable_from_the_top(root: Path) -> None:
    synced: list[Path] = []

    class Watching(OsFileOps):
        def sync_folder(self, path: Path) -> None:
            synced.append(path)

    FilesystemProjectFiles(Watching()).write(root, [OutputText("a/b/c.md", "text", "spec")])

    assert synced == [root, root / "a", root / "a" / "b"]


@pytest.mark.parametrize(("text", "code"), [("a\0b", "E303"), ("a\ud800b", "E303")])
def test_a_text_that_cannot_be_stored_is_refused(root: Path, text: str, code: str) -> None:
    with pytest.raises(ValidationError) as raised:
        FILES.write(root, [OutputText("a.md", text, "spec")])

    assert raised.value.code == code
    assert list(root.iterdir()) == []


def test_a_text_is_written_up_to_the_limit_in_bytes(root: Path) -> None:
    FILES.write(root, [OutputText("a.md", "x" * (WRITE_LIMIT_BYTES - 1) + "\n", "spec")])

    with pytest.raises(ValidationError) as raised:
        FILES.write(root, [OutputText("a.md", "ü" * (WRITE_LIMIT_BYTES // 2) + "x", "spec")])

    assert raised.value.code == "E315"
    assert raised.value.context["size_bytes"] == WRITE_LIMIT_BYTES + 1
    assert raised.value.context["limit_bytes"] == WRITE_LIMIT_BYTES


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "E204"), (errno.EDQUOT, "E204"), (errno.EROFS, "E203"), (errno.EIO, "E203")],
)
@pytest.mark.parametrize("operation", ["create", "write", "fdatasync", "replace", "sync_folder"])
def test_a_write_that_fails_leaves_the_old_text_or_the_new_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, operation: str, number: int, code: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    FILES.write(root, [OutputText("a.md", "old", "spec")])
    ops = OsFileOps()
    monkeypatch.setattr(ops, operation, refuse)

    with pytest.raises(StateError) as raised:
        FilesystemProjectFiles(ops).write(root, [OutputText("a.md", "new", "spec")])

    assert raised.value.code == code
    assert raised.value.context["reason"] == (f"{os.strerror(number)} ({errno.errorcode[number]})")
    assert names_in(root) == ["a.md"]
    expected = b"new\n" if operation == "sync_folder" else b"old\n"
    assert (root / "a.md").read_bytes() == expected


def test_a_name_that_the_disk_refuses_is_said(root: Path) -> None:
    with pytest.raises(OutputError) as raised:
        FILES.read(root, "x" * 300, "spec")

    assert raised.value.code == "E112"


def test_an_error_without_a_number_keeps_its_words() -> None:
    assert os_errors.error_words(OSError("odd")) == "odd"


def test_a_record_has_the_path_as_declared_with_hash_and_size(root: Path) -> None:
    data = "Grüße\n".encode()

    artifact = FILES.record(root, "docs/a.md", "spec", data)

    assert artifact == Artifact("spec", "docs/a.md", hashlib.sha256(data).hexdigest(), 8)


EXCERPTS: list[tuple[str, bytes, int, str]] = [
    # what it is, the file, limit, excerpt
    ("a short text", b"one\ntwo\n", 20, "one\ntwo"),
    ("a text as long as the limit", b"0123456789", 10, "0123456789"),
    ("whole lines alone", b"one\ntwo\nthree\n", 10, "one\ntwo"),
    ("a line that just fits", b"one\ntwo\nthree", 7, "one\ntwo"),
    ("a first line that is too long", b"0123456789abc\nx", 10, "012345678…"),
    ("a long line after blank ones", b"\n \n0123456789abc", 10, "\n \n012345…".strip("\n")),
    ("blank lines around", b"\n\none\n\n\n", 20, "one"),
    ("bytes that are not UTF-8", b"a\xff\xc3", 20, "a\ufffd\ufffd"),
    ("a mark of byte order", b"\xef\xbb\xbfone", 20, "one"),
    ("carriage returns", b"one\r\ntwo\r\n", 20, "one\ntwo"),
    ("controls and tabs", b"a\x1b[31mb\0\tc\x07", 20, "a[31mb\tc"),
    ("hidden text", "a\u202e\U000e0041b".encode(), 20, "ab"),
    ("joined emoji", "👩\u200d💻".encode(), 20, "👩\u200d💻"),
    ("letters of four bytes", "🙂🙂🙂\n🙂🙂🙂\n".encode(), 5, "🙂🙂🙂"),
    ("a huge file", b"line\n" * 3_000_000, 12, "line\nline"),
    ("nothing", b"", 10, ""),
    ("much that is dropped", b"\0" * 50 + b"one", 10, "…"),
]


@pytest.mark.parametrize(
    ("data", "limit", "excerpt"),
    [case[1:] for case in EXCERPTS],
    ids=[case[0] for case in EXCERPTS],
)
def test_an_excerpt_is_the_first_lines_of_the_file(
    root: Path, data: bytes, limit: int, excerpt: str
) -> None:
    (root / "a.md").write_bytes(data)

    assert FILES.excerpt(root, "a.md", limit) == excerpt


def test_an_excerpt_of_a_missing_file_is_empty(root: Path) -> None:
    assert FILES.excerpt(root, "a.md") == ""


def two_files(root: Path) -> list[OutputText]:
    """New texts for a file that is there and one that is not."""
    FILES.write(root, [OutputText("old.md", "old", "old")])
    return [OutputText("old.md", "newer", "old"), OutputText("new/folder/b.md", "b", "new")]


@pytest.mark.parametrize("operation", ["create", "write", "fdatasync", "replace", "sync_folder"])
@pytest.mark.parametrize("later_by", [0, 1])
def test_of_several_files_all_are_written_or_none(
    root: Path, monkeypatch: pytest.MonkeyPatch, operation: str, later_by: int
) -> None:
    ops, calls = OsFileOps(), []
    whole = getattr(ops, operation)

    def refuse_one(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == later_by + 1:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return whole(*arguments)

    outputs = two_files(root)
    monkeypatch.setattr(ops, operation, refuse_one)

    with pytest.raises(StateError) as raised:
        FilesystemProjectFiles(ops).write(root, outputs)

    assert raised.value.code == "E203"
    assert names_in(root) == ["old.md"]
    assert (root / "old.md").read_bytes() == b"old\n"


def test_a_place_that_is_none_is_told_before_anything_is_written(root: Path) -> None:
    (root / "b.md").mkdir()

    with pytest.raises(OutputError):
        FILES.write(root, [OutputText("a.md", "a", "a"), OutputText("b.md", "b", "b")])

    assert names_in(root) == ["b.md"]


@pytest.mark.parametrize("mode", [0o600, 0o755])
def test_a_file_that_is_rewritten_keeps_its_mode(root: Path, mode: int) -> None:
    file = root / "a.sh"
    file.write_text("old")
    file.chmod(mode)

    FILES.write(root, [OutputText("a.sh", "new", "script")])
    assert file.stat().st_mode & 0o777 == mode
    FILES.restore(root, "a.sh", "script", b"newest")
    assert file.stat().st_mode & 0o777 == mode
    assert (root / FILES.set_aside(root, "a.sh", "script")).stat().st_mode & 0o777 == mode


def test_a_full_disk_is_told_with_what_is_free_and_needed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    ops = OsFileOps()
    monkeypatch.setattr(ops, "write", refuse)
    with pytest.raises(StateError) as raised:
        FilesystemProjectFiles(ops).write(root, [OutputText("a/b.md", "12345", "b")])

    assert raised.value.code == "E204"
    assert raised.value.context["needed"] == 6
    assert isinstance(raised.value.context["free"], int)


def test_a_file_has_another_stamp_after_every_write(root: Path) -> None:
    files = FilesystemProjectFiles()
    assert files.stamp(root, "a.md", "a") is None
    path = root / "a.md"
    path.write_text("one")
    before = files.stamp(root, "a.md", "a")
    assert files.stamp(root, "a.md", "a") == before
    began = path.stat()
    while path.stat().st_ctime_ns == began.st_ctime_ns:
        path.write_text("two")
    os.utime(path, ns=(began.st_atime_ns, began.st_mtime_ns))
    assert files.stamp(root, "a.md", "a") != before
    with pytest.raises(OutputError):
        files.stamp(root, "../a.md", "a")
