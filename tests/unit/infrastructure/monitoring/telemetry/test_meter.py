"""Counting operations as they end."""

from __future__ import annotations

from threading import Thread

import pytest

from cde_orchestrator.infrastructure.monitoring.telemetry.meter import (
    BUCKETS_SECONDS,
    OperationMeter,
)


@pytest.fixture
def meter() -> OperationMeter:
    return OperationMeter()


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
    before = meter.undrained()
    drained = meter.drain()
    assert drained == before
    assert drained.operations["start_feature"].calls == 1
    assert drained.operations["start_feature"].errors == 0
    assert meter.drain().operations == {}


def test_what_is_looked_at_is_a_copy(meter: OperationMeter) -> None:
    meter.ended("start_feature", "refused", "E101", 1.0, 0.0)
    meter.undrained().operations["start_feature"].count("ok", 1.0)
    meter.undrained().operations["start_feature"].calls = 0
    drained = meter.drain().operations["start_feature"]
    assert (drained.calls, drained.refusals, drained.buckets.total()) == (1, 1, 1)


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
    assert meter.drain().operations["start_feature"].calls == 4_000
