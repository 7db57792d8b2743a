"""The conversation with an agent that speaks ACP: one session, one prompt, one answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, TypeVar

from acp.exceptions import RequestError
from acp.meta import AGENT_METHODS, CLIENT_METHODS, PROTOCOL_VERSION
from acp.schema import (
    CancelNotification,
    ClientCapabilities,
    FileSystemCapabilities,
    Implementation,
    InitializeRequest,
    InitializeResponse,
    LoadSessionRequest,
    LoadSessionResponse,
    NewSessionRequest,
    NewSessionResponse,
    PromptRequest,
    PromptResponse,
    RequestPermissionRequest,
    ResumeSessionRequest,
    ResumeSessionResponse,
    TextContentBlock,
    WriteTextFileRequest,
)
from pydantic import BaseModel, ValidationError

from cde_orchestrator import __version__
from cde_orchestrator.adapters.runners.output.reader import Problem, member, text
from cde_orchestrator.adapters.runners.protocol.message_pipe import MessagePipe
from cde_orchestrator.adapters.runners.protocol.permissions import decided
from cde_orchestrator.adapters.runners.protocol.policy import Call, Policy
from cde_orchestrator.adapters.runners.protocol.updates import UpdateReader
from cde_orchestrator.adapters.runners.protocol.written_text import write_text
from cde_orchestrator.application.ports.agents import Assignment
from cde_orchestrator.domain.agent_run import AgentReport

HANDSHAKE_SECONDS = 60.0
"""How long a program may take to begin a session."""
AUTH_REQUIRED = -32000
ASKED_CHARACTERS = 2_000
"""What is longer is refused: nobody says yes to what they do not see."""
_Answer = TypeVar("_Answer", bound=BaseModel)
_Steps = Generator[None, Mapping[str, Any], None]


class Conversation(UpdateReader):
    """Says what is to be done, and answers what the agent asks meanwhile.

    Args:
        agent: its name, for the person who is asked.
        assignment: what it is to do.
    """

    def __init__(self, agent: str, assignment: Assignment) -> None:
        super().__init__(assignment.folder, assignment.session)
        self._agent, self._assignment = agent, assignment
        self._policy = Policy(assignment.folder, assignment.accepted, assignment.commands)
        self._steps = self._spoken()
        self._sent = 0
        self._session = ""
        self._is_prompted = self._is_done = False
        self._fault = ""
        self._noted: list[str] = []
        self._late: threading.Timer | None = None

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """What the program reads; the conversation has begun with it."""
        self._pipe = MessagePipe()
        try:
            next(self._steps)
            yield self._pipe.stdin
        finally:
            self._be_patient()
            self._pipe.close()

    def begin(self, stop: Callable[[], None]) -> None:
        """The program runs: ``stop`` ends it when it begins no session."""

        def late() -> None:
            self._fault = f"it began no session within {HANDSHAKE_SECONDS:g} seconds"
            stop()

        self._be_patient()
        self._late = threading.Timer(HANDSHAKE_SECONDS, late)
        self._late.daemon = True
        self._late.start()

    def goodbye(self) -> None:
        """Ask it to end: take the prompt back, if it works on one, and send nothing more."""
        if self._is_prompted and not self._is_done:
            cancelled = CancelNotification(session_id=self._session)
            self._send(method=AGENT_METHODS["session_cancel"], params=_as_json(cancelled))
        self._pipe.end()

    def lines(self, line: str) -> list[str]:
        """What is shown of a message, which is answered if it asks for something."""
        if self._is_done or self._fault:
            return []
        message = _message(line)
        if message is None:
            if line.lstrip().startswith("{"):
                self._fault = "it sent a message that cannot be read"
            self._last.append(line)
            return [self.short(line)]
        if isinstance(message.get("method"), str):
            return self._asked(message["method"], message)
        if message.get("id") == self._sent:
            self._answered(message)
        noted, self._noted = self._noted, []
        return noted

    def errors(self, line: str) -> None:
        """Keep what it prints on standard error, which may say why it ended."""
        self._last.append(line)

    def exit_problem(self, code: int) -> Problem | None:
        """Why it did not try: its model is busy, or it does not speak ACP here."""
        if self._is_done:
            return None
        problem = super().exit_problem(code or 1)
        if problem is None and not self._is_prompted:
            return Problem("unusable", f"no session began by ACP: {self.failure(code)}")
        return problem

    def failure(self, code: int) -> str:
        """Why the prompt was not answered; empty where it was."""
        if self._is_done:
            return ""
        if self._last and not self.report.words:
            self.said(self._last[-1])
        ended = super().failure(code) or "it ended"
        return self._fault or f"{ended} before it answered"

    def gives_up(self, *, others: bool) -> bool:
        """Whether there is nothing to wait for: it answered, or what it says is of no use."""
        return self._is_done or bool(self._fault) or super().gives_up(others=others)

    def _be_patient(self) -> None:
        if self._late is not None:
            self._late.cancel()

    def _spoken(self) -> _Steps:
        """What is said, one after the other; each answer is waited for."""
        offered = FileSystemCapabilities(write_text_file=True)
        hello = yield from self._ask(
            "initialize",
            InitializeRequest(
                protocol_version=PROTOCOL_VERSION,
                client_capabilities=ClientCapabilities(fs=offered, terminal=False),
                client_info=Implementation(name="cde", version=__version__),
            ),
            InitializeResponse,
        )
        if hello.protocol_version != PROTOCOL_VERSION:
            self._fault = (
                f"it speaks version {hello.protocol_version} of ACP, "
                f"and version {PROTOCOL_VERSION} is needed"
            )
            return
        prompt = [TextContentBlock(type="text", text=(yield from self._begun(hello)))]
        self._be_patient()
        self._is_prompted = True
        answer = yield from self._ask(
            "session_prompt",
            PromptRequest(session_id=self._session, prompt=[*prompt]),
            PromptResponse,
        )
        self.answered(answer)
        if self.did_nothing:  # some say so in place of an answer
            self.note_problem(self.words)
        self._is_done = self.problem is None
        self._fault = "" if self._is_done else "it did nothing"

    def _begun(self, hello: InitializeResponse) -> Generator[None, Mapping[str, Any], str]:
        """Continue the session that was given, or begin one; the prompt for it."""
        can = hello.agent_capabilities
        resumes = bool(can and can.session_capabilities and can.session_capabilities.resume)
        loads = bool(can and can.load_session)
        folder, given = str(self._assignment.folder), self._assignment
        prompt = given.prompt
        if given.session is not None:
            try:
                yield from self._continued(given.session.session, folder, resumes=resumes)
            except RequestError as error:  # it is gone, or the program was replaced by another one
                self._noted.append(self.short(f"a new session begins: {error}"))
                self._session, prompt = "", given.whole_prompt or prompt
        if not self._session:
            self._before = AgentReport()
            request = NewSessionRequest(cwd=folder, mcp_servers=[])
            new = yield from self._ask("session_new", request, NewSessionResponse)
            self._session = new.session_id
        if resumes or loads:
            self.continues(self._session)
        self.listens = True
        return prompt

    def _continued(self, session: str, folder: str, *, resumes: bool) -> _Steps:
        self._session = session
        if resumes:
            request = ResumeSessionRequest(session_id=session, cwd=folder, mcp_servers=[])
            yield from self._ask("session_resume", request, ResumeSessionResponse)
        else:
            past = LoadSessionRequest(session_id=session, cwd=folder, mcp_servers=[])
            yield from self._ask("session_load", past, LoadSessionResponse)

    def _ask(
        self, name: str, request: BaseModel, answer: type[_Answer]
    ) -> Generator[None, Mapping[str, Any], _Answer]:
        self._sent += 1
        self._send(id=self._sent, method=AGENT_METHODS[name], params=_as_json(request))
        message = yield
        if "error" in message:
            error = message["error"]
            raise RequestError(member(error, "code") or 0, _error_words(error), AGENT_METHODS[name])
        return answer.model_validate(message.get("result") or {})

    def _answered(self, message: Mapping[str, Any]) -> None:
        try:
            self._steps.send(message)
        except StopIteration:
            return
        except RequestError as error:
            self._fault = f"it refused {error.data}: {error}"
            self.note_problem(str(error))
            if error.code == AUTH_REQUIRED and self.problem is None:
                self.problem = Problem("unusable", f"it is not signed in: {error}")
        except ValidationError:
            self._fault = "its answer is not one of ACP"

    def _asked(self, method: str, message: Mapping[str, Any]) -> list[str]:
        params = message.get("params")
        if "id" not in message:
            is_update = method == CLIENT_METHODS["session_update"]
            return self.update(params) if is_update else []
        shown: list[str] = []
        try:
            result = self._result(method, params, shown)
            self._send(id=message["id"], result=_as_json(result))
        except RequestError as error:
            self._send(id=message["id"], error={"code": error.code, "message": str(error)})
        except ValidationError:
            invalid = {"code": -32602, "message": "Invalid params"}
            self._send(id=message["id"], error=invalid)
        return shown

    def _result(self, method: str, params: object, shown: list[str]) -> BaseModel:
        """What the agent asked for."""
        if method == CLIENT_METHODS["session_request_permission"]:
            asked = RequestPermissionRequest.model_validate(params)
            call = self.called(asked.tool_call, shown)
            allowed = self._policy.allows(call) or self._is_allowed_by_person(call)
            if not allowed:
                self._deny(call.telling, shown)
            return decided(asked.options, allowed=allowed)
        if method == CLIENT_METHODS["fs_write_text_file"]:
            request = WriteTextFileRequest.model_validate(params)
            if (reason := self._policy.edit_refusal(request.path)) is not None:
                self._deny(f"write {request.path}", shown)
                raise RequestError(-32602, reason)
            return write_text(request, self._assignment.folder)
        raise RequestError.method_not_found(method)

    def _deny(self, what: str, shown: list[str]) -> None:
        self.denied(self.command(what))
        shown.append(self.command(f"not allowed: {what}"))

    def _is_allowed_by_person(self, call: Call) -> bool:
        """Ask, if somebody is there and can see all of it."""
        outside = [each for each in call.paths if not self._policy.is_inside(each)]
        words = f"{self._agent} wants to: {call.whole}"
        words += f" (outside the project: {', '.join(outside)})" if outside else ""
        ask = self._assignment.ask
        return ask is not None and len(words) <= ASKED_CHARACTERS and ask(" ".join(words.split()))

    def _send(self, **members: object) -> None:
        self._pipe.send(json.dumps({"jsonrpc": "2.0", **members}).encode() + b"\n")


def _as_json(message: BaseModel) -> dict[str, Any]:
    return message.model_dump(mode="json", by_alias=True, exclude_none=True)


def _error_words(error: object) -> str:
    """What an error says, and what it says of it in its data."""
    data = member(error, "data")
    details = data if isinstance(data, str) else text(member(data, "details"))
    said = (text(member(error, "message")), details or text(member(data, "message")))
    return ": ".join(dict.fromkeys(filter(None, said))) or "it does not say why"


def _message(line: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
