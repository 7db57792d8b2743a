"""Starts agents by their commands, each behind a circuit breaker of its own."""

from __future__ import annotations

import fnmatch
import os
import re
import secrets
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from cde_orchestrator.adapters.runners.output.forms import reader_of
from cde_orchestrator.adapters.runners.output.reader import Reader
from cde_orchestrator.adapters.runners.run_notes import noted, notes_folder, run_lock
from cde_orchestrator.application.ports.agents import (
    AgentProbe,
    AgentTrialReply,
    Assignment,
    OnLine,
)
from cde_orchestrator.application.ports.runs import Note
from cde_orchestrator.domain.agent import ACP, Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import AgentError, AgentUnavailableError, CDESystemError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.secrets import SecretLines
from cde_orchestrator.infrastructure.breakers.breaker import CircuitBreaker
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.correlation import call_environment
from cde_orchestrator.infrastructure.observability.tracing import describe_agent
from cde_orchestrator.infrastructure.paths import FOLDER, RUNS
from cde_orchestrator.infrastructure.settings.agent_tables import load_agents
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system import supervised_process as supervised
from cde_orchestrator.infrastructure.system.file_ops import (
    make_own_folder,
    open_new,
    unlink,
)
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.infrastructure.system.retry import retrying
from cde_orchestrator.infrastructure.system.spans import AGENT, span
from cde_orchestrator.infrastructure.trust.judge import VARIABLE as FOLDERS

log = get_logger(__name__)

VERSION_SECONDS = 15.0
TRIAL_SECONDS = 180.0
EVENT_BYTES = 8 * 1024 * 1024
"""Bytes of an event: it holds what a tool returned, as a whole file."""
_VERSION = re.compile(r"(?<![\w./-])v?\d+\.\d+")
_CONTROL_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_TRIAL_LINES = 20
_TRIAL_FILE = "cde-agent-test.txt"
_TRIAL = (
    f"Write a file named {_TRIAL_FILE} in the current folder. Its only content is the word: ready\n"
    "Do nothing else, then end.\n"
)
# What programs need to find themselves, their settings and the network; nothing secret.
USUAL_VARIABLES = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM"),
    *("TMPDIR", "TEMP", "TMP", "XDG_*", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SYSTEMROOT", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE"),
    # Where the person trusts folders, so that the agent's own commands do as well.
    FOLDERS,
    # Where traces go, so that those of the agent's own commands and servers go there too.
    *("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_*_ENDPOINT", "OTEL_*_PROTOCOL"),
)


