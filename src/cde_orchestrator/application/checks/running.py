"""A check, or tests, that run for a submission just now, as others see them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TypedDict

from cde_orchestrator.domain.errors.template import plain


class RunningView(TypedDict):
    """What runs for a phase: since when, ISO 8601, for whom, and the last line printed."""

    phase: str
    since: str
    by: str
    line: str


def running_words(running: RunningView) -> str:
    """What runs, in a sentence."""
    return f"A check runs for phase {plain(running['phase'])}, {course_words(running)}"


def course_words(running: RunningView | None) -> str:
    """Since when it runs, for whom, and what it printed last."""
    if running is None:
        return "since a moment ago"
    line = f"; its last line: {plain(running['line'])}" if running["line"] else ""
    return f"since {plain(running['since'])}, for {plain(running['by'])}{line}"


def announce(command: Sequence[str], watch: Callable[[str], None] | None) -> None:
    """Say which check it is whose lines follow."""
    if watch is not None:
        watch(f"$ {shlex.join(command)}\n")


def to_both(
    first: Callable[[str], None], second: Callable[[str], None] | None
) -> Callable[[str], None]:
    """What gives each of them what is printed."""

    def watch(text: str) -> None:
        first(text)
        if second is not None:
            second(text)

    return watch
