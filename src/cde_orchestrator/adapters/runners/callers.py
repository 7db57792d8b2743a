"""Who calls, known by the call's own context, and which processes of this machine run."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

from cde_orchestrator.application.ports.runs import Where
from cde_orchestrator.domain.approval import Channel, Person
from cde_orchestrator.domain.briefings import Briefings
from cde_orchestrator.domain.lease import (
    CLIENT,
    COMMAND_LINE,
    LIBRARY,
    PERSON,
    Caller,
    Process,
    name_commands,
)
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.system.project_home import local_folder
from cde_orchestrator.infrastructure.trust.person import (
    agent_at_work,
    agent_session,
    user_name,
)

UNNAMED = frozenset({COMMAND_LINE, LIBRARY})
"""Callers that are no agents unless they name one: people's commands, programs in Python."""
PLACE_LIMIT = 100
"""Characters of what a channel says of where."""
_NUMBERS = Path("/proc/self/ns/pid")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class ProcessCallers:
    """Takes the client's name from the call and this process for the client's.

    A server on standard input and output ends with its client, so its process identifies the
    client's. A command ends at once: it claims only for an agent that is named, by time. Where
    the state is ``shared``, kept elsewhere, every checkout is one project.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared
        self.briefings = Briefings()

    def caller(self, root: Path, agent: str | None) -> Caller:
        """Who calls now, with the name that the call gives the agent."""
        context = call_context()
        client = context.actor
        is_agents = client == LIBRARY or client.startswith("mcp")
        is_person = client.startswith(PERSON)
        program, session = agent_session() if client == COMMAND_LINE else ("", "")
        return Caller(
            client=client.removeprefix(CLIENT),
            agent=agent,
            process=None if client == COMMAND_LINE or is_person else current_process(),
            place="" if self._shared else _place(root),
            anonymous=(client in UNNAMED or is_person) and agent is None,
            answers=client == LIBRARY and agent_at_work() is None,
            channel="mcp" if is_agents else "shell",
            connection=context.connection if is_agents else name_commands(agent or "", session),
            program="" if agent else program,
            tools=context.tools,
        )

    def person(self, channel: Channel, place: str) -> Person:
        """The user whose process this is, as the operating system knows them."""
        return Person(
            user=user_name(), host=socket.gethostname(), channel=channel, place=place[:PLACE_LIMIT]
        )

    def runs(self, process: Process) -> bool:
        """Whether the process runs; true of one on another machine, which cannot be seen."""
        machine, _, start = process.started.rpartition(":")
        boot, _, numbers = machine.partition(":")
        if not boot:  # no /proc there
            return process.host != socket.gethostname() or _started(process.pid) == process.started
        own_boot, _, own_numbers = _machine().partition(":")
        # Earlier releases left the name space of the numbers out.
        if boot != own_boot or (numbers and numbers != own_numbers):
            return True
        return _started(process.pid) == f"{_machine()}:{start}"


def current_process() -> Process:
    """This process."""
    return _process(os.getpid())


def is_own(process: Process) -> bool:
    """Whether it is a process of this machine that runs, and of the user of this one."""
    if whereabouts(process) != "here" or process.pid <= 1:
        return False
    import psutil

    try:
        return psutil.Process(process.pid).username() == psutil.Process().username()
    except psutil.Error:
        return False


def whereabouts(process: Process) -> Where:
    """Where a process runs whose run is kept on this machine."""
    if process.host != socket.gethostname():
        return "elsewhere"
    if type(process.pid) is not int or not process.started:
        return "gone"
    return "here" if _started(process.pid) == process.started else "gone"


def _machine() -> str:
    """What no other machine has, nor a container of this one, whatever they are called.

    The boot, and the name space in which processes have their numbers. Empty without /proc.
    """
    try:
        return _machine_of(os.getpid())
    except OSError:
        return ""


@cache
def _machine_of(_own_pid: int) -> str:
    return f"{_BOOT_ID.read_text().strip()}:{_NUMBERS.stat().st_ino}"


@cache
def _process(pid: int) -> Process:
    return Process(pid, _started(pid) or "", socket.gethostname())


def _started(pid: int) -> str | None:
    """When a process started, in words no other of its number has; None: gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        # The name in parentheses may hold anything; the state and the start follow it.
        rest = fields.rpartition(")")[2].split()
        return None if rest[0] in {"Z", "X"} else f"{_machine()}:{rest[19]}"
    except (OSError, IndexError) as error:
        gone = isinstance(error, (FileNotFoundError, ProcessLookupError))
        if gone and Path("/proc/self/stat").exists():
            return None
    return _started_elsewhere(pid)


def _started_elsewhere(pid: int) -> str | None:  # pragma: no cover - machines without /proc
    import psutil

    try:
        process = psutil.Process(pid)
        gone = process.status() == psutil.STATUS_ZOMBIE
        return None if gone else f"{process.create_time():.1f}"
    except psutil.Error:
        return None


def _place(root: Path) -> str:
    """Distinguishes the project from a copy of it."""
    try:
        return str(local_folder(root).stat().st_ino)
    except OSError:
        return ""
