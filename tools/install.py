"""Installs locked distributions and shows each: ``python tools/install.py requirements.lock``.

pip resolves nothing here. Every distribution stands in the lock with its version and hashes, so
what the index holds on the day changes nothing. Only the standard library is at hand.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)
NAMED = re.compile(r"(Collecting|Requirement already satisfied:|Ignoring) ([A-Za-z0-9._-]+)")
FROM_A_FOLDER = re.compile(r"(Processing) (?:.*/)?([A-Za-z0-9._]+)-[^/]*\.(?:whl|tar\.gz)")


def install(lock: Path) -> int:
    """Install what one lock names into this interpreter's environment.

    Returns:
        pip's exit code; where it is not 0, all that pip said stands on standard error.
    """
    versions = {name.lower(): version for name, version in PIN.findall(lock.read_text("utf-8"))}
    print(f"{lock.name}: {len(versions)} distributions", flush=True)
    began = time.monotonic()
    options = ["--no-deps", "--require-hashes", "--progress-bar", "off"]
    pip = subprocess.Popen(
        [sys.executable, "-u", "-m", "pip", "install", *options, "--requirement", str(lock)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    said, seen, new = [], 0, 0
    for line in pip.stdout or ():
        said.append(line)
        if step := NAMED.match(line) or FROM_A_FOLDER.match(line):
            seen += 1
            if step[1] in {"Collecting", "Processing"}:
                new += 1
                name = step[2].lower().replace("_", "-")
                print(f"  {seen:3}/{len(versions)}  {name} {versions.get(name, '')}", flush=True)
    if code := pip.wait():
        sys.stderr.writelines(said)
        print(
            f"{lock.name} was not installed. Is the index within reach? "
            "`python3 -m pip config list` shows which one is asked.",
            file=sys.stderr,
        )
        return code
    print(f"{lock.name}: {new} installed in {time.monotonic() - began:.1f} s", flush=True)
    return 0


def main(names: list[str]) -> int:
    """Install the locks that are named, in order; the first exit code that is not 0."""
    return next((code for name in names if (code := install(Path(name)))), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
