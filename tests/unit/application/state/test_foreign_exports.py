"""An export from elsewhere is refused where a start or a submission would be."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import ExportState, RestoreState
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.exceptions import StateError

WORKFLOW = """\
version: 1
workflows:
  small:
    phases:
      - {id: define, prompt: standard/define.md, outputs: [{id: a, path: a.txt, type: text}]}
      - {id: build, prompt: standard/define.md, outputs: []}
"""
Edit = Callable[[dict[str, Any]], None]


def key_of(value: str) -> Edit:
    def edit(feature: dict[str, Any]) -> None:
        feature["id"] = value

    return edit


def named(value: str) -> Edit:
    def edit(feature: dict[str, Any]) -> None:
        feature["name"] = value

    return edit


def asked(value: str) -> Edit:
    def edit(feature: dict[str, Any]) -> None:
        feature["prompt"] = value

    return edit


def tried(value: int) -> Edit:
    def edit(feature: dict[str, Any]) -> None:
        feature["phases"]["define"]["attempts"] = value

    return edit


def at(value: str) -> Edit:
    def edit(feature: dict[str, Any]) -> None:
        feature["phases"]["define"]["outputs"][0]["path"] = value

    return edit


@pytest.fixture
def application(tmp_path: Path) -> Application:
    application = build_application(tmp_path)
    application.handle(OnboardProject())
    (tmp_path / ".cde" / "workflow.yml").write_text(WORKFLOW)
    application.handle(StartFeature(prompt="Add login", name="login"))
    submit = SubmitWork(feature_id="login", phase_id="define", results={"a": "x"})
    application.handle(submit)
    return application


def export_with(application: Application, edit: Edit) -> str:
    export = copy.deepcopy(application.handle(ExportState())["state"])
    edit(export["features"][0])
    return json.dumps(export)


@pytest.mark.parametrize(
    "edit",
    [
        *(named(name) for name in ("../../evil", "", "n" * 61, "con", "a\x1b[2J", "Login")),
        *(asked(prompt) for prompt in ("", " ", "a\x00b", "x" * 1_000_001)),
        *(tried(attempts) for attempts in (-1, -(2**40))),
        *(at(path) for path in ("../../../etc/passwd", "/etc/passwd", ".cde/lock", "a\n", "")),
        *(key_of(value) for value in ("../../evil", "", "a/b", "x" * 65)),
    ],
)
def test_a_hostile_export_is_refused_and_changes_nothing(
    application: Application, edit: Edit
) -> None:
    before = application.handle(ExportState())
    with pytest.raises(StateError) as caught:
        application.handle(RestoreState(export=export_with(application, edit)))

    assert caught.value.code == "E210"
    assert application.handle(ExportState()) == before


def test_an_own_export_is_accepted(application: Application) -> None:
    text = export_with(application, named("another"))

    application.handle(RestoreState(export=text))
    assert application.handle(ExportState())["state"]["features"][0]["name"] == "another"
