"""The circuit breaker, one behaviour at a time; time is injected."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import (
    CircuitBreakerOpenError,
    LockTimeoutError,
    ValidationError,
)
from cde_orchestrator.infrastructure.breakers.breaker import CircuitBreaker
from cde_orchestrator.infrastructure.breakers.file import BreakerFile
from cde_orchestrator.infrastructure.breakers.record import BreakerRecord


class Seconds:
    """A clock that never goes back, and goes on only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def failing() -> NoReturn:
    raise ConnectionError("refused")


def working() -> str:
    return "done"


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ConnectionError):
            breaker.call(failing)


def opened(clock: Seconds, **options: object) -> CircuitBreaker:
    """A breaker that has just opened."""
    breaker = CircuitBreaker(3, 10, clock=clock, **options)  # type: ignore[arg-type]  # any option
    fail(breaker, 3)
    return breaker


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def test_a_closed_breaker_passes_arguments_and_result() -> None:
    breaker = CircuitBreaker()
    assert breaker.call(divmod, 7, 2) == (3, 1)
    assert breaker.call(int, "ff", base=16) == 255
    assert breaker.state == "closed"


def test_it_has_the_documented_defaults() -> None:
    breaker = CircuitBreaker()
    assert (breaker.failure_threshold, breaker.timeout, breaker.failure_count) == (5, 60, 0)


@pytest.mark.parametrize(("threshold", "timeout", "longest"), [(0, 1, 1), (1, -1, 1), (1, 2, 1)])
def test_senseless_limits_are_refused(threshold: int, timeout: float, longest: float) -> None:
    with pytest.raises(ValueError, match=r"failure_threshold|time-out"):
        CircuitBreaker(threshold, timeout, longest_timeout=longest)


def test_it_opens_at_the_threshold_and_calls_no_more(seconds: Seconds) -> None:
    breaker = CircuitBreaker(3, 10, clock=seconds)
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "open"
    called: list[int] = []
    with pytest.raises(CircuitBreakerOpenError) as refusal:
        breaker.call(called.append, 1)
    assert called == []
    assert refusal.value.code == "E903"
    assert refusal.value.retry_after_seconds == 10.0


@pytest.mark.parametrize(
    ("passed", "told"), [(-20.0, 30), (-870.369, 881), (0.369, 9.7), (9.999, 0.1)]
)
def test_a_wait_is_told_in_round_figures_and_never_too_short(
    seconds: Seconds, passed: float, told: float
) -> None:
    breaker = opened(seconds)
    seconds.now += passed
    with pytest.raises(CircuitBreakerOpenError) as refusal:
        breaker.call(working)
    assert refusal.value.retry_after_seconds == told


