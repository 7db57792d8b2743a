from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import CDEError, FeatureError, StateError, ValidationError
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.operations import Operation
from cde_orchestrator.infrastructure.system import spans
from cde_orchestrator.infrastructure.system.spans import span


def operation(slow_ms: float = 1_000) -> Operation:
    return Operation("submit_work", "/home/shop", slow_ms=lambda: slow_ms)


def test_an_operation_logs_its_start_and_its_end() -> None:
    with calling("mcp:agent", "call-1"), capture_logs() as logs:
        assert operation().run(lambda: 7) == 7
    first, last = logs
    assert (first["event"], last["event"]) == ("operation_started", "operation_finished")
    assert first["actor"] == "mcp:agent"
    assert {line["correlation_id"] for line in logs} == {"call-1"}
    assert {line["operation"] for line in logs} == {"submit_work"}
    assert first["operation_id"] == last["operation_id"]
    assert last["outcome"] == "ok"


@pytest.mark.parametrize(
    ("raised", "event", "outcome", "code", "level"),
    [
        (FeatureError.of("E102", reference="x"), "operation_refused", "refused", "E102", "warning"),
        (StateError.of("E205"), "operation_failed", "failed", "E205", "warning"),
        (ZeroDivisionError(), "operation_failed", "failed", "E999", "error"),
    ],
)
def test_an_operation_that_does_not_succeed_says_how(
    raised: Exception, event: str, outcome: str, code: str, level: str
) -> None:
    def work() -> None:
        raise raised

    with capture_logs() as logs, pytest.raises(CDEError) as caught:
        operation().run(work)
    last = logs[-1]
    assert caught.value.code == code
    assert (last["event"], last["outcome"], last["error_code"]) == (event, outcome, code)
    assert last["log_level"] == level
    assert last["duration_ms"] >= 0


def test_an_accident_is_what_explains_it_where_that_is_known() -> None:
    found = StateError.of("E201", path="x", reason="y")

    def nothing_known() -> CDEError | None:
        raise ZeroDivisionError

    def code_of(explain: Callable[[], CDEError | None]) -> str:
        with capture_logs(), pytest.raises(CDEError) as caught:
            replace(operation(), explain=explain).run(nothing_known)
        return caught.value.code

    assert code_of(lambda: found) == "E201"
    assert code_of(lambda: None) == "E999"
    assert code_of(nothing_known) == "E999"


