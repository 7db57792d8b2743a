"""Counting operations as they end."""

from __future__ import annotations

from threading import Thread

import orjson
import pytest

from cde_orchestrator.domain.subject import name_subject, naming_subject
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import (
    BUCKETS_SECONDS,
    OperationMeter,
)
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import (
    OTHER_PHASES,
    PHASES_MOST,
    Tally,
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


def refuse(
    meter: OperationMeter,
    workflow: str,
    phase: str,
    outcome: str = "refused",
    operation: str = "submit_work",
) -> None:
    """Count work on a phase, as an operation does that named it."""
    with naming_subject():
        name_subject(workflow=workflow, phase_id=phase)
        meter.ended(operation, outcome, "E110", 1.0, 0.0)


def test_refusals_are_counted_for_the_phase_that_they_are_about() -> None:
    meter = OperationMeter()
    for phase, outcome in (("test", "refused"), ("test", "refused"), ("define", "refused")):
        refuse(meter, "feature", phase, outcome)
    refuse(meter, "feature", "test", "ok")
    refuse(meter, "feature", "test", "failed")
    meter.ended("cde_startFeature", "refused", "E305", 1.0, 0.0)  # before a use case began

    whole = meter.undrained().whole()
    assert whole.phases == {"feature/test": 2, "feature/define": 1}
    assert (whole.calls, whole.errors, whole.refusals) == (6, 1, 4)
    assert meter.phases() == whole.phases
    assert Tally.from_stored(orjson.loads(orjson.dumps(whole.stored()))) == whole
    assert meter.drain().operations
    assert meter.undrained().whole().phases == {}


def test_only_so_many_phases_are_told_apart() -> None:
    meter = OperationMeter()
    for number in range(3 * PHASES_MOST):
        refuse(meter, "feature", f"phase-{number}")
    phases = meter.phases()
    assert len(phases) == PHASES_MOST + 1
    assert phases[OTHER_PHASES] == 2 * PHASES_MOST


def test_only_so_many_phases_are_told_apart_of_all_operations_together() -> None:
    meter = OperationMeter()
    for number in range(2 * PHASES_MOST):
        operation = ("submit_work", "approve_phase")[number % 2]
        refuse(meter, "feature", f"phase-{number}", operation=operation)
    for phases in (meter.phases(), meter.undrained().whole().phases):
        assert len(phases) == PHASES_MOST + 1
        assert phases.total() == 2 * PHASES_MOST
