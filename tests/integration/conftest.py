from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.application.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An onboarded project."""
    folder = tmp_path / "project"
    folder.mkdir()
    application = build_application(folder)
    application.handle(OnboardProject())
    application.close()
    return folder
