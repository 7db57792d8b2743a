"""Circuit breakers: the public face of ``infrastructure.breakers``."""

from cde_orchestrator.infrastructure.breakers.breaker import CircuitBreaker

__all__ = ["CircuitBreaker"]
