"""What a program and its children open, make, rename and remove, as ``strace`` sees it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.programs import program

_CALLS = "openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,execve"
_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_IN_FOLDER = re.compile(r'(?:AT_FDCWD|\d+)<([^>]*)>, "((?:[^"\\]|\\.)*)"')
_ALONE = re.compile(r'"((?:[^"\\]|\\.)*)"')
_RANDOM = re.compile(r"(?<=objects/)[0-9a-f]{2}|[0-9a-f]{8}[-0-9a-f]*|\d{6,}[T\d]*")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the system, of a process that runs Python.

    Attributes:
        path: what it is about, absolute.
        named: how: a name alone is one in a folder that is open.
        words: the call as ``strace`` writes it.
    """

    path: str
    named: str
    words: str


def calls_of(
    words: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    ask: Callable[[subprocess.Popen[bytes]], object] = lambda process: None,
) -> list[Call]:
    """Run Python with these words to its end; what it and its children in Python called.

    Args:
        words: its arguments.
        log: where ``strace`` writes.
        environment: the whole of it.
        ask: given the process before its input ends.
    """
    options = ["-f", "--seccomp-bpf", "-qq", "-y", "-s", "4096", "-e", f"trace={_CALLS}"]
    command = [program("strace"), *options, "-o", str(log), sys.executable, *words]
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as started:
        ask(started)
        started.communicate()
    foreign: set[str] = set()
    found: list[Call] = []
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        process, call, arguments = match.groups()
        if call == "execve":
            ran = _ALONE.match(arguments)
            if ran and "python" not in Path(ran[1]).name:
                foreign.add(process)
        elif process not in foreign:
            found += _paths(call, arguments)
    return found


def _paths(call: str, arguments: str) -> Iterator[Call]:
    pairs = _IN_FOLDER.findall(arguments) or [("/", name) for name in _ALONE.findall(arguments)]
    for folder, name in pairs:
        yield Call(str(Path(folder) / name), name, f"{call}({arguments}")


def places(calls: Sequence[Call], root: Path) -> list[str]:
    """The places below the project, relative; of those with random names, one that is there."""
    kept: dict[str, str] = {}
    for path in sorted({call.path for call in calls}):
        if path.startswith(f"{root}/"):
            name = path.removeprefix(f"{root}/")
            key = _RANDOM.sub("#", name)
            if (root / name).exists() or key == name:
                kept.setdefault(key, name)
    return sorted(kept.values())
