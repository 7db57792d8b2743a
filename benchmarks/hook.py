"""A hook: from the start of ``cde hook`` to its end, which a client waits for.

The yardstick is Python with the modules of the standard library that whatever reads JSON and
has typed data imports. A project has a feature in its first phase and a number of closed ones.

    python -m benchmarks.hook [--runs N] [--features N] [--check]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.measure import Figure, interleaved, own_folder, show, timed, verdict
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.infrastructure.trust.judge import VARIABLE

ALLOWED = {"PreToolUse": 4.5, "Stop": 4.5}
RUNS = 15
FEATURES = 20
_YARDSTICK = ("-c", "import dataclasses, difflib, hashlib, json, pathlib, re, shutil")
_HOOK = ("-m", "cde_orchestrator", "hook")
_EVENTS: dict[str, dict[str, object]] = {
    "PreToolUse": {"tool_name": "Write", "tool_input": {"file_path": "src/app.py"}},
    "Stop": {"session_id": "measured"},
    "SessionStart": {"source": "startup"},
}


def measure(runs: int = RUNS, features: int = FEATURES) -> list[Figure]:
    """Start both in turns, for each event."""
    with own_folder() as folder:
        project = _project(folder / "project", features)
        environment = {**os.environ, VARIABLE: str(folder)}

        def process(words: tuple[str, ...], given: str) -> Callable[[], float]:
            command = [sys.executable, *words]
            return timed(
                lambda: subprocess.run(
                    command,
                    cwd=project,
                    env=environment,
                    input=given.encode(),
                    capture_output=True,
                    check=True,
                    timeout=60,
                )
            )

        figures = []
        for event, more in _EVENTS.items():
            given = json.dumps({"hook_event_name": event, "cwd": str(project), **more})
            hook = process((*_HOOK, event), given)
            hook()  # compiles what it imports
            bare_ms, own_ms = interleaved(runs, process(_YARDSTICK, ""), hook)
            figures.append(
                Figure(
                    name=f"cde hook {event}, {features} features",
                    samples_ms=own_ms,
                    yardstick="Python with parts of its library",
                    yardstick_ms=bare_ms,
                    allowed=ALLOWED.get(event),
                    paired=True,
                )
            )
    return figures


def _project(folder: Path, features: int) -> Path:
    """A project with an open feature, and closed ones."""
    folder.mkdir()
    with closing(build_application(folder)) as application:
        application.handle(OnboardProject())
        for number in range(features):
            application.handle(StartFeature(prompt="Measure it", name=f"feature-{number}"))
            if number:
                close = CloseFeature(
                    feature_id=f"feature-{number}", outcome="cancelled", reason="Measured"
                )
                application.handle(close)
    return folder


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description="Measure what a client waits for.")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each event; default {RUNS}")
    parser.add_argument("--features", type=int, default=FEATURES, help=f"default {FEATURES}")
    parser.add_argument("--check", action="store_true", help="exit 1 above the allowed ratio")
    arguments = parser.parse_args()
    figures = measure(arguments.runs, arguments.features)
    show(figures)
    return verdict(figures) if arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
