"""What a run may use, in money and in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import CDESystemError

USD_BOUNDS = (0.01, 1_000_000)
MINUTES_BOUNDS = (0.001, 100_000)
"""Bounds of a budget."""


def _seconds_from_now() -> Callable[[], float]:
    watch = Stopwatch()
    return lambda: watch.elapsed_ms / 1_000


@dataclass(slots=True, kw_only=True)
class Budget:
    """What one run, of one feature or of several at once, may use.

    Attributes:
        usd: by what the agents' programs report; None for no limit.
        minutes: by the clock; None for no limit.
        seconds: how long it has been used.
    """

    usd: float | None = None
    minutes: float | None = None
    seconds: Callable[[], float] = field(default_factory=_seconds_from_now)
    _spent_usd: float = 0.0
    _granted: int = 1
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def add(self, report: AgentReport) -> None:
        """Count what an agent used."""
        with self._mutex:
            self._spent_usd += report.cost_usd or 0.0

    def require(self, feature: str) -> None:
        """Refuse to start another agent when the budget is used up.

        Raises:
            CDESystemError: E940.
        """
        if self.usd is not None and self._spent_usd >= self.usd * self._granted:
            self._refuse(feature, f"${self._spent_usd:.2f}", f"${self.usd * self._granted:.2f}")
        if self.minutes is not None and (self.seconds_left or 0.0) <= 0:
            spent = self.seconds() / 60
            self._refuse(
                feature, f"{spent:.1f} minutes", f"{self.minutes * self._granted:g} minutes"
            )

    @property
    def seconds_left(self) -> float | None:
        """How long an agent may work; None for as long as it likes."""
        if self.minutes is None:
            return None
        return self.minutes * self._granted * 60 - self.seconds()

    def grant(self) -> None:
        """Allow the same amount once more from now on; a person said so."""
        with self._mutex:
            while self._is_used_up():
                self._granted += 1

    def _is_used_up(self) -> bool:
        try:
            self.require("")
        except CDESystemError:
            return True
        return False

    def _refuse(self, feature: str, spent: str, budget: str) -> None:
        raise CDESystemError.of("E940", feature=feature, spent=spent, budget=budget)
