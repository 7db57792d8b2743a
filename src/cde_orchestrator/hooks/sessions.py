"""Which open feature a client's session is about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.hooks import Event
from cde_orchestrator.hooks.open_work import OpenFeature, OpenWork

_WRAPPERS = frozenset({"sh", "bash", "dash", "zsh", "env", "uv", "uvx"})
"""Programs that clients start servers through."""
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Subject:
    """What a session is about.

    Attributes:
        feature: the feature in question; None where that is not certain.
        is_held: whether the session is kept at work on it: no other agent has it.
    """

    feature: OpenFeature | None = None
    is_held: bool = False


def subject_of(work: OpenWork, event: Event) -> Subject:
    """The feature that the session claimed, else the only one that is open.

    The only one counts for the session itself, not for its subagents, and is none of its
    business while another agent has it.
    """
    agents = {event.agent} if event.moment == "subagent_stop" else {event.session, event.agent}
    agents -= {""}
    named = [each for each in work.features if each.claim.get("agent") in agents]
    if not named and event.moment != "subagent_stop":
        own = {each.pid for each in _ancestors(os.getpid())}
        named = [each for each in work.features if _client_of(each) in own]
    if named:
        return Subject(named[0], is_held=True) if len(named) == 1 else Subject()
    if len(work.features) != 1 or event.moment == "subagent_stop":
        return Subject()
    feature = work.features[0]
    return Subject(feature, is_held=not _is_claimed(feature))


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
    """The process that started the server through which the feature was claimed."""
    process = feature.claim.get("process")
    if not process:
        return None
    server = _process(process["pid"])
    if server is None or server.started != str(process["started"]).rpartition(":")[2]:
        return None  # it ended, and another one has its number
    above = _ancestors(server.parent)
    return next((each.pid for each in above if each.name not in _WRAPPERS), None)


@dataclass(frozen=True, slots=True)
class _Process:
    """A process that runs, as the system describes it."""

    pid: int
    name: str
    parent: int
    started: str


def _ancestors(pid: int) -> Iterator[_Process]:
    """The process, its parent and so on; the first of all processes is nobody's client."""
    for _ in range(_DEEPEST):
        process = _process(pid) if pid > 1 else None
        if process is None:
            return
        yield process
        pid = process.parent


def _process(pid: int) -> _Process | None:
    """None where there is none of that number, nor any ``/proc``."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    before, _, after = text.rpartition(")")
    rest = after.split()
    return _Process(pid, before.partition("(")[2], int(rest[1]), rest[19])
