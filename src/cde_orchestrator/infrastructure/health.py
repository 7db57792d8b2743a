"""The health of a project, for programs in Python: what is meant to be imported of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cde_orchestrator.application.monitoring.get_health import GetHealth
from cde_orchestrator.application.ports.health import HealthReply
from cde_orchestrator.bootstrap import Application, build_application, find_project_root
from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor

__all__ = ["HealthMonitor", "get_health_status"]


def get_health_status(project: Application | Path | None = None) -> HealthReply:
    """How a project is; what is wrong with it is in the answer, and nothing is raised for it.

    Args:
        project: the application that this process works with, which adds its own latest
            figures; or a folder, for the nearest project from there upwards; None is the
            current folder.
    """
    if isinstance(project, Application):
        return project.handle(GetHealth())
    with closing(build_application(find_project_root(project or Path()))) as application:
        return application.handle(GetHealth())
