"""A hook: from the start of ``cde hook`` to its end, which a client waits for.

The yardstick is Python with the modules of the standard library that whatever reads JSON and
has typed data imports. A project has a feature in its first phase and a number of closed ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.measure import Figure, interleaved, own_folder, runs_of, timed
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application

ALLOWED = {"PreToolUse": 4.5, "Stop": 4.5}
SESSION_START_MS = 150.0
"""What a client may wait for the beginning of a session."""
RUNS = 15
FEATURES = 20
_YARDSTICK = ("-c", "import dataclasses, difflib, hashlib, json, pathlib, re, shutil")
_HOOK = ("-m", "cde_orchestrator", "hook")
_EVENTS: dict[str, dict[str, object]] = {
    "PreToolUse": {"tool_name": "Write", "tool_input": {"file_path": "src/app.py"}},
    "Stop": {"session_id": "measured"},
    "SessionStart": {"source": "startup"},
}


def measure(features: int = FEATURES) -> list[Figure]:
    """Start both in turns, for each event."""
    runs = runs_of(RUNS, 2)
    with own_folder() as folder:
        project = _project(folder / "project", features)

        def process(words: tuple[str, ...], given: str) -> Callable[[], float]:
            command = [sys.executable, *words]
            return timed(
                lambda: subprocess.run(
                    command,
                    cwd=project,
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
            is_start = event == "SessionStart"
            figures.append(
                Figure(
                    key=f"hook-{event}",
                    name=f"cde hook {event}, {features} features",
                    samples=own_ms,
                    yardstick="Python with parts of its library",
                    yardstick_samples=bare_ms,
                    compared="value" if is_start else "ratio",
                    reach=SESSION_START_MS if is_start else ALLOWED[event],
                    paired=True,
                    first="not measured",
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
