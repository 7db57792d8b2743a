"""An agent that speaks ACP and does what it is told: a program, started as any other agent is.

Its protocol is the one of the public library for agents. Each prompt takes the next list of
acts, the last one stays; an act is a verb and its argument. STATE_FOLDER holds what it was
asked, and what it was answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acp import run_agent
from acp.exceptions import RequestError
from acp.helpers import start_tool_call, update_agent_message_text, update_tool_call
from acp.interfaces import Client
from acp.schema import (
    AgentCapabilities,
    AllowedOutcome,
    Cost,
    InitializeResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    ResumeSessionResponse,
    SessionCapabilities,
    SessionResumeCapabilities,
    ToolCallLocation,
    Usage,
    UsageUpdate,
)

from tests.integration.run.scripted_agent import deliver, deliver_too_little

ROOT = Path(__file__).parents[3]
OPTIONS = [
    PermissionOption(option_id="always", name="Always", kind="allow_always"),
    PermissionOption(option_id="yes", name="Yes", kind="allow_once"),
    PermissionOption(option_id="no", name="No", kind="reject_once"),
]


def command(state: Path, *attempts: Sequence[str], hello: str = "plain") -> list[str]:
    """How the agent is started: what it does at each prompt, and how it greets."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); "
    code += "from tests.integration.run.scripted_acp_agent import main; main()"
    return [sys.executable, "-c", code, str(ROOT), str(state), json.dumps(attempts), hello]


