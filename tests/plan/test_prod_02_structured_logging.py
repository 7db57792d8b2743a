"""PROD-02: structured lines, and every operation in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.logging import setup_logging


def program(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a program prints that embeds the package."""
    command = [sys.executable, "-P", "-c", text]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


def test_logs_are_structured_json(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    program(
        "import structlog\n"
        "from cde_orchestrator.infrastructure.logging import setup_logging\n"
        f"setup_logging('INFO', {str(file)!r})\n"
        "logger = structlog.get_logger('shop')\n"
        "logger.info('Feature created', feature_id='123')\n",
        tmp_path,
    )

    (line,) = [json.loads(text) for text in file.read_text().splitlines()]
    assert line["event"] == "Feature created"
    assert line["feature_id"] == "123"
    assert line["timestamp"].startswith("20")
    assert line["level"] == "info"


def test_all_operations_logged(active: Project) -> None:
    project = active
    with capture_logs() as logs:
        project.start_feature("Add auth")
        assert len(logs) >= 2  # start + success
        assert logs[0]["operation"] == "start_feature"


def test_performance_metrics_logged(active: Project) -> None:
    project = active
    with capture_logs() as logs:
        project.start_feature("Add auth")
        assert "duration_ms" in logs[-1]


@pytest.mark.parametrize("level", ["DEBUG", "debug", "Warning", "critical"])
def test_a_level_is_known_in_any_case(level: str, tmp_path: Path) -> None:
    said = program(
        "import logging\n"
        "from cde_orchestrator.infrastructure.logging import setup_logging\n"
        f"setup_logging({level!r})\n"
        "print(logging.getLevelName(logging.getLogger().level))\n",
        tmp_path,
    )
    assert said.stdout.strip() == level.upper()


def test_a_level_that_does_not_exist_is_refused_with_a_code() -> None:
    before = structlog.get_config()
    with pytest.raises(ValidationError) as caught:
        setup_logging("loud")

    assert caught.value.code == "E305"
    assert "DEBUG" in str(caught.value)
    assert structlog.get_config() == before


AS_A_LIBRARY = """
from pathlib import Path
from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.circuit_breaker import CircuitBreaker
from cde_orchestrator.infrastructure.health import get_health_status

Project.create("/shop", "shop").activate()
repository = FilesystemProjectRepository()
project = repository.get_or_create(".")
project.activate()
project.start_feature("Add auth")
repository.save(project)
get_health_status()
application = build_application(Path())
application.handle(StartFeature(prompt="Add search"))
for failing in (lambda: application.handle(StartFeature(prompt="")), lambda: repository.get("/no")):
    try:
        CircuitBreaker(failure_threshold=1, ignored=()).call(failing)
    except CDEError as error:
        assert error.code in {"E301", "E001"}, error
application.close()
"""


@pytest.mark.parametrize(
    "before",
    ["", "from structlog.testing import capture_logs\nwith capture_logs():\n    pass\n"],
    ids=["untouched", "after-a-capture"],
)
def test_a_library_that_was_not_set_up_prints_nothing(tmp_path: Path, before: str) -> None:
    said = program(before + AS_A_LIBRARY, tmp_path)

    assert (said.stdout, said.stderr) == ("", "")


def test_what_an_embedding_program_set_up_for_itself_is_kept(tmp_path: Path) -> None:
    said = program(
        "import structlog\n"
        "structlog.configure(processors=[structlog.processors.JSONRenderer()])\n"
        "from cde_orchestrator.domain.project import Project\n"
        "Project.create('/shop', 'shop').activate()\n",
        tmp_path,
    )

    events = [json.loads(line) for line in said.stdout.splitlines()]
    assert {event.get("operation") for event in events} >= {"change_status"}
