"""Many processes on one project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository

STARTER = """
import sys
from pathlib import Path
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.bootstrap import build_application
application = build_application(Path(sys.argv[1]))
sys.stdin.readline()
for _ in range(25):
    application.handle(StartFeature(prompt="Everybody wants the same"))
application.close()
"""


def test_8_processes_start_25_features_each_and_none_is_refused(project: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", STARTER, str(project)], stdin=subprocess.PIPE)
        for _ in range(8)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write(b"go\n")
        starter.stdin.close()
    assert [starter.wait(100) for starter in starters] == [0] * 8
    features = list(FilesystemProjectRepository().get(project).features)
    assert len(features) == 200
    assert len({feature.name for feature in features}) == 200
    assert len({feature.id for feature in features}) == 200
