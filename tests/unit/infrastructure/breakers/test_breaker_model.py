"""The circuit breaker against a model: any calls in flight, ending in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError, ValidationError
from cde_orchestrator.infrastructure.breakers.breaker import CircuitBreaker
from cde_orchestrator.infrastructure.breakers.file import BreakerFile

THRESHOLD = 3
TIMEOUT = 10.0
LONGEST = 40.0


class Held:
    """Waits until the machine says how it ends."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def held() -> None:
    await Held()


@dataclass
class InFlight:
    """A call that was let through: in which period, and whether on trial."""

    call: Coroutine[Any, Any, None]
    period: int
    trial: bool


class BreakerMachine(RuleBasedStateMachine):
    """Periods are the stretches between two changes of the state."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breakers = self._breakers()
        self.in_flight: list[InFlight] = []
        self.failures = 0
        self.wait = TIMEOUT
        self.opens_until: float | None = None
        self.period = 0

    def _breakers(self) -> list[CircuitBreaker]:
        """The breaker, once for each process that uses it."""
        return [self._breaker(None)]

    def _breaker(self, shared: BreakerFile | None) -> CircuitBreaker:
        return CircuitBreaker(
            THRESHOLD, TIMEOUT, longest_timeout=LONGEST, clock=lambda: self.now, shared=shared
        )

    @property
    def on_trial(self) -> bool:
        return any(each.trial for each in self.in_flight)

    @rule(process=st.integers(0, 1))
    def begin(self, process: int) -> None:
        call = self.breakers[process % len(self.breakers)].acall(held)
        half_open = self.opens_until is not None and self.now >= self.opens_until
        if self.opens_until is None or (half_open and not self.on_trial):
            call.send(None)
            self.in_flight.append(InFlight(call, self.period, half_open))
        else:
            with pytest.raises(CircuitBreakerOpenError) as refusal:
                call.send(None)
            assert 0 < refusal.value.retry_after_seconds <= LONGEST

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        each = self._taken(data)
        with pytest.raises(StopIteration):
            each.call.send(None)
        if each.period == self.period:
            self.failures = 0
            if each.trial:
                self._closed()

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        each = self._taken(data)
        with pytest.raises(OSError, match="broken"):
            each.call.throw(OSError("broken"))
        if each.period == self.period:
            self.failures += 1
            if each.trial or self.failures >= THRESHOLD:
                self.wait = min(self.wait * 2, LONGEST) if each.trial else TIMEOUT
                self.opens_until = self.now + self.wait
                self.period += 1

    @precondition(lambda self: self.in_flight)
    @rule(
        data=st.data(),
        error=st.sampled_from([asyncio.CancelledError, lambda: ValidationError.of("E301")]),
    )
    def end_without_a_verdict(self, data: st.DataObject, error: Any) -> None:
        raised = error()
        with pytest.raises(type(raised)):
            self._taken(data).call.throw(raised)

    @rule(seconds=st.sampled_from([0.5, 9.5, 10.0, 40.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def close_by_hand(self) -> None:
        self.breakers[-1].reset()
        self._closed()

    @invariant()
    def the_breaker_is_in_the_state_of_the_model(self) -> None:
        for breaker in self.breakers:
            if self.opens_until is None:
                assert breaker.state == "closed"
                assert breaker.failure_count == self.failures < THRESHOLD
            else:
                expected = "open" if self.now < self.opens_until else "half_open"
                assert breaker.state == expected
        assert sum(each.trial for each in self.in_flight) <= 1

    def teardown(self) -> None:
        for each in self.in_flight:
            each.call.close()

    def _taken(self, data: st.DataObject) -> InFlight:
        return self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))

    def _closed(self) -> None:
        self.opens_until, self.failures, self.wait = None, 0, TIMEOUT
        self.period += 1


class SharedBreakerMachine(BreakerMachine):
    """The same, with two processes that share the breaker through files."""

    def _breakers(self) -> list[CircuitBreaker]:
        self._folder = TemporaryDirectory()
        folder, now = Path(self._folder.name), lambda: self.now
        return [self._breaker(BreakerFile(folder, "part", now, now)) for _ in range(2)]

    def teardown(self) -> None:
        super().teardown()
        self._folder.cleanup()


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(stateful_step_count=60)

TestSharedBreakerMachine = SharedBreakerMachine.TestCase
TestSharedBreakerMachine.settings = settings(
    max_examples=settings().max_examples // 2, stateful_step_count=40
)
