"""Reading the log: choices, one call's story, what was slow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cde_orchestrator.application.logs.log_query import LogQuery, moment_from
from cde_orchestrator.application.logs.read_logs import FollowLogs, ListSlowOperations, ReadLogs
from cde_orchestrator.application.logs.trace_call import TraceCall
from cde_orchestrator.application.ports.core import LogEntry
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDEError
from tests.fakes import NOON, World


def refusal(world: World, use_case: Any) -> str:
    with pytest.raises(CDEError) as refused:
        world.run(use_case)
    return refused.value.code


def seen(world: World, **choice: Any) -> list[str]:
    return [entry["event"] for entry in world.run(ReadLogs(query=LogQuery(**choice)))["entries"]]


def one_call(world: World) -> None:
    call = {"correlation_id": "call-1234", "operation": "submit_work", "operation_id": "o1"}
    about = {**call, "feature": "login", "feature_id": "f1-abcdef"}
    world.logs.add("received", 0, correlation_id="call-1234")
    world.logs.add("operation_started", 1, actor="mcp:agent", **call)
    world.logs.add("phase_completed", 2, phase_id="define", **about)
    world.logs.add("retried", 2.5, level="warning", **call)
    world.logs.add(
        "operation_finished",
        3,
        **about,
        outcome="ok",
        duration_ms=2_000.0,
        cpu_ms=12.0,
        spans={"check": 1_500.0, "journal": 100.0},
    )
    other = {"correlation_id": "call-9", "operation": "get_feature_status", "operation_id": "o2"}
    world.logs.add(
        "operation_refused",
        4,
        level="warning",
        **other,
        feature="signup",
        feature_id="f2-abcdef",
        outcome="refused",
        error_code="E105",
        duration_ms=900.0,
        spans={"load": 10.0},
    )
    world.logs.add("operation_started", 5, operation="read_logs", operation_id="o3")


def test_everything_that_happened_to_a_feature_is_shown(world: World) -> None:
    one_call(world)
    whole = ["operation_started", "phase_completed", "retried", "operation_finished"]
    assert seen(world, feature="login") == whole
    assert seen(world, feature="f1-abc") == whole
    assert seen(world, feature="f1") == []
    assert seen(world, feature="login", level="WARNING") == ["retried"]
    assert seen(world, feature="nobody") == []


def test_lines_are_chosen_by_call_operation_time_and_level(world: World) -> None:
    one_call(world)
    assert len(seen(world)) == 6
    assert len(seen(world, correlation_id="call-12")) == 5
    assert seen(world, correlation_id="call-9") == ["operation_refused"]
    assert seen(world, operation="get_feature_status") == ["operation_refused"]
    assert seen(world, operation="read_logs") == ["operation_started"]
    assert seen(world, level="error") == []
    world.clock.advance(4)
    assert seen(world, since="1s") == ["operation_finished", "operation_refused"]


def test_the_newest_lines_are_shown_and_all_are_counted(world: World) -> None:
    one_call(world)
    reply = world.run(ReadLogs(limit=2))
    assert [entry["event"] for entry in reply["entries"]] == [
        "operation_finished",
        "operation_refused",
    ]
    assert reply["total"] == 6


@pytest.mark.parametrize(
    ("use_case", "code"),
    [
        (ReadLogs(limit=0), "E305"),
        (ReadLogs(query=LogQuery(level="loud")), "E305"),
        (ReadLogs(query=LogQuery(since="soon")), "E317"),
        (FollowLogs(query=LogQuery(level="loud"), show=print), "E305"),
        (ListSlowOperations(limit=0), "E305"),
        (ListSlowOperations(since="9999999h"), "E317"),
        (TraceCall(correlation_id="nothing"), "E316"),
        (TraceCall(correlation_id=" "), "E316"),
        (TraceCall(correlation_id="call-"), "E318"),
    ],
)
def test_what_cannot_be_answered_gets_a_code(world: World, use_case: Any, code: str) -> None:
    one_call(world)
    assert refusal(world, use_case) == code


@pytest.mark.parametrize("wanted", ["nothing", "call-"])
def test_what_is_not_found_is_named_as_it_was_asked_for(world: World, wanted: str) -> None:
    one_call(world)
    with pytest.raises(CDEError) as refused:
        world.run(TraceCall(correlation_id=wanted))
    refused.value.correlation_id = "call-of-the-question"
    assert f"'{wanted}'" in ErrorFormatter.payload(refused.value)["message"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOON - timedelta(seconds=90)),
        (" 2H ", NOON - timedelta(hours=2)),
        ("1w", NOON - timedelta(weeks=1)),
        ("2025-11-09", NOON - timedelta(hours=36)),
        ("2025-11-10T13:00+02:00", NOON - timedelta(hours=1)),
    ],
)
def test_a_time_is_an_age_or_a_date(text: str, moment: datetime) -> None:
    assert moment_from(text, NOON) == moment


@pytest.mark.parametrize("text", ["", "h", "2 fortnights", "2025-13-01", "2026-01-01", "-1h"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(CDEError) as refused:
        moment_from(text, NOON)
    assert refused.value.code == "E317"


def test_what_comes_is_chosen_too(world: World) -> None:
    one_call(world)
    world.logs.coming, world.logs.lines = world.logs.lines, []
    shown: list[LogEntry] = []
    world.run(FollowLogs(query=LogQuery(feature="login"), show=shown.append))
    assert [entry["event"] for entry in shown] == [
        "phase_completed",
        "retried",
        "operation_finished",
    ]


@pytest.mark.parametrize("given", ["call-1234", "call-12"])
def test_a_call_is_told_as_a_story(world: World, given: str) -> None:
    one_call(world)
    world.logs.add("operation_started", 6, operation="x", correlation_id="call-1234")
    story = world.run(TraceCall(correlation_id=given))
    assert story["correlation_id"] == "call-1234"
    assert (story["actor"], story["duration_ms"]) == ("mcp:agent", 6_000)
    assert [event["event"] for event in story["events"]] == ["received", "operation_started"]
    (operation,) = story["operations"]
    assert operation["offset_ms"] == 1_000
    assert (operation["duration_ms"], operation["outcome"]) == (2_000, "ok")
    assert (operation["feature"], operation["phase"]) == ("login", "define")
    assert operation["spans"] == {"check": 1_500, "journal": 100}
    assert operation["usage"] == {"cpu_ms": 12}
    assert [(event["offset_ms"], event["event"]) for event in operation["events"]] == [
        (2_000, "phase_completed"),
        (2_500, "retried"),
    ]


def test_an_id_that_begins_another_one_is_still_found(world: World) -> None:
    one_call(world)
    world.logs.add("alone", 0, correlation_id="call-1")
    story = world.run(TraceCall(correlation_id="call-1"))
    assert [event["event"] for event in story["events"]] == ["alone"]


def test_the_slowest_operations_come_first_with_their_bottleneck(world: World) -> None:
    one_call(world)
    reply = world.run(ListSlowOperations())
    assert [
        (row["operation"], row["duration_ms"], row["bottleneck"], row["bottleneck_ms"])
        for row in reply["operations"]
    ] == [("submit_work", 2_000, "check", 1_500), ("get_feature_status", 900, "other", 890)]
    assert reply["total"] == 2
    assert len(world.run(ListSlowOperations(limit=1, since="1h"))["operations"]) == 1