class Scripted:
    """The agent's side of the protocol."""

    client: Client

    def __init__(self, state: Path, attempts: list[list[str]], hello: str) -> None:
        self.state, self.attempts, self.hello = state, attempts, hello
        self.session = ""
        self.calls = 0

    def remember(self, name: str, value: str) -> None:
        with (self.state / name).open("a", encoding="utf-8") as file:
            file.write(f"{value}\n")

    def on_connect(self, conn: Client) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        if self.hello == "silent":
            await asyncio.Event().wait()
        if self.hello == "ends":
            os._exit(0)
        if self.hello == "noise":
            sys.stdout.write("Loaded what was kept.\n[1, 2]\n")
            sys.stdout.flush()
        resume = SessionResumeCapabilities() if self.hello == "resumes" else None
        return InitializeResponse(
            protocol_version=9 if self.hello == "version" else protocol_version,
            agent_capabilities=AgentCapabilities(
                load_session=self.hello != "unsaved",
                session_capabilities=SessionCapabilities(resume=resume),
            ),
        )

    async def new_session(self, cwd: str, **_: Any) -> NewSessionResponse:
        if self.hello == "auth":
            raise RequestError.auth_required({"details": "run login first"})
        self.session = f"s-{os.getpid()}"
        self.remember("sessions", f"new {self.session} {cwd}")
        return NewSessionResponse(session_id=self.session)

    async def load_session(self, session_id: str, **_: Any) -> LoadSessionResponse:
        if self.hello == "forgets":
            raise RequestError.internal_error({"details": "no such session"})
        await self.client.session_update(session_id, update_agent_message_text("the past"))
        self.session = session_id
        self.remember("sessions", f"load {session_id}")
        return LoadSessionResponse()

    async def resume_session(self, session_id: str, **_: Any) -> ResumeSessionResponse:
        self.session = session_id
        self.remember("sessions", f"resume {session_id}")
        return ResumeSessionResponse()

    async def cancel(self, **_: Any) -> None:
        self.remember("cancelled", self.session)

    async def prompt(self, prompt: list[Any], **_: Any) -> PromptResponse:
        text = prompt[0].text
        self.remember("children", str(os.getpid()))
        self.remember("prompts", json.dumps(text))
        counter = self.state / "prompts"
        number = len(counter.read_text(encoding="utf-8").splitlines()) - 1
        for act in self.attempts[min(number, len(self.attempts) - 1)]:
            verb, argument = (*act.split(" ", 1), "")[:2]
            await getattr(self, f"do_{verb}")(argument or text)
        used = Usage(total_tokens=30, input_tokens=20, output_tokens=10)
        is_counted = self.hello != "uncounted"
        return PromptResponse(stop_reason="end_turn", usage=used if is_counted else None)

    async def say(self, text: str) -> None:
        await self.client.session_update(self.session, update_agent_message_text(text))

    async def do_say(self, text: str) -> None:
        await self.say(text)

    async def do_deliver(self, _: str) -> None:
        """Write what the first prompt asks for, which is not said again."""
        with (self.state / "prompts").open(encoding="utf-8") as file:
            deliver(json.loads(next(file)))

    async def do_little(self, text: str) -> None:
        deliver_too_little(text)

    async def do_cost(self, amount: str) -> None:
        cost = Cost(amount=float(amount), currency="USD")
        update = UsageUpdate(session_update="usage_update", used=1, size=2, cost=cost)
        await self.client.session_update(self.session, update)

    async def do_use(self, path: str) -> None:
        """Report that a tool is used, and what became of it."""
        name = self.next_call()
        edits = start_tool_call(name, "Edit", kind="edit", locations=[ToolCallLocation(path=path)])
        await self.client.session_update(self.session, edits)
        ended = update_tool_call(name, status="failed", raw_output={"message": "it is full"})
        await self.client.session_update(self.session, ended)

    async def do_edit(self, path: str) -> None:
        await self.ask("edit", locations=[ToolCallLocation(path=path)])

    async def do_run(self, line: str) -> None:
        await self.ask("execute", raw_input={"command": line})

    async def do_fetch(self, address: str) -> None:
        await self.ask("fetch", title=address)

    async def ask(self, kind: Any, title: str = "A tool", **facts: Any) -> None:
        """Ask whether the tool may be used, and keep the answer."""
        call = update_tool_call(self.next_call(), title=title, kind=kind, **facts)
        answer = await self.client.request_permission(self.session, call, OPTIONS)
        outcome = answer.outcome
        chosen = outcome.option_id if isinstance(outcome, AllowedOutcome) else "cancelled"
        self.remember("answers", chosen)

    async def do_write(self, path: str) -> None:
        """Have the client write a file."""
        try:
            await self.client.write_text_file(self.session, path, "written\n")
        except RequestError as error:
            self.remember("answers", str(error))
        else:
            self.remember("answers", "written")

    async def do_unknown(self, _: str) -> None:
        """Ask for what no client has to offer, and say what nobody knows."""
        try:
            await self.client.create_terminal(self.session, "true")
        except RequestError as error:
            self.remember("answers", str(error))
        self.raw('{"jsonrpc":"2.0","method":"session/update","params":{"update":{"new":1}}}')
        self.raw('{"jsonrpc":"2.0","method":"other/news"}')
        self.raw('{"jsonrpc":"2.0","id":"x","method":"session/request_permission","params":3}')
        self.raw('{"jsonrpc":"2.0","id":99,"result":{}}')

    async def do_garbage(self, _: str) -> None:
        self.raw("{not a message")
        await self.do_hang("")

    async def do_long(self, _: str) -> None:
        self.raw('{"jsonrpc":"2.0","method":"session/update","params":"' + "x" * 10**7 + '"}')
        await self.do_hang("")

    async def do_busy(self, _: str) -> None:
        raise RequestError(-32603, "429 Too Many Requests, retry in 7 s")

    async def do_end(self, code: str) -> None:
        sys.stderr.write("it was not to be\n")
        sys.stderr.flush()
        os._exit(int(code))

    async def do_hang(self, _: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        await self.say("hanging")
        await self.do_use("a.py")
        await asyncio.Event().wait()

    def next_call(self) -> str:
        self.calls += 1
        return f"call-{self.calls}"

    def raw(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def main() -> None:
    """Speak until the client says no more."""
    _, _root, state, attempts, hello = sys.argv
    if hello == "deaf":
        signal.pause()
    agent: Any = Scripted(Path(state), json.loads(attempts), hello)  # offers some of the methods
    asyncio.run(run_agent(agent, use_unstable_protocol=True))
