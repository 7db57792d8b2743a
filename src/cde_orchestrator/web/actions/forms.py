"""Forms that are given out to a person's browser: each is answered once, and not for ever."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

FORMS_KEPT = 4_096
FORM_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class _Form:
    """A form that was given out: to whom, what for, and what it showed."""

    session: str
    subject: str
    digest: str
    until: float


@dataclass(slots=True)
class Forms:
    """Forms that may be answered, each once; the newest are kept."""

    clock: Callable[[], float] = time.monotonic
    _given: OrderedDict[str, _Form] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def give(self, session: str, subject: str, digest: str) -> str:
        """The word of a new form."""
        word = secrets.token_urlsafe(24)
        with self._lock:
            until = self.clock() + FORM_SECONDS
            self._given[word] = _Form(session, subject, digest, until)
            while len(self._given) > FORMS_KEPT:
                self._given.popitem(last=False)
        return word

    def take(self, word: str, session: str, subject: str) -> str | None:
        """The digest of what the form showed; None where it may not be answered, or not again."""
        with self._lock:
            form = self._given.pop(word, None)
        if form is None or form.until < self.clock():
            return None
        same = secrets.compare_digest(form.session.encode(), session.encode())
        return form.digest if same and form.subject == subject else None
