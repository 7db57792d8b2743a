"""A run while it runs, and when it has ended."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from cde_orchestrator.application.features.get_feature_status import AssignmentReply
from cde_orchestrator.application.proof_views import proof_remarks
from cde_orchestrator.application.remarks import submit_remarks
from cde_orchestrator.application.runs.observer import PhaseRun, RunObserver, RunReply
from cde_orchestrator.application.runs.run_features import RunsReply
from cde_orchestrator.application.usage_views import denied_words, used_words
from cde_orchestrator.application.views import SentBackView, SubmitReply
from cde_orchestrator.cli.console.asking import answered_yes
from cde_orchestrator.cli.console.layout import done, next_steps, note, spaced
from cde_orchestrator.cli.console.output import is_terminal, show
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command
from cde_orchestrator.cli.views.feature import ending
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.trust.person import terminal_problem

ANSWER_SECONDS = 120.0
"""How long a person may take to answer what an agent asks; it waits meanwhile."""
_LAST_LINES = 8
FIRST_SHOWN, LAST_SHOWN = 300, 200
"""Lines of an attempt that are shown where no terminal is: the first ones and the last ones."""


class PlainDisplay(RunObserver):
    """One line after the other on standard error, for files and logs.

    Args:
        prefix: stands before each line, to tell several features apart.
    """

    _indent = "  "

    def __init__(self, prefix: str = "") -> None:
        self._prefix = clean(prefix)
        self._count = 0
        self._held: deque[str] = deque(maxlen=LAST_SHOWN)

    def phase_started(self, assignment: AssignmentReply) -> None:
        """Name the feature, the phase and its place."""
        named = "" if self._prefix else clean(assignment["feature"]["name"]) + ": "
        self._say(Text(named + place(assignment), style="bold"))

    def attempt_started(self, attempt: int, last: int, agent: Agent) -> None:
        """Name the agent and the attempt."""
        self._say(Text(f"  attempt {attempt} of {last}: {clean(agent.name)}"))

    def line(self, line: str) -> None:
        """Pass the line on; of very many only the first ones and, in the end, the last ones."""
        self._count += 1
        if self._count <= FIRST_SHOWN:
            self._pass_on(line)
            return
        self._held.append(line)
        if self._count % (10 * FIRST_SHOWN) == 0:
            self._pass_on(f"... {counted(self._count, 'line', spec=',')} so far")

    def _pass_on(self, line: str) -> None:
        self._say(Text(f"  | {clean(line)}", style="dim"))

    def _end_lines(self) -> None:
        """Show the last lines that were held back, and how many are left out."""
        omitted = self._count - FIRST_SHOWN - len(self._held)
        if omitted > 0:
            left = counted(omitted, "line is", "lines are", spec=",")
            self._pass_on(f"... {left} left out here; the log has them")
        for line in self._held:
            self._pass_on(line)
        self._count = 0
        self._held.clear()

    def agent_ended(self, report: AgentReport) -> None:
        """Say what it used, and what it was not allowed."""
        self._end_lines()
        if words := used_words(report):
            self._say(Text(f"  {words}", style="dim"))
        if words := denied_words(report):
            self._say(Text.assemble(self._indent, note(words[:1].upper() + words[1:])))

    def agent_failed(self, error: CDEError) -> None:
        """Say why."""
        self._end_lines()
        self._say(Text(f"{self._indent}✗ {error.code} {clean(error.message)}", style="red"))

    def dropped(self, agent: Agent, error: CDEError) -> None:
        """Say that the agent is not used any more."""
        self._end_lines()
        words = f"{clean(agent.name)} is not used in this run: {error.code} {clean(error.message)}"
        self._say(Text.assemble(self._indent, note(words)))

    def waits(self, agent: Agent, seconds: float) -> None:
        """Say for whom, and how long."""
        words = f"{clean(agent.name)} is busy; the run continues in {_clock(seconds)}"
        self._say(Text.assemble(self._indent, note(words)))

    def completed_meanwhile(self, phases: list[PhaseRun]) -> None:
        """Name the phases."""
        for each in phases:
            self._say(done(clean(each["id"]), " was completed meanwhile"))

    def refused(self, error: CDEError) -> None:
        """Say what the gate said."""
        self._end_lines()
        words = f"{self._indent}✗ refused: {error.code} {clean(error.message)}"
        self._say(Text(words, style="yellow"))

    def accepted(self, reply: SubmitReply) -> None:
        """Name the phase."""
        self._end_lines()
        self._say(done(clean(reply["accepted"]["id"]), " accepted"))
        for each in (*proof_remarks(reply), *submit_remarks(reply)):
            self._say(Text.assemble(self._indent, note(each)))

    def sent_back(self, sent: SentBackView) -> None:
        """Say where to, and what was found."""
        to = f"back to {sent['to']}" if sent["to"] else "no attempt is left"
        words = f"{self._indent}↺ {clean(sent['phase'])} says {clean(sent['verdict'])}: {clean(to)}"
        self._say(Text(words, style="yellow"))

    def _say(self, text: Text) -> None:
        show(Text.assemble((self._prefix, "cyan"), text), on_stderr=True)


class LiveDisplay(PlainDisplay):
    """The phase that is worked on, the times, the last lines and what is to come, redrawn.

    What ends an attempt stays above them. Where a person reads it, they are asked in its place.
    """

    _indent = ""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live
        self._heading = ""
        self._attempt = ""
        self._later: list[str] = []
        self._began = self._run_began = time.monotonic()
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        if terminal_problem([sys.stdin, sys.stderr]) is None:
            self.ask = self._ask

    def _ask(self, question: str) -> bool:
        """Ask the person for this once; who does not answer in time says no."""
        self._live.stop()
        try:
            return answered_yes(f"{clean(question)}. Allow it this once?", ANSWER_SECONDS)
        finally:
            self._live.start()

    def __rich__(self) -> RenderableType:
        """What stands at the terminal's bottom now."""
        now = time.monotonic()
        head = Text.assemble(
            ("● ", "yellow"),
            (self._heading, "bold"),
            (f"  {self._attempt}{_clock(now - self._began)}", "dim"),
            (f"  {_clock(now - self._run_began)} in total", "dim"),
        )
        lines = [
            Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis")
            for line in self._lines
        ]
        if self._later:
            lines.append(Text(f"○ then {', '.join(self._later)}", style="dim"))
        return Group(head, *lines)

    def phase_started(self, assignment: AssignmentReply) -> None:
        """Show the phase, and what follows."""
        self._heading = f"{clean(assignment['feature']['name'])}: {place(assignment)}"
        self._later = [clean(each) for each in assignment["phases"][assignment["number"] :]]
        self._begin("")

    def attempt_started(self, attempt: int, last: int, agent: Agent) -> None:
        """Show the attempt, and begin to count the time."""
        self._begin(f"attempt {attempt} of {last}, {clean(agent.name)}  ")

    def _begin(self, attempt: str) -> None:
        self._attempt, self._began = attempt, time.monotonic()
        self._lines.clear()

    def line(self, line: str) -> None:
        """Show it with the ones before."""
        self._lines.append(clean(line))

    def _end_lines(self) -> None:
        """Nothing was held back."""

    def _say(self, text: Text) -> None:
        self._live.console.print(text)


