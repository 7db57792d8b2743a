"""An export with anything in any place: refused with a code, or a project that works."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.get_feature_status import GetAssignment
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.get_health import GetHealth
from cde_orchestrator.application.monitoring.show_dashboard import ShowFeature
from cde_orchestrator.application.projects.diagnose import Diagnose
from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import (
    ExportState,
    ListChanges,
    RestoreState,
    VerifyState,
)
from cde_orchestrator.application.state.state_exports import (
    export_text,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.exceptions import CDEError
from tests.integration.test_any_input import commanded
from tests.integration.test_merge_driver import EXPORT, run, start_and_commit
from tests.soak import SOAK

WORKFLOW = """\
version: 1
workflows:
  small:
    phases:
      - id: define
        prompt: standard/define.md
        outputs: [{id: a, path: "a-{feature}.txt", type: text}]
      - id: build
        prompt: standard/define.md
        check: ["true"]
        inputs: [a]
        outputs: [{id: b, path: "b-{feature}.md", type: markdown, must_contain: [Goal]}]
      - {id: review, prompt: standard/define.md, outputs: []}
"""
HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**6, 2**63 - 1, -(2**63), 10**30, 1e308),
    *("", " ", "x", "..", "../../evil", "/etc/passwd", ".cde/state.json", "a/../../b", "-x"),
    *("--output=/tmp/evil", "\x00", "a\nb", "\x1b[2J", "\u202eabc", "\ud800", "x" * 70_000),
    *("{{ 7 * 7 }}", "{feature}", "{0.__class__}", "$(id)", "con", "NUL", "é" * 300),
    *("2024-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "now"),
    *([], {}, [[]], [{}], {"": None}, {"x": {}}, [None], ["..", 1], {"id": "define"}),
]
BROKEN = ("E999", "E931", "E201", "E203")
"""What no project that was imported may answer."""
EXAMPLES = 3_000 if SOAK else 25

Path_ = tuple[Any, ...]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """A project whose features are in every state that there is."""
    root = tmp_path_factory.mktemp("outer") / "project"
    root.mkdir()
    application = build_application(root)
    application.handle(OnboardProject())
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW)
    for name in ("new", "built", "rolled", "failed", "closed"):
        application.handle(StartFeature(prompt=f"Add {name}", name=name, idempotency_key=name))
    application.handle(SaveProgress(feature_id="new", note="Half", data={"x": [1]}))
    for name in ("built", "rolled"):
        submit = SubmitWork(feature_id=name, phase_id="define", results={"a": "text"})
        application.handle(submit)
    application.handle(RollbackFeature(feature_id="rolled", to_phase="define", reason="Wrong"))
    application.handle(ResumeFeature(feature_id="built", agent="ann"))
    application.handle(FailPhase(feature_id="failed", phase_id="define", reason="It broke"))
    application.handle(CloseFeature(feature_id="closed", outcome="cancelled", reason="Not needed"))
    yield application
    application.close()


@pytest.fixture(scope="module")
def whole(application: Application) -> str:
    return export_text(application.handle(ExportState())["state"])


def places_in(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The way to every value and every member of a document, the document itself left out."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_in(inner, (*path, key))


def edited(document: Any, path: Path_, how: str, value: Any) -> None:
    """Put a value in a place, remove what is there, or give it another name."""
    for key in path[:-1]:
        document = document[key]
    if how == "put":
        document[path[-1]] = copy.deepcopy(value)
    elif how == "remove":
        del document[path[-1]]
    elif isinstance(document, dict):
        document[value if isinstance(value, str) else json.dumps(value)] = document.pop(path[-1])
    else:
        document.append(copy.deepcopy(document[path[-1]]))


@st.composite
def damaged(draw: Callable[..., Any], text: str) -> str:
    """The export with up to three places changed."""
    document = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        places = list(places_in(document))
        path = draw(st.sampled_from(places))
        how = draw(st.sampled_from(["put", "put", "put", "remove", "rename"]))
        edited(document, path, how, draw(st.sampled_from(HOSTILE)))
    return json.dumps(document)


def require_working(application: Application, features: list[str]) -> None:
    """Every later call succeeds, or is refused for a reason that it names."""
    ask = application.handle
    ask(ListFeatures(limit=100))
    questions: list[UseCase[Any]] = [GetProjectInfo(), ListChanges(), GetHealth(), Diagnose()]
    for question in questions:
        ask(question)
    assert ask(VerifyState())["whole"]
    again = export_text(ask(ExportState())["state"])
    ask(RestoreState(export=again, dry_run=True))  # what was accepted once is accepted again
    ask(StartFeature(prompt="One more"))
    for feature in features:
        work_on(application, feature)


def work_on(application: Application, feature: str) -> None:
    shown: Any = application.handle(GetAssignment(feature_id=feature))
    application.handle(ShowFeature(feature_id=feature))
    phase = shown["feature"]["current_phase"] or "define"
    changes: tuple[UseCase[Any], ...] = (
        ResumeFeature(feature_id=feature, takeover=True),
        SaveProgress(feature_id=feature, note="More"),
        SubmitWork(
            feature_id=feature,
            phase_id=phase,
            results={"a": "x", "b": "# Goal\n\nx\n"},
        ),
        FailPhase(feature_id=feature, phase_id=phase, reason="Not this time"),
        RollbackFeature(feature_id=feature, to_phase="define", reason="Again"),
        CloseFeature(feature_id=feature, outcome="cancelled", reason="Enough"),
    )
    for change in changes:
        refusal = refusal_of(application, change)
        assert refusal is None or refusal.code not in BROKEN, (change, refusal)
    application.handle(GetAssignment(feature_id=feature))


def refusal_of(application: Application, use_case: UseCase[Any]) -> CDEError | None:
    """The error with which it is refused; None where it succeeds."""
    try:
        application.handle(use_case)
    except CDEError as error:
        return error
    return None


def require_refused_or_working(application: Application, whole: str, text: str) -> None:
    """Import the text; nothing outside the project's folder has changed after it."""
    outer = application.root.parent
    before = sorted(outer.glob("*"))
    refusal = refusal_of(application, RestoreState(export=text))
    if refusal is not None:
        assert refusal.code == "E210", refusal
        return
    known, given_features = (json.loads(each)["features"] for each in (whole, text))
    touched = [each["id"] for each in given_features if each not in known]
    try:
        require_working(application, touched or [each["id"] for each in given_features[:1]])
        require_shown(application)
    finally:
        application.handle(RestoreState(export=whole))
    assert sorted(outer.glob("*")) == before


