"""What runs for a phase is said to whoever resumes its feature by a command."""

from __future__ import annotations

from typing import Any

from cde_orchestrator.cli.views import resume
from tests.unit.cli.views.test_views import RUNNING, SCREEN, phase, reply, seen


def test_a_running_check_is_said_to_whoever_resumes_the_feature() -> None:
    whole: Any = {
        **reply(phase()),
        "claim": None,
        "gate": None,
        "branch": None,
        "finished": [],
        "goal": "Add login",
        "tasks": [],
        "progress": [],
        "last_failure": None,
        "returned": None,
        "running": {**RUNNING, "line": "half of it"},
    }
    said = (
        "A check runs for phase review, since 2026-01-01, for mcp:one; its last line: half of it."
    )
    assert said in " ".join(seen(resume.resumed(whole, SCREEN)).split())