def test_a_slow_operation_names_its_bottleneck(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(spans, "perf_counter", lambda: now[0])

    def work() -> None:
        with span("check"):
            now[0] += 2

    with capture_logs() as logs:
        operation(slow_ms=-1).run(work)
        operation(slow_ms=60_000).run(work)
    slow = [line for line in logs if line["event"] == "operation_slow"]
    assert len(slow) == 1
    assert slow[0]["bottleneck"] == "check"
    assert slow[0]["spans"] == {"check": 2_000}
    assert slow[0]["log_level"] == "warning"


@pytest.mark.parametrize(
    "reply",
    [
        {"project": {"id": "p-1"}, "feature": {"id": "f-1", "name": "login"}},
        {"project": {"id": "p-1"}},
        {"project": None, "feature": "text"},
        None,
    ],
)
def test_any_reply_will_do(reply: Any) -> None:
    assert operation().run(lambda: reply) is reply


def test_what_watches_is_logged_for_debugging_only() -> None:
    with capture_logs() as entries:
        Operation("get_health", "/home/shop", routine=True).run(lambda: None)
    assert {entry["log_level"] for entry in entries} == {"debug"}


def test_what_watches_and_fails_has_both_ends_in_the_log_of_every_level() -> None:
    def refuse() -> None:
        raise FeatureError.of("E101", status="archived")

    with capture_logs() as entries, pytest.raises(FeatureError):
        Operation("watch_health", "/home/shop", routine=True).run(refuse)
    assert [(entry["event"], entry["log_level"]) for entry in entries] == [
        ("operation_started", "info"),
        ("operation_refused", "warning"),
    ]


def test_an_operation_that_is_interrupted_has_an_end_and_counts_for_nothing() -> None:
    meter = OperationMeter()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with capture_logs() as entries, pytest.raises(KeyboardInterrupt):
        Operation("submit_work", "/home/shop", telemetry=meter).run(interrupt)
    assert [entry["event"] for entry in entries] == ["operation_started", "operation_interrupted"]
    assert entries[-1]["outcome"] == "interrupted"
    assert meter.totals()[0] == {}


REFUSED = ValidationError.of("E305", argument="limit", reason="it is no number")


@pytest.mark.parametrize(
    ("raised", "outcome", "code"),
    [(None, "ok", None), (REFUSED, "refused", "E305"), (ZeroDivisionError(), "failed", "E999")],
)
def test_a_call_without_an_operation_is_logged_as_one_with_the_time_it_took(
    raised: Exception | None, outcome: str, code: str | None
) -> None:
    meter = OperationMeter()
    call = Operation("command", "/home/shop", telemetry=meter, about={"command": "cde list"})
    with calling("cli", "call-1") as context, capture_logs() as entries:
        while context.watch.elapsed_ms < 5:
            pass
        error = call.end_call(raised)
    first, last = entries
    assert (first["event"], last["outcome"]) == ("operation_started", outcome)
    assert first["seconds_ago"] >= 0.005
    assert last["duration_ms"] >= 5
    assert {entry["correlation_id"] for entry in entries} == {"call-1"}
    assert (error and error.code) == code
    assert meter.totals()[0]["command"].outcomes == {(outcome, code): 1}


def test_a_call_is_not_logged_again_where_an_operation_of_it_was() -> None:
    call = Operation("command", "/home/shop")

    def refuse() -> None:
        raise FeatureError.of("E101", status="archived")

    with calling("cli"), capture_logs() as entries:
        with pytest.raises(FeatureError) as refused:
            operation().run(refuse)
        assert call.end_call(refused.value) is refused.value
        assert call.end_call() is None
    assert {entry["operation"] for entry in entries} == {"submit_work"}


def test_what_fails_after_an_operation_is_logged_of_the_call() -> None:
    meter = OperationMeter()
    call = Operation("command", "/home/shop", telemetry=meter)
    with calling("cli"), capture_logs() as entries:
        operation().run(lambda: None)
        call.end_call(ZeroDivisionError())
    assert meter.totals()[0] == {}, "the time of its operations does not count twice"
    assert [entry["event"] for entry in entries if entry["operation"] == "command"] == [
        "operation_started",
        "operation_failed",
    ]


def test_every_end_is_told_to_the_meter() -> None:
    meter = OperationMeter()

    def refuse() -> None:
        raise FeatureError.of("E101", status="archived")

    Operation("submit_work", "/home/shop", telemetry=meter).run(lambda: None)
    with pytest.raises(FeatureError):
        Operation("submit_work", "/home/shop", telemetry=meter).run(refuse)
    outcomes = meter.totals()[0]["submit_work"].outcomes
    assert outcomes == {("ok", None): 1, ("refused", "E101"): 1}


@pytest.mark.parametrize("part", sorted(spans.NOT_OWN))
def test_health_counts_how_long_it_took_without_agents_checks_and_proofs(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter, now = OperationMeter(), [0.0]
    monkeypatch.setattr(spans, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def wait() -> None:
        with span(part):
            now[0] += 7
            with span(spans.GIT):  # as a copy is made by git
                now[0] += 2
                with span(spans.TESTS):
                    now[0] += 3
        with span(spans.GIT):
            now[0] += 0.1

    Operation("run_agent", "/home/shop", telemetry=meter).run(wait)
    assert meter.undrained().operations["run_agent"].longest_ms == pytest.approx(100)
