"""An editor, or git with autocrlf, ends lines in another way; no record is lost by that."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import VerifyState
from cde_orchestrator.bootstrap import build_application


@pytest.mark.parametrize("spared", ["", "journal.jsonl", "state.json"])
def test_every_record_survives_other_ends_of_lines(tmp_path: Path, spared: str) -> None:
    application = build_application(tmp_path)
    application.handle(OnboardProject())
    for number in range(5):
        application.handle(StartFeature(prompt=f"Goal {number}", idempotency_key=f"{number}"))
    application.close()
    folder = tmp_path / ".cde"
    for path in (*folder.glob("*.json*"), *folder.glob("backups/*.json*")):
        if path.name != spared:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    application = build_application(tmp_path)
    application.handle(StartFeature(prompt="Goal 5"))

    names = {row["name"] for row in application.handle(ListFeatures())["features"]}
    assert names == {f"goal-{number}" for number in range(6)}
    assert application.handle(VerifyState())["findings"] == []
