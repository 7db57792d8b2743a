"""PROD-03: the health of a project, from Python and over HTTP."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.infrastructure.health import HealthMonitor, get_health_status
from cde_orchestrator.mcp_tools.health import cde_getHealth

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def _in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = FilesystemProjectRepository().get_or_create(tmp_path)
    project.activate()
    FilesystemProjectRepository().save(project)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CDE_ALERT_MEMORY_PERCENT", "100")  # whatever else the machine does


@pytest.fixture
def any_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little room there is, it is enough."""
    monkeypatch.setenv("CDE_ALERT_DISK_FREE_MB", "0")


@pytest.mark.usefixtures("any_disk")
def test_health_endpoint_returns_status() -> None:
    # Health endpoint returns status
    result = cde_getHealth()
    health = json.loads(result)
    assert health["status"] == "healthy"
    assert "metrics" in health
    assert "checks" in health

    # Metrics are accurate
    assert health["metrics"]["memory_mb"] > 0
    assert health["metrics"]["disk_mb"] > 0


def test_checks_detect_issues(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(".")
    low = usage._replace(free=50 * MEGABYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: low)

    # (simulate low disk space)
    health = get_health_status()
    assert health["checks"]["disk_space"] == "warning"


@pytest.mark.usefixtures("any_disk")
def test_the_monitor_has_what_the_plan_names() -> None:
    status: Any = HealthMonitor().get_status()

    assert status["status"] == "healthy"
    assert status["version"]
    assert status["uptime_seconds"] >= 0
    assert {"memory_mb", "disk_mb", "active_features", "error_rate"} <= set(status["metrics"])
    assert {"state_file_writable", "disk_space", "memory"} <= set(status["checks"])
    assert status["checks"].keys() == get_health_status()["checks"].keys()


def test_a_folder_without_a_project_has_a_health_too(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))

    assert json.loads(cde_getHealth()).keys() == dict(HealthMonitor().get_status()).keys()
