from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def user_configuration(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tests trust stands nowhere near the user's own configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An onboarded project."""
    folder = tmp_path / "project"
    folder.mkdir()
    application = build_application(folder)
    application.handle(OnboardProject())
    application.close()
    return folder
