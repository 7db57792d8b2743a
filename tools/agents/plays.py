"""What is played with each program, and what has to come of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import psutil

from cde_orchestrator.domain.built_in_agents import BUILT_IN_AGENTS
from tools.agents.conversation import Call, Conversation, Result
from tools.agents.model import Fault, Script, ScriptedModel
from tools.agents.player import (
    FEATURE,
    FIRST_OUTPUT,
    OPENING,
    POOR,
    TESTED,
    UNWILLING,
    careless,
    honest,
    is_refusal,
    lazy,
    prompts,
    testing,
    unwilling,
)
from tools.agents.programs import Program
from tools.agents.tool_calls import offered
from tools.agents.world import CDE, Ended, World, world

PHASES = ("reproduce", "fix", "verify")
MAX_ATTEMPTS = 3
ENDING_SECONDS = 30
_ASKED = re.compile(r"requires? approval|requested permissions|haven't granted", re.IGNORECASE)


@dataclass(frozen=True)
class Stage:
    """Where a play takes place; by ``variables`` the program finds the model, and nothing else."""

    program: Program
    world: World
    model: ScriptedModel
    variables: Mapping[str, str]
    relief: Program | None = None

    def start(self, *words: str) -> Ended:
        """Let the program work at the feature, and be its model."""
        command = [self.program.command, *self.program.words, *words]
        variables = {**self.variables, **self.program.asked}
        return self.world.run(*command, stdin=OPENING, variables=variables)

    def run(self, *words: str) -> Ended:
        """Let the product run the program as its agent."""
        programs = filter(None, (self.program, self.relief))
        agents = [each.agent for each in programs]
        self.world.cde("agents", "trust", *agents, "--yes")
        command = [str(CDE), "run", FEATURE, "--agent", ",".join(agents), *words]
        return self.world.run(*command, variables=self.variables)

    @cached_property
    def phases(self) -> list[dict[str, Any]]:
        """The feature's phases in the end, as its status has them."""
        found: list[dict[str, Any]] = self.world.status()["phases"]
        return found

    def completed(self) -> list[str]:
        """The phases that are completed."""
        return [each["id"] for each in self.phases if each["status"] == "completed"]

    def conversations(self) -> list[Conversation]:
        """What the model was asked, in order."""
        return [each.conversation for each in self.model.requests]

    def gates(self) -> set[str]:
        """The paths in the gates that the model was shown."""
        read = [prompt for each in self.conversations() for prompt in prompts(each)]
        return {path for prompt in read for path in prompt.outputs}

    def read(self) -> list[str]:
        """What tools gave the model to read."""
        parts = (part for each in self.conversations() for part in each.parts)
        return [part.text for part in parts if isinstance(part, Result)]


Problems: TypeAlias = Iterator[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A script of the model's, and what has to come of it.

    Attributes:
        channel: ``mcp``, ``hooks`` or ``run``.
        act: plays it; yields what is wrong.
        fault: of the model.
        faults: how many of the first requests it meets; all when None.
        needs_relief: whether another program, whose model is well, takes over.
    """

    name: str
    channel: str
    script: Script
    act: Callable[[Stage], Problems]
    fault: Fault | None = None
    faults: int | None = None
    needs_relief: bool = False

    def is_for(self, program: Program, relief: Program | None) -> bool:
        """Whether the program has the channel, and the relief that is needed."""
        has_hooks = program.hooks is not None
        is_possible = {"mcp": program.is_client, "hooks": has_hooks}.get(self.channel, True)
        is_relieved = relief is not None and _reports_events(program)
        return is_possible and (is_relieved or not self.needs_relief)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a play: a line of the table."""

    program: Program
    play: Play
    phases: int
    seconds: float
    problems: list[str]


def perform(program: Program, play: Play, relief: Program | None) -> Outcome:
    """Play it in a new world.

    Raises:
        NotInstalledError: the program cannot be installed.
    """
    model, well = ScriptedModel(play.script, play.fault, play.faults), ScriptedModel(honest)
    relief = relief if play.needs_relief else None
    folders = [*program.folders(), *(relief.folders() if relief else ())]
    with world(folders, program.definition) as place, model, well:
        model.kill = place.kill
        proxy = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), model.url)
        variables = {**proxy, "NO_PROXY": "127.0.0.1", **program.prepare(place, model.url)}
        variables |= relief.prepare(place, well.url) if relief else {}
        stage = Stage(program, place, model, variables, relief)
        begun = time.monotonic()
        problems = [*play.act(stage), *_never(stage)]
        seconds = time.monotonic() - begun
        return Outcome(program, play, len(stage.completed()), seconds, problems)


def _over_mcp(stage: Stage) -> Problems:
    stage.world.cde("connect", stage.program.name, "--yes")
    yield from _is_completed(stage, stage.start())
    first = next((each for each in stage.conversations() if each.tools), None)
    try:
        if first is not None:
            offered(first, "cde_submitWork", {})
    except LookupError as error:
        yield f"in the first request, {error}"


def _refused_over_mcp(stage: Stage) -> Problems:
    yield from _over_mcp(stage)
    if not any(map(_has_poor_work, stage.conversations())):
        yield "no poor work was submitted"


def _by_hooks(stage: Stage) -> Problems:
    stage.world.cde("connect", stage.program.name, "--yes", "--hooks")
    ended = stage.start(*(stage.program.hooks or ()))
    yield from _is_completed(stage, ended)
    first = next((each for each in stage.conversations() if each.tools), None)
    if first is None or not [*prompts(first)]:
        yield "the session did not begin with the prompt of its phase"
    if not any("accepted as an output of phase reproduce" in text for text in stage.read()):
        yield "the edit of a recorded output was not refused by a hook"