def test_the_refusal_says_how_long_to_wait_and_pickles(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 4
    with pytest.raises(CircuitBreakerOpenError) as refusal:
        breaker.call(working)
    copied = pickle.loads(pickle.dumps(refusal.value))
    assert copied.retry_after_seconds == 6.0
    assert copied.context["last_failure"] == "ConnectionError"


def test_a_success_sets_the_count_back(seconds: Seconds) -> None:
    breaker = CircuitBreaker(3, 10, clock=seconds)
    fail(breaker, 2)
    breaker.call(working)
    fail(breaker, 2)
    assert breaker.state == "closed"
    assert breaker.failure_count == 2


def test_a_trial_that_succeeds_closes_it(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 10
    assert breaker.state == "half_open"
    assert breaker.call(working) == "done"
    assert breaker.state == "closed"
    assert breaker.failure_count == 0


def test_failed_trials_keep_it_open_longer_up_to_a_bound(seconds: Seconds) -> None:
    breaker = opened(seconds, longest_timeout=35)
    waits = []
    for _ in range(4):
        waits.append(breaker.view()["retry_after_seconds"])
        seconds.now += waits[-1]
        fail(breaker, 1)
        assert breaker.state == "open"
    assert waits == [10.0, 20.0, 35.0, 35.0]


def test_after_a_recovery_it_opens_for_the_first_time_out_again(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 10
    fail(breaker, 1)
    seconds.now += 20
    breaker.call(working)
    fail(breaker, 3)
    assert breaker.view()["retry_after_seconds"] == 10.0


def test_only_the_failures_that_were_named_count() -> None:
    breaker = CircuitBreaker(1, failures=(ConnectionError, TimeoutError))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            breaker.call(divmod, 1, 0)
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "open"


@pytest.mark.parametrize(
    "mistake", [ValidationError.of("E301"), KeyboardInterrupt(), SystemExit(), GeneratorExit()]
)
def test_mistakes_and_interruptions_do_not_count(mistake: BaseException) -> None:
    breaker = CircuitBreaker(1)

    def interrupted() -> NoReturn:
        raise mistake

    with pytest.raises(type(mistake)):
        breaker.call(interrupted)
    assert breaker.state == "closed"


def test_a_trial_that_neither_fails_nor_succeeds_leaves_it_half_open(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 10
    with pytest.raises(KeyboardInterrupt):
        breaker.call(raise_interrupt)
    assert breaker.state == "half_open"
    breaker.call(working)
    assert breaker.state == "closed"


def raise_interrupt() -> NoReturn:
    raise KeyboardInterrupt


def test_a_late_success_does_not_close_an_open_breaker(seconds: Seconds) -> None:
    breaker = CircuitBreaker(3, 10, clock=seconds)

    def slow() -> None:
        fail(breaker, 3)

    breaker.call(slow)
    assert breaker.state == "open"


def test_a_late_failure_does_not_keep_it_open_longer(seconds: Seconds) -> None:
    breaker = CircuitBreaker(3, 10, clock=seconds)

    def slow() -> NoReturn:
        fail(breaker, 3)
        seconds.now += 4
        failing()

    with pytest.raises(ConnectionError):
        breaker.call(slow)
    assert breaker.view()["retry_after_seconds"] == 6.0


def test_it_is_closed_by_hand(seconds: Seconds) -> None:
    breaker = opened(seconds)
    breaker.reset()
    assert breaker.state == "closed"
    assert breaker.call(working) == "done"


def test_it_decorates_functions_and_coroutine_functions() -> None:
    breaker = CircuitBreaker(1)

    @breaker
    def add(left: int, right: int) -> int:
        """Add."""
        return left + right

    @breaker
    async def wait() -> NoReturn:
        raise TimeoutError

    assert (add(1, right=2), add.__name__, add.__doc__) == (3, "add", "Add.")
    with pytest.raises(TimeoutError):
        asyncio.run(wait())
    with pytest.raises(CircuitBreakerOpenError):
        add(1, 2)


def test_a_cancelled_task_does_not_count() -> None:
    breaker = CircuitBreaker(1)

    async def cancelled() -> None:
        task = asyncio.ensure_future(breaker.acall(asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert breaker.state == "closed"


def test_of_fifty_threads_exactly_one_is_on_trial(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 10
    start, refused = threading.Barrier(50), threading.Semaphore(0)
    trials: list[int] = []

    def trial() -> None:
        trials.append(1)
        for _ in range(49):  # ends only when all the others have been refused
            assert refused.acquire(timeout=60)

    def call(_: int) -> bool:
        start.wait(60)
        try:
            breaker.call(trial)
        except CircuitBreakerOpenError:
            refused.release()
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(call, range(50)))
    assert (outcomes.count(True), len(trials), breaker.state) == (1, 1, "closed")


def test_of_five_hundred_tasks_exactly_one_is_on_trial(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 10
    trials: list[int] = []

    async def trial(release: asyncio.Event) -> None:
        trials.append(1)
        await release.wait()

    async def everybody() -> list[BaseException | None]:
        release = asyncio.Event()
        tasks = [asyncio.ensure_future(breaker.acall(trial, release)) for _ in range(500)]
        await asyncio.sleep(0)
        release.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(everybody())
    assert outcomes.count(None) == 1
    assert sum(isinstance(each, CircuitBreakerOpenError) for each in outcomes) == 499
    assert (len(trials), breaker.state) == (1, "closed")


def test_fifty_threads_count_every_failure(seconds: Seconds) -> None:
    breaker = CircuitBreaker(501, 10, clock=seconds)

    def ten_failures(_: int) -> None:
        fail(breaker, 10)

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(ten_failures, range(50)))
    assert breaker.failure_count == 500
    fail(breaker, 1)
    assert breaker.state == "open"


def test_a_mixture_of_threads_never_leaves_a_trial_behind(seconds: Seconds) -> None:
    breaker = CircuitBreaker(2, 0, clock=seconds)

    def use(number: int) -> None:
        work: Callable[[], str] = working if number % 3 else failing
        try:
            breaker.call(work)
        except (ConnectionError, CircuitBreakerOpenError):
            return

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(use, range(2_000)))
    assert breaker.call(working) == "done"
    assert breaker.state == "closed"


def test_a_refusal_without_a_known_failure_says_so(seconds: Seconds) -> None:
    breaker = CircuitBreaker(1, 10, clock=seconds)
    assert breaker.view()["last_failure"] == ""
    breaker._record = replace(breaker._record, until=seconds.now + 3)
    with pytest.raises(CircuitBreakerOpenError) as caught:
        breaker.call(working)
    assert caught.value.context == {
        "breaker": "breaker",
        "retry_after_seconds": 3,
        "last_failure": "unknown",
    }


def test_a_trial_that_succeeds_or_fails_leaves_room_for_the_next(seconds: Seconds) -> None:
    breaker = opened(seconds)
    for _ in range(3):
        seconds.now += 1_000
        fail(breaker, 1)
    seconds.now += 1_000
    assert breaker.call(working) == "done"
    fail(breaker, 3)
    seconds.now += 1_000
    assert breaker.call(working) == "done"


def changed(before: str, after: str, reason: str) -> dict[str, str]:
    """The line of the log about a change of the breaker ``git``."""
    own = {"breaker": "git", "before": before, "after": after, "reason": reason}
    return {"event": "circuit_breaker_changed", "log_level": "warning", **own}


def test_the_log_says_who_closed_the_breaker(seconds: Seconds) -> None:
    with capture_logs() as logs:
        breaker = opened(seconds, name="git")
        breaker.reset()
    assert logs == [
        changed("closed", "open", "ConnectionError"),
        changed("open", "closed", "reset"),
    ]


def test_the_view_says_how_it_stands(seconds: Seconds) -> None:
    breaker = opened(seconds, name="git")
    seconds.now += 4
    assert breaker.view() == {
        "name": "git",
        "state": "open",
        "failures": 3,
        "openings": 1,
        "retry_after_seconds": 6.0,
        "last_failure": "ConnectionError",
    }


def test_who_is_refused_because_of_a_trial_is_told_to_wait_for_a_second(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 10

    def on_trial() -> float:
        with pytest.raises(CircuitBreakerOpenError) as refusal:
            breaker.call(working)
        return refusal.value.retry_after_seconds

    assert breaker.call(on_trial) == 1.0


def test_each_change_is_logged_with_its_reason(seconds: Seconds) -> None:
    with capture_logs() as logs:
        breaker = opened(seconds, name="git")
        seconds.now += 10
        breaker.call(working)
    assert logs == [
        changed("closed", "open", "ConnectionError"),
        changed("open", "half_open", "ConnectionError"),
        changed("half_open", "closed", "success"),
    ]


def test_a_trial_that_was_no_longer_needed_does_not_block_the_next_one() -> None:
    class Meddling(Seconds):
        def __call__(self) -> float:
            if meddle:
                meddle.pop()()
            return super().__call__()

    meddle: list[Callable[[], None]] = []
    clock = Meddling()
    breaker = opened(clock)
    clock.now += 10
    meddle.append(breaker.reset)  # by somebody else, just before the trial begins
    assert breaker.call(working) == "done"
    fail(breaker, 3)
    clock.now += 10
    assert breaker.call(working) == "done"
    assert breaker.state == "closed"


def test_the_last_failure_is_known_before_it_opens(seconds: Seconds) -> None:
    breaker = CircuitBreaker(3, 10, clock=seconds)
    fail(breaker, 1)
    assert breaker.view()["last_failure"] == "ConnectionError"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (BreakerRecord(failures=-1), "counts must be whole numbers of at least 0"),
        (BreakerRecord(until=True), "the time must be a number"),
    ],
)
def test_a_record_of_another_kind_is_refused_with_the_reason(
    record: BreakerRecord, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        record.check()


def test_a_view_says_that_there_is_nothing_to_wait_for_while_calls_are_let_through(
    seconds: Seconds,
) -> None:
    breaker = CircuitBreaker(3, 10, clock=seconds)
    assert breaker.view() == {
        "name": "breaker",
        "state": "closed",
        "failures": 0,
        "openings": 0,
        "retry_after_seconds": 0.0,
        "last_failure": "",
    }
    fail(breaker, 3)
    seconds.now += 0.0004
    assert breaker.view()["retry_after_seconds"] == 10.0
    seconds.now += 10
    assert breaker.view()["retry_after_seconds"] == 0.0


def test_a_wait_may_end_when_the_clock_begins(seconds: Seconds) -> None:
    seconds.now = -10.0
    breaker = opened(seconds)
    with pytest.raises(CircuitBreakerOpenError) as refusal:
        breaker.call(working)
    assert refusal.value.retry_after_seconds == 10.0


def test_a_failure_with_a_code_is_known_by_it(seconds: Seconds) -> None:
    def refused() -> NoReturn:
        raise LockTimeoutError.of("E205", holder="process 1", waited_seconds=5.0)

    breaker = CircuitBreaker(1, 10, clock=seconds)
    with pytest.raises(LockTimeoutError):
        breaker.call(refused)
    assert breaker.view()["last_failure"] == "E205"
    with pytest.raises(CircuitBreakerOpenError) as refusal:
        breaker.call(working)
    assert refusal.value.context["last_failure"] == "E205"


def test_the_longest_time_out_is_ten_times_the_first_unless_it_is_given(seconds: Seconds) -> None:
    waits = []
    breaker = opened(seconds)
    for _ in range(5):
        waits.append(breaker.view()["retry_after_seconds"])
        seconds.now += waits[-1]
        fail(breaker, 1)
    assert waits == [10.0, 20.0, 40.0, 80.0, 100.0]


async def awaited(breaker: CircuitBreaker, work: Callable[[], object]) -> object:
    async def coroutine(*, result: Callable[[], object]) -> object:
        return result()

    return await breaker.acall(coroutine, result=work)


@pytest.mark.parametrize("awaits", [False, True])
def test_a_trial_during_which_it_was_closed_by_hand_leaves_room_for_the_next(
    seconds: Seconds, awaits: bool
) -> None:
    def call(breaker: CircuitBreaker, work: Callable[[], object]) -> object:
        return asyncio.run(awaited(breaker, work)) if awaits else breaker.call(work)

    breaker = opened(seconds)
    seconds.now += 10
    assert call(breaker, breaker.reset) is None
    assert breaker.state == "closed"
    fail(breaker, 2)
    assert call(breaker, working) == "done"
    assert breaker.failure_count == 0
    fail(breaker, 3)
    seconds.now += 10
    assert call(breaker, working) == "done"
    assert breaker.state == "closed"


def test_the_log_says_what_changed(seconds: Seconds) -> None:
    with capture_logs() as logs:
        opened(seconds, name="git")
    assert logs == [
        {
            "event": "circuit_breaker_changed",
            "log_level": "warning",
            "breaker": "git",
            "before": "closed",
            "after": "open",
            "reason": "ConnectionError",
        }
    ]


def test_a_shared_breaker_that_is_open_is_closed_by_hand_where_nothing_can_be_written(
    seconds: Seconds, tmp_path: Path
) -> None:
    class Refusing(BreakerFile):
        def update(
            self, change: Callable[[BreakerRecord], BreakerRecord]
        ) -> tuple[BreakerRecord, BreakerRecord]:
            raise OSError("no room")

    opened(seconds, shared=BreakerFile(tmp_path, "git", seconds, seconds))
    shared = Refusing(tmp_path, "git", seconds, seconds)
    with capture_logs() as logs:
        CircuitBreaker(3, 10, clock=seconds, shared=shared).reset()
    changes = [
        (each["before"], each["after"], each["reason"])
        for each in logs
        if each["event"] == "circuit_breaker_changed"
    ]
    assert changes == [("open", "closed", "reset")]
