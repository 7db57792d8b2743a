"""Counting operations as they end."""

from __future__ import annotations

from threading import Thread

import pytest

from cde_orchestrator.infrastructure import operation_meter
from cde_orchestrator.infrastructure.operation_meter import BUCKETS_SECONDS, OperationMeter


class Monotonic:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Monotonic:
    return Monotonic()


@pytest.fixture
def meter(clock: Monotonic) -> OperationMeter:
    return OperationMeter(clock)


def test_what_ended_lately_is_told_by_operation(meter: OperationMeter, clock: Monotonic) -> None:
    meter.ended("start_feature", "ok", None, 2.0, 0.1)
    meter.ended("start_feature", "refused", "E101", 4.0, 0.0)
    meter.ended("submit_work", "failed", "E999", 30.0, 0.0)
    clock.seconds += 10
    lately = meter.lately()
    assert (lately.calls, lately.errors, lately.seconds) == (3, 2, 10.0)
    assert lately.error_rate == pytest.approx(2 / 3)
    assert lately.per_second == pytest.approx(0.3)
    assert lately.average_ms == pytest.approx(12.0)
    assert lately.longest_ms == 30.0
    start, submit = lately.operations
    assert (start["operation"], start["calls"], start["errors"]) == ("start_feature", 2, 1)
    assert start["p50_ms"] == pytest.approx(3.0)
    assert submit["max_ms"] == 30.0


def test_what_is_older_than_the_window_is_forgotten(
    meter: OperationMeter, clock: Monotonic
) -> None:
    meter.ended("start_feature", "failed", "E999", 2.0, 0.0)
    clock.seconds += operation_meter.WINDOW_SECONDS + 1
    meter.ended("start_feature", "ok", None, 2.0, 0.0)
    lately = meter.lately()
    assert (lately.calls, lately.errors) == (1, 0)
    assert lately.seconds == operation_meter.WINDOW_SECONDS


def test_a_full_window_is_as_long_as_what_it_holds(meter: OperationMeter, clock: Monotonic) -> None:
    clock.seconds += 100
    for _ in range(operation_meter.WINDOW_CALLS + 5):
        meter.ended("list_features", "ok", None, 1.0, 0.0)
    clock.seconds += 2
    assert meter.lately().per_second == pytest.approx(operation_meter.WINDOW_CALLS / 2)


def test_nothing_at_all_is_no_error(meter: OperationMeter) -> None:
    lately = meter.lately()
    assert (lately.calls, lately.error_rate, lately.p99_ms, lately.operations) == (0, 0.0, 0.0, [])


def test_totals_are_kept_in_buckets(meter: OperationMeter) -> None:
    meter.ended("start_feature", "ok", None, 1.0, 3.0)
    meter.ended("start_feature", "ok", None, 20_000.0, 0.0)
    operations, waits = meter.totals()
    totals = operations["start_feature"]
    assert totals.outcomes == {("ok", None): 2}
    assert (totals.buckets[0], totals.buckets[-1], sum(totals.buckets)) == (1, 1, 2)
    assert totals.seconds == pytest.approx(20.001)
    assert waits.buckets[BUCKETS_SECONDS.index(0.005)] == 1


def test_totals_are_a_copy(meter: OperationMeter) -> None:
    meter.ended("start_feature", "ok", None, 1.0, 0.0)
    meter.totals()[0]["start_feature"].outcomes.clear()
    assert meter.totals()[0]["start_feature"].outcomes.total() == 1


def test_what_is_drained_is_drained_once(meter: OperationMeter) -> None:
    meter.ended("start_feature", "ok", None, 1.0, 0.0)
    drained = meter.drain()
    assert drained["start_feature"].latencies.calls == 1
    assert drained["start_feature"].errors == 0
    assert meter.drain() == {}
    assert meter.lately().calls == 1


def test_threads_lose_no_count(meter: OperationMeter) -> None:
    def work() -> None:
        for _ in range(500):
            meter.ended("start_feature", "ok", None, 1.0, 0.0)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.totals()[0]["start_feature"].outcomes.total() == 4_000
    assert meter.drain()["start_feature"].latencies.calls == 4_000
