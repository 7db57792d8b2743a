"""What a breaker's record says after each event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.infrastructure.breakers.record import BreakerPolicy, BreakerRecord

POLICY = BreakerPolicy(3, 10.0, 35.0)
OPEN = BreakerRecord(failures=3, openings=1, generation=4, until=110.0, reason="TimeoutError")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ((0, 1.0, 1.0), "failure_threshold must be a whole number of at least 1"),
        ((1, -0.5, 1.0), "the time-out must be between 0 and the longest one"),
        ((1, 2.0, 1.5), "the time-out must be between 0 and the longest one"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_with_the_reason(
    limits: tuple[int, float, float], reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        BreakerPolicy(*limits)


@pytest.mark.parametrize("limits", [(1, 0.0, 0.0), (1, 0.5, 0.5), (2, 0.0, 5.0)])
def test_a_policy_may_be_at_its_limits(limits: tuple[int, float, float]) -> None:
    assert BreakerPolicy(*limits).failure_threshold == limits[0]


def test_each_opening_lasts_twice_as_long_up_to_the_longest_time() -> None:
    assert [POLICY.open_for(openings) for openings in (1, 2, 3, 4)] == [10.0, 20.0, 35.0, 35.0]
    unbounded = BreakerPolicy(1, 1.0, 1e300)
    assert unbounded.open_for(65) == unbounded.open_for(66) == unbounded.open_for(9_999) == 2.0**64


def test_a_new_record_is_closed_with_nothing_counted() -> None:
    new = BreakerRecord()

    assert (new.failures, new.openings, new.until, new.reason) == (0, 0, None, "")
    assert new.state(0.0) == "closed"


@pytest.mark.parametrize("record", [BreakerRecord(), OPEN, replace(OPEN, until=110)])
def test_a_record_that_is_one_passes_its_check(record: BreakerRecord) -> None:
    record.check()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        *(
            ({name: value}, "counts must be whole numbers of at least 0")
            for name in ("failures", "openings", "generation")
            for value in (-1, True, 1.0, "1", None)
        ),
        ({"reason": None}, "the reason must be text"),
        ({"reason": b"x"}, "the reason must be text"),
        ({"until": "110"}, "the time must be a number"),
        ({"until": False}, "the time must be a number"),
    ],
)
def test_a_record_with_a_value_of_another_kind_is_refused_with_the_reason(
    changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        replace(OPEN, **changed).check()


def test_it_is_open_before_its_time_and_half_open_from_then_on() -> None:
    assert [OPEN.state(now) for now in (0.0, 109.9, 110.0, 110.1)] == [
        *("open", "open", "half_open", "half_open"),
    ]


def test_failures_are_counted_until_it_opens() -> None:
    once = BreakerRecord().failed(0, POLICY, 100.0, "OSError")
    twice = once.failed(0, POLICY, 100.0, "TimeoutError")

    assert (once.failures, once.until, once.generation, once.reason) == (1, None, 0, "OSError")
    assert once.failed_at == 100.0
    assert (twice.failures, twice.openings, twice.reason) == (2, 0, "TimeoutError")
    opened = twice.failed(0, POLICY, 100.0, "ConnectionError")
    assert opened == BreakerRecord(3, 1, 1, 110.0, "ConnectionError", 100.0)


def test_a_trial_that_fails_opens_it_for_longer() -> None:
    again = OPEN.failed(4, POLICY, 200.0, "OSError")
    assert again == BreakerRecord(4, 2, 5, 220.0, "OSError", 200.0)
    assert again.reset() == BreakerRecord(0, 0, 6, None, "OSError", 200.0)


def test_what_began_in_an_earlier_generation_changes_nothing() -> None:
    assert OPEN.failed(3, POLICY, 200.0, "OSError") is OPEN
    assert OPEN.succeeded(3) is OPEN


def test_a_success_closes_it_and_sets_the_count_back() -> None:
    assert OPEN.succeeded(4) == OPEN.reset() == BreakerRecord(generation=5, reason="TimeoutError")
    counting = BreakerRecord(failures=2, generation=1, reason="OSError")
    assert counting.succeeded(1) == BreakerRecord(generation=1, reason="OSError")
    assert counting.reset() == BreakerRecord(generation=2, reason="OSError")
