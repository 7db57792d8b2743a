"""Real disks for tests: small ones that fill up, and ones that turn read-only.

Only root may mount one. Where a test runs as somebody else, it is run by a pytest of its own, as
root of a user namespace. Where that is not allowed either, a few tests make do with operations
on files that fail as those on such a disk do, and the others are skipped.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock

MARK = "own_disk"
"""What every test is marked with that needs such a disk."""

MEGABYTE = 2**20
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
_MOUNT = ["mount", "-t", "tmpfs", "-o"]
_OF_XDIST = ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_CURRENT_TEST")

_marked: list[bool] = []
_faults: dict[Path, int] = {}
"""The error of every change, by the folder of a disk that is only simulated; 0 for none."""


class InNamespace(pytest.Item):
    """A test that another pytest runs, which is root in a user namespace."""

    def runtest(self) -> None:
        """Run it, and be what it was: passed, skipped or failed."""
        environment = {name: value for name, value in os.environ.items() if name not in _OF_XDIST}
        with tempfile.TemporaryDirectory() as folder:
            options = ["-n0", "-q", "-rs", "-p", "no:cacheprovider", f"--basetemp={folder}/tests"]
            ran = subprocess.run(
                [*NAMESPACE, sys.executable, "-m", "pytest", *options, self.nodeid],
                cwd=self.config.rootpath,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        last = ran.stdout.strip().rpartition("\n")[2]
        if ran.returncode == 0 and "skipped" in last:
            pytest.skip(ran.stdout)
        if ran.returncode or "1 passed" not in last:
            pytest.fail(ran.stdout + ran.stderr, pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is."""
        return self.path, None, self.name


def placed(item: pytest.Item) -> pytest.Item:
    """The test, or what runs it where a disk can be mounted."""
    if item.get_closest_marker(MARK) is None or can_mount() or not can_mount_in_a_namespace():
        return item
    assert item.parent is not None
    elsewhere = InNamespace.from_parent(item.parent, name=item.name, nodeid=item.nodeid)
    elsewhere.own_markers[:] = item.own_markers
    return elsewhere


def note_marker(item: pytest.Item) -> None:
    """Remember of the test that begins whether it may use a disk of its own."""
    _marked[:] = [item.get_closest_marker(MARK) is not None]


@cache
def can_mount() -> bool:
    """Whether this process may mount a disk."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() != 0 or not _runs(*_MOUNT, "size=1m", "tmpfs", folder):
            return False
        return _runs("umount", folder)


@cache
def can_mount_in_a_namespace() -> bool:
    """Whether it may in a user namespace, where what is mounted ends with the process."""
    with tempfile.TemporaryDirectory() as folder:
        return _runs(*NAMESPACE, *_MOUNT, "size=1m", "tmpfs", folder)


@contextmanager
def small_disk(folder: Path, size: str = "1m", *, simulated: bool = False) -> Iterator[Path]:
    """A file system of its own at ``folder``, with what the folder holds.

    Args:
        folder: made where it is missing.
        size: of the disk, as ``8m``.
        simulated: whether failing operations on files do where nothing can be mounted.
    """
    assert _marked == [True], f"a test that needs a disk is marked {MARK}"
    if not can_mount():
        if not simulated:
            pytest.skip("no disk can be mounted, not even in a user namespace")
        folder.mkdir(exist_ok=True)
        with _simulated(folder, size):
            yield folder
        return
    with tempfile.TemporaryDirectory() as kept:
        if folder.exists():
            shutil.copytree(folder, kept, dirs_exist_ok=True, symlinks=True)
        folder.mkdir(exist_ok=True)
        subprocess.run([*_MOUNT, f"size={size}", "tmpfs", str(folder)], check=True)
        try:
            shutil.copytree(kept, folder, dirs_exist_ok=True, symlinks=True)
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def simulate_disk_full(folder: Path) -> Iterator[None]:
    """Fill the file system of ``folder`` to the last byte, for a while."""
    if folder in _faults:
        _faults[folder] = errno.ENOSPC
        yield
        _faults[folder] = 0
        return
    filler = folder / "filler"
    fill(filler)
    try:
        yield
    finally:
        filler.unlink()


def fill(path: Path) -> None:
    """Take up what is left of the disk."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass


def remount(folder: Path, mode: str) -> None:
    """Make a mounted file system read-only (``ro``), writable (``rw``) or larger (``size=9m``)."""
    if folder in _faults:
        _faults[folder] = {"ro": errno.EROFS, "rw": 0}[mode]
        return
    # With its source, options that it has are not given again: a namespace knows not all of them.
    subprocess.run(["mount", "-o", f"remount,{mode}", "tmpfs", str(folder)], check=True)


@contextmanager
def _simulated(folder: Path, size: str) -> Iterator[None]:
    """Have every operation of the product that changes a file fail as ``_faults`` says."""
    _faults[folder] = 0
    total = int(size.removesuffix("m")) * MEGABYTE

    def usage(_: object) -> Any:
        free = 0 if _faults[folder] == errno.ENOSPC else total // 2
        return SimpleNamespace(total=total, used=total - free, free=free)

    allowed = os.access

    def access(path: Path, mode: int, **options: Any) -> bool:
        is_refused = mode == os.W_OK and _faults[folder] == errno.EROFS
        return not is_refused and allowed(path, mode, **options)

    def failing(work: Callable[..., Any], *errors: int) -> Callable[..., Any]:
        def refuse(*arguments: Any) -> Any:
            if _faults[folder] in errors:
                raise OSError(_faults[folder], os.strerror(_faults[folder]))
            return work(*arguments)

        return refuse

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", usage)
        patch.setattr(os, "access", access)
        for name in ("write", "create", "make_folder"):
            work = failing(getattr(OsFileOps, name), errno.ENOSPC, errno.EROFS)
            patch.setattr(OsFileOps, name, work)
        for owner, name in (
            (OsFileOps, "open_append"),
            (OsFileOps, "replace"),
            (ProcessLock, "_open"),
        ):
            patch.setattr(owner, name, failing(getattr(owner, name), errno.EROFS))
        try:
            yield
        finally:
            del _faults[folder]


def _runs(*command: str) -> bool:
    """Whether a program is there and succeeds."""
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
