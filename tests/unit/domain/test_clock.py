"""Time: aware, in UTC, and never going back."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from cde_orchestrator.domain.clock import Stopwatch, parse_utc, to_the_second, utc_now


def test_the_time_is_aware_and_in_utc() -> None:
    assert utc_now().tzinfo is UTC
    assert utc_now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["2026-11-29T12:00:00", "2026-11-29T12:00:00Z", "2026-11-29T13:00:00+01:00"]
)
def test_a_time_without_a_zone_is_meant_in_utc(text: str) -> None:
    assert parse_utc(text) == datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize("end", ["", ".999999"])
def test_a_text_has_a_time_to_the_second(end: str) -> None:
    assert to_the_second(f"2026-11-29T13:00:59{end}+01:00") == "2026-11-29T13:00:59+01:00"


def test_a_stopwatch_never_goes_back() -> None:
    watch = Stopwatch()
    readings = [watch.elapsed_ms for _ in range(100)]

    assert readings == sorted(readings)
    assert readings[0] >= 0


def test_a_stopwatch_tells_milliseconds_rounded_to_microseconds() -> None:
    elapsed = Stopwatch().elapsed_ms

    assert elapsed == round(elapsed, 3)


def test_a_stopwatch_leaves_out_what_it_was_stopped_for(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 2.0, 63.0, 64.0, 65.0, 67.0, 68.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))
    watch = Stopwatch()
    with watch.stopped():
        pass
    assert watch.elapsed_ms == 3_000
    with pytest.raises(KeyboardInterrupt), watch.stopped():
        raise KeyboardInterrupt
    assert watch.elapsed_ms == 5_000
