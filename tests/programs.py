"""Programs of the machine that some tests need, and others run without; and processes of them."""

from __future__ import annotations

import os
import shutil
import time

import psutil
import pytest


def program(*names: str, required: bool = False) -> str:
    """Where the first of these is that is there.

    Where there is none, the test is skipped; it fails where they are ``required``, or
    ``CDE_SIMULATION_PROGRAMS=required`` says that all programs were installed.
    """
    found = next(filter(None, map(shutil.which, names)), None)
    if found is not None:
        return found
    if required or os.environ.get("CDE_SIMULATION_PROGRAMS") == "required":
        pytest.fail(f"there is no {names[0]}")
    pytest.skip(f"there is no {names[0]}")


def is_gone(pid: int) -> bool:
    """Whether a process that was killed is gone, as soon as the kernel comes to it."""
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
    except psutil.NoSuchProcess:
        return True
    return False
