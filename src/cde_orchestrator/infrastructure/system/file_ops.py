"""The one seam between the stored state and the operating system.

Everything that the state store does to a file goes through ``FileOps``, so that a test can
fail, or stop the world at, any single operation.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeAlias

from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.spans import BYTES_WRITTEN, count
from cde_orchestrator.infrastructure.system.viewing import is_only_viewed, refuse_write

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
    Links above the file are the owner's own choice: ``.cde`` itself may be one.

    A file that is made has the mode. One that is opened to be written, and is to be private, is
    made private where others may read it.

    Raises:
        OSError: ELOOP for a link, EISDIR for a folder, EINVAL for a pipe, a device or a
            socket, EROFS to write in a folder that is only viewed, or what the system says.
    """
    path = Path(path)
    if flags & _WRITING:
        refuse_write(path)
    try:
        descriptor = os.open(path, flags | _PLAIN, mode)
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


def open_in_own_folder(path: Path | str, flags: int) -> int:
    """The same for a file in a folder below ``.cde``; ELOOP also where that folder is a link."""
    refuse_link(Path(path).parent)
    return open_regular(path, flags)


def refuse_link(folder: Path) -> None:
    """Raise ELOOP where the folder is a link: what is in it lies elsewhere."""
    if folder.is_symlink():
        raise _not_regular(folder, errno.ELOOP)


def read_bounded(path: Path, limit_bytes: int, offset: int = 0) -> bytes:
    """All of an ordinary file, which may grow meanwhile; EFBIG for more than ``limit_bytes``."""
    with open(open_regular(path, os.O_RDONLY), "rb") as file:
        if offset:
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
    descriptor = open_regular(os.path.realpath(path), os.O_RDONLY)
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if os.name == "posix" and found.st_mode & 0o077:
            raise OSError(errno.EPERM, f"others can read it; run chmod 600 {path}")
        if os.name == "posix" and found.st_uid not in {os.geteuid(), 0}:
            raise OSError(errno.EPERM, "it belongs to another user")
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"it has more than {limit_bytes} bytes")
    return data


def read_regular_file(path: Path, limit_bytes: int, *, follow: bool) -> tuple[bytes, int]:
    """The first bytes of a regular file, at most ``limit_bytes``, and its whole size.

    A pipe or device in its place is refused with EINVAL and never waited for; so is a symbolic
    link with ELOOP, unless the last part of the path may be one: ``follow``.
    """
    descriptor = os.open(path, os.O_RDONLY | (_PLAIN & ~_NOFOLLOW if follow else _PLAIN))
    try:
        status = os.fstat(descriptor)
        if reason := kind_problem(status.st_mode):
            raise OSError(errno.EINVAL, reason)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit_bytes + 1)
    finally:
        os.close(descriptor)
    return data[:limit_bytes], max(status.st_size, len(data))


def stamp_of(path: Path) -> tuple[int, ...]:
    """What is another one once somebody has written or replaced the file."""
    found = path.stat()
    return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns


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

# Without O_NONBLOCK, opening a pipe waits for a writer.
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_PLAIN = 0
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_NOINHERIT"):
    _PLAIN |= getattr(os, _name, 0)  # each system has its own of them


def _not_regular(path: Path, code: int) -> OSError:
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
        refuse_write(path)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)

    def replace(self, source: Path, target: Path) -> None:
        """Rename ``source`` over ``target``."""
        refuse_write(target)
        source.replace(target)

    def sync_folder(self, path: Path) -> None:
        """Return once the folder's entries are on disk."""
        if os.name == "nt":  # pragma: no cover - folders cannot be opened there
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, path: Path) -> None:
        """Remove the file."""
        refuse_write(path)
        path.unlink()

    def make_folder(self, path: Path) -> None:
        """Make the folder, for its owner alone, unless it is there; its parent must be.

        What git keeps is next to what is private in ``.cde`` itself, so others may see that one.
        """
        refuse_link(path)
        private = path.name != FOLDER
        try:
            if not path.is_dir():
                refuse_write(path)
            path.mkdir(0o700 if private else 0o755)
        except FileExistsError:
            status = path.stat()
            if not stat.S_ISDIR(status.st_mode):
                raise
            if private and status.st_mode & 0o077 and not is_only_viewed(path):
                with suppress(OSError):
                    path.chmod(0o700)
        refuse_link(path)

    def free_bytes(self, path: Path) -> int:
        """Bytes that this user may still write to the file system of ``path``."""
        return shutil.disk_usage(path).free


FileOps: TypeAlias = OsFileOps
"""What the state store does to files by; a test gives a subclass that fails."""


def make_own_folder(folder: Path) -> None:
    """Make a folder of ``.cde``, and that one too; ELOOP where a link is in its place."""
    if folder.parent.is_symlink():  # the owner's own choice
        folder.parent.mkdir(exist_ok=True)
    else:
        OsFileOps().make_folder(folder.parent)
    OsFileOps().make_folder(folder)


def in_the_way(path: Path) -> str | None:
    """What is where a file belongs, in words; None for an ordinary file or nothing."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    kinds = {stat.S_IFREG: None, stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}
    return kinds.get(stat.S_IFMT(mode), "a pipe, a device or a socket")


def is_no_folder(path: Path) -> bool:
    """Whether something else is in a folder's place; a link is, wherever it leads."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


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
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = ops.create(temporary)
        try:
            write_all(ops, descriptor, data)
            ops.fdatasync(descriptor)
        finally:
            ops.close(descriptor)
        if mode != PRIVATE:
            temporary.chmod(_usual_mode() if mode is None else mode)
    except OSError:
        with suppress(OSError):
            ops.unlink(temporary)
        raise
    return temporary


@cache
def _usual_mode() -> int:
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
