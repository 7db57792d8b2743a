"""Installs both locks into each supported Python, which then looks for what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.installation.surroundings import ROOT, empty_home, interpreter, run, timed

PYTHONS = ("3.11", "3.12", "3.13")


def check() -> None:
    """Install, and compare with the metadata of everything that was installed."""
    uv = Path(sys.executable).with_name("uv")
    with empty_home() as (folder, environment):
        print("The locks:", flush=True)
        for version in PYTHONS:
            place = folder / version
            into: list[str | Path] = ["--python", place / "bin" / "python"]
            create: list[str | Path] = ["venv", "--quiet", "--python", interpreter(version), place]
            run([uv, *create], folder, environment)
            with timed(f"Python {version}: installed, and nothing is missing"):
                for lock in ("requirements.lock", "requirements-dev.lock"):
                    exact: list[str | Path] = ["--no-deps", "--require-hashes", "-r", ROOT / lock]
                    run([uv, "pip", "install", *into, *exact], folder, environment)
                    run([uv, "pip", "check", *into], folder, environment)
