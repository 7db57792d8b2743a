"""What was accepted stays as it was, or the next phase is refused until it is."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.remarks import only_restored, submit_remarks
from cde_orchestrator.domain.exceptions import OutputError, ReadOnlyModeError, ValidationError
from cde_orchestrator.domain.workflow import Handler
from tests.fakes import InMemoryFiles, World, catalog, writing_workflow

SPEC = "specs/login/spec.md"
NOTES = "specs/login/notes.txt"
ACCEPTED = b"## Goal\nLog in\n"


class WithFolder(InMemoryFiles):
    """Files of which one turned into a folder."""

    def read(self, root: Path, relative: str, output_id: str) -> bytes | None:
        """The file's content; E112 for the specification."""
        if relative == SPEC:
            raise OutputError.of("E112", output=output_id, path=relative, reason="a folder")
        return super().read(root, relative, output_id)


class WithLargeFile(InMemoryFiles):
    """Files of which one became too large to be read."""

    def read(self, root: Path, relative: str, output_id: str) -> bytes | None:
        """The file's content; E315 for the specification, unless it is the accepted one."""
        if relative == SPEC and self.contents[SPEC] != ACCEPTED:
            raise ValidationError.of("E315", field=output_id, size_bytes=11, limit_bytes=10)
        return super().read(root, relative, output_id)


def begin(world: World) -> None:
    """Start ``login`` and complete its first phase."""
    world.run(StartFeature(prompt="Add login", name="login"))
    results = {"spec": ACCEPTED.decode(), "notes": "Mind it"}
    world.run(SubmitWork(feature_id="login", phase_id="define", results=results))


@pytest.fixture
def building(world: World) -> World:
    """The feature in its second phase."""
    begin(world)
    return world


def submit(world: World, *, restore: bool = False) -> str:
    """Submit the second phase; the feature's status then."""
    results = {"report": "Done"}
    use_case = SubmitWork(feature_id="login", phase_id="build", results=results, restore=restore)
    return world.run(use_case)["feature"]["status"]


def refusal(world: World, *, restore: bool = False) -> OutputError:
    """The error of the submission, which ran no check."""
    with pytest.raises(OutputError) as caught:
        submit(world, restore=restore)
    assert world.checks.run_checks == []
    return caught.value


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        (b"Something else\n", "was changed since phase define was accepted"),
        (b"", "was changed since phase define was accepted"),
        (None, "is missing since phase define was accepted"),
    ],
)
def test_an_accepted_output_that_is_another_one_now_is_refused(
    building: World, now: bytes | None, problem: str
) -> None:
    building.files.contents.pop(SPEC)
    if now is not None:
        building.files.contents[SPEC] = now
    error = refusal(building)

    assert error.code == "E132"
    assert (error.context["phase"], error.context["owner"]) == ("build", "define")
    assert error.context["problems"] == f"spec at {SPEC} {problem}"
    assert [each["path"] for each in error.context["outputs"]] == [SPEC]


def test_all_that_changed_is_named_at_once(building: World) -> None:
    building.files.contents |= {SPEC: b"x", NOTES: b"y"}

    assert [each["path"] for each in refusal(building).context["outputs"]] == [SPEC, NOTES]


def test_one_that_cannot_be_read_any_more_counts_as_missing(building: World) -> None:
    contents, building.files = building.files.contents, WithFolder()
    building.files.contents = contents

    assert "is missing" in refusal(building).context["problems"]


def test_the_same_bytes_pass_whoever_wrote_them(building: World) -> None:
    building.files.contents[SPEC] = bytes(bytearray(ACCEPTED))

    assert submit(building) == "completed"


def test_an_attempt_that_is_given_up_makes_it_no_better(building: World) -> None:
    building.files.contents[SPEC] = b"x"
    building.run(FailPhase(feature_id="login", phase_id="build", reason="Broken"))

    assert refusal(building).code == "E132"


def test_a_restoring_submission_puts_it_back_and_keeps_what_stood_there(building: World) -> None:
    building.files.contents[SPEC] = b"Something else\n"
    del building.files.contents[NOTES]

    assert submit(building, restore=True) == "completed"
    assert building.files.contents[SPEC] == ACCEPTED
    assert building.files.contents[NOTES] == b"Mind it\n"
    assert building.files.contents[f"{SPEC}.before-rollback"] == b"Something else\n"
    assert f"{NOTES}.before-rollback" not in building.files.contents


def restoring(world: World, text: str) -> SubmitWork:
    """A submission that restores what changed, and hands over a text."""
    world.files.contents[SPEC] = b"Something else\n"
    results = {"report": text}
    return SubmitWork(feature_id="login", phase_id="build", results=results, restore=True)