@contextmanager
def display(as_json: bool) -> Iterator[RunObserver]:
    """What shows a run: live on a terminal, lines elsewhere, nothing next to JSON."""
    if as_json:
        yield RunObserver()
    elif not is_terminal(sys.stderr):
        yield PlainDisplay()
    else:
        with Live(console=Console(stderr=True), transient=True, refresh_per_second=4) as live:
            shown = LiveDisplay(live)
            live.update(shown)
            yield shown


def place(assignment: AssignmentReply) -> str:
    """The phase, and its place among the phases."""
    phase = assignment["phase"]
    name = clean(phase["id"]) if phase else "-"
    return f"{name} ({assignment['number']}/{assignment['total']})"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def run_ended(reply: RunReply, look: RenderTarget) -> RenderableType:
    """Where the feature stands, and how to go on."""
    feature, phase = reply["feature"], reply["phase"]
    lines = [
        done((clean(each["id"]), "bold"), f"  {_how(each)}", (f"  {_who(each)}", "dim"))
        for each in reply["phases"]
    ]
    done_so_far = Group(*lines) if lines else None
    if phase is None and reply["outcome"] == "waits_for_person":
        given_up = note(f"{feature['name']} waits for a person: no further attempt is allowed")
        resume = command(look, "resume", feature["name"])
        look_at = command(look, "status", feature["name"], "--full")
        steps = [(look_at, "what was found wanting"), (resume, "allow further attempts")]
        return spaced(done_so_far, given_up, next_steps(steps))
    if phase is None:
        return spaced(done_so_far, *ending(reply, look))
    waits = note(f"{feature['name']} waits for a person: {phase['id']}")
    steps = [
        (command(look, "approve", feature["name"]), "see what waits, and decide"),
        (command(look, "status", feature["name"], "--prompt"), "what the person has to do"),
        (
            command(look, "run", feature["name"], "--approve", "--agent", "NAME"),
            "decide here, then continue with agents",
        ),
    ]
    return spaced(done_so_far, waits, next_steps(steps))


def _how(phase: PhaseRun) -> str:
    if phase["agent"] is None:
        return "approved"
    return "meanwhile" if "meanwhile" in phase else f"attempt {phase['attempts']}"


def _who(phase: PhaseRun) -> str:
    words = clean(phase["usage"]["words"]) if "usage" in phase else ""
    return "  ".join(filter(None, (clean(phase["agent"] or ""), words)))


def run_cut_short(meant: str, agents: str, look: RenderTarget) -> RenderableType:
    """How to go on after Ctrl-C or SIGTERM; ``meant`` is the feature, or ``--all``."""
    step = command(look, "run", meant, "--agent", agents)
    return spaced(note("Stopped; nothing is lost."), next_steps([(step, "continue from here")]))


def runs_ended(reply: RunsReply, look: RenderTarget) -> RenderableType:
    """What became of each feature."""
    lines: list[RenderableType] = []
    for run in reply["runs"]:
        name, error = clean(run["feature"]), run["error"]
        if error is not None:
            words = f"✗ {name}: {clean(error['message'])} {error['code']}"
            lines.append(Text(words, style="red"))
        elif run["outcome"] == "waits_for_person":
            lines.append(note(f"{name} waits for a person"))
        else:
            lines.append(done((name, "bold"), f" is {run['outcome']}"))
        if run["folder"]:
            lines.append(Text(f"  in {clean(run['folder'])}", style="dim"))
    return Group(*lines) if lines else Text("No open features.")
