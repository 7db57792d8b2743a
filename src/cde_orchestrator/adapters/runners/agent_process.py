"""Starts agents by their commands, each behind a circuit breaker of its own."""

from __future__ import annotations

import fnmatch
import os
import re
import secrets
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cde_orchestrator.application.ports.agents import (
    AgentProbe,
    AgentTrialReply,
    Assignment,
    OnLine,
)
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import AgentError, CDESystemError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.secrets import SecretLines
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
from cde_orchestrator.infrastructure.system.project_home import local_folder
from cde_orchestrator.infrastructure.system.retry import retrying
from cde_orchestrator.infrastructure.system.spans import AGENT, span
from cde_orchestrator.infrastructure.trust.judge import VARIABLE as FOLDERS

log = get_logger(__name__)

VERSION_SECONDS = 15.0
TRIAL_SECONDS = 180.0
_VERSION = re.compile(r"(?<![\w./-])v?\d+\.\d+")
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
        self._stopped = False
        self._mutex = threading.Lock()

    def definitions(self) -> Mapping[str, Agent]:
        """The agents by name, the project's own first; E314 when one is not valid."""
        return load_agents(self._root)

    @span(AGENT)
    def run(self, agent: Agent, assignment: Assignment, on_line: OnLine) -> None:
        """Run the agent once; raises E903, E905 to E907 or E911 as the port says."""
        describe_agent(agent.name)
        breaker = self._breakers.get(agent.breaker, failures=AgentError)
        breaker.call(self._run, agent, assignment, on_line)

    def probe(self, agent: Agent, *, ask_version: bool) -> AgentProbe:
        """Whether the agent's program is found, and what it says of its version."""
        found = programs.found(agent.command[0]) is not None
        return {
            "name": agent.name,
            "source": agent.source,
            "command": [*agent.command],
            "prompt": agent.prompt,
            "timeout_seconds": agent.timeout_seconds,
            "found": found,
            "version": self._version(agent) if found and ask_version else None,
            "breaker": self._breakers.get(agent.breaker, failures=AgentError).state,
        }

    @contextmanager
    def lock_run(self, feature_id: str, feature: str) -> Iterator[None]:
        """Hold the lock of the feature's runs; E909 when another process has it."""
        folder = local_folder(self._root) / RUNS
        with translate_os_errors(folder):
            make_own_folder(folder)
            lock = ProcessLock(folder / f"{feature_id}.lock", 0.0)
            descriptor = lock.attempt()
        if descriptor is None:
            raise CDESystemError.of("E909", feature=feature, holder=lock.holder())
        lock.sign(descriptor)
        try:
            yield
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
            self._stopped = True
            for process in self._running:
                process.stop()

    def _run(self, agent: Agent, assignment: Assignment, on_line: OnLine) -> None:
        bound = log.bind(agent=agent.name)
        last: deque[str] = deque(maxlen=1)
        lines = SecretLines()
        seconds = assignment.timeout_seconds or agent.timeout_seconds

        def line_came(line: str) -> None:
            line = lines.clean(line)
            last.append(line)
            bound.info("agent_output", line=line)
            on_line(line)

        bound.info("agent_started", command=list(agent.command), timeout_seconds=seconds)
        ending = self._watched(agent, assignment, line_came, seconds)
        code = ending.exit_code
        bound.info("agent_ended", cause=ending.cause, exit_code=code)
        if ending.cause == "stop":
            raise CDESystemError.of("E911", agent=agent.name)
        if ending.cause == "timeout":
            raise AgentError.of("E907", agent=agent.name, timeout_seconds=round(seconds, 3))
        if code:
            ended = f"it was ended by signal {code - 128}"
            raise AgentError.of(
                "E906",
                agent=agent.name,
                reason=ended if code > 128 else f"its exit code is {code}",
                exit_code=code,
                last_line=last[0] if last else "none",
            )

    def _watched(
        self, agent: Agent, assignment: Assignment, on_line: OnLine, seconds: float
    ) -> supervised.Ending:
        with self._prompt(agent, assignment) as (arguments, stdin):
            program = programs.found(agent.command[0])
            if program is None:
                reason = f"the command {agent.command[0]} is not on PATH"
                raise AgentError.of("E905", agent=agent.name, reason=reason)

            def once() -> supervised.Ending:
                process = supervised.SupervisedProcess(
                    [program, *arguments[1:]],
                    folder=assignment.folder,
                    environment={**_visible_to(agent), **assignment.labels},
                    stdin=stdin,
                )
                with self._stoppable(process):
                    lines = supervised.OutputLines(on_line)
                    ending = process.watch(lines.add, seconds)
                    lines.end()
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
            if self._stopped:
                process.stop()
        try:
            yield
        finally:
            with self._mutex:
                self._running.discard(process)

    @contextmanager
    def _prompt(
        self, agent: Agent, assignment: Assignment
    ) -> Iterator[tuple[list[str], IO[bytes] | None]]:
        """The arguments and the standard input that carry the prompt."""
        data = assignment.prompt.encode()
        if agent.prompt == "stdin":
            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.seek(0)
                yield agent.arguments(""), file
            return
        # In the folder that the agent works in: it may be kept from reading elsewhere.
        path = assignment.folder / FOLDER / RUNS / f"prompt-{secrets.token_hex(6)}.md"
        try:
            with translate_os_errors(path):
                make_own_folder(path.parent)
                with open_new(path) as file:
                    file.write(data)
            yield agent.arguments(str(path)), None
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


def _visible_to(agent: Agent) -> dict[str, str]:
    """The variables that the agent may see."""
    patterns = (*USUAL_VARIABLES, *agent.environment)
    visible = {
        name: value
        for name, value in os.environ.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }
    return {**visible, **call_environment()}
