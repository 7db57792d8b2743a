"""Computes apart what a stranger may have written, with bounds of memory and time.

Nothing inside a process can stop a regular expression that backtracks, or a comparison of two
lists that doubled thirty times. So such work is done by a child, which is given all that it needs,
opens nothing of the project, sees no environment, and is killed where it goes on for too long.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.programs import ALONE, TookTooLongError, run

MEMORY_BYTES = 512 * 1024 * 1024
CLOCK_FACTOR = 15
"""By the clock, a child may take so many times its processor time: others may be busy."""

_NEEDED_VARIABLES = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Without them Python itself may not start."""
# A limit in the child itself, so that it holds when the parent was killed. Windows has none.
_CHILD = """
import sys
from importlib import import_module
seconds, memory, module = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def too_long(*_):
    raise TimeoutError(f"it takes more than {seconds} seconds")
try:
    import resource, signal
    signal.signal(signal.SIGXCPU, too_long)
    for name, limit in (("CPU", seconds), ("AS", memory), ("FSIZE", 0), ("CORE", 0)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit + (name == "CPU")))
except (ImportError, OSError, ValueError):
    pass
sys.path += sys.argv[4:]
import json
answer = import_module(module).answer(json.load(sys.stdin.buffer))
sys.stdout.write(json.dumps(answer))
"""


class NotComputedError(Exception):
    """The child gave no answer; the text says why."""


def computed_apart(
    module: str, request: Any, *, seconds: float, packages: Iterable[str] = ()
) -> Any:
    """What the function ``answer`` of a module gives for the request; both are JSON.

    Args:
        module: the module; it imports the standard library and the packages.
        request: what it is given.
        seconds: of processor time that it may take.
        packages: what it imports that is installed.

    Raises:
        NotComputedError: it took too much time or memory, failed, or could not be started.
    """
    whole = max(1, round(seconds))
    folders = dict.fromkeys(map(_folder_of, (__package__.partition(".")[0], *packages)))
    words = [*ALONE, "-c", _CHILD, str(whole), str(MEMORY_BYTES), module, *folders]
    COMPUTE_SLOT.leave()
    try:
        done = run(
            [sys.executable, *words],
            environment={
                each: os.environ[each] for each in _NEEDED_VARIABLES if each in os.environ
            },
            seconds=seconds * CLOCK_FACTOR,
            data=json.dumps(request),
        )
    except TookTooLongError as error:
        raise NotComputedError(f"it takes more than {error.timeout:g} seconds") from error
    except OSError as error:
        raise NotComputedError(f"it cannot be tried: {error}") from error
    if done.returncode < 0:
        raise NotComputedError(f"it takes too much time or memory (signal {-done.returncode})")
    if done.returncode:
        raise NotComputedError(_reason(done.stderr))
    return json.loads(done.stdout)


def _reason(said: str) -> str:
    last = (said.strip().splitlines() or ["it failed"])[-1]
    if last.startswith("MemoryError"):
        return f"it takes more than {MEMORY_BYTES >> 20} MiB of memory"
    return last.removeprefix("TimeoutError: ")


def _folder_of(package: str) -> str:
    spec = find_spec(package)
    return str(Path(spec.origin).parents[1]) if spec is not None and spec.origin else ""
