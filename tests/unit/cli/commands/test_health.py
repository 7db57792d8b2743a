"""The command that says whether all is well."""

from __future__ import annotations

import re
import time

import pytest

from cde_orchestrator.cli.console.wording import took
from tests.unit.cli.conftest import Terminal


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's machine may be as busy and as full as it likes."""
    monkeypatch.setenv("CDE_ALERT_MEMORY_PERCENT", "100")
    monkeypatch.setenv("CDE_ALERT_DISK_FREE_MB", "0")


def test_people_are_told_every_verdict_and_programs_the_whole(at_project: Terminal) -> None:
    told = at_project.run("health")
    reply = at_project.answer("health")

    assert told.startswith("● healthy")
    assert all(f"✓ {name}" in told for name in reply["checks"])
    assert reply["status"] == "healthy"
    assert "threshold" not in told, "nobody needs one that is far away"
    assert re.match(r"● healthy  cde [^ ]+, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", told)


def test_people_are_told_what_other_processes_did_lately(at_project: Terminal) -> None:
    at_project.run("start", "Say hello", "--name", "hello")
    at_project.refused("start", "Say hello", "--name", "hello")
    told = at_project.run("health")
    assert re.search(r"last 5 minutes +\d+ operations, \d+ \(\d+\.\d %\) refused\n", told)
    assert re.search(r"took +p50 [\d.]+ m?s, p95 [\d.]+ m?s, p99 [\d.]+ m?s\n", told)
    assert re.search(r"^start_feature +2 +0 +1 +[\d.]+ m?s", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [(0.04, "0.0 ms"), (9.94, "9.9 ms"), (9.96, "10 ms"), (999.4, "999 ms"), (999.6, "1.0 s")],
)
def test_how_long_a_call_took_is_told_in_three_figures_at_most(
    milliseconds: float, told: str
) -> None:
    assert took(milliseconds) == told


def test_what_is_wrong_is_told_with_what_to_do_and_an_exit_code(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDE_ALERT_DISK_FREE_MB", "9999999")
    told = at_project.run("health")
    assert at_project.exit_code == 0
    assert told.startswith("● degraded")
    assert "! disk_space" in told
    assert "threshold 9999999 MB, E921" in told
    assert "cde explain E921" in told
    named = at_project.run("health", "--project", ".")
    assert "cde explain E921" in named
    assert "cde explain E921 --project" not in named, "it takes no project"

    (at_project.folder / ".cde" / "workflow.yml").write_text("[")
    told = at_project.run("health")
    assert at_project.exit_code == 1
    assert told.startswith("● unhealthy")
    assert "✗ workflow" in told
    assert "E310" in told

    (at_project.folder / ".cde" / "workflow.yml").write_text("version: 7\n")
    told = at_project.run("health")
    assert "E311 Workflow Not Valid\n  Add the key workflows\n" in told
    assert "<" not in told


def test_watching_goes_on_a_line_a_look_until_it_is_interrupted(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def look_again(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", look_again)
    lines = at_project.run("health", "--watch", "--every", "0.5").splitlines()

    assert looks == [0.5, 0.5, 0.5]
    assert at_project.exit_code == 130
    assert len(lines) == 3
    assert all(re.match(r"\S+T\d\d:\d\d:\d\dZ healthy memory=", line) for line in lines)
