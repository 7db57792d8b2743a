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


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Puts a value in a place of an export; each step is a member's name or a number."""

    def edit(export: dict[str, Any]) -> None:
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
        place: Any = export
        for step in steps:
            place = place[next(iter(place))] if step == "*" else place[step]
        place[last] = value

    return edit


DEFINE = "features/0/phases/define"
OUTPUT = "project/workflows/*/phases/0/outputs/0"
AT = "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("project/name", "a\x1b[2J"),
        ("project/metadata", {"languages": 1}),
        ("project/metadata", {"test_command": [1]}),
        ("project/metadata", {"package_manager": []}),
        ("project/created_at", "0001-01-01T00:00:00+14:00"),
        (f"{OUTPUT}/path", "../evil"),
        (f"{OUTPUT}/path", 5),
        (f"{OUTPUT}/type", "executable"),
        (f"{OUTPUT}/must_contain", ["re:("]),
        (f"{OUTPUT}/min_bytes", "many"),
        ("project/workflows/*/max_attempts", 10**9),
        ("project/workflows/*/phases/0/check_directory", "../.."),
        ("project/workflows/*/phases/0/check_timeout_seconds", "soon"),
        ("features/0/status", "building"),
        ("features/0/current_phase", None),
        ("features/0/updated_at", "9999-12-31T23:59:59-14:00"),
        ("features/0/work", "none"),
        ("features/0/work", {"idempotency_key": "k" * 200}),
        ("features/0/work", {"branch": 5}),
        ("features/0/work", {"baseline": {"commit": "--output=x", "dirty": {}}}),
        ("features/0/work", {"events": [{"at": AT}]}),
        ("features/0/work", {"events": [{"event": "taken_over", "at": "now"}]}),
        ("features/0/work", {"events": [{"event": "file_kept", "at": AT}]}),
        ("features/0/work", {"events": [{"event": "rolled_back", "at": AT, "files": [1]}]}),
        (
            "features/0/work",
            {
                "events": [
                    {
                        "event": "rolled_back",
                        "at": AT,
                        "files": [{"id": "a", "path": "../x", "before": None, "after": None}],
                    }
                ]
            },
        ),
        *(
            (
                "features/0/work",
                {"events": [{"event": "rolled_back", "at": AT, "files": [], "source": source}]},
            )
            for source in (1, {}, {"folder": "/home", "before": "a", "after": 1})
        ),
        ("features/0/work", {"closing": {"outcome": "failed"}}),
        (f"{DEFINE}/status", "begun"),
        (f"{DEFINE}/attempts", 2_000_000),
        (f"{DEFINE}/attempts", True),
        (f"{DEFINE}/outputs/0/sha256", "../../x"),
        (f"{DEFINE}/outputs/0/size", -1),
        (f"{DEFINE}/work", {"attempts_before": 7}),
        (f"{DEFINE}/work", {"progress": {"last": {"at": AT, "by": "x", "note": "y"}}}),
        (f"{DEFINE}/work", {"start_commit": "--upload-pack=x"}),
        (f"{DEFINE}/work", {"check_output": "../../config.toml"}),
        (f"{DEFINE}/work", {"start_source": {"at": AT, "folder": 1, "tree": "", "commit": ""}}),
        (f"{DEFINE}/work", {"returned": {"at": AT, "by": "x", "reason": "y", "notes": [1]}}),
        (f"{DEFINE}/work", {"past": [{}]}),
        (f"{DEFINE}/work", {"evidence": 1}),
    ],
)
def test_what_could_not_have_come_about_here_is_refused(
    application: Application, path: str, value: Any
) -> None:
    export = copy.deepcopy(application.handle(ExportState())["state"])
    put(path, value)(export)
    with pytest.raises(StateError) as caught:
        application.handle(RestoreState(export=json.dumps(export)))
    assert caught.value.code == "E210"


@pytest.mark.parametrize("nothing", [0, None, "", {}, []])
def test_what_is_empty_in_any_way_is_nothing(application: Application, nothing: Any) -> None:
    own = json.dumps(application.handle(ExportState())["state"])
    export = json.loads(own)
    put("features/0/work", {"events": nothing, "closing": nothing})(export)
    application.handle(RestoreState(export=json.dumps(export)))
    application.handle(RestoreState(export=own))
    assert json.dumps(application.handle(ExportState())["state"]) == own


def test_where_a_state_was_moved_is_not_part_of_it(application: Application) -> None:
    export = copy.deepcopy(application.handle(ExportState())["state"])
    export["project"]["moved"] = {"to": "elsewhere"}
    application.handle(RestoreState(export=json.dumps(export)))
    assert "moved" not in application.handle(ExportState())["state"]["project"]


def test_an_own_export_is_accepted(application: Application) -> None:
    text = export_with(application, named("another"))

    application.handle(RestoreState(export=text))
    assert application.handle(ExportState())["state"]["features"][0]["name"] == "another"
