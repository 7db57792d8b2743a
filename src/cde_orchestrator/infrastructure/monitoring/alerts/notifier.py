"""One way to send alerts, and what all of ours have in common: trust, and a circuit breaker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry

_FAILURES_ALLOWED = 3
_REST_SECONDS = 60.0


class Notifier(Protocol):
    """One way to send alerts."""

    name: str
    """As ``webhook``."""

    def send(self, payload: bytes) -> None:
        """Pass on an event, JSON.

        Raises:
            CDESystemError: E929, nobody was notified; E903, it failed so often that it rests.
        """
        ...


class GuardedNotifier(ABC):
    """Sends only where a person trusts it, and rests for a while when it keeps failing.

    Args:
        breakers: the project's.
        breaker: the name of its circuit breaker.
        trusted: whether it may be used.
    """

    name: str
    subject: str
    """What has to be trusted, as ``its address``."""

    def __init__(
        self, breakers: BreakerRegistry, breaker: str, trusted: Callable[[], bool]
    ) -> None:
        self._trusted = trusted
        self._breaker = breakers.get(
            breaker,
            failure_threshold=_FAILURES_ALLOWED,
            timeout=_REST_SECONDS,
            failures=OSError,
            ignored=(),
        )

    def send(self, payload: bytes) -> None:
        """Pass on an event, JSON.

        Raises:
            CDESystemError: E929, nobody trusts it, or it failed.
            CircuitBreakerOpenError: E903, it failed so often that it rests.
        """
        if not self._trusted():
            reason = f"{self.subject} is not trusted in this project; run cde trust"
            raise CDESystemError.of("E929", notifier=self.name, reason=reason)
        try:
            self._breaker.call(self._deliver, payload)
        except OSError as error:
            raise CDESystemError.of(
                "E929", notifier=self.name, reason=self._reason(error)
            ) from None  # what was raised may hold a secret, as an address does

    @abstractmethod
    def _deliver(self, payload: bytes) -> None:
        """Send it.

        Raises:
            OSError: it was not taken.
        """

    def _reason(self, error: OSError) -> str:
        """What went wrong, without any secret."""
        return error.strerror or str(error)
