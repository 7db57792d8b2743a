"""A feature is shown who changed the same files before, what they left open, and who does so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from cde_orchestrator.adapters.repositories import codec
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.related_features import (
    RECORD_BYTES,
    RECORDS_READ,
    RelatedFeatures,
    overlaps,
)
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.proofs.records import FeatureRecord, written_record
from cde_orchestrator.application.related_views import RelatedView, related_words
from cde_orchestrator.application.remarks import start_remarks, submit_remarks
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.records import Difference
from cde_orchestrator.domain.related import COMPARED, SHOWN
from tests.fakes import World
from tests.unit.adapters.repositories.test_kept_proofs import EVIDENCE

WORKFLOW = """\
version: 1
workflows:
  short:
    phases:
      - id: plan
        description: Say how.
        prompt: docs/write.md
        outputs: [{id: plan, path: "specs/{feature}/plan.md"}]
      - id: build
        description: Build it.
        prompt: docs/write.md
        inputs: [plan]
        outputs: [{id: notes, path: "specs/{feature}/notes.md", required: false}]
      - id: verify
        description: Judge it.
        prompt: docs/write.md
        inputs: [plan]
        outputs:
          - {id: review, path: "specs/{feature}/review.md", verdict: [approved, with follow-ups]}
"""
PROMPT = """\
{{ phase.id }}
{% for each in related %}
{{ each.feature }} {{ each.status }} {{ each.files | join(" ") }} {{ each.open_points | join(" ") }}
{% endfor %}
"""
REVIEW = """\
# Review
Verdict: with follow-ups

## Findings
- low, src/keys.py:3, a typo, fixed

