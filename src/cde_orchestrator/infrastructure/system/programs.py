"""The one door to other programs: which is run, in what folder, and who keeps what it says.

A project may be a stranger's, and its folder may be the current one. So a program that is named
without a folder is never taken from a part of ``PATH`` that depends on the current folder, and no
Python that starts here looks for modules in it.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Completed: TypeAlias = subprocess.CompletedProcess[str]
CompletedBytes: TypeAlias = subprocess.CompletedProcess[bytes]
Process: TypeAlias = subprocess.Popen[bytes]
TookTooLongError = subprocess.TimeoutExpired
NOTHING, PIPE, WITH_OUTPUT = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT

TOP = Path(os.sep).absolute()
"""The folder for programs that need none: no stranger fills it."""
ALONE = ("-I", "-S", "-B")
"""Python with nothing but its standard library: no variables, no site, no current folder."""


def absolute_path(environment: Mapping[str, str]) -> str:
    """``PATH`` without the parts that are taken from the current folder."""
    parts = environment.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(part for part in parts if Path(part).is_absolute())


def found(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The program of this name; one that is named with a folder is that one."""
    return shutil.which(name, path=absolute_path(environment))


def run(
    words: Sequence[str],
    *,
    environment: Mapping[str, str],
    seconds: float,
    data: str | None = None,
    folder: Path = TOP,
) -> Completed:
    """The program when it has ended, with what it said; bytes that are not UTF-8 are replaced.

    Args:
        words: its arguments, the program first.
        environment: all that it sees of the environment; ``PATH`` is made absolute.
        seconds: after them it is killed.
        data: what it reads; nothing when None.
        folder: where it is run.

    Raises:
        TookTooLongError: it was killed.
        OSError: it cannot be started.
    """
    text = {"encoding": "utf-8", "errors": "replace"}
    done: Completed = _run(words, environment, seconds, data, folder, **text)
    return done


def run_bytes(
    words: Sequence[str],
    *,
    environment: Mapping[str, str],
    seconds: float,
    data: bytes | None = None,
) -> CompletedBytes:
    """The same, byte by byte."""
    done: CompletedBytes = _run(words, environment, seconds, data, TOP)
    return done


def _run(
    words: Sequence[str],
    environment: Mapping[str, str],
    seconds: float,
    data: str | bytes | None,
    folder: Path,
    **text: str,
) -> Any:
    program = found(words[0], environment)
    if program is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), words[0])
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
    options |= text
    return subprocess.run(
        [program, *words[1:]],
        cwd=folder,
        env={**environment, "PATH": absolute_path(environment)},
        capture_output=True,
        timeout=seconds,
        check=False,
        **options,
    )


def start(words: Sequence[str], *, folder: Path, **options: Any) -> Process:
    """A process with a session of its own; ``options`` are those of ``subprocess.Popen``."""
    return subprocess.Popen(words, cwd=folder, start_new_session=True, **options)


def python_words(*words: str) -> list[str]:
    """This Python, with the installed packages, but none of the current folder."""
    return [sys.executable, "-P", *words]


def python_path() -> dict[str, str]:
    """The folders of ``PYTHONPATH`` for a process that starts in another folder."""
    folders = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    path = os.pathsep.join(str(Path(each).absolute()) for each in folders)
    return {"PYTHONPATH": path} if path else {}


def browse(address: str) -> bool:
    """Show the address in the browser, which is looked for as any other program."""
    import webbrowser

    os.environ["PATH"] = absolute_path(os.environ)
    return webbrowser.open(address)
