"""The page of operations: figures of all processes, the slowest operations and the errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from cde_orchestrator.application.monitoring.show_operations import ShowOperations
from cde_orchestrator.application.ports.health import HistoryReply, Span
from cde_orchestrator.domain.exceptions import StateError, ValidationError
from tests.fakes import World
from tests.health_fakes import NoHealth


@dataclass
class ScriptedHistory(NoHealth):
    """A past as a test wants it."""

    points: list[Any] = field(default_factory=list)

    def history(self, span: Span) -> HistoryReply:
        """The points, and twenty operations."""
        figures: Any = {
            "calls": 1,
            "errors": 0,
            "refusals": 0,
            "average_ms": 1,
            "p50_ms": 1,
            "p99_ms": 1,
        }
        operations: Any = [
            {"operation": f"operation_{number}", "p95_ms": number, "max_ms": 1, **figures}
            for number in range(20)
        ]
        return {"span": span, "step_seconds": 60, "points": self.points, "operations": operations}


def test_what_happened_lately_is_of_all_processes_and_of_minutes_that_had_calls(
    world: World,
) -> None:
    health = ScriptedHistory()
    assert world.run(ShowOperations(), health=health)["lately"]["error_rate"] is None
    quiet = {
        "operations": 0,
        "errors": 0,
        "refusals": 0,
        "p50_ms": None,
        "p95_ms": None,
        "p99_ms": None,
    }
    busy = {
        "operations": 60,
        "errors": 6,
        "refusals": 12,
        "p50_ms": 1.0,
        "p95_ms": 2.0,
        "p99_ms": 3.0,
    }
    health.points = [busy, quiet, quiet, busy, quiet, quiet]

    for span in ("hour", "week"):
        assert world.run(ShowOperations(span=span), health=health)["lately"] == {
            "operations_per_second": 0.2,
            "error_rate": 0.1,
            "refusal_rate": 0.2,
            "p50_ms": 1.0,
            "p95_ms": 2.0,
            "p99_ms": 3.0,
        }


def test_the_slowest_operations_are_the_worst_few_and_told_once(world: World) -> None:
    reply = world.run(ShowOperations(span="week"), health=ScriptedHistory())

    assert [each["p95_ms"] for each in reply["slowest"]] == list(range(19, 11, -1))
    assert reply["history"]["span"] == "week"
    assert reply["history"]["operations"] == []


def test_an_error_comes_with_its_title(world: World) -> None:
    world.reports.reports = {"1": {"code": "E101"}, "2": {"code": "E000"}}

    told = [(each["code"], each["title"] != "") for each in world.run(ShowOperations())["errors"]]

    assert told == [("E000", False), ("E101", True)]


@pytest.mark.parametrize("span", ["", "month", "Hour"])
def test_another_span_is_refused(world: World, span: str) -> None:
    with pytest.raises(ValidationError) as refused:
        world.run(ShowOperations(span=span))

    assert refused.value.code == "E305"


def test_a_state_that_cannot_be_read_keeps_nobody_from_its_operations(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise StateError.of("E202", path="state.json", reason="broken")

    monkeypatch.setattr(world.repository, "get", broken)

    reply = world.run(ShowOperations())
    assert (reply["project"], reply["problem"] and reply["problem"]["code"]) == (None, "E202")
    assert reply["errors"] == []
