"""The health of a project: the public face for programs in Python."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cde_orchestrator.application.monitoring.get_health import GetHealth
from cde_orchestrator.application.ports.health import HealthReply
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.discovery import find_project_root

__all__ = ["HealthMonitor", "get_health_status"]


def get_health_status(project: Application | Path | str | None = None) -> HealthReply:
    """How a project is; what is wrong with it is in the answer, and nothing is raised for it.

    ``project`` is the application that this process works with, which adds its latest figures,
    or a folder, for the nearest project from there upwards; the current one by default.
    """
    if isinstance(project, Application):
        return project.handle(GetHealth())
    with closing(build_application(find_project_root(Path(project or "")))) as application:
        return application.handle(GetHealth())


class HealthMonitor:
    """The health of a project, whenever it is asked for; as ``get_health_status`` finds it."""

    def __init__(self, project: Application | Path | str | None = None) -> None:
        self._project = project

    def get_status(self) -> HealthReply:
        """How the project is now."""
        return get_health_status(self._project)
