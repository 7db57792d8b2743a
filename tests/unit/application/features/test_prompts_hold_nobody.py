"""Prompts are rendered while the project is free for others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import _ports
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
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
def ports(tmp_path: Path, probe: LockProbe) -> Ports:
    ports = replace(_ports(tmp_path, Settings(), OperationMeter()), prompts=probe)
    OnboardProject()(ports)
    (tmp_path / ".cde" / "workflow.yml").write_text(WORKFLOW)
    return ports


def test_what_is_rendered_agrees_with_what_was_committed(ports: Ports, probe: LockProbe) -> None:
    started = StartFeature(prompt="Add login", name="login")(ports)
    assert started["phase"] is not None
    assert started["phase"]["prompt"] == "first.md for login"
    submitted = SubmitWork(feature_id="login", phase_id="first")(ports)
    assert submitted["phase"] is not None
    assert submitted["phase"]["prompt"] == "second.md for login"
    assert probe.rendered[0] == "first.md"


def test_a_template_that_breaks_after_the_change_is_told_in_the_answer(
    ports: Ports, probe: LockProbe
) -> None:
    probe.breaks_at = 2
    started = StartFeature(prompt="Add login", name="login")(ports)
    assert started["phase"] is not None
    assert "it broke just now" in started["phase"]["problem"]
    assert ports.repository.get(ports.root).feature("login").current_phase == "first"


GOING_ON: list[UseCase[Any]] = [
    ResumeFeature(feature_id="login"),
    FailPhase(feature_id="login", phase_id="second", reason="it did not work"),
    RollbackFeature(feature_id="login", to_phase="first", reason="begin again"),
]


@pytest.mark.parametrize("use_case", GOING_ON, ids=lambda each: type(each).__name__)
def test_whoever_goes_on_gets_the_prompt_once_others_may_work(
    ports: Ports, use_case: UseCase[Any]
) -> None:
    StartFeature(prompt="Add login", name="login")(ports)
    SubmitWork(feature_id="login", phase_id="first")(ports)
    phase = use_case(ports)["phase"]
    assert phase["prompt"] == f"{phase['id']}.md for login"


@pytest.mark.parametrize("use_case", GOING_ON, ids=lambda each: type(each).__name__)
def test_a_broken_template_keeps_nobody_from_going_on(
    ports: Ports, probe: LockProbe, use_case: UseCase[Any]
) -> None:
    StartFeature(prompt="Add login", name="login")(ports)
    SubmitWork(feature_id="login", phase_id="first")(ports)
    probe.breaks_at = len(probe.rendered) + 1
    reply = use_case(ports)
    assert "it broke just now" in reply["phase"]["problem"]
    kept = ports.repository.get(ports.root).feature("login")
    assert kept.current_phase == reply["phase"]["id"]
