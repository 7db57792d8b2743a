"""What a person chooses from who starts a feature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cde_orchestrator.application.features.show_start import ShowStart, StartChoices
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """A project without tests."""
    made = build_application(tmp_path)
    made.handle(OnboardProject(name="shop"))
    yield made
    made.close()
    stop_logging()


def shown_for(application: Application, goal: str = "") -> StartChoices:
    return application.handle(ShowStart(goal=goal))


def test_the_workflows_are_shown_with_their_phases(application: Application) -> None:
    shown = shown_for(application)
    names = [each["name"] for each in shown["workflows"]]
    assert shown["default"] in names
    assert all(each["phases"] for each in shown["workflows"])
    assert shown["fits"] is None


@pytest.mark.parametrize("goal", ["   ", "\u65e5\u672c\u8a9e\u306e\u6a5f\u80fd"])
def test_no_workflow_fits_what_cannot_be_read(application: Application, goal: str) -> None:
    assert shown_for(application, goal)["fits"] is None


def test_the_workflow_that_fits_is_named_with_the_reason(application: Application) -> None:
    fits = shown_for(application, "Fix the crash of the parser")["fits"]
    assert fits == {"workflow": "quick-fix", "why": "the goal names a defect (fix)"}


def test_agents_are_those_that_are_found_here(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shown_for(application)["agents"] == []
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert shown_for(application)["agents"] == ["claude"]
    (tmp_path / ".cde" / "config.toml").write_text("[agents.claude]\ncommand = 7\n")
    application.close()
    assert shown_for(application)["agents"] == []
