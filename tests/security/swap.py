"""A process that exchanges a folder for a link to elsewhere, again and again."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_EXCHANGE = """
import ctypes, errno, os, random, select, sys
folder, link, least = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]), int(sys.argv[3])
exchange = ctypes.CDLL(None, use_errno=True).renameat2
number = 0
while number < least or not select.select([0], [], [], 0)[0]:
    for _ in range(100):
        while exchange(-100, folder, -100, link, 2) != 0:  # RENAME_EXCHANGE
            if ctypes.get_errno() in {errno.EINVAL, errno.ENOSYS}:
                sys.exit("no such call for this folder")
    if number == 0:
        print("begun", flush=True)
    number += 100
    for _ in range(random.randrange(60_000)):
        pass  # in its place, so that work of several steps gets into its midst, and to its end
"""


@contextmanager
def swapped(folder: Path, elsewhere: Path, least: int) -> Iterator[None]:
    """Have the folder exchanged for a link meanwhile, so often at least; in its place after it."""
    link = folder.with_name(f"{folder.name}-link")
    link.symlink_to(elsewhere, target_is_directory=True)
    with subprocess.Popen(
        [sys.executable, "-c", _EXCHANGE, str(folder), str(link), str(least)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        try:
            yield
            process.stdin.close()
            assert process.wait() == 0
        finally:
            process.kill()
    link.unlink()


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """What is in the folder: the inode and the digest of each file."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_ino,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }
