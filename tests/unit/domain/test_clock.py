"""Time: aware, in UTC, and never going back."""

from __future__ import annotations

from datetime import UTC, timedelta

from cde_orchestrator.domain.clock import Stopwatch, utc_now


def test_the_time_is_aware_and_in_utc() -> None:
    assert utc_now().tzinfo is UTC
    assert utc_now().utcoffset() == timedelta(0)


def test_a_stopwatch_never_goes_back() -> None:
    watch = Stopwatch()
    readings = [watch.elapsed_ms for _ in range(100)]

    assert readings == sorted(readings)
    assert readings[0] >= 0


def test_a_stopwatch_tells_milliseconds_rounded_to_microseconds() -> None:
    elapsed = Stopwatch().elapsed_ms

    assert elapsed == round(elapsed, 3)
