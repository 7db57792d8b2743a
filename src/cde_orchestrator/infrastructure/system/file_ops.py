"""The one seam between the stored state and the operating system.

Everything that the state store does to a file goes through ``FileOps``, so that a test can
fail, or stop the world at, any single operation.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from contextlib import ExitStack, suppress
from functools import cache
from io import DEFAULT_BUFFER_SIZE, BufferedReader, BufferedWriter, FileIO
from pathlib import Path
from typing import TypeAlias

from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.spans import BYTES_WRITTEN, count
from cde_orchestrator.infrastructure.system.tree import (
    is_folder,
    kind_of,
    open_folder,
    parent_of,
    status_of,
)
from cde_orchestrator.infrastructure.system.viewing import refuse_write

if sys.platform == "darwin":
    import fcntl


class AppendNotUndoneError(OSError):
    """A change failed half-way and could not be undone: what is on disk is not known."""


PRIVATE = 0o600
"""Mode of a file that may hold what people and agents wrote."""
ORDINARY = 0o644
"""Mode of a file that git keeps, or that is the project's."""


def open_regular(path: Path | str, flags: int, mode: int = PRIVATE) -> int:
    """A descriptor of an ordinary file, and of nothing else.

    A checked-out ``.cde`` may hold anything. A link would lead out of the project, a pipe would
    block whoever opens it, a device would do what devices do: none of them is a state file.

    A file that is made has the mode. One that is opened to be written, and is to be private, is
    made private where others may read it.

    Raises:
        OSError: ELOOP for a link, also in the place of a folder of the project on the way, EISDIR
            for a folder, EINVAL for a pipe, a device or a socket, EROFS to write in a folder that
            is only viewed, or what the system says.
    """
    if flags & _WRITING:
        refuse_write(path)
    with parent_of(path) as (folder, name):
        try:
            descriptor = os.open(name, flags | _PLAIN, mode, dir_fd=folder)
        except OSError as error:
            if in_the_way(path) is None:
                raise
            # ENXIO: a pipe that nobody reads, or a socket
            code = errno.EINVAL if error.errno == errno.ENXIO else error.errno or 0
            raise _not_regular(path, code) from error
    found = os.fstat(descriptor).st_mode
    if stat.S_ISREG(found):
        if mode == PRIVATE and found & 0o077 and flags & (os.O_WRONLY | os.O_RDWR):
            with suppress(OSError):  # somebody else's, as in a folder of several users
                os.chmod(descriptor, PRIVATE)
        return descriptor
    os.close(descriptor)
    raise _not_regular(path, errno.EISDIR if stat.S_ISDIR(found) else errno.EINVAL)


def open_to_read(path: Path | str, buffer_bytes: int = DEFAULT_BUFFER_SIZE) -> BufferedReader:
    """An ordinary file, opened; raises as ``open_regular``."""
    return BufferedReader(FileIO(open_regular(path, os.O_RDONLY)), buffer_bytes)


def read_link(path: Path | str) -> str:
    """Where the link leads, as it says itself."""
    with parent_of(path) as (folder, name):
        return os.readlink(name, dir_fd=folder)


def open_new(path: Path | str, mode: int = PRIVATE) -> BufferedWriter:
    """A new file, to be written; FileExistsError where there is one already."""
    return open(_created(path, mode), "wb")


def _created(path: Path | str, mode: int) -> int:
    refuse_write(path)
    with parent_of(path) as (folder, name):
        return os.open(name, _NEW, mode, dir_fd=folder)


def read_bounded(path: Path, limit_bytes: int, offset: int = 0) -> bytes:
    """All of an ordinary file, which may grow meanwhile; EFBIG for more than ``limit_bytes``."""
    with open_to_read(path) as file:
        file.seek(offset)
        is_larger = os.fstat(file.fileno()).st_size - offset > limit_bytes
        data = b"" if is_larger else file.read(limit_bytes + 1)
    if is_larger or len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"it has more than {limit_bytes} bytes", str(path))
    return data


