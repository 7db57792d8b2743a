"""Show the circuit breakers, and close one by hand."""

from __future__ import annotations

from typing import TypedDict

from cde_orchestrator.application.ports.breakers import Breakers, BreakerView
from cde_orchestrator.application.use_case import UseCase


class BreakersReply(TypedDict):
    """Circuit breakers that have ever had something to count."""

    breakers: list[BreakerView]


class ListBreakers(UseCase[BreakersReply], operation="list_breakers"):
    """Show the circuit breakers."""

    def __call__(self, *, breakers: Breakers) -> BreakersReply:
        """Look them up."""
        return {"breakers": [*breakers.views()]}


class ResetBreaker(UseCase[BreakerView], operation="reset_breaker"):
    """Close a circuit breaker by hand, so that what it guards is called again at once."""

    name: str

    def __call__(self, *, breakers: Breakers) -> BreakerView:
        """Raises E904 where there is none of that name."""
        return breakers.reset(self.name)