def require_shown(application: Application) -> None:
    """People are shown it without control characters."""
    project = ["--project", str(application.root)]
    for words in (["status"], ["list"], ["state", "show"], ["state", "history"]):
        code, said, complained = commanded([each.encode() for each in (*words, *project)])
        assert code == 0, (words, complained)
        assert "\x1b" not in said
        assert "\u202e" not in said


bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,  # replays a failure
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@bounded
@given(data=st.data())
def test_an_export_with_anything_in_it(application: Application, whole: str, data: Any) -> None:
    require_refused_or_working(application, whole, data.draw(damaged(whole), "export"))


@bounded
@given(data=st.data())
def test_a_merge_with_anything_in_it(
    application: Application, whole: str, tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    """As git's merge driver calls it: our side is replaced by the result, or left as it was."""
    folder = tmp_path_factory.mktemp("merge")
    sides = {name: folder / f"{name}.json" for name in ("base", "ours", "theirs")}
    texts = dict.fromkeys(sides, whole)
    for name in data.draw(st.sets(st.sampled_from(sorted(sides)), min_size=1), "sides"):
        texts[name] = data.draw(damaged(whole), name)
    for name, path in sides.items():
        path.write_text(texts[name])
    code, said, complained = commanded(
        [b"state", b"merge", *(bytes(each) for each in sides.values())]
    )
    assert code in {0, 1}
    if code:
        assert "E210" in complained, said + complained
        assert sides["ours"].read_text() == texts["ours"]
    else:
        require_refused_or_working(application, whole, sides["ours"].read_text())


def test_git_leaves_our_side_as_it_was_where_theirs_is_no_export(tmp_path: Path) -> None:
    run(tmp_path, "git", "init", "--quiet", "--initial-branch", "main")
    run(tmp_path, "cde", "init", "--git-merge-driver")
    start_and_commit(tmp_path, "base")
    run(tmp_path, "git", "branch", "theirs")
    start_and_commit(tmp_path, "ours")
    ours = (tmp_path / EXPORT).read_text()
    run(tmp_path, "git", "checkout", "--quiet", "theirs")
    (tmp_path / EXPORT).write_text('{"format": "cde-export", "version": 1, "features": [{}]}')
    run(tmp_path, "git", "commit", "--quiet", "--all", "--message", "hostile")
    run(tmp_path, "git", "checkout", "--quiet", "main")
    with pytest.raises(subprocess.CalledProcessError):
        run(tmp_path, "git", "merge", "--quiet", "--no-edit", "theirs")
    assert (tmp_path / EXPORT).read_text() == ours
