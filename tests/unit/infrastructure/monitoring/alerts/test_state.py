"""An alert's way from one state to the next, by hand and against a model of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.application.ports.health import AlertState
from cde_orchestrator.infrastructure.monitoring.alerts.rules import AlertRule, alert_rules
from cde_orchestrator.infrastructure.monitoring.alerts.state import (
    GAP_SECONDS,
    AlertStatus,
    transitions,
)
from cde_orchestrator.infrastructure.settings.settings import Settings

RULE = AlertRule(
    name="memory_high",
    title="Low memory",
    severity="warning",
    measure="memory_percent",
    unit="%",
    message="{figure} of {threshold}",
    expression="x",
    threshold=80.0,
    clear_factor=0.95,
    hold_seconds=20.0,
    clear_seconds=10.0,
)


def walk(rule: AlertRule, *looks: tuple[float, float | None]) -> list[tuple[float, AlertState]]:
    """Every state that is taken, with its time, when the figures are looked at."""
    status, taken = AlertStatus(), []
    for now, figure in looks:
        for after in transitions(rule, status, figure, now):
            if after.state != status.state:
                taken.append((now, after.state))
            status = after
    return taken


def test_a_breach_that_lasts_fires_and_is_resolved_once_all_has_been_well() -> None:
    assert walk(
        RULE, (0, 50), (10, 81), (20, 90), (30, 85), (40, 75), (50, 75), (60, 75), (70, 99)
    ) == [(10, "pending"), (30, "firing"), (50, "resolved"), (70, "pending")]


def test_a_breach_that_passes_fires_nothing() -> None:
    assert walk(RULE, (10, 81), (20, 79), (30, 81), (40, 81)) == [
        (10, "pending"),
        (20, "inactive"),
        (30, "pending"),
    ]


def test_a_figure_at_the_edge_does_not_toggle() -> None:
    between = [(30.0 + step, 79.0 if step % 20 else 81.0) for step in range(10, 500, 10)]

    assert walk(RULE, (10, 81), (30, 81), *between) == [(10, "pending"), (30, "firing")]


def test_the_threshold_itself_is_no_breach() -> None:
    assert walk(RULE, (0, 80), (50, 80)) == []
    below = replace(RULE, breach="below", clear_factor=1.2)
    assert walk(below, (0, 80), (50, 80)) == []
    assert walk(below, (0, 79), (30, 79), (40, 95), (55, 96), (65, 96)) == [
        (0, "pending"),
        (30, "firing"),
        (65, "resolved"),
    ]


def test_without_a_hold_all_states_are_passed_at_once() -> None:
    at_once = replace(RULE, hold_seconds=0.0, clear_seconds=0.0)

    assert walk(at_once, (5, 81), (6, 50)) == [(5, "pending"), (5, "firing"), (6, "resolved")]


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_what_is_not_known_fires_nothing_and_resolves_nothing(unknown: float | None) -> None:
    assert walk(RULE, (0, 81), (10, unknown), (20, 81)) == [
        (0, "pending"),
        (10, "inactive"),
        (20, "pending"),
    ]
    assert walk(RULE, (0, 81), (20, 81), (30, unknown), (99, unknown)) == [
        (0, "pending"),
        (20, "firing"),
    ]


def test_a_breach_that_nobody_looked_at_for_long_begins_anew() -> None:
    late = 10 + GAP_SECONDS + 1

    assert walk(RULE, (10, 81), (late, 81), (late + 20, 81)) == [
        (10, "pending"),
        (late + 20, "firing"),
    ]


def test_a_clock_that_goes_back_only_begins_the_hold_anew() -> None:
    assert walk(RULE, (100, 81), (50, 81), (60, 81), (70, 81)) == [(100, "pending"), (70, "firing")]


def test_what_is_switched_off_ends() -> None:
    off = replace(RULE, off=True)

    assert walk(off, (0, 99), (50, 99)) == []
    assert transitions(off, AlertStatus("firing", 5.0), 99.0, 9.0)[-1].state == "resolved"
    assert (
        transitions(off, AlertStatus("pending", 5.0, seen=5.0), 99.0, 9.0)[-1].state == "inactive"
    )


class Model:
    """The same, told by the whole past instead of by what is remembered of it."""

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.state: AlertState = "inactive"
        self.run: list[float] = []  # when the breach, or the end of it, was looked at in a row

    def look(self, now: float, figure: float) -> None:
        rule, firing = self.rule, self.state == "firing"
        goes_on = figure <= 76.0 if firing else figure > 80.0
        if not goes_on:
            self.run = []
            if self.state == "pending":
                self.state = "inactive"
            return
        if self.run and now - self.run[-1] > GAP_SECONDS:
            self.run = []
        self.run.append(now)
        lasted = now - self.run[0]
        if firing and lasted >= rule.clear_seconds:
            self.state, self.run = "resolved", []
        elif not firing:
            self.state = "pending"
            if lasted >= rule.hold_seconds:
                self.state, self.run = "firing", []


@given(
    st.sampled_from([0.0, 10.0, 20.0]),
    st.sampled_from([0.0, 10.0]),
    st.lists(
        st.tuples(st.sampled_from([1.0, 10.0, 45.0, 90.0]), st.sampled_from([50.0, 78.0, 99.0])),
        max_size=60,
    ),
)
def test_it_goes_as_the_model_goes(
    hold: float, clear: float, looks: list[tuple[float, float]]
) -> None:
    rule = replace(RULE, hold_seconds=hold, clear_seconds=clear)
    model, status, now = Model(rule), AlertStatus(), 0.0
    for passed, figure in looks:
        now += passed
        status = next(iter(reversed(transitions(rule, status, figure, now))), status)
        model.look(now, figure)
        assert status.state == model.state


def test_the_rules_are_those_of_the_plan_and_ours() -> None:
    found = {
        rule.name: (rule.breach, rule.threshold, rule.threshold * rule.clear_factor)
        for rule in alert_rules(Settings())
    }

    assert found == {
        "high_error_rate": ("above", 5.0, 4.0),
        "slow_operations": ("above", 1_000.0, 1_000.0),
        "disk_space_low": ("below", 100.0, 120.0),
        "memory_high": ("above", 80.0, 76.0),
        "read_only": ("above", 0.0, 0.0),
        "breaker_open": ("above", 0.0, 0.0),
        "state_recovered": ("above", 0.0, 0.0),
        "backups_stale": ("above", 48.0, 48.0),
        "claims_expired": ("above", 0.0, 0.0),
    }


def test_the_settings_say_threshold_hold_and_off() -> None:
    settings = Settings(
        alert_memory_percent=60.0,
        alert_memory_hold_seconds=7.0,
        alert_clear_seconds=3.0,
        alerts_off="read_only, memory_high",
    )

    rules = {rule.name: rule for rule in alert_rules(settings)}

    memory = rules["memory_high"]
    assert (memory.threshold, memory.hold_seconds, memory.clear_seconds) == (60.0, 7.0, 3.0)
    assert {name for name, rule in rules.items() if rule.off} == {"read_only", "memory_high"}


@pytest.mark.parametrize(
    ("figure", "said"), [(None, "?"), (3.0, "3"), (3.14159, "3.1"), (1234.5, "1234")]
)
def test_a_figure_is_told_with_few_digits(figure: float | None, said: str) -> None:
    assert RULE.describe(figure) == f"{said} of 80"
