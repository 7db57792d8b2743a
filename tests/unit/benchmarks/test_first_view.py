"""What a page's scripts take, as a browser's trace has it; and a browser that is not there."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import first_view, results
from benchmarks import page as pages

MAIN, OTHER = {"pid": 7, "tid": 1}, {"pid": 7, "tid": 2}
NAMED = [
    {**MAIN, "name": "thread_name", "ts": 0, "args": {"name": "CrRendererMain"}},
    {**OTHER, "name": "thread_name", "ts": 0, "args": {"name": "ThreadPoolForegroundWorker"}},
]


def event(name: str, begin_us: int, lasts_us: int, **more: Any) -> dict[str, Any]:
    """An event of a trace."""
    return {**MAIN, "name": name, "ts": begin_us, "dur": lasts_us, **more}


def test_a_script_inside_of_another_is_counted_once() -> None:
    inside = [event("v8.compile", 1_000, 500), event("FunctionCall", 1_500, 2_000)]

    assert first_view.script_ms([*NAMED, *inside, event("EvaluateScript", 1_000, 3_000)]) == 3.0


def test_the_processors_time_is_counted_and_not_what_waited() -> None:
    waited = event("RunMicrotasks", 1_000, 9_000, tdur=2_000)

    assert first_view.script_ms([waited, event("FunctionCall", 10_000, 1_000), *NAMED]) == 3.0


def test_what_is_no_script_of_the_page_is_left_out() -> None:
    others = [
        event("Layout", 1_000, 500),
        event("FunctionCall", 2_000, 500, **OTHER),
        {**MAIN, "name": "RunMicrotasks", "ts": 3_000},
    ]

    assert first_view.script_ms([*NAMED, *others]) == 0.0


def test_a_browser_that_is_not_there_is_told_and_has_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_view, "PROGRAMS", ("no-such-browser",))

    (figure,) = first_view.measure()

    assert (figure.missing, figure.value) == ("there is no no-such-browser", None)
    machine = {**results.about_machine(), "load_after": 0.0}
    text = pages.page(results.content([figure], machine, {}))
    assert "| not measured: there is no no-such-browser |" in text
