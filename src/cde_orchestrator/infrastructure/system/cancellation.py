"""Ends what runs for a call when whoever called cancels it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class CallCancelledError(BaseException):
    """The call was cancelled while a program ran for it: no error that anybody handles."""


class Cancellation:
    """Whether a call was cancelled, and what runs for it."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._stops: list[Callable[[], None]] = []
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether the call was cancelled."""
        return self._is_cancelled

    def cancel(self) -> bool:
        """Stop what runs, and whatever is started from now on; whether anything ran."""
        with self._changing:
            self._is_cancelled = True
            stops = [*self._stops]
        for stop in stops:
            stop()
        return bool(stops)

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call ``stop`` where the call is cancelled meanwhile.

        Raises:
            CallCancelledError: it was, before or meanwhile.
        """
        with self._changing:
            self._stops.append(stop)
        try:
            self._require_wanted()
            yield
        finally:
            with self._changing:
                self._stops.remove(stop)
        self._require_wanted()

    def _require_wanted(self) -> None:
        if self._is_cancelled:
            raise CallCancelledError


_present: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


@contextmanager
def cancellable() -> Iterator[Cancellation]:
    """A call that may be cancelled, for all that runs in this context and its copies."""
    token = _present.set(cancellation := Cancellation())
    try:
        yield cancellation
    finally:
        _present.reset(token)


def present_cancellation() -> Cancellation:
    """That of the present call; of none, one that nobody cancels."""
    return _present.get() or Cancellation()
