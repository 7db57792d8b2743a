"""Where an operation spends its time, and what it writes, so that a bottleneck has a name.

The time of a span inside another one counts for the inner one alone: together they never make
more than the whole.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from dataclasses import field
from time import perf_counter, thread_time
from typing import Any

from cde_orchestrator.domain.value import Value

# macOS reports bytes, everybody else kilobytes.
_RSS_UNITS_PER_MB = 1024 * 1024 if sys.platform == "darwin" else 1024

LOCK_WAIT = "lock_wait"
LOAD = "load"
DOMAIN = "domain"
JOURNAL = "journal"
CHECKPOINT = "checkpoint"
CHECK = "check"
AGENT = "agent"
SERVER = "server"
GIT = "git"
PROMPT = "prompt"
WORKFLOW = "workflow"
FILES = "files"
INSPECT = "inspect"
PROOF = "proof"
TESTS = "tests"
OTHER = "other"
BYTES_WRITTEN = "bytes_written"
UPKEEP_REFUSED = "upkeep_refused"
NOT_OWN = frozenset({AGENT, CHECK, PROOF, SERVER, TESTS})
"""What takes as long as other programs take: the project's own, and a server that starts."""


def _max_rss_mb() -> float:
    """The greatest memory that the process had so far, as far as the system reports."""
    if sys.platform == "win32":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS_UNITS_PER_MB


class Recorder(Value, frozen=False):
    """What one operation used.

    Attributes:
        seconds: by the span's name, in the order in which they were entered first.
        counts: whatever was counted, as ``bytes_written``.
        others_seconds: in spans of ``NOT_OWN``, with all that is inside of them.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    others_seconds: float = 0.0
    _cpu_began: float = field(default_factory=thread_time)
    _rss_began: float = field(default_factory=_max_rss_mb)

    def spans(self) -> dict[str, float]:
        """Milliseconds by the span's name."""
        return {name: round(seconds * 1000, 3) for name, seconds in self.seconds.items()}

    def usage(self) -> dict[str, Any]:
        """What the operation used so far, as its log line has it.

        ``max_rss_mb`` is what the process's greatest memory grew by; ``cpu_ms`` is that of the
        thread that the operation runs in.
        """
        return {
            "cpu_ms": round((thread_time() - self._cpu_began) * 1000, 3),
            "max_rss_mb": round(_max_rss_mb() - self._rss_began, 3),
            "bytes_written": self.counts.get(BYTES_WRITTEN, 0),
            "lock_wait_ms": round(self.seconds.get(LOCK_WAIT, 0.0) * 1000, 3),
        }


_recorder: ContextVar[Recorder | None] = ContextVar("cde_recorder", default=None)
_open: ContextVar[span | None] = ContextVar("cde_span", default=None)


@contextmanager
def recording() -> Iterator[Recorder]:
    """Collect the spans and counts of what runs inside, in any thread that carries the call."""
    recorder = Recorder()
    token = _recorder.set(recorder)
    outer = _open.set(None)
    try:
        yield recorder
    finally:
        _open.reset(outer)
        _recorder.reset(token)


class span(ContextDecorator):  # noqa: N801 - used as a word: ``with span("load"):``
    """A named stretch of an operation's time; nothing is measured outside of one."""

    __slots__ = ("_began", "_inner", "_is_own", "_name", "_outer", "_recorder", "_token")

    _is_own: bool

    def __init__(self, name: str) -> None:
        self._name = name

    def _recreate_cm(self) -> span:
        return span(self._name)

    def __enter__(self) -> None:
        self._recorder = _recorder.get()
        if self._recorder is None:
            return
        self._recorder.seconds.setdefault(self._name, 0.0)
        self._inner = 0.0
        self._outer = _open.get()
        self._is_own = self._name not in NOT_OWN and (self._outer is None or self._outer._is_own)
        self._token: Token[span | None] = _open.set(self)
        self._began = perf_counter()

    def __exit__(self, *_: object) -> None:
        if self._recorder is None:
            return
        taken = perf_counter() - self._began
        _open.reset(self._token)
        if self._outer is not None:
            self._outer._inner += taken
        if not self._is_own and (self._outer is None or self._outer._is_own):
            self._recorder.others_seconds += taken
        self._recorder.seconds[self._name] += max(taken - self._inner, 0.0)


def bottleneck(spans: Mapping[str, float], duration_ms: float) -> str:
    """The span that took most of the time; ``other`` when most lies outside of all of them."""
    rest = duration_ms - sum(spans.values())
    worst = max(spans, key=lambda name: spans[name], default=OTHER)
    return worst if spans.get(worst, 0.0) >= rest else OTHER


def count(name: str, amount: int) -> None:
    """Add to what the running operation counts."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.counts[name] = recorder.counts.get(name, 0) + amount
