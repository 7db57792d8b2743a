"""Generated projects are ones that the product takes for its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.states import build, name_of
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository


def test_a_generated_project_is_whole_and_can_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = build(tmp_path / "project", 30)

    repository = FilesystemProjectRepository()
    with repository.transaction(root) as project:
        project.start_feature("One more", name="one-more")
    features = FilesystemProjectRepository().get(root).features.summaries()

    assert len(features) == 31
    assert {name_of(0), name_of(29), "one-more"} <= {each.name for each in features}
    assert repository.verify(root) == []
    assert not (root / ".cde" / "quarantine").exists()