def read_secret(path: Path, limit_bytes: int = 4096) -> bytes:
    """All of an ordinary file with a secret, which a person named, perhaps by a link to it.

    Raises:
        OSError: EPERM where others can read it too or it is another user's, or as ``read_bounded``.
    """
    with open_to_read(os.path.realpath(path)) as file:
        found = os.fstat(file.fileno())
        if os.name == "posix" and found.st_mode & 0o077:
            raise OSError(errno.EPERM, f"others can read it; run chmod 600 {path}")
        if os.name == "posix" and found.st_uid not in {os.geteuid(), 0}:
            raise OSError(errno.EPERM, "it belongs to another user")
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"it has more than {limit_bytes} bytes")
    return data


def read_regular_file(path: Path, limit_bytes: int, *, follow: bool = False) -> tuple[bytes, int]:
    """The first bytes of an ordinary file, at most ``limit_bytes``, and its whole size.

    Raises:
        OSError: as ``open_regular``; the path may be a link to such a file where ``follow``.
    """
    with open_to_read(os.path.realpath(path) if follow else path) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(limit_bytes + 1)
    return data[:limit_bytes], max(size, len(data))


def stamp_of(path: Path) -> tuple[int, ...]:
    """What is another one once somebody has written or replaced the file."""
    found = status_of(path)
    return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def refuse_link(path: Path | str) -> None:
    """Raise ELOOP where a link is at the path: what is in it lies elsewhere."""
    if kind_of(path) == stat.S_IFLNK:
        raise _not_regular(path, errno.ELOOP)


def unlink(path: Path | str, *, missing_ok: bool = False) -> None:
    """Remove the file, or the link."""
    refuse_write(path)
    try:
        with parent_of(path) as (folder, name):
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        if not missing_ok:
            raise


def set_times(path: Path | str, nanoseconds: tuple[int, int] | None = None) -> None:
    """Set when the file was read and written; now where nothing is given."""
    refuse_write(path)
    follow = os.utime not in os.supports_follow_symlinks
    now = time.time_ns()
    with parent_of(path) as (folder, name):
        os.utime(name, ns=nanoseconds or (now, now), dir_fd=folder, follow_symlinks=follow)


def make_ordinary_folder(path: Path) -> None:
    """Make a folder as any other of the project, unless it is there; its parent must be."""
    _make_folder(path, 0o777)


def _make_folder(path: Path, mode: int) -> None:
    try:
        if not is_folder(path):
            refuse_write(path)
        with parent_of(path) as (folder, name):
            os.mkdir(name, mode, dir_fd=folder)
    except FileExistsError:
        refuse_link(path)
        if not is_folder(path):
            raise


def make_private(folder: Path | str) -> None:
    """Let nobody else look into the folder."""
    refuse_write(folder)
    descriptor = open_folder(folder)
    try:
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def remove_folder(path: Path | str) -> None:
    """Remove the folder, which is empty."""
    refuse_write(path)
    with parent_of(path) as (folder, name):
        os.rmdir(name, dir_fd=folder)


def rename(source: Path | str, target: Path | str) -> None:
    """Rename ``source`` over ``target``."""
    refuse_write(target)
    with parent_of(source) as (folder, name), ExitStack() as entered:
        other, new = folder, os.path.basename(target)
        if folder is None or os.path.dirname(source) != os.path.dirname(target):
            other, new = entered.enter_context(parent_of(target))
        os.replace(name, new, src_dir_fd=folder, dst_dir_fd=other)


