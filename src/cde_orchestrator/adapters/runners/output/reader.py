"""Reads what an agent's program prints, line by line, before anything of it is cut."""

from __future__ import annotations

import json
import re
import signal
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

from cde_orchestrator.domain.agent_run import DENIED_KEPT, WORDS_LIMIT, AgentReport
from cde_orchestrator.domain.secrets import without_secrets

LINE = 300
"""Characters of a line that is made of an event."""
SESSION_LIMIT = 500
"""Characters of a session's name."""
RETRIES_WATCHED = 3
"""Retries of a busy model that are waited for where another agent could go on."""
RETRIES_REFUSED = 2
"""Refusals of a key after which there is no sense in another one; the first may be a renewal."""
_LAST_LINES = 8
"""Lines of an unknown program that may say why it ended."""

_BUSY = re.compile(
    r"\b(429|529)\b|rate.?limit|too many requests|overloaded|RESOURCE_EXHAUSTED|usage limit"
    r"|quota exceeded",
    re.IGNORECASE,
)
_UNUSABLE = re.compile(
    r"\b401\b|unauthori[sz]ed|authentication.(error|failed)|invalid (x-)?api.key|missing api key"
    r"|missing environment variable: .?\w+_(key|token)|no authentication information"
    r"|not logged in|/login\b|log ?in again|trusted directory|set an auth method",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"(?:retry|try again|resets?)\D{0,12}?(\d+(?:\.\d+)?) ?(ms|s|sec\w*|m|min\w*|h|hours?)\b",
    re.IGNORECASE,
)
_AT = re.compile(r"limit reached\|(\d{10})\b")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a program ends without having tried: the model is busy, or it cannot work here.

    Attributes:
        wait_seconds: how long to wait, as far as it was said.
    """

    kind: Literal["busy", "unusable"]
    reason: str
    wait_seconds: float | None = None


class Reader:
    """Lines for people; of a program nobody knows, that is what it prints.

    Args:
        folder: where the agent works.
        before: what the session had used when this run began.
    """

    def __init__(self, folder: Path, before: AgentReport | None = None) -> None:
        self.report = AgentReport()
        self.problem: Problem | None = None
        self.retries = {"busy": 0, "unusable": 0}
        self._folder = f"{folder}/"
        self._before = before or AgentReport()
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def lines(self, line: str) -> list[str]:
        """What is shown of a line that the program printed."""
        self._last.append(line)
        self.said(line)
        return [line]

    def end(self) -> list[str]:
        """What is still to be shown."""
        return []

    @contextmanager
    def opened(self) -> Iterator[IO[bytes] | None]:
        """What the program reads, where more than its prompt is said to it."""
        yield None

    def begin(self, stop: Callable[[], None]) -> None:
        """The program runs, and ``stop`` ends it."""

    def goodbye(self) -> None:
        """The program is about to be ended."""

    def errors(self, line: str) -> None:
        """A line of standard error, where that is read apart."""

    def exit_problem(self, code: int) -> Problem | None:
        """Why the program ended with this code without having tried, if that is so."""
        for line in self._last if code else ():
            self.note_problem(line)
        return self.problem if code else None

    def failure(self, code: int) -> str:
        """Why the program that ended with this code did not do its work; empty where it did."""
        ended = f"it was ended by signal {code - 128}"
        killed = ended if 128 < code < 128 + signal.NSIG else f"its exit code is {code}"
        return killed if code else ""

    def gives_up(self, *, others: bool) -> bool:
        """Whether there is no sense in waiting for the program's own end, or its own retries."""
        refused = self.retries["unusable"] >= RETRIES_REFUSED
        return refused or (others and self.retries["busy"] >= RETRIES_WATCHED)

    def continues(self, session: str) -> None:
        """The session can be continued by this name, if it can be kept."""
        if 0 < len(session) <= SESSION_LIMIT and session.isprintable():
            self.report = replace(self.report, session=session)

    def said(self, words: str) -> None:
        """Keep the agent's last words."""
        if text := one_line(words, WORDS_LIMIT):
            self.report = replace(self.report, words=text)

    def denied(self, what: str) -> None:
        """Keep what the agent was not allowed."""
        denied = tuple(dict.fromkeys((*self.report.denied, what)))
        self.report = replace(self.report, denied=denied[-DENIED_KEPT:])

    def note_problem(self, words: str, status: object = None) -> None:
        """Keep why the model did not answer, where the words or the status say it."""
        text = words if status is None else f"{status} {words}"
        kind: Literal["busy", "unusable"]
        if _UNUSABLE.search(text) or status in {401, 403}:
            kind = "unusable"
        elif _BUSY.search(text) or status == 503:
            kind = "busy"
        else:
            return
        self.problem = Problem(kind, one_line(words, LINE), wait_in(words))

    def note_retry(self, words: str, status: object = None) -> None:
        """The same of what the program tries again by itself."""
        self.note_problem(words, status)
        if self.problem is not None:
            self.retries[self.problem.kind] += 1

    def short(self, words: object) -> str:
        """One line, with paths as they are within the folder."""
        return one_line(str(words).replace(self._folder, ""), LINE)

    def command(self, words: str) -> str:
        """The first line of a command: the others are mostly the text of a file."""
        first, _, more = words.strip().partition("\n")
        return self.short(f"{first} …" if more else first)


class EventReader(Reader, ABC):
    """Reads events, one JSON object a line; what is none is shown unless it is noise."""

    noise: re.Pattern[str] | None = None

    def lines(self, line: str) -> list[str]:
        """What is shown of an event, or of any other line."""
        event = _object(line)
        if event is None:
            if self.noise is not None and self.noise.search(line):
                return []
            self.stray(line)
            return [self.short(line)]
        return [text for text in self.event(event) if text]

    def stray(self, line: str) -> None:
        """A line that is no event: mostly an error's."""
        self.note_problem(line)

    @abstractmethod
    def event(self, event: Mapping[str, Any]) -> list[str]:
        """What is shown of an event."""

    def call_words(self, name: object, arguments: object) -> str:
        """The use of a tool, with its most telling argument."""
        if isinstance(arguments, Mapping):
            for key in ("file_path", "path", "command", "pattern", "url", "query", "description"):
                if isinstance(arguments.get(key), str):
                    return self.command(f"{name} {arguments[key]}")
        return self.short(name)


def member(value: object, *names: str) -> Any:
    """A member of nested objects; None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def members(value: object, *names: str) -> list[Mapping[str, Any]]:
    """The objects of a list that is a member."""
    found = member(value, *names)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def text(value: object) -> str:
    """A text; empty where it is something else."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A number of things; 0 where it is something else."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return min(max(int(str(value)), 0), 10**12) if is_number else 0


def one_line(words: str, limit: int) -> str:
    """The text in one line, without secrets, not too long, and such as can be stored."""
    begin = words[: limit * 20].encode(errors="replace").decode()
    line = " ".join(without_secrets(begin, strict=True).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def wait_in(words: str) -> float | None:
    """How long to wait, as a refusal says it; None where it does not."""
    if at := _AT.search(words):
        return max(float(at[1]) - time.time(), 0.0)
    found = _LATER.search(words)
    if found is None:
        return None
    unit = found[2].lower()
    return float(found[1]) * _SECONDS["ms" if unit == "ms" else unit[0]]


def _object(line: str) -> Mapping[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("type"), str) else None
