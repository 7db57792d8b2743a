"""Many processes on one project."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from tests.racing import raced

STARTER = """
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.bootstrap import build_application

def race(number):
    application = build_application(project)
    for _ in range(25):
        application.handle(StartFeature(prompt="Everybody wants the same"))
    application.close()
"""


def test_8_processes_start_25_features_each_and_none_is_refused(project: Path) -> None:
    assert raced(STARTER, project, 8) == [None] * 8
    features = list(FilesystemProjectRepository().get(project).features)
    assert len(features) == 200
    assert len({feature.name for feature in features}) == 200
    assert len({feature.id for feature in features}) == 200