## Follow-ups
- max_age is keyword-only
- [x] document it
"""


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """A project whose features have a review."""
    application = Application(tmp_path)
    application.handle(OnboardProject())
    (tmp_path / ".cde" / "workflow.yml").write_text(WORKFLOW)
    yield application
    application.close()


def start(application: Application, name: str, prompt: str) -> list[RelatedView]:
    """What is said of others when a feature is started."""
    return application.handle(StartFeature(prompt=prompt, name=name))["related"]


def submit(application: Application, name: str, phase: str, **results: str) -> str:
    """The prompt of the next phase, without blank lines; empty at the end."""
    reply = application.handle(SubmitWork(feature_id=name, phase_id=phase, results=results))
    return "\n".join(filter(None, (reply["phase"] or {"prompt": ""})["prompt"].splitlines()))


def changed(tmp_path: Path, name: str, *paths: str) -> None:
    """Record that a feature changed these files."""
    with FilesystemProjectRepository().transaction(tmp_path) as project:
        record = project.feature(name).phases["build"]
        record.difference = Difference(len(paths), 1, 0, paths)


def complete(application: Application, tmp_path: Path, name: str, *paths: str) -> None:
    """Take a feature to its end, with these files changed."""
    start(application, name, f"The {name} of old")
    submit(application, name, "plan", plan="As it is.")
    submit(application, name, "build")
    changed(tmp_path, name, *paths)
    submit(application, name, "verify", review=REVIEW)


def test_a_start_names_the_features_on_the_same_files_and_what_they_left_open(
    application: Application, tmp_path: Path
) -> None:
    complete(application, tmp_path, "keys", "src/keys.py", "src/sign.py")
    complete(application, tmp_path, "cart", "src/cart.py")

    related = start(application, "rotate", "Rotate in keys.py, as sign.py does")

    assert related == [
        {
            "feature": "keys",
            "status": "completed",
            "files": ["src/keys.py", "src/sign.py"],
            "total": 2,
            "review": "specs/keys/review.md",
            "open_points": ["max_age is keyword-only"],
        }
    ]
    assert related_words(related[0]) == (
        "Earlier feature keys changed src/keys.py, src/sign.py; "
        "open in its review specs/keys/review.md: 1."
    )


def test_a_feature_that_is_open_on_the_same_files_is_named(
    application: Application, tmp_path: Path
) -> None:
    start(application, "sign", "Sign it")
    changed(tmp_path, "sign", *(f"src/{n}.py" for n in range(7)))
    start(application, "gone", "Gone")
    changed(tmp_path, "gone", "src/1.py")
    application.handle(CloseFeature(feature_id="gone", outcome="cancelled", reason="No"))

    reply = application.handle(StartFeature(prompt=" ".join(f"{n}.py" for n in range(7))))

    (related,) = reply["related"]
    assert (related["status"], related["files"], related["total"]) == (
        *("in_progress", [f"src/{n}.py" for n in range(5)]),
        7,
    )
    words = "Feature sign is open and changes src/0.py, src/1.py, src/2.py, src/3.py, src/4.py"
    assert start_remarks(reply)[-1] == f"{words} and 2 more, too: agree on who goes first."


def test_features_that_are_about_the_same_are_named_without_files(
    application: Application, tmp_path: Path
) -> None:
    complete(application, tmp_path, "key-rotation")
    start(application, "rotation-of-keys", "Let keys warn before a rotation")

    words = {*map(related_words, start(application, "third", "Rotation of the key"))}

    review = "open in its review specs/key-rotation/review.md"
    assert words == {
        f"Earlier feature key-rotation was about something alike; {review}: 1.",
        "Feature rotation-of-keys is open and is about something alike: agree on who goes first.",
    }


def test_a_prompt_names_them_by_the_files_that_are_named_by_then(
    application: Application, tmp_path: Path
) -> None:
    complete(application, tmp_path, "keys", "src/keys.py")
    complete(application, tmp_path, "cart", "src/cart.py")
    (tmp_path / ".cde" / "prompts" / "docs").mkdir(parents=True)
    (tmp_path / ".cde" / "prompts" / "docs" / "write.md").write_text(PROMPT)
    begun = application.handle(StartFeature(prompt="In keys.py", name="rotate"))["phase"]
    assert begun is not None
    named = submit(application, "rotate", "plan", plan="Change `src/cart.py:3` too.")
    again = submit(application, "rotate", "build")

    left = "max_age is keyword-only"
    assert begun["prompt"].split("\n")[1:2] == [f"keys completed src/keys.py {left}"]
    both = f"cart completed src/cart.py {left}\nkeys completed src/keys.py {left}"
    assert named == f"build\n{both}"
    assert again == f"verify\n{both}"


@pytest.mark.parametrize("connection", ["one", ""])
def test_who_knows_the_feature_is_named_only_what_is_new(connection: str) -> None:
    world = World.active()
    project = world.project
    for name in ("keys", "cart"):
        feature = project.start_feature("Old", name=name)
        feature.status = "completed"
        feature.phases["test"].difference = Difference(1, 1, 0, (f"src/{name}.py",))
    world.repository.put(project)
    world.callers.connection = connection
    reply = world.run(StartFeature(prompt="In keys.py", name="rotate"))
    first = world.prompts.variables["related"]
    spec = "## Goal\nChange cart.py:7 and keys.py"
    world.run(SubmitWork(feature_id="rotate", phase_id="define", results={"spec": spec}))
    then = world.prompts.variables["related"]
    world.run(GetFeatureStatus(feature_id="rotate", to_work=False))

    assert first == reply["related"]
    assert [each["feature"] for each in first] == ["keys"]
    new = ["cart"] if connection else ["cart", "keys"]
    assert [each["feature"] for each in then] == new
    assert world.prompts.variables["related"] == []  # to somebody who only looks


def test_a_review_that_is_gone_or_no_file_leaves_no_points(
    application: Application, tmp_path: Path
) -> None:
    complete(application, tmp_path, "keys", "src/keys.py")
    review = tmp_path / "specs" / "keys" / "review.md"
    review.unlink()
    review.mkdir()

    (related,) = start(application, "rotate", "Rotate in keys.py")

    assert (related["review"], related["open_points"]) == (None, [])


def test_overlaps_are_open_features_alone(application: Application, tmp_path: Path) -> None:
    complete(application, tmp_path, "keys", "src/keys.py")
    start(application, "sign", "Sign it")
    changed(tmp_path, "sign", "src/keys.py", "src/sign.py")
    start(application, "rotate", "Rotate")
    submit(application, "rotate", "plan", plan="As it is.")
    changed(tmp_path, "rotate", "src/keys.py")

    project = FilesystemProjectRepository().get(tmp_path)
    feature = project.feature("rotate")

    (found,) = overlaps(project, feature, ["src/keys.py"])
    assert (found["feature"], found["files"]) == ("sign", ["src/keys.py"])
    assert overlaps(project, feature, ["src/else.py"]) == []


def test_a_thousand_features_are_compared_without_decoding_one(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FilesystemProjectRepository().transaction(tmp_path) as project:
        for number in range(COMPARED + 50):
            feature = project.start_feature(f"Make part {number} faster " * 20, name=f"p{number}")
            feature.status = "completed"
            paths = tuple(f"src/part_{number}/{each}.py" for each in range(50))
            feature.phases["implement"].difference = Difference(50, 1, 1, paths)
        feature = project.start_feature("Improve src/part_700/3.py, and src/part_3/3.py")
    decoded: list[object] = []
    decode = codec.decode_feature

    def decoding(document: dict[str, Any]) -> Feature:
        decoded.append(document)
        return decode(document)

    monkeypatch.setattr(codec, "decode_feature", decoding)
    read: list[str] = []
    files = FilesystemProjectFiles()
    excerpt = type(files).excerpt

    def noted(self: object, root: Path, relative: str, limit: int = 0) -> str:
        read.append(relative)
        return excerpt(files, root, relative, limit)

    monkeypatch.setattr(type(files), "excerpt", noted)
    project = FilesystemProjectRepository().get(tmp_path)

    (related,) = RelatedFeatures(tmp_path, files)(project, feature)

    assert (related["feature"], related["files"]) == ("p700", ["src/part_700/3.py"])
    assert decoded == []
    assert len(read) <= SHOWN


def test_remarks_of_a_submission_name_who_else_is_at_work() -> None:
    other: RelatedView = {
        "feature": "sign",
        "status": "building",
        "files": ["src/keys.py"],
        "total": 1,
        "review": None,
        "open_points": [],
    }

    reply = cast("SubmitReply", {"kept": [], "overlaps": [other]})

    words = "Feature sign is open and changes src/keys.py, too: agree on who goes first."
    assert submit_remarks(reply) == [words]


def recorded(root: Path, name: str, *, named: str = "", spoiled: bytes = b"") -> None:
    """Leave the record of a feature that was proven elsewhere, with its review."""
    outputs = [f"specs/{name}/{each}" for each in ("spec.md", "proofs.yml", "review.md")]
    record = FeatureRecord(
        feature=named or name,
        workflow="standard",
        goal="Keys of old",
        runner="pytest",
        specification=outputs[0],
        proofs_file=outputs[1],
        outputs=outputs,
        seconds=1.0,
        proofs={"AC1": (Proof(test="tests/test_pay.py::test_fee"),), "AC2": ()},
        evidence=replace(EVIDENCE, covered={"src/keys.py": "a" * 64, outputs[0]: "b" * 64}),
    )
    folder = root / "specs" / name
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(written_record(record) + spoiled)
    (folder / "review.md").write_text(REVIEW)


def test_a_record_that_came_with_a_clone_is_named_at_the_start(
    application: Application, tmp_path: Path
) -> None:
    recorded(tmp_path, "keys")
    recorded(tmp_path, "spoiled", spoiled=b"}")
    recorded(tmp_path, "long", spoiled=b" " * RECORD_BYTES)
    recorded(tmp_path, "moved", named="other")
    (tmp_path / "specs" / "bare").mkdir()
    (tmp_path / "specs" / "link").symlink_to(tmp_path / "specs" / "keys")

    (related,) = start(application, "rotate", "Rotate in keys.py")

    assert (related["feature"], related["files"]) == ("keys", ["src/keys.py"])
    assert related["open_points"] == ["max_age is keyword-only"]


def test_few_records_are_read(application: Application, tmp_path: Path) -> None:
    for number in range(RECORDS_READ + 5):
        recorded(tmp_path, f"keys-{number}")
    assert len(FilesystemProjectFiles().folders(tmp_path, "specs", RECORDS_READ)) == RECORDS_READ
    assert FilesystemProjectFiles().folders(tmp_path, "nowhere", 1) == []

    assert start(application, "rotate", "Rotate in keys.py") == []  # which too many touched
