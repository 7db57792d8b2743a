"""Calls in buckets of their duration, and percentiles."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.infrastructure.monitoring.telemetry.sample import ACCURACY, Tally

DURATIONS = st.lists(st.floats(0.01, 100_000), min_size=1, max_size=200)


def counted(durations: list[float]) -> Tally:
    tally = Tally()
    for number, duration in enumerate(durations):
        tally.count(("ok", "failed", "refused", "refused")[number % 4], duration)
    return tally


@given(DURATIONS, st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_exact_within_the_accuracy(durations: list[float], share: float) -> None:
    exact = sorted(durations)[int(share * (len(durations) - 1))]
    assert counted(durations).quantile(share) == pytest.approx(exact, rel=ACCURACY + 1e-9)


@given(DURATIONS, DURATIONS)
def test_merging_is_counting_both(ours: list[float], theirs: list[float]) -> None:
    merged = counted(ours)
    merged.merge(counted(theirs))
    whole = counted(ours + theirs)
    assert (merged.buckets, merged.longest_ms) == (whole.buckets, whole.longest_ms)
    assert merged.calls == whole.calls == len(ours + theirs)
    assert merged.errors == counted(ours).errors + counted(theirs).errors
    assert merged.refusals == counted(ours).refusals + counted(theirs).refusals
    assert merged.total_ms == pytest.approx(whole.total_ms)


@given(DURATIONS)
def test_what_is_stored_comes_back(durations: list[float]) -> None:
    tally = counted(durations)
    assert Tally.from_stored(json.loads(json.dumps(tally.stored()))) == tally


def test_without_calls_there_is_no_quantile() -> None:
    assert Tally().quantile(0.5) is None


def test_nothing_takes_no_time_at_all() -> None:
    assert counted([0.0]).quantile(0.5) == 0.0
