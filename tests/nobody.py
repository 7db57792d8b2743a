"""What is forbidden to others, for tests that root runs as well: nothing is forbidden to root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Have no rights over what is root's for a while; whoever is not root stays who they are.

    Programs that are started meanwhile have none either. The group is still root's.

    Args:
        folder: one that may be seen all the same. Those above it can be reached, and stay so:
            tests that run at the same time share them.
    """
    if os.geteuid() != 0:
        yield
        return
    folder.chmod(folder.stat().st_mode | 0o055)
    for above in folder.parents:
        if above.is_relative_to(tempfile.gettempdir()) and above.stat().st_uid == 0:
            above.chmod(above.stat().st_mode | 0o011)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", os.devnull)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)


def give_to_nobody(folder: Path) -> None:
    """Let it and all that is in it be of whom ``as_nobody`` makes of root."""
    if os.geteuid() == 0:
        for each in (folder, *folder.rglob("*")):
            os.chown(each, NOBODY, -1, follow_symlinks=False)