def kind_problem(mode: int) -> str | None:
    """Why a file of this mode is not a regular one, or None."""
    if stat.S_ISREG(mode):
        return None
    return f"{_KINDS.get(stat.S_IFMT(mode), 'a device')} is there, not a regular file"


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symbolic link that leads nowhere",
}

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
READ_LIMIT_BYTES = 256 * 1024 * 1024
"""Of one file of the state; a file without end would take all memory."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
# Without O_NONBLOCK, opening a pipe waits for a writer.
_PLAIN = 0
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_NOINHERIT"):
    _PLAIN |= getattr(os, _name, 0)  # each system has its own of them


def _not_regular(path: Path | str, code: int) -> OSError:
    return OSError(code, f"{in_the_way(path) or 'no file'} is in its place", str(path))


class OsFileOps:
    """The file operations of the operating system; each may raise ``OSError``."""

    def read(self, path: Path, offset: int = 0) -> bytes:
        """The file's bytes from ``offset`` on; EFBIG where there are too many for one state."""
        return read_bounded(path, READ_LIMIT_BYTES, offset)

    def open_append(self, path: Path) -> int:
        """A descriptor that appends to a file that is there."""
        return open_regular(path, os.O_WRONLY | os.O_APPEND)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write once; the number of bytes written, which may be fewer than given."""
        return os.write(descriptor, data)

    def size(self, descriptor: int) -> int:
        """The file's size in bytes."""
        return os.fstat(descriptor).st_size

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        os.ftruncate(descriptor, size)

    def fdatasync(self, descriptor: int) -> None:
        """Return once the file's data is on disk."""
        if sys.platform == "darwin":  # fsync there leaves the data in the disk's own cache
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            getattr(os, "fdatasync", os.fsync)(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the descriptor."""
        os.close(descriptor)

    def create(self, path: Path) -> int:
        """A descriptor of a new file, its owner's alone; fails when there is one already."""
        return _created(path, PRIVATE)

    def replace(self, source: Path, target: Path) -> None:
        """Rename ``source`` over ``target``."""
        rename(source, target)

    def sync_folder(self, path: Path) -> None:
        """Return once the folder's entries are on disk."""
        if os.name == "nt":  # pragma: no cover - folders cannot be opened there
            return
        descriptor = open_folder(path)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, path: Path) -> None:
        """Remove the file."""
        unlink(path)

    def make_folder(self, path: Path) -> None:
        """Make the folder, for its owner alone, unless it is there; its parent must be.

        What git keeps is next to what is private in ``.cde`` itself, so others may see that one.
        """
        private = path.name != FOLDER
        _make_folder(path, 0o700 if private else 0o755)
        if private and os.name == "posix" and status_of(path).st_mode & 0o077:
            with suppress(OSError):
                make_private(path)

    def free_bytes(self, path: Path) -> int:
        """Bytes that this user may still write to the file system of ``path``."""
        import shutil

        return shutil.disk_usage(path).free


FileOps: TypeAlias = OsFileOps
"""What the state store does to files by; a test gives a subclass that fails."""


def make_own_folder(folder: Path) -> None:
    """Make a folder of ``.cde``, and that one too; ELOOP where a link is in its place."""
    OsFileOps().make_folder(folder.parent)
    OsFileOps().make_folder(folder)


def in_the_way(path: Path | str) -> str | None:
    """What is where a file belongs, in words; None for an ordinary file or nothing."""
    kinds = {0: None, stat.S_IFREG: None, stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}
    return kinds.get(kind_of(path), "a pipe, a device or a socket")


def read_file(ops: FileOps, path: Path) -> bytes | None:
    """The file's bytes; None where there is none, and nothing of what else is in its place."""
    try:
        return ops.read(path)
    except FileNotFoundError:
        return None
    except OSError:
        if in_the_way(path) is None:
            raise
        return b""


def write_all(ops: FileOps, descriptor: int, data: bytes) -> None:
    """Write every byte, going on after short writes."""
    view = memoryview(data)
    while view:
        written = ops.write(descriptor, bytes(view))
        if written <= 0:
            raise OSError(errno.EIO, "nothing was written")
        view = view[written:]
    count(BYTES_WRITTEN, len(data))


def stage_file(ops: FileOps, path: Path, data: bytes, mode: int | None = PRIVATE) -> Path:
    """Write ``data`` durably next to ``path``, to be renamed over it; the temporary file.

    It has a name of its own, so that writers do not share one, and the permissions ``mode``;
    when None, those of any new file of the project.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        descriptor = ops.create(temporary)
        try:
            if mode != PRIVATE and hasattr(os, "fchmod"):
                os.fchmod(descriptor, usual_mode() if mode is None else mode)
            write_all(ops, descriptor, data)
            ops.fdatasync(descriptor)
        finally:
            ops.close(descriptor)
    except OSError:
        with suppress(OSError):
            ops.unlink(temporary)
        raise
    return temporary


@cache
def usual_mode() -> int:
    """What a new file of the project has for this user."""
    umask = os.umask(0o077)  # it can only be asked for by setting it
    os.umask(umask)
    return ORDINARY & ~umask


def replace_file(ops: FileOps, path: Path, data: bytes, mode: int | None = PRIVATE) -> None:
    """Put ``data`` at ``path`` so that the old content or the new one is there, never a part."""
    temporary = stage_file(ops, path, data, mode)
    try:
        ops.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            ops.unlink(temporary)
        raise
    ops.sync_folder(path.parent)
