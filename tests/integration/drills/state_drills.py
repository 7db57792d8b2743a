"""Drills of the stored state, E200 to E299."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cde_orchestrator import __version__
from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from tests.integration.drills.stage import Stage, drill

HOLD = """\
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
os.pwrite(descriptor, b"%-12d\\n" % os.getpid(), 0)
print("held", flush=True)
sys.stdin.read()
"""


class Holder:
    """Another process, which holds the project's lock until it is ended."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(root / ".cde" / "lock")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"held\n"

    def end(self) -> None:
        """End it, and with it the lock."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def small_disk(stage: Stage) -> Iterator[None]:
    """The project on a real disk of one megabyte."""
    kept = stage.folder / "kept"
    stage.root.rename(kept)
    stage.root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "cde-drill", str(stage.root)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("no disk may be mounted here")
    try:
        shutil.copytree(kept, stage.root, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(stage.root)], check=True)


def fill(path: Path) -> None:
    """Take up what is left of the disk."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def remount(root: Path, mode: str) -> None:
    """Make the disk readable only, or writable again."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(root)], check=True)


@drill("E201")
async def a_state_of_which_nothing_is_left(stage: Stage) -> None:
    files = [
        path for path in (stage.root / ".cde").rglob("*") if path.suffix in {".json", ".jsonl"}
    ]
    kept = {path: path.read_bytes() for path in files}
    for path in files:
        path.write_bytes(b"\x00" * 100)

    def put_back() -> None:
        for path, content in kept.items():
            path.write_bytes(content)

    await stage.prove(
        lambda: stage.tool("cde_startFeature", prompt="On what ground"),
        names="journal.jsonl",
        by_hand=put_back,
    )
    assert stage.census()


@drill("E202")
async def a_state_of_a_newer_version(stage: Stage) -> None:
    state = stage.root / ".cde" / "state.json"
    kept = state.read_bytes()
    content = json.loads(kept)
    content |= {"schema_version": 99, "checksum": "0" * 32}
    blank = json.dumps(content, indent=2)
    digest = hashlib.blake2b(blank.encode(), digest_size=16).hexdigest()
    newer = blank.replace("0" * 32, digest, 1)
    state.write_text(newer)
    await stage.prove(
        lambda: stage.tool("cde_startFeature", prompt="Too new"),
        names=__version__,
        by_hand=lambda: state.write_bytes(kept),
    )


@drill("E203")
async def a_disk_that_became_read_only(stage: Stage) -> None:
    with small_disk(stage):
        remount(stage.root, "ro")
        await stage.prove(
            lambda: stage.tool("cde_startFeature", prompt="Cast in stone"),
            by_hand=lambda: remount(stage.root, "rw"),
        )
        await stage.close()


@drill("E204")
async def a_disk_that_is_full(stage: Stage) -> None:
    with small_disk(stage):
        filler = stage.root / "filler"
        fill(filler)
        await stage.prove(
            lambda: stage.tool("cde_startFeature", prompt="One too many " * 1_000),
            by_hand=filler.unlink,
        )
        await stage.close()


@drill("E205")
async def a_project_that_another_process_holds(stage: Stage) -> None:
    (stage.root / ".cde" / "config.toml").write_text("lock_timeout_seconds = 0.2\n")
    holder = Holder(stage.root)
    try:
        await stage.prove(
            lambda: stage.tool("cde_startFeature", prompt="Wait for it"), by_hand=holder.end
        )
    finally:
        holder.end()


@drill("E207")
async def a_change_of_what_somebody_else_changed(stage: Stage) -> None:
    mine, theirs = FilesystemProjectRepository(), FilesystemProjectRepository()
    stale = mine.get(stage.root)
    stale.name = "Mine"
    fresh = theirs.get(stage.root)
    fresh.name = "Theirs"
    theirs.save(fresh)

    def once_more() -> None:
        project = mine.get(stage.root)
        project.name = "Mine"
        mine.save(project)

    await stage.prove(
        lambda: stage.library(lambda: mine.save(stale)),
        names="Theirs",
        corrected=lambda: stage.library(once_more),
    )
