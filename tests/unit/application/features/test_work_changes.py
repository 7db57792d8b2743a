"""A phase that must change files is not completed by reports alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import OutputError
from tests.fakes import World, catalog, writing_workflow


@pytest.fixture
def started(world: World) -> World:
    """In a repository, the feature ``login``, whose first phase must change files."""
    workflow = writing_workflow()
    define, build = workflow.phases
    outside = replace(build.outputs[0], path="reports/{feature}.md")
    phases = (replace(define, changes="required"), replace(build, outputs=(outside,)))
    world.workflows.own = catalog(replace(workflow, phases=phases), packaged=False)
    world.git.commit = "0123456789abcdef"
    world.git.dirty = ["half.py"]
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def submit(world: World) -> str | None:
    """Submit the phase; the phase that is current then."""
    results = {"spec": "## Goal\nLog in\n"}
    reply = world.run(SubmitWork(feature_id="login", phase_id="define", results=results))
    return reply["feature"]["current_phase"]


def refusal(world: World) -> OutputError:
    """The error of the submission, which wrote nothing."""
    with pytest.raises(OutputError) as caught:
        submit(world)
    assert world.files.contents == {}
    assert world.project.feature("login").current_phase == "define"
    return caught.value


def test_what_is_there_when_the_feature_begins_is_recorded(started: World) -> None:
    baseline = started.project.feature("login").baseline

    assert baseline is not None
    assert baseline.commit == "0123456789abcdef"
    assert list(baseline.dirty) == ["half.py"]


def test_a_workflow_that_asks_for_no_changes_looks_at_nothing(world: World) -> None:
    world.git.commit = "0123456789abcdef"
    world.run(StartFeature(prompt="Add login", name="login"))

    assert world.project.feature("login").baseline is None


def test_without_any_change_the_phase_is_refused_and_says_so(started: World) -> None:
    error = refusal(started)

    assert error.code == "E130"
    assert error.context["commit"] == "0123456789"
    assert error.context["seen"] == "no file differs"


def test_files_that_git_ignores_are_named_where_nothing_else_changed(started: World) -> None:
    started.git.ignored = ["local/a.py"]

    seen = refusal(started).context["seen"]

    assert seen == "no file differs; written since, but ignored by git: local/a.py"


def test_records_of_features_are_no_change_and_are_named(started: World) -> None:
    records = ["reports/login.md", "reports/login.md.before-rollback", "specs/x/spec.md"]
    started.git.changed = [*records, *(f"specs/{number}.md" for number in range(9))]
    error = refusal(started)

    assert error.code == "E130"
    assert "reports/login.md" in error.context["seen"]
    assert error.context["seen"].endswith(", ...")


@pytest.mark.parametrize(
    "path", ["src/a.py", "../lib/a.py", "reports/signup.md", "specs.md", "tests/specs/a.py"]
)
def test_one_file_that_is_no_record_is_enough(started: World, path: str) -> None:
    started.git.changed = [path, "specs/login/spec.md"]

    assert submit(started) == "build"


def test_nothing_is_demanded_where_it_cannot_be_known(started: World) -> None:
    started.git.changed = None

    assert submit(started) == "build"


def test_nothing_is_demanded_of_a_feature_whose_beginning_was_not_recorded(
    started: World,
) -> None:
    with started.repository.transaction(started.root) as project:
        project.feature("login").baseline = None

    assert submit(started) == "build"


def test_a_phase_that_need_not_change_anything_is_not_asked(started: World) -> None:
    started.git.changed = ["src/a.py"]
    submit(started)
    started.git.changed = []
    results = {"report": "Done"}
    reply = started.run(SubmitWork(feature_id="login", phase_id="build", results=results))

    assert reply["feature"]["status"] == "completed"
