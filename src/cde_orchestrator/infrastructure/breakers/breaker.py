"""The circuit breaker of Michael Nygard (Release It!, chapter 5).

Closed, it lets calls through; too many failures in a row open it, and calls are refused. After a
time-out it is half-open: one call at a time is a trial, which closes it or opens it for longer.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from cde_orchestrator.application.ports.breakers import BreakerView, rounded_wait
from cde_orchestrator.domain.exceptions import (
    CDEError,
    CircuitBreakerOpenError,
    FeatureError,
    ProjectError,
    ValidationError,
)
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.breakers.record import (
    BreakerPolicy,
    BreakerRecord,
    BreakerState,
    Change,
)

if TYPE_CHECKING:
    from cde_orchestrator.infrastructure.breakers.file import BreakerFile

log = get_logger(__name__)

USER_MISTAKES: tuple[type[BaseException], ...] = (ProjectError, FeatureError, ValidationError)
TRIAL_WAIT_SECONDS = 1.0
"""How long a refused caller is to wait while somebody else's trial runs."""
_LONGEST = 10
"""The longest time-out is this many times the first one, unless it is given."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Trial:
    generation: int
    end: Callable[[], None]


class CircuitBreaker:
    """Guards one part that may fail; safe among threads and tasks.

    A call that was let through before the breaker changed its state has no say afterwards:
    a late success does not close it, a late failure does not open it again.

    Args:
        failure_threshold: failures in a row that open it.
        timeout: seconds that it stays open the first time.
        name: what logs, errors and metrics call it.
        longest_timeout: seconds that it stays open at most; ten times ``timeout`` when None.
        failures: the exceptions that count.
        ignored: exceptions among them that do not, as the user's own mistakes.
        costly: exceptions among them of which one opens it, since each was waited for.
        clock: seconds by a clock that never goes back.
        shared: where processes share the breaker; None for a breaker of this process alone.
    """

    def __init__(
        self,
        failure_threshold: int = 5,
        timeout: float = 60,
        *,
        name: str = "breaker",
        longest_timeout: float | None = None,
        failures: type[Exception] | tuple[type[Exception], ...] = Exception,
        ignored: tuple[type[BaseException], ...] = USER_MISTAKES,
        costly: type[Exception] | tuple[type[Exception], ...] = (),
        clock: Callable[[], float] = time.monotonic,
        shared: BreakerFile | None = None,
    ) -> None:
        longest = timeout * _LONGEST if longest_timeout is None else longest_timeout
        self.name = name
        self._policy = BreakerPolicy(failure_threshold, timeout, longest)
        self._failures = failures
        self._ignored = ignored
        self._costly = costly
        self._clock = clock
        self._shared = shared
        if shared is not None:
            shared.longest_seconds = longest
        self._record = BreakerRecord() if shared is None else shared.read()
        self._mutex = threading.Lock()
        self._trying = threading.Lock()

    @property
    def failure_threshold(self) -> int:
        """Failures in a row that open it."""
        return self._policy.failure_threshold

    @property
    def timeout(self) -> float:
        """Seconds that it stays open the first time."""
        return self._policy.timeout_seconds

    @property
    def failure_count(self) -> int:
        """Counted failures in a row."""
        return self._current().failures

    @property
    def last_failure_time(self) -> float | None:
        """When the last failure that counted was, by the breaker's clock; None before any."""
        return self._current().failed_at

    @property
    def state(self) -> str:
        """``closed``, ``open``, or ``half_open`` when a trial would be let through."""
        return self._current().state(self._clock())

    def view(self) -> BreakerView:
        """The breaker as it is."""
        record, now = self._current(), self._clock()
        left = 0.0 if record.until is None else max(record.until - now, 0.0)
        return {
            "name": self.name,
            "state": record.state(now),
            "failures": record.failures,
            "openings": record.openings,
            "retry_after_seconds": round(left, 3),
            "last_failure": record.reason,
        }

    def call(
        self,
        func: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Call the function, unless the breaker is open.

        Raises:
            CircuitBreakerOpenError: E903, it is open, or half-open and on trial already.
        """
        permit = self._admit()
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self._ended(permit, error)
            raise
        if permit is not self._record or self._record.failures:
            self._ended(permit)
        return result

    async def acall(
        self,
        func: Callable[Parameters, Awaitable[Result]],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Await the function's coroutine, unless the breaker is open; else as ``call``."""
        permit = self._admit()
        try:
            result = await func(*args, **kwargs)
        except BaseException as error:
            self._ended(permit, error)
            raise
        if permit is not self._record or self._record.failures:
            self._ended(permit)
        return result

    def __call__(self, func: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """The function, or coroutine function, guarded by this breaker: a decorator."""
        if inspect.iscoroutinefunction(func):

            async def guarded(*args: Any, **kwargs: Any) -> Any:
                return await self.acall(func, *args, **kwargs)

            return cast("Callable[Parameters, Result]", functools.update_wrapper(guarded, func))

        @functools.wraps(func)
        def called(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            return self.call(func, *args, **kwargs)

        return called

    def reset(self) -> None:
        """Close it by hand; calls that are under way have no say any more."""
        self._change(lambda record: record.reset(), "reset")

    def _current(self) -> BreakerRecord:
        if self._shared is not None and self._shared.is_news():
            with self._mutex:
                self._record = self._shared.read()
        return self._record

    def _admit(self) -> BreakerRecord | _Trial:
        """The record that a call is let through with, or a trial; raises E903."""
        record = self._record if self._shared is None else self._current()
        if record.until is None:
            return record
        if self._clock() < record.until:
            raise self._refusal(record)
        return self._begin_trial(record)

    def _begin_trial(self, record: BreakerRecord) -> BreakerRecord | _Trial:
        if not self._trying.acquire(blocking=False):
            raise self._refusal(record)
        with ExitStack() as trial:
            trial.callback(self._trying.release)
            if self._shared is not None:
                try:
                    end_among_processes = self._shared.begin_trial()
                except OSError as error:
                    self._log_not_shared(error)
                else:
                    if end_among_processes is None:
                        raise self._refusal(record)
                    trial.callback(end_among_processes)
            # Whoever tried before recorded the result before letting go: check once more.
            present = self._current()
            if present.generation == record.generation:
                self._log_change("open", "half_open", present.reason)
                return _Trial(present.generation, trial.pop_all().close)
        return self._admit()

    def _refusal(self, record: BreakerRecord) -> CircuitBreakerOpenError:
        left = (record.until or 0.0) - self._clock()
        return CircuitBreakerOpenError.of(
            "E903",
            breaker=self.name,
            retry_after_seconds=rounded_wait(left if left > 0 else TRIAL_WAIT_SECONDS),
            last_failure=record.reason or "unknown",
        )

    def _ended(self, permit: BreakerRecord | _Trial, error: BaseException | None = None) -> None:
        """Count how a call ended, where that counts, and end the trial, if it was one."""
        try:
            if error is None:
                self._change(lambda record: record.succeeded(permit.generation), "success")
            elif isinstance(error, self._failures) and not isinstance(error, self._ignored):
                reason = error.code if isinstance(error, CDEError) else type(error).__name__
                policy = self._policy
                if isinstance(error, self._costly):
                    policy = replace(policy, failure_threshold=1)
                self._change(
                    lambda record: record.failed(permit.generation, policy, self._clock(), reason),
                    reason,
                )
        finally:
            if isinstance(permit, _Trial):
                permit.end()

    def _change(self, change: Change, reason: str) -> None:
        with self._mutex:
            before, after = self._changed(change)
            self._record = after
        if before.generation != after.generation:
            now_is: BreakerState = "closed" if after.until is None else "open"
            self._log_change(before.state(self._clock()), now_is, reason)

    def _changed(self, change: Change) -> tuple[BreakerRecord, BreakerRecord]:
        if self._shared is not None:
            try:
                return self._shared.update(change)
            except (OSError, CDEError) as error:
                self._log_not_shared(error)
        return self._record, change(self._record)

    def _log_not_shared(self, error: BaseException) -> None:
        log.warning("circuit_breaker_not_shared", breaker=self.name, reason=str(error))

    def _log_change(self, before: BreakerState, after: BreakerState, reason: str) -> None:
        log.warning(
            "circuit_breaker_changed", breaker=self.name, before=before, after=after, reason=reason
        )
