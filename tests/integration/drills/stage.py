"""The stage of a drill: a project, a real server with a real client, the real command line."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from mcp.client.client import Client
from mcp.client.session import ElicitationFnT
from mcp.shared.exceptions import MCPError

from cde_orchestrator.adapters.repositories.filesystem import FolderStore
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tests.command_line import cde, in_words
from tests.integration.mcp_client import Agent, text_of

Prepare: TypeAlias = "Callable[[Stage], Awaitable[None]]"
Operation: TypeAlias = "Callable[[], Awaitable[Outcome]]"

DRILLS: dict[str, Prepare] = {}
ON_A_DISK: set[str] = set()
"""The codes whose drills need a disk of their own."""

WORKFLOW = """\
version: 1
default: brief
workflows:
  brief:
    description: Two short phases.
    phases:
      - id: write
        description: Write it down.
        handler: agent
        prompt: docs/write.md
        outputs:
          - {id: note, path: "notes/{feature}.md", type: markdown, required: true}
      - id: check
        description: Read it again.
        handler: agent
        prompt: docs/write.md
        outputs:
          - {id: verdict, path: "notes/{feature}-verdict.md", type: markdown, required: true}
"""


def drill(code: str, *, own_disk: bool = False) -> Callable[[Prepare], Prepare]:
    """Register the drill of a code."""

    def register(prepare: Prepare) -> Prepare:
        assert code not in DRILLS, f"{code} has two drills"
        if own_disk:
            ON_A_DISK.add(code)
        DRILLS[code] = prepare
        return prepare

    return register


@dataclass(frozen=True)
class Outcome:
    """What a call or a command came to.

    Attributes:
        error: the payload of a refusal; None when it succeeded.
        text: everything that it said.
        reply: the structured answer of a success.
    """

    error: dict[str, Any] | None
    text: str
    reply: dict[str, Any] = field(default_factory=dict)


class Stage:
    """The world of one drill.

    Attributes:
        code: what the drill is about.
        folder: where everything lies.
        root: the project, onboarded, with the feature ``login`` in its first phase.
        environment: what commands find in their environment besides the usual.
        prefix: words before each command, as ``setpriv``.
        person: who sits at the MCP client, where it asks anybody.
        proved: whether ``prove`` was passed.
    """

    def __init__(self, code: str, folder: Path) -> None:
        self.code = code
        self.folder = folder
        self.root = folder / "project"
        self.environment: dict[str, str] = {}
        self.prefix: list[str] = []
        self.person: ElicitationFnT | None = None
        self.proved = False
        self._asked: tuple[Any, ...] = ()
        self._closing = AsyncExitStack()
        self._agent: Agent | None = None

    async def tool(self, name: str, /, **arguments: Any) -> Outcome:
        """Call a tool of the server through the MCP client."""
        return await self.call(name, arguments)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """The same with the arguments as a mapping."""
        self._asked = (name, dict(arguments))
        if self._agent is None:
            served = ServedProject(self.root, pinned=True)
            self._closing.callback(served.close)
            server = build_server(served)
            client = Client(server, elicitation_callback=self.person)
            self._agent = Agent(await self._closing.enter_async_context(client))
        try:
            result = await self._agent.raw(name, arguments)
        except MCPError as refused:  # there is no such tool, which is the protocol's to say
            error = refused.error
            return Outcome(error.data["error"], error.message, error.data)
        content = result.structured_content or {}
        assert bool(result.is_error) == ("error" in content), "an error that came as a success"
        return Outcome(content.get("error"), text_of(result), content)

    async def command(self, *words: str) -> Outcome:
        """Run a command of ``cde`` as a process of its own, without ``--json``."""
        finished = self.run(*words)
        said = finished.stdout + finished.stderr
        assert "Traceback" not in said, said
        assert finished.returncode in {0, 1, 2}, said
        return Outcome({"code": "?"} if finished.returncode else None, said)

    async def json_command(self, *words: str) -> Outcome:
        """Run a command with ``--json``."""
        finished = self.run(*words, "--json")
        # Only what nobody foresaw says where in the code it arose.
        assert self.code == "E999" or "Traceback" not in finished.stderr, finished.stderr
        content = json.loads(finished.stdout)
        assert bool(finished.returncode) == ("error" in content), finished
        return Outcome(content.get("error"), finished.stdout, content)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The finished process of a command."""
        self._asked = self._words(words)
        if not self.prefix:
            environment = {**os.environ, **self.environment}
            return in_words(cde(*words, cwd=self.folder, environment=environment))
        return subprocess.run(
            [*self.prefix, sys.executable, "-m", "cde_orchestrator", *words],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def finding(self) -> Outcome:
        """What ``cde doctor`` finds of the drill's code, as a refusal."""
        finished = self.run("doctor", "--project", str(self.root), "--json")
        assert "Traceback" not in finished.stderr, finished.stderr
        found = json.loads(finished.stdout)["findings"]
        of_code = [each for each in found if each["code"] == self.code]
        return Outcome(of_code[0] if of_code else None, finished.stdout)

    async def library(self, work: Callable[[], object]) -> Outcome:
        """Do what only a program that uses the library can do."""
        try:
            work()
        except CDEError as error:
            error.context.setdefault("project_path", str(self.root))
            return Outcome(dict(ErrorFormatter.payload(error)), ErrorFormatter.format(error))
        return Outcome(None, "")

    async def prove(
        self,
        operation: Operation,
        *,
        names: str | None = None,
        shows: str | None = None,
        by_hand: Callable[[], object] | None = None,
        corrected: Operation | None = None,
        follow: Callable[[str], Awaitable[Outcome]] | None = None,
    ) -> None:
        """The operation is refused; its first fix is followed; then it succeeds.

        No fix is the operation itself.

        Args:
            operation: what is refused with the drill's code.
            names: what the fix must say, where no program can mend the cause.
            shows: what its command must say, where that is not what its tool says.
            by_hand: what a person then does.
            corrected: what the caller asks for instead, where the operation was wrong.
            follow: runs a command that does not end by itself.
        """
        before = self.census()
        refused = await operation()
        assert refused.error is not None, f"not refused: {refused.text}"
        assert refused.error["code"] == self.code, refused.text
        if by_hand is None:  # else to ask again is the way on, once a person did their part
            self._require_no_way_back(refused.error["fixes"])
        fix = refused.error["fixes"][0]
        outcomes = [await (follow or self._follow)(fix["command"])]
        if fix["tool"] is not None:
            outcomes.append(await self.call(fix["tool"], fix["arguments"]))
        for outcome, said in zip(outcomes, (shows or names, names), strict=False):
            if said is None:
                assert outcome.error is None, f"the fix was refused: {outcome.text}"
            else:
                assert said in outcome.text, outcome.text
        if by_hand is not None:
            by_hand()
        again = await (corrected or operation)()
        assert again.error is None, f"refused after the fix: {again.text}"
        self.require_nothing_lost(before)
        self.proved = True

    def _require_no_way_back(self, fixes: list[dict[str, Any]]) -> None:
        """None of the fixes is what was just refused."""
        for fix in fixes:
            words = self._words(shlex.split(fix["command"])[1:])
            assert self._asked not in (words, (fix["tool"], fix["arguments"])), fix["command"]

    def _words(self, words: Sequence[str]) -> tuple[str, ...]:
        """The words of a command without where it is done, and how it answers."""
        return tuple(each for each in words if each not in {"--json", "--project", str(self.root)})

    async def _follow(self, command: str) -> Outcome:
        words = shlex.split(command)
        assert words[0] == "cde"
        return await self.command(*words[1:])

    def census(self) -> dict[str, list[str]]:
        """Every feature with its phases; none where there is no state that can be read."""
        try:
            document = FolderStore(self.root).peek()  # which repairs nothing
        except CDEError:
            return {}
        features = document.get("features", {})
        return {key: list(feature["phases"]) for key, feature in features.items()}

    def require_nothing_lost(self, before: Mapping[str, list[str]]) -> None:
        """Every feature and every phase that existed still exists."""
        after = self.census()
        for feature, phases in before.items():
            assert after.get(feature) == phases, f"lost: {feature}"

    async def close(self) -> None:
        """End the client and the server."""
        await self._closing.aclose()


@asynccontextmanager
async def staged(code: str, folder: Path) -> AsyncIterator[Stage]:
    """A stage with an active project that has one feature."""
    stage = Stage(code, folder)
    (stage.root / ".cde").mkdir(parents=True)
    (stage.root / ".cde" / "workflow.yml").write_text(WORKFLOW)
    application = build_application(stage.root)
    application.handle(OnboardProject())
    application.handle(StartFeature(prompt="Login"))
    application.close()
    try:
        yield stage
    finally:
        await stage.close()
