"""Set up logging: the public face of ``infrastructure.observability.logs``."""

from cde_orchestrator.infrastructure.observability.logs.setup import setup_logging

__all__ = ["setup_logging"]
