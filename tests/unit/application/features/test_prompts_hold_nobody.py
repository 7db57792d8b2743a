"""Prompts are rendered while the project is free for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.project_facts import NO_RULES, OwnRules
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.project_ports import ProjectPorts
from cde_orchestrator.storage.format.files import StateFiles

WORKFLOW = """\
version: 1
workflows:
  standard:
    phases:
      - {id: first, description: The first one., prompt: first.md}
      - {id: second, description: The second one., prompt: second.md}
"""


@dataclass
class LockProbe:
    """Renders a prompt as its name, and looks whether anybody holds the project meanwhile."""

    lock: ProcessLock
    held: list[str] = field(default_factory=list)
    rendered: list[str] = field(default_factory=list)
    breaks_at: int | None = None

    def rules(self, root: Path) -> OwnRules:
        return NO_RULES

    def render(self, root: Path, template: str, variables: Mapping[str, Any]) -> str:
        with self.lock.exclusive():
            self.rendered.append(template)
        if len(self.rendered) == self.breaks_at:
            raise ValidationError.of("E313", template=template, reason="it broke just now")
        return f"{template} for {variables['feature']['name']}"


@pytest.fixture
def probe(tmp_path: Path) -> LockProbe:
    return LockProbe(ProcessLock(StateFiles(tmp_path).lock, 0.0))


@pytest.fixture
def project(tmp_path: Path, probe: LockProbe) -> Iterator[Application]:
    """A project whose prompts the probe renders."""

    def assembled(root: Path, settings: Settings, meter: OperationMeter) -> ProjectPorts:
        return ProjectPorts(root, settings, meter).instead(prompts=probe)

    application = Application(tmp_path, assembled)
    application.handle(OnboardProject())
    (tmp_path / ".cde" / "workflow.yml").write_text(WORKFLOW)
    yield application
    application.close()


def current_phase(project: Application) -> str | None:
    return project.handle(GetFeatureStatus(feature_id="login"))["feature"]["current_phase"]


def test_what_is_rendered_agrees_with_what_was_committed(
    project: Application, probe: LockProbe
) -> None:
    started = project.handle(StartFeature(prompt="Add login", name="login"))
    assert started["phase"] is not None
    assert started["phase"]["prompt"] == "first.md for login"
    submitted = project.handle(SubmitWork(feature_id="login", phase_id="first"))
    assert submitted["phase"] is not None
    assert submitted["phase"]["prompt"] == "second.md for login"
    assert probe.rendered[0] == "first.md"


def test_a_template_that_breaks_after_the_change_is_told_in_the_answer(
    project: Application, probe: LockProbe
) -> None:
    probe.breaks_at = 2
    started = project.handle(StartFeature(prompt="Add login", name="login"))
    assert started["phase"] is not None
    assert "it broke just now" in started["phase"]["problem"]
    assert current_phase(project) == "first"


GOING_ON: list[UseCase[Any]] = [
    ResumeFeature(feature_id="login"),
    FailPhase(feature_id="login", phase_id="second", reason="it did not work"),
    RollbackFeature(feature_id="login", to_phase="first", reason="begin again"),
]


@pytest.mark.parametrize("use_case", GOING_ON, ids=lambda each: type(each).__name__)
def test_whoever_goes_on_gets_the_prompt_once_others_may_work(
    project: Application, use_case: UseCase[Any]
) -> None:
    project.handle(StartFeature(prompt="Add login", name="login"))
    project.handle(SubmitWork(feature_id="login", phase_id="first"))
    phase = project.handle(use_case)["phase"]
    assert phase["prompt"] == f"{phase['id']}.md for login"


@pytest.mark.parametrize("use_case", GOING_ON, ids=lambda each: type(each).__name__)
def test_a_broken_template_keeps_nobody_from_going_on(
    project: Application, probe: LockProbe, use_case: UseCase[Any]
) -> None:
    project.handle(StartFeature(prompt="Add login", name="login"))
    project.handle(SubmitWork(feature_id="login", phase_id="first"))
    probe.breaks_at = len(probe.rendered) + 1
    reply = project.handle(use_case)
    assert "it broke just now" in reply["phase"]["problem"]
    assert current_phase(project) == reply["phase"]["id"]