def _run(stage: Stage) -> Problems:
    ended = stage.run()
    yield from _is_completed(stage, ended)
    yield from _attempts(stage, 1, 1, 1)


def _run_tested(stage: Stage) -> Problems:
    yield from _run(stage)
    phases = {path for each in stage.conversations() for path in _tested_in(each)}
    if phases != stage.gates():
        yield f"its own test command was not run where {sorted(stage.gates() - phases)} is written"


def _tested_in(conversation: Conversation) -> set[str]:
    """The outputs of phases in which the tests were seen to run."""
    is_seen = any(TESTED in part.text for part in conversation.parts if isinstance(part, Result))
    return {path for each in prompts(conversation) for path in each.outputs} if is_seen else set()


def _run_refused(stage: Stage) -> Problems:
    yield from _is_completed(stage, stage.run())
    yield from _attempts(stage, 2, 1, 1)
    refused = [each for each in stage.conversations() if any(map(is_refusal, each.read()))]
    if not refused or (_reports_events(stage.program) and not all(map(_has_poor_work, refused))):
        yield "a refusal did not go back into the same session"


def _run_relieved(stage: Stage) -> Problems:
    ended = stage.run()
    if ended.code != 0 or len(stage.completed()) < len(PHASES):
        yield f"it ended with {ended.code}: {_end(ended.output)}"
    yield from _attempts(stage, 1, 1, 1)
    if stage.gates() != {FIRST_OUTPUT}:
        yield f"the overloaded model was asked for {', '.join(sorted(stage.gates()))}"


def _run_crashed(stage: Stage) -> Problems:
    ended = stage.run()
    yield from _is_completed(stage, ended)
    yield from _attempts(stage, 2, 1, 1)


def _run_without_key(stage: Stage) -> Problems:
    yield from _is_given_up(stage, stage.run(), "E942")
    yield from _attempts(stage, 1)


def _run_unwilling(stage: Stage) -> Problems:
    ended = stage.run()
    yield from _is_given_up(stage, ended, "E908")
    report = ended.output.partition("E908")[2] if _reports_events(stage.program) else ended.output
    if UNWILLING not in report:
        yield f"the agent's last words are not shown: {_end(ended.output)}"
    if len(stage.model.requests) < MAX_ATTEMPTS:
        yield f"it was asked {len(stage.model.requests)} times"


def _run_silent(stage: Stage) -> Problems:
    yield from _is_given_up(stage, stage.run("--timeout", "3"), "E907")


def _is_completed(stage: Stage, ended: Ended) -> Problems:
    if ended.code != 0:
        yield f"it ended with {ended.code}: {_end(ended.output)}"
    if missing := [phase for phase in PHASES if phase not in stage.completed()]:
        yield f"not completed: {', '.join(missing)}; {_end(ended.output)}"
    for output in ("reproduction", "fix", "verification"):
        if f"specs/{FEATURE}/{output}.md" not in stage.gates():
            yield f"the model was not shown the gate for {output}"


def _is_given_up(stage: Stage, ended: Ended, code: str) -> Problems:
    if ended.code != 1 or code not in ended.output:
        yield f"it ended with {ended.code} and without {code}: {_end(ended.output)}"
    if completed := stage.completed():
        yield f"completed: {', '.join(completed)}"


def _attempts(stage: Stage, *expected: int) -> Problems:
    found = [each["attempts"] for each in stage.phases if each["started_at"]]
    if found != [*expected]:
        yield f"attempts are {found}"


def _reports_events(program: Program) -> bool:
    """Whether the product reads its events, and so knows its sessions and its retries."""
    known = BUILT_IN_AGENTS.get(program.agent)
    return known is not None and known.output != "text"


def _has_poor_work(conversation: Conversation) -> bool:
    """Whether the poor work is part of it, and not only what was said of it."""
    calls = (part for part in conversation.parts if isinstance(part, Call))
    return any(POOR.strip() in str(call.arguments) for call in calls)


def _never(stage: Stage) -> Problems:
    """What must not be, whatever is played."""
    if found := next(filter(None, map(_ASKED.search, stage.read())), None):
        yield f"a tool was not allowed: {_end(found.string[: found.end() + 80])}"
    _, left = psutil.wait_procs(stage.world.left(), timeout=ENDING_SECONDS)
    for process in left:
        with suppress(psutil.Error):
            yield f"it left running: {process.cmdline()}"


def _end(text: str) -> str:
    return " ".join(text.split())[-400:]


PLAYS = (
    Play(name="honest", channel="mcp", script=honest, act=_over_mcp),
    Play(name="careless", channel="mcp", script=careless, act=_refused_over_mcp),
    Play(name="lazy", channel="hooks", script=lazy, act=_by_hooks),
    Play(name="honest", channel="run", script=honest, act=_run),
    Play(name="tests", channel="run", script=testing, act=_run_tested),
    Play(name="careless", channel="run", script=careless, act=_run_refused),
    Play(name="unwilling", channel="run", script=unwilling, act=_run_unwilling),
    Play(name="rate limit", channel="run", script=honest, act=_run, fault="rate limit", faults=1),
    Play(
        name="overloaded",
        channel="run",
        script=honest,
        act=_run_relieved,
        fault="overloaded",
        needs_relief=True,
    ),
    Play(name="wrong key", channel="run", script=honest, act=_run_without_key, fault="wrong key"),
    Play(name="crash", channel="run", script=honest, act=_run_crashed, fault="crash", faults=1),
    Play(name="silence", channel="run", script=honest, act=_run_silent, fault="silence"),
)