class CommandLineAgents:
    """The agents of one project, run as programs on this machine."""

    def __init__(self, root: Path, breakers: BreakerRegistry) -> None:
        self._root = root
        self._breakers = breakers
        self._running: set[supervised.SupervisedProcess] = set()
        self._stopped = threading.Event()
        self._mutex = threading.Lock()

    def definitions(self) -> Mapping[str, Agent]:
        """The agents by name, the project's own first; E314 when one is not valid."""
        return load_agents(self._root)

    @span(AGENT)
    def run(self, agent: Agent, assignment: Assignment, on_line: OnLine) -> AgentReport:
        """Run the agent once; raises E903, E905 to E907, E911, E939 or E942 as the port says."""
        describe_agent(agent.name)
        return self._breaker(agent).call(self._run, agent, assignment, on_line)

    def is_installed(self, agent: Agent) -> bool:
        """Whether its program is found."""
        return programs.found(agent.command[0]) is not None

    def wait(self, seconds: float, agent: str) -> None:
        """Wait; raises E911 when the run is stopped."""
        if self._stopped.wait(seconds):
            raise CDESystemError.of("E911", agent=agent)

    def _breaker(self, agent: Agent) -> CircuitBreaker:
        # A busy model says nothing of the program.
        ignored = (AgentUnavailableError,)
        return self._breakers.get(agent.breaker, failures=AgentError, ignored=ignored)

    def probe(self, agent: Agent, *, ask_version: bool) -> AgentProbe:
        """Whether the agent's program is found, and what it says of its version."""
        found = self.is_installed(agent)
        return {
            "name": agent.name,
            "source": agent.source,
            "command": [*agent.command],
            "prompt": agent.prompt,
            "timeout_seconds": agent.timeout_seconds,
            "found": found,
            "version": self._version(agent) if found and ask_version else None,
            "breaker": self._breaker(agent).state,
        }

    @contextmanager
    def lock_run(self, feature_id: str, feature: str) -> Iterator[Note]:
        """Hold the lock of the feature's runs; E909 when another process has it."""
        path = run_lock(self._root, feature_id)
        with translate_os_errors(path.parent):
            make_own_folder(path.parent)
            lock = ProcessLock(path, 0.0)
            descriptor = lock.attempt()
        if descriptor is None:
            raise CDESystemError.of("E909", feature=feature, holder=lock.holder())
        lock.sign(descriptor)
        try:
            with noted(notes_folder(self._root), feature_id) as note:
                yield note
        finally:
            os.close(descriptor)

    def try_out(self, agent: Agent) -> AgentTrialReply:
        """Let the agent write one word to a file; raises as ``run``."""
        watch, lines = Stopwatch(), deque[str](maxlen=_TRIAL_LINES)
        with tempfile.TemporaryDirectory(prefix="cde-agent-") as name:
            folder = Path(name).resolve()
            seconds = min(TRIAL_SECONDS, agent.timeout_seconds)
            trial = Assignment(prompt=_TRIAL, folder=folder, timeout_seconds=seconds, labels={})
            self.run(agent, trial, lines.append)
            wrote = (folder / _TRIAL_FILE).is_file()
        return {
            "name": agent.name,
            "wrote_file": wrote,
            "duration_ms": watch.elapsed_ms,
            "last_lines": [*lines],
        }

    def stop(self) -> None:
        """End the agents that are running, and those that would be started from now on."""
        with self._mutex:
            self._stopped.set()
            for process in self._running:
                process.stop()

    def _run(self, agent: Agent, assignment: Assignment, on_line: OnLine) -> AgentReport:
        bound = log.bind(agent=agent.name)
        reader = _reader(agent, assignment)
        clear = SecretLines()
        seconds = assignment.timeout_seconds or agent.timeout_seconds

        def show(lines: Iterable[str]) -> None:
            for line in map(clear.clean, lines):
                bound.info("agent_output", line=line)
                on_line(line)

        bound.info("agent_started", command=list(agent.command), timeout_seconds=seconds)
        ending = self._watched(agent, assignment, reader, show, seconds)
        show(reader.end())
        bound.info("agent_ended", cause=ending.cause, exit_code=ending.exit_code)
        return self._judged(agent, assignment, ending, reader, seconds)

    def _judged(
        self,
        agent: Agent,
        assignment: Assignment,
        ending: supervised.Ending,
        reader: Reader,
        seconds: float,
    ) -> AgentReport:
        """What the program reported, if it did its work."""
        code, report = ending.exit_code, reader.report
        if ending.cause == "timeout":
            error = AgentError.of("E907", agent=agent.name, timeout_seconds=round(seconds, 3))
            raise error.reporting(report)
        is_given_up = reader.gives_up(others=assignment.others)
        if ending.cause == "stop" and (self._stopped.is_set() or not is_given_up):
            raise CDESystemError.of("E911", agent=agent.name)
        if problem := reader.exit_problem(code or 1 if ending.cause == "stop" else code):
            busy = problem.kind == "busy"
            facts = {"wait_seconds": problem.wait_seconds} if busy else {}
            unavailable = AgentUnavailableError.of(
                "E939" if busy else "E942",
                agent=agent.name,
                reason=problem.reason.rstrip("."),
                **facts,
            )
            raise unavailable.reporting(report)
        if reason := reader.failure(code):
            report = reader.report
            last_line = report.words or "none"
            failed = AgentError.of(
                "E906", agent=agent.name, reason=reason, exit_code=code, last_line=last_line
            )
            raise failed.reporting(report)
        return report

    def _watched(
        self,
        agent: Agent,
        assignment: Assignment,
        reader: Reader,
        show: Callable[[Iterable[str]], None],
        seconds: float,
    ) -> supervised.Ending:
        with self._prompt(agent, assignment, reader) as (arguments, stdin):
            program = programs.found(agent.command[0])
            if program is None:
                reason = f"the command {agent.command[0]} is not on PATH"
                raise AgentError.of("E905", agent=agent.name, reason=reason)
            longest = supervised.LINE_LIMIT if agent.output == "text" else EVENT_BYTES
            speaks, clear = agent.output == ACP, SecretLines()

            def once() -> supervised.Ending:
                if self._stopped.is_set():  # a quick program would be done before it is ended
                    raise CDESystemError.of("E911", agent=agent.name)
                process = supervised.SupervisedProcess(
                    [program, *arguments[1:]],
                    folder=assignment.folder,
                    environment={**_visible_to(agent), **assignment.labels},
                    stdin=stdin,
                    goodbye=reader.goodbye if speaks else None,
                    errors_apart=speaks,
                )

                def line_came(line: str) -> None:
                    show(reader.lines(_CONTROL_SEQUENCES.sub("", line)))
                    if reader.gives_up(others=assignment.others):
                        process.stop()

                def error_came(line: str) -> None:
                    reader.errors(_CONTROL_SEQUENCES.sub("", line))
                    log.info("agent_output", agent=agent.name, line=clear.clean(line))

                with self._stoppable(process):
                    reader.begin(process.stop)
                    lines = supervised.OutputLines(line_came, longest)
                    errors = supervised.OutputLines(error_came)
                    ending = process.watch(lines.add, seconds, errors.add)
                    lines.end()
                    errors.end()
                    return ending

            try:
                return retrying(once, "start_agent", supervised.may_start_later)
            except supervised.NotStartedError as error:
                reason = error.strerror or str(error)
                raise AgentError.of("E905", agent=agent.name, reason=reason) from error

    @contextmanager
    def _stoppable(self, process: supervised.SupervisedProcess) -> Iterator[None]:
        with self._mutex:
            self._running.add(process)
            if self._stopped.is_set():
                process.stop()
        try:
            yield
        finally:
            with self._mutex:
                self._running.discard(process)

    @contextmanager
    def _prompt(
        self, agent: Agent, assignment: Assignment, reader: Reader
    ) -> Iterator[tuple[list[str], IO[bytes] | None]]:
        """The arguments and the standard input that carry the prompt."""
        data = assignment.prompt.encode()
        fill = partial(
            agent.arguments,
            session=assignment.session.session if assignment.session else "",
            commands=assignment.commands,
        )
        if agent.output == ACP:
            with reader.opened() as stdin:
                yield fill(), stdin
            return
        if agent.prompt == "stdin":
            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.seek(0)
                yield fill(), file
            return
        # In the folder that the agent works in: it may be kept from reading elsewhere.
        path = assignment.folder / FOLDER / RUNS / f"prompt-{secrets.token_hex(6)}.md"
        try:
            with translate_os_errors(path):
                make_own_folder(path.parent)
                with open_new(path) as file:
                    file.write(data)
            yield fill(str(path)), None
        finally:
            with suppress(OSError):
                unlink(path)

    def _version(self, agent: Agent) -> str | None:
        if not agent.version:
            return None
        said: list[str] = []
        lines = supervised.OutputLines(
            lambda line: said.append(line.strip()) if len(said) < 20 else None
        )
        try:
            ending: object = supervised.SupervisedProcess(
                agent.version, folder=self._root, environment=_visible_to(agent)
            ).watch(lines.add, VERSION_SECONDS)
            lines.end()
        except supervised.NotStartedError as error:
            ending = error
        if ending != supervised.Ending(0, "exit"):
            log.info("agent_version_unknown", agent=agent.name, reason=str(ending))
            return None
        # Some warn of this and that before they say it.
        return next(filter(_VERSION.search, said), said[0])[:60] if said else None


def _reader(agent: Agent, assignment: Assignment) -> Reader:
    """What reads the agent's output in this run."""
    if agent.output != ACP:
        return reader_of(agent, assignment.folder, assignment.session)
    from cde_orchestrator.adapters.runners.protocol.conversation import Conversation

    return Conversation(agent.name, assignment)


def _visible_to(agent: Agent) -> dict[str, str]:
    """The variables that the agent may see."""
    patterns = (*USUAL_VARIABLES, *agent.environment)
    visible = {
        name: value
        for name, value in os.environ.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }
    return {**visible, "NO_COLOR": "1", **call_environment()}
