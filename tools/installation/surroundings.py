"""What the checks of an installation share: an empty home, and programs that must succeed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.install import PIN

ROOT = Path(__file__).parents[2]
# Where packages come from is the machine's business, and so are its certificates.
_SOURCES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_PROXY"),
    *("PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_TRUSTED_HOST", "UV_DEFAULT_INDEX"),
    *("UV_INDEX", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy"),
)


class InstallationError(Exception):
    """A program of a check failed, or did something else than it should."""


@contextmanager
def empty_home() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder for one check, and the environment of somebody whose home is empty in it."""
    with tempfile.TemporaryDirectory(prefix="cde-installation-") as name:
        folder = Path(name).resolve()
        home, temporary = folder / "home", folder / "tmp"
        home.mkdir()
        temporary.mkdir()
        own = Path(sys.prefix).resolve()
        path = [
            part
            for part in os.environ.get("PATH", os.defpath).split(os.pathsep)
            if not Path(part).resolve().is_relative_to(own)
        ]
        yield (
            folder,
            {
                **{name: os.environ[name] for name in _SOURCES if name in os.environ},
                "HOME": str(home),
                "PATH": os.pathsep.join(path),
                "TMPDIR": str(temporary),
                "LANG": "C.UTF-8",
                "PIP_CACHE_DIR": str(folder / "pip-cache"),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "UV_CACHE_DIR": str(folder / "uv-cache"),
                "UV_PYTHON_DOWNLOADS": "never",
            },
        )


def run(words: list[str | Path], folder: Path, environment: dict[str, str]) -> str:
    """Run a program to its end.

    Returns:
        What it printed on standard output and standard error.

    Raises:
        InstallationError: It failed; the error has the end of what it printed.
    """
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        command = " ".join(map(str, words))
        raise InstallationError(f"{command}: exit {done.returncode}\n{done.stdout[-6000:]}")
    return done.stdout


def require(holds: object, what: str) -> None:
    """Go on where something holds.

    Raises:
        InstallationError: It does not hold.
    """
    if not holds:
        raise InstallationError(what)


def pinned(names: tuple[str, ...]) -> list[str]:
    """Packages of the development environment in the locked versions, as pip takes them."""
    locked = dict(PIN.findall((ROOT / "requirements-dev.lock").read_text("utf-8")))
    return [f"{name}=={locked[name]}" for name in names]


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what was done, and how long it took."""
    began = time.monotonic()
    yield
    print(f"  {what:58} {time.monotonic() - began:6.1f} s", flush=True)


def interpreter(version: str) -> Path:
    """The interpreter of one minor version, such as 3.12.

    Raises:
        InstallationError: This machine has none.
    """
    shelf = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    places = sorted(shelf.glob(f"{version}.*/bin/python"), reverse=True)
    if found := shutil.which(f"python{version}"):
        places.append(Path(found))
    for place in places:
        asked = subprocess.run(
            [place, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.stdout.strip() == version:
            return place
    raise InstallationError(f"There is no Python {version} here.")
