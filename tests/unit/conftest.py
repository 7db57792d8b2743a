"""What the unit tests share."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.project import Project
from cde_orchestrator.testing import ManualClock
from tests.fakes import World, active_project


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at noon."""
    return ManualClock()


@pytest.fixture
def project(clock: ManualClock) -> Project:
    """An active project without features."""
    return active_project(clock)


@pytest.fixture
def folder() -> World:
    """The world of a folder that holds no project yet."""
    return World.empty()


@pytest.fixture
def world() -> World:
    """The world of an active project."""
    return World.active()
