"""The commit of a completed feature, as people see it."""

from __future__ import annotations

from typing import Any

from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.views import feature
from tests.unit.cli.views.test_views import FILE, MADE, NOON, SCREEN, ago, reply, seen


def test_what_is_committed_is_said_with_its_branch() -> None:
    ended: Any = {**reply(None), "made": MADE, "committed": {"commit": "1a2b3c4d", "branch": "x"}}

    lines = [seen(each) for each in feature.ending(ended, SCREEN) if each]
    assert "specs/login/spec.md; committed 1a2b3c4 on x." in " ".join("".join(lines).split())
    assert "# open a pull request" in lines[-1]


def test_a_commit_has_a_line_of_its_own_in_a_list() -> None:
    row: Any = {"id": "f1", "name": "login", "status": "completed", "current_phase": None}
    row |= {"updated_at": ago(hours=3), "goal": "Log in", "waits_for": None, "agent": None}
    row |= {"standing": "proven", "waived": 1, "committed": {"commit": "1a2b3c4d", "branch": "x"}}
    look = RenderTarget(terminal=True, width=80, now=NOON)

    lines = seen(feature.feature_table([row], look), 80).splitlines()
    assert lines[2:] == ["    Log in", "    committed 1a2b3c4 on x"]
    assert "completed, proven, 1 waived, committed 1a2b3c4 on x" in seen(
        feature.feature_table([row], FILE), 200
    )
