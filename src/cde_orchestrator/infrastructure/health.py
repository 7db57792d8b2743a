"""How a project is: the public face of ``infrastructure.monitoring.health``."""

from cde_orchestrator.infrastructure.monitoring.health.monitor import (
    HealthMonitor,
    get_health_status,
)

__all__ = ["HealthMonitor", "get_health_status"]
