"""What stands in a log may have been written by anybody; on a screen it stays a word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cde_orchestrator.application.logs.read_logs import ListSlowOperations, ReadLogs
from cde_orchestrator.application.logs.trace_call import TraceCall
from cde_orchestrator.cli.views.log import call_tree, log_lines, slow_operations, tell_entry
from tests.fakes import World
from tests.unit.cli.views.test_views import FILE, SCREEN, seen

EVIL = "a\x1b[2Jb\x9b31mc\u202ed\r\x07\x00e"
FORBIDDEN = "\x1b\x9b\u202e\r\x07\x00"


@pytest.fixture
def hostile(world: World) -> World:
    named: Any = {EVIL: EVIL, "nested": {EVIL: [EVIL]}}
    call = {"correlation_id": f"call-1{EVIL}", "operation": EVIL, "operation_id": EVIL, **named}
    about = {**call, "feature": EVIL, "phase_id": EVIL}
    world.logs.add("operation_started", 1, actor=EVIL, **about)
    world.logs.add(EVIL, 2, level="error", exception=[{"type": EVIL, "message": EVIL}], **about)
    world.logs.add(
        "operation_failed",
        3,
        outcome=EVIL,
        error_code=EVIL,
        duration_ms=20_000.0,
        spans={EVIL: 19_000.0},
        **about,
    )
    return world


@pytest.mark.parametrize("look", [SCREEN, FILE], ids=["terminal", "file"])
def test_no_character_of_the_log_moves_a_terminal(hostile: World, look: Any) -> None:
    shown = [
        seen(log_lines(hostile.run(ReadLogs()), look), width=4_000),
        seen(call_tree(hostile.run(TraceCall(correlation_id="call-1")), look), width=4_000),
        seen(slow_operations(hostile.run(ListSlowOperations()), look), width=4_000),
    ]
    for text in shown:
        assert not set(text) & set(FORBIDDEN)
        assert "[2J" in text
    assert len(shown[0].splitlines()) == 4  # three events, and one's cause


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_followed_does_not_either(
    hostile: World, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    for entry in hostile.run(ReadLogs())["entries"]:
        tell_entry(entry, as_json=as_json)
    told = capsys.readouterr().out
    assert not set(told) & set(FORBIDDEN)
    if as_json:
        assert [json.loads(line)["operation"] for line in told.splitlines()] == [EVIL] * 3
