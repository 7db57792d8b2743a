"""Which open feature a client's session is about, and whether the session claimed it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.hooks import Event
from cde_orchestrator.domain.value import Value
from cde_orchestrator.hooks.open_work import OpenFeature, OpenWork

_WRAPPERS = frozenset(
    {"ash", "bash", "dash", "env", "fish", "ksh", "nice", "sh", "timeout", "uv", "uvx", "zsh"}
)
"""Programs that clients start servers and hooks through."""
_OVER_HTTP = frozenset({"http", "--transport=http"})
"""What is among the words of a server that any client can connect to."""
_DEEPEST = 64


class Subject(Value):
    """What a session is about.

    Attributes:
        feature: the feature in question; None where that is not certain.
        claimed_by: whose its phase is, as far as the session is concerned.
    """

    feature: OpenFeature | None = None
    claimed_by: Literal["session", "another", "nobody"] = "nobody"


def subject_of(work: OpenWork, event: Event) -> Subject:
    """The feature that the session claimed last, else the only one that is open.

    A subagent has what was claimed in its own name, and nothing else.
    """
    is_subagent = event.moment == "subagent_stop"
    names = {event.agent} if is_subagent else {event.session, event.agent}
    names -= {""}
    own = [each for each in work.features if each.claim.get("agent") in names]
    if not is_subagent:
        own += _claimed_in(work, event.session)
    if own:
        return Subject(max(own, key=_claimed_at), "session")
    if len(work.features) != 1 or is_subagent:
        return Subject()
    feature = work.features[0]
    return Subject(feature, "another" if _is_claimed(feature) else "nobody")


def _claimed_in(work: OpenWork, session: str) -> Iterator[OpenFeature]:
    """What was claimed through the server of the session's client, or by the session's commands."""
    is_claimed = any(each.claim for each in work.features)
    client = _client_above(os.getppid()) if is_claimed else None
    for feature in work.features:
        if (client and _client_of(feature) == client) or _is_given(feature, session):
            yield feature


def _is_given(feature: OpenFeature, session: str) -> bool:
    """Whether a command that the session called was given the present phase."""
    given = feature.given
    if not given or not session:
        return False
    from cde_orchestrator.domain.lease import name_commands

    names = {name_commands(agent, session) for agent in ("", feature.claim.get("agent", ""))}
    return any(given == each or given.startswith(f"{each} ") for each in names)


def _claimed_at(feature: OpenFeature) -> str:
    """When the feature was claimed last, as it is stored."""
    return str(feature.claim.get("until") or feature.record.get("started_at") or "")


def _is_claimed(feature: OpenFeature) -> bool:
    """Whether a lease on the feature is in force, of a session that is not this one."""
    claim = feature.claim
    if not claim or datetime.fromisoformat(claim["until"]) <= utc_now():
        return False
    from cde_orchestrator.adapters.runners.callers import ProcessCallers
    from cde_orchestrator.domain.lease import Process

    process = claim.get("process")
    return process is None or ProcessCallers().runs(Process(**process))


def _client_of(feature: OpenFeature) -> int | None:
    """The client that started the server through which the feature was claimed.

    None where the server is anybody's: who called it over HTTP, no process says.
    """
    process = feature.claim.get("process")
    if not process:
        return None
    server = _process(process["pid"])
    if server is None or server.started != str(process["started"]).rpartition(":")[2]:
        return None  # it ended, and another one has its number
    return None if _OVER_HTTP & {*server.words} else _client_above(server.parent)


def _client_above(pid: int) -> int | None:
    """The nearest program, from a process upwards, that does more than to start another.

    No other one above it counts: an agent that another one started is not that one.
    """
    above = (each.pid for each in _ancestors(pid) if each.name not in _WRAPPERS)
    return next(above, None)


class _Process(Value):
    """A process that runs, as the system describes it."""

    pid: int
    name: str
    parent: int
    started: str
    words: tuple[str, ...] = ()


def _ancestors(pid: int) -> Iterator[_Process]:
    """The process, its parent and so on; the first of all processes is nobody's client."""
    for _ in range(_DEEPEST):
        process = _process(pid) if pid > 1 else None
        if process is None:
            return
        yield process
        pid = process.parent


def _process(pid: int) -> _Process | None:
    """None where there is none of that number."""
    of_system = Path("/proc", str(pid))
    try:
        text = (of_system / "stat").read_text(encoding="utf-8", errors="replace")
        words = (of_system / "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None if Path("/proc/self/stat").exists() else _process_elsewhere(pid)
    before, _, after = text.rpartition(")")
    rest = after.split()
    name = before.partition("(")[2]
    return _Process(pid, name, int(rest[1]), rest[19], (*words.split("\0"),))


def _process_elsewhere(pid: int) -> _Process | None:
    """The same on machines without ``/proc``."""
    import psutil

    try:
        found = psutil.Process(pid)
        started, words = f"{found.create_time():.1f}", (*found.cmdline(),)
        return _Process(pid, found.name(), found.ppid(), started, words)
    except psutil.Error:
        return None