def test_a_restoring_submission_names_what_it_put_back_and_the_copy(building: World) -> None:
    reply = building.run(restoring(building, "Done"))
    copy = f"{SPEC}.before-rollback"

    assert reply["restored"] == [{"path": SPEC, "kept_as": copy}]
    assert submit_remarks(reply)[:1] == [
        f"{SPEC} (what was there is kept as {copy}) is again as accepted."
    ]
    assert not only_restored(reply)


def test_a_refused_submission_names_the_copy_of_what_it_put_back(building: World) -> None:
    with pytest.raises(OutputError) as caught:
        building.run(restoring(building, ""))

    assert caught.value.code == "E111"
    assert f"kept as {SPEC}.before-rollback" in caught.value.message
    assert building.files.contents[SPEC] == ACCEPTED


def test_what_is_too_large_to_be_read_is_kept_as_a_copy_too(building: World) -> None:
    contents, building.files = building.files.contents, WithLargeFile()
    building.files.contents = {**contents, SPEC: b"x" * 11}

    assert "was changed" in refusal(building).context["problems"]
    assert submit(building, restore=True) == "completed"
    assert building.files.contents[SPEC] == ACCEPTED
    assert building.files.contents[f"{SPEC}.before-rollback"] == b"x" * 11
    event = building.project.feature("login").events[-1]
    assert (event["event"], event["files"]) == ("outputs_restored", [])


def test_nothing_is_put_back_where_one_cannot_be_read_or_is_a_link(building: World) -> None:
    contents = {**building.files.contents, SPEC: b"x", NOTES: b"y"}
    for files in (WithFolder(), InMemoryFiles()):
        building.files = files
        building.files.contents = dict(contents)
        building.files.links.add(SPEC)
        with pytest.raises(OutputError) as caught:
            submit(building, restore=True)
        assert caught.value.code == "E112"
        assert building.files.contents == contents
        assert building.project.feature("login").events == []


def test_a_submission_that_puts_nothing_back_says_nothing_of_it(building: World) -> None:
    use_case = SubmitWork(
        feature_id="login", phase_id="build", results={"report": "Done"}, restore=True
    )
    assert "restored" not in building.run(use_case)


def test_a_restoring_submission_leaves_alone_what_did_not_change(building: World) -> None:
    assert submit(building, restore=True) == "completed"
    assert f"{SPEC}.before-rollback" not in building.files.contents


def test_what_is_no_longer_kept_cannot_be_put_back_and_says_so(building: World) -> None:
    building.files.contents[SPEC] = b"x"
    building.objects.contents.clear()
    error = refusal(building, restore=True)

    assert "no longer kept" in error.context["problems"]
    assert building.files.contents[SPEC] == b"x"


@pytest.mark.parametrize("handler", ["agent", "human_input"])
def test_where_one_is_no_longer_kept_none_is_put_back(world: World, handler: Handler) -> None:
    workflow = writing_workflow()
    define, build = workflow.phases
    phases = (define, replace(build, handler=handler))
    world.workflows.own = catalog(replace(workflow, phases=phases), packaged=False)
    begin(world)
    changed = {SPEC: b"x", NOTES: b"y"}
    world.files.contents |= changed
    kept = world.objects.contents
    del kept[hashlib.sha256(b"Mind it\n").hexdigest()]
    use_case = SubmitWork(feature_id="login", phase_id="build", restore=True)
    with pytest.raises(OutputError) as caught:
        world.run(use_case)

    assert caught.value.code == "E132"
    assert world.files.contents == changed


def test_a_read_only_project_has_nothing_put_back(building: World) -> None:
    building.files.contents[SPEC] = b"x"
    building.repository.read_only_reason = "the disk is full"
    with pytest.raises(ReadOnlyModeError):
        submit(building, restore=True)

    assert building.files.contents[SPEC] == b"x"


def test_beginning_its_phase_again_accepts_another_one(building: World) -> None:
    building.files.contents[SPEC] = b"x"
    building.run(RollbackFeature(feature_id="login", to_phase="define", reason="Other goal"))
    results = {"spec": "## Goal\nLog out\n"}
    building.run(SubmitWork(feature_id="login", phase_id="define", results=results))

    assert submit(building) == "completed"


@pytest.mark.parametrize("path", ["CHANGELOG.md", "specs/{feature}/spec.md"])
def test_what_others_may_write_or_a_later_phase_declares_may_change(
    world: World, path: str
) -> None:
    workflow = writing_workflow()
    define, build = workflow.phases
    spec = replace(define.outputs[0], path=path)
    later = (replace(build.outputs[0], path="specs/login/spec.md"),)
    phases = (
        replace(define, outputs=(spec, define.outputs[1])),
        replace(build, outputs=later if path != "CHANGELOG.md" else build.outputs),
    )
    world.workflows.own = catalog(replace(workflow, phases=phases), packaged=False)
    begin(world)
    world.files.contents[path.replace("{feature}", "login")] = b"More than before\n"

    assert submit(world) == "completed"
