from __future__ import annotations

import threading
from contextvars import copy_context

import pytest

from cde_orchestrator.infrastructure.system import spans
from cde_orchestrator.infrastructure.system.spans import (
    BYTES_WRITTEN,
    bottleneck,
    count,
    recording,
    span,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(spans, "perf_counter", lambda: now[0])
    return now


def test_the_time_of_an_inner_span_counts_once(clock: list[float]) -> None:
    with recording() as recorder:
        with span("domain"):
            clock[0] += 1
            with span("check"):
                clock[0] += 5
            with span("check"):
                clock[0] += 2
        with span("journal"):
            clock[0] += 3
    assert recorder.spans() == {"domain": 1_000, "check": 7_000, "journal": 3_000}


def test_a_span_ends_with_an_exception_too(clock: list[float]) -> None:
    @span("load")
    def fail() -> None:
        clock[0] += 1
        raise KeyError

    with recording() as recorder, pytest.raises(KeyError):
        fail()
    with recording() as second:
        pass
    assert recorder.spans() == {"load": 1_000}
    assert second.spans() == {}


def test_a_function_may_be_a_span(clock: list[float]) -> None:
    @span("prompt")
    def render(depth: int) -> None:
        clock[0] += 1
        if depth:
            render(depth - 1)

    with recording() as recorder:
        render(2)
    assert recorder.spans() == {"prompt": 3_000}
    render(0)


def test_a_thread_that_carries_the_call_is_measured(clock: list[float]) -> None:
    def work() -> None:
        count(BYTES_WRITTEN, 10)
        with span("agent"):
            clock[0] += 1

    with recording() as recorder:
        thread = threading.Thread(target=copy_context().run, args=(work,))
        thread.start()
        thread.join()
        count(BYTES_WRITTEN, 5)
    usage = recorder.usage()
    assert usage["bytes_written"] == 15
    assert usage["cpu_ms"] >= 0
    assert recorder.spans() == {"agent": 1_000}
    count(BYTES_WRITTEN, 1)


@pytest.mark.parametrize(
    ("times", "duration", "worst"),
    [
        ({"load": 10.0, "journal": 80.0}, 100.0, "journal"),
        ({"load": 10.0, "journal": 20.0}, 100.0, "other"),
        ({}, 100.0, "other"),
    ],
)
def test_the_bottleneck_has_a_name(times: dict[str, float], duration: float, worst: str) -> None:
    assert bottleneck(times, duration) == worst
