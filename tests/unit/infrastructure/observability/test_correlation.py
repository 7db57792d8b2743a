from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context

import pytest

from cde_orchestrator.infrastructure.observability.correlation import (
    call_context,
    calling,
    child_environment,
    offering,
    within,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize("given", ["call-1", "a" * 128, "urn:uuid:1", TRACE])
def test_an_id_of_the_caller_is_taken(given: str) -> None:
    with calling("cli", given) as call:
        assert call.correlation_id == given


@pytest.mark.parametrize(
    "given", [None, "", "a" * 129, "two words", "line\nend", "é", "ghp_" + "a1" * 18]
)
def test_an_id_that_is_no_plain_word_is_replaced(given: str | None) -> None:
    with calling("cli", given) as call:
        assert call.correlation_id != given
        assert len(call.correlation_id) == 32


def test_a_trace_names_the_call_where_nothing_else_does() -> None:
    with calling("cli", None, TRACEPARENT) as call:
        assert (call.correlation_id, call.traceparent) == (TRACE, TRACEPARENT)
    with calling("cli", "mine", TRACEPARENT) as call:
        assert (call.correlation_id, call.traceparent) == ("mine", TRACEPARENT)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        TRACEPARENT + "\n",
        TRACEPARENT.upper(),
    ],
)
def test_a_malformed_trace_counts_as_none(given: str) -> None:
    with calling("cli", None, given) as call:
        assert call.traceparent == ""
        assert call.correlation_id != TRACE


def test_an_operation_belongs_to_its_call_and_has_an_id_of_its_own() -> None:
    with calling("cli", "call-1"):
        with within("first") as first:
            assert call_context() is first
        with within("second") as second:
            pass
    assert first.correlation_id == second.correlation_id == "call-1"
    assert first.operation_id != second.operation_id
    with within("alone") as alone:
        assert alone.correlation_id
    assert call_context().correlation_id == ""


def test_tasks_and_threads_keep_the_call() -> None:
    async def task() -> str:
        await asyncio.sleep(0)
        return await asyncio.to_thread(lambda: call_context().correlation_id)

    async def both() -> list[str]:
        found = []
        for name in ("one", "two"):
            with calling("mcp", name):
                found.append(asyncio.create_task(task()))
        return [await each for each in found]

    assert asyncio.run(both()) == ["one", "two"]
    seen: list[str] = []

    def look() -> None:
        seen.append(call_context().actor)

    with calling("cli", "call-1"):
        thread = threading.Thread(target=copy_context().run, args=(look,))
    thread.start()
    thread.join()
    assert seen == ["cli"]


def test_a_child_process_works_for_the_same_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDE_CORRELATION_ID", raising=False)
    monkeypatch.delenv("TRACEPARENT", raising=False)
    with calling("cli", "call-1", TRACEPARENT):
        told = child_environment()
    assert (told["CDE_CORRELATION_ID"], told["TRACEPARENT"]) == ("call-1", TRACEPARENT)
    assert "CDE_CORRELATION_ID" not in child_environment()


def test_the_environment_names_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDE_CORRELATION_ID", "from-outside")
    monkeypatch.setenv("TRACEPARENT", TRACEPARENT)
    with calling("cli") as call:
        assert (call.correlation_id, call.traceparent) == ("from-outside", TRACEPARENT)
    monkeypatch.setenv("CDE_CORRELATION_ID", "not one word")
    with calling("cli") as call:
        assert call.correlation_id == TRACE


def test_a_call_with_an_id_of_its_own_names_the_one_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CDE_CORRELATION_ID", "from-outside")
    with calling("mcp", "own") as call:
        assert (call.correlation_id, call.parent_correlation_id) == ("own", "from-outside")
    with calling("mcp", None, TRACEPARENT) as call:
        assert (call.correlation_id, call.parent_correlation_id) == (TRACE, "from-outside")
    with calling("mcp") as call:
        assert (call.correlation_id, call.parent_correlation_id) == ("from-outside", "")


def test_what_an_operation_logs_outside_of_any_call_marks_no_other_one() -> None:
    with offering(frozenset({"cde_listFeatures"})), within("list_features") as context:
        context.logged.set()
        assert context.tools == frozenset({"cde_listFeatures"})
        assert context.correlation_id

    assert not call_context().logged.is_set()
