"""Outputs that several features write cost nobody who shares none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.repositories import codec
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.remarks import writers
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.domain.feature import Feature

WORKFLOW = """\
version: 1
workflows:
  apart:
    phases:
      - id: write
        description: Write it.
        prompt: docs/write.md
        outputs: [{id: text, path: "texts/{feature}.md"}]
      - {id: read, description: Read it., prompt: docs/write.md}
  together:
    phases:
      - id: write
        description: Write it.
        prompt: docs/write.md
        outputs: [{id: text, path: CHANGELOG.md}]
      - {id: read, description: Read it., prompt: docs/write.md}
"""
OTHERS = [f"other-{number}" for number in range(7)]


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """A project with a workflow whose features share a file, and one with none that do."""
    application = Application(tmp_path)
    application.handle(OnboardProject())
    (tmp_path / ".cde" / "workflow.yml").write_text(WORKFLOW)
    yield application
    application.close()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the features that are decoded."""
    names: list[str] = []
    decode = codec.decode_feature

    def noted(document: dict[str, Any]) -> Feature:
        names.append(document["name"])
        return decode(document)

    monkeypatch.setattr(codec, "decode_feature", noted)
    return names


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the features that are encoded."""
    names: list[str] = []
    encode = codec.encode_feature

    def noted(feature: Feature) -> dict[str, Any]:
        names.append(feature.name)
        return encode(feature)

    monkeypatch.setattr(f"{codec.__package__}.conflicts.encode_feature", noted)
    return names


def begin(application: Application, name: str, workflow: str) -> None:
    application.handle(StartFeature(prompt="Write", name=name, workflow=workflow))
    call = SubmitWork(feature_id=name, phase_id="write", results={"text": f"By {name}\n"})
    application.handle(call)


@pytest.mark.parametrize(
    ("workflow", "others", "decoded"),
    [
        ("apart", "apart", 0),
        ("together", "apart", 0),
        ("together", "together", 7),
        ("apart", "together", 0),
    ],
)
def test_a_rollback_reads_only_features_that_write_the_same_files(
    application: Application,
    read: list[str],
    written: list[str],
    workflow: str,
    others: str,
    decoded: int,
) -> None:
    begin(application, "login", workflow)
    for name in OTHERS:
        begin(application, name, others)
    read.clear()
    written.clear()
    application.handle(RollbackFeature(feature_id="login", to_phase="write", reason="Wrong"))

    assert len({*read} - {"login"}) == decoded
    assert {*written} == {"login"}


def test_a_start_reads_no_feature_and_names_few_that_write_the_same_file(
    application: Application, read: list[str]
) -> None:
    for name in OTHERS:
        begin(application, name, "together")
    begin(application, "alone", "apart")
    read.clear()
    call = StartFeature(prompt="Add login", workflow="together", idempotency_key="k")
    (shared,) = application.handle(call)["shared"]

    assert shared == {"path": "CHANGELOG.md", "features": OTHERS[:5], "total": 7}
    assert writers(shared) == "other-0, other-1, other-2, other-3, other-4 and 2 more"
    assert read == []
