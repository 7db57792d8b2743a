from __future__ import annotations

import json
import logging
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.subject import name_subject, naming_subject
from cde_orchestrator.infrastructure.observability.correlation import calling, within
from cde_orchestrator.infrastructure.observability.logs.render import (
    LONGEST_LINE,
    OWN,
    json_line,
    people_line,
)

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from('\n\r\t\0\x0b\x0c\x1b\x1c\x1d\x1e\x7f\x85\u2028\u2029\u202e\ud800"\\{}'),
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | HOSTILE | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=8,
)


def record_of(event: str = "event", message: str | None = None, **own: Any) -> logging.LogRecord:
    record = logging.LogRecord("a.logger", logging.INFO, "", 0, message or event, None, None)
    setattr(record, OWN, {"event": event, **own})
    return record


def logged(**own: Any) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(json_line(record_of(**own)))
    return line


@given(HOSTILE, HOSTILE, VALUES)
def test_whatever_the_data_an_event_is_one_line(message: str, name: str, value: Any) -> None:
    record = record_of(message=message)
    setattr(record, OWN, {"event": message, name: value, "timestamp": value})
    line = json_line(record)

    assert line.splitlines() == [line]
    assert {unicodedata.category(each) for each in line}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    decoded = json.loads(line)
    assert decoded["logger"] == "a.logger"
    assert isinstance(decoded["event"], str)


@given(HOSTILE, VALUES)
def test_whatever_the_data_people_read_one_line(name: str, value: Any) -> None:
    line = people_line(record_of(**{"event": "event", f"x{name}": value}), colours=False)
    assert line.isprintable()


@pytest.mark.parametrize(
    ("own", "shown"),
    [
        ({"password": "hunter2"}, {"password": "[redacted]"}),
        ({"headers": {"Authorization": "Basic abc"}}, {"headers": {"Authorization": "[redacted]"}}),
        ({"api_key": 12345}, {"api_key": "[redacted]"}),
        ({"note": "token=abc123"}, {"note": "token=[redacted]"}),
        ({"url": "https://me:pw@host/x"}, {"url": "https://[redacted]@host/x"}),
        ({"prompt_length": 7, "monkey": "banana"}, {"prompt_length": 7, "monkey": "banana"}),
    ],
)
def test_secrets_do_not_reach_a_line(own: dict[str, Any], shown: dict[str, Any]) -> None:
    line = logged(**own)
    assert {name: line[name] for name in shown} == shown


def test_a_secret_in_the_message_of_a_library_does_not_reach_a_line() -> None:
    record = logging.LogRecord("lib", 20, "", 0, "sent %s", ("Bearer abcdef123456",), None)
    assert json.loads(json_line(record))["event"] == "sent Bearer [redacted]"


def test_names_of_the_line_itself_cannot_be_taken() -> None:
    line = logged(level="critical", pid="1", timestamp="yesterday")
    assert (line["level"], line["level_"], line["pid_"]) == ("info", "critical", "1")
    assert line["timestamp"] != "yesterday"


def test_a_line_says_which_call_and_what_it_is_about() -> None:
    with calling("cli", "call-1"), naming_subject():
        name_subject(feature="login", feature_id="f-1", project_id="p-1")
        line = logged(project_id="p-2")
    assert line["correlation_id"] == "call-1"
    assert (line["feature"], line["feature_id"], line["project_id"]) == ("login", "f-1", "p-2")
    assert "correlation_id" not in logged()


def test_a_huge_event_is_cut() -> None:
    line = json_line(record_of(text="x" * 1_000_000, nested=[{"y": "z" * 50_000}], number=1))
    assert len(line) < LONGEST_LINE
    decoded = json.loads(line)
    assert decoded["text"].endswith("[cut]")
    assert decoded["number"] == 1


class Spiteful:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_cannot_be_logged_is_named() -> None:
    assert logged(value=Spiteful())["unloggable"]
    assert logged(value=Path("/x"))["value"] == "/x"
    mistaken = logging.LogRecord("lib", 20, "", 0, "%d things", ("no number",), None)
    assert json.loads(json_line(mistaken))["event"] == "%d things"


def test_a_stack_is_logged_where_it_was_asked_for() -> None:
    record = record_of()
    record.stack_info = "Stack (most recent call last):\n  here"
    assert json.loads(json_line(record))["stack"].startswith("Stack")


def test_the_operation_is_the_one_that_runs_and_an_event_s_own_word_is_a_step_of_it() -> None:
    with within("close_feature"):
        line = logged(operation="close")
        same = logged(operation="close_feature")
    assert (line["operation"], line["step"]) == ("close_feature", "close")
    assert (same["operation"], "step" in same) == ("close_feature", False)
    assert logged(operation="close")["operation"] == "close"
