"""Latencies in buckets, and percentiles."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.infrastructure.monitoring.telemetry.latency import ACCURACY, Latencies

DURATIONS = st.lists(st.floats(0.01, 100_000), min_size=1, max_size=200)


def counted(durations: list[float]) -> Latencies:
    latencies = Latencies()
    for duration in durations:
        latencies.add(duration)
    return latencies


@given(DURATIONS, st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_told_within_the_accuracy(durations: list[float], share: float) -> None:
    exact = sorted(durations)[int(share * (len(durations) - 1))]
    assert counted(durations).quantile(share) == pytest.approx(exact, rel=ACCURACY + 1e-9)


@given(DURATIONS, DURATIONS)
def test_merging_is_counting_both(ours: list[float], theirs: list[float]) -> None:
    merged = counted(ours)
    merged.merge(counted(theirs))
    whole = counted(ours + theirs)
    assert (merged.buckets, merged.longest_ms) == (whole.buckets, whole.longest_ms)
    assert merged.total_ms == pytest.approx(whole.total_ms)


@given(DURATIONS)
def test_what_is_stored_comes_back(durations: list[float]) -> None:
    latencies = counted(durations)
    assert Latencies.from_stored(**json.loads(json.dumps(latencies.stored()))) == latencies


def test_without_calls_there_is_no_quantile() -> None:
    assert Latencies().quantile(0.5) is None


def test_nothing_takes_no_time_at_all() -> None:
    assert counted([0.0]).quantile(0.5) == 0.0
