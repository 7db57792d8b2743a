"""A model on 127.0.0.1 that says what a script says, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from tools.agents.conversation import Conversation, Move, Said
from tools.agents.protocols import PROTOCOLS, Protocol

Script: TypeAlias = Callable[[Conversation], Sequence[Move]]
Fault: TypeAlias = Literal["rate limit", "overloaded", "wrong key", "silence", "crash"]

_STATUSES: dict[Fault, tuple[int, str]] = {
    "rate limit": (429, "rate_limit_error"),
    "overloaded": (529, "overloaded_error"),
    "wrong key": (401, "authentication_error"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the model was asked, and what came of it."""

    conversation: Conversation
    moves: Sequence[Move] = ()
    fault: Fault | None = None


@dataclass
class ScriptedModel:
    """A server that is a model and, for everything else, a proxy that lets nothing through.

    Attributes:
        script: what is said, from the conversation alone.
        fault: what is wrong with it.
        faults: how many of the first requests the fault meets; all when None.
        requests: every request so far.
        kill: ends the program that has a port of this machine.
        refused: hosts that a program wanted to reach through the proxy.
    """

    script: Script
    fault: Fault | None = None
    faults: int | None = None
    kill: Callable[[int], None] = lambda port: None
    requests: list[Request] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Listen on a port that the system chooses."""
        self._ended = threading.Event()
        self._mutex = threading.Lock()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening, and let go of those who wait for an answer."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, conversation: Conversation) -> Request:
        """Take a request, and decide on the answer."""
        with self._mutex:
            is_met = self.faults is None or len(self.requests) < self.faults
            if self.fault is not None and is_met:
                request = Request(conversation, fault=self.fault)
            else:
                request = Request(conversation, self._moves(conversation))
            self.requests.append(request)
        if request.fault == "silence":
            self._ended.wait()
        return request

    def _moves(self, conversation: Conversation) -> Sequence[Move]:
        try:
            return self.script(conversation)
        except LookupError as error:
            return [Said(f"The script knows no further: {error}")]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: ScriptedModel) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is printed."""

    def do_CONNECT(self) -> None:
        self.server.model.refused.append(self.path)
        self._send(403, {})

    def do_HEAD(self) -> None:
        self._send(200, {})

    def do_GET(self) -> None:
        if self._is_proxied():
            return
        if urlsplit(self.path).path.endswith("/models"):
            listed = {"id": "scripted", "object": "model", "type": "model"}
            self._send(200, {"object": "list", "data": [listed], "models": []})
        else:
            self._send(404, {"error": {"message": f"there is no {self.path}"}})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._is_proxied():
            return
        path = urlsplit(self.path).path
        if path.endswith(("/count_tokens", ":countTokens")):
            self._send(200, {"input_tokens": 1, "totalTokens": 1})
            return
        spoken = [each for each in PROTOCOLS if each.path.search(path)]
        if spoken:
            self._answer(spoken[0], json.loads(raw))
        else:
            self._send(404, {"error": {"message": f"there is no {path}"}})

    def _answer(self, protocol: Protocol, body: dict[str, Any]) -> None:
        request = self.server.model.answer(protocol.read(body))
        if request.fault == "crash":
            self.server.model.kill(self.client_address[1])
        if request.fault in {"silence", "crash"}:
            self.close_connection = True
        elif request.fault is not None:
            status, kind = _STATUSES[request.fault]
            error = {"type": kind, "code": kind, "status": kind, "message": f"{kind}, by script"}
            self._send(status, {"type": "error", "error": error})
        else:
            whole, events = protocol.write(request.conversation.model, request.moves)
            if request.conversation.is_streamed or "streamGenerateContent" in self.path:
                self._stream(protocol, events)
            else:
                self._send(200, whole)

    def _stream(self, protocol: Protocol, events: list[tuple[str, dict[str, Any]]]) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for sent in protocol.streamed(events):
            self.wfile.write(sent)

    def _is_proxied(self) -> bool:
        if self.path.startswith("/"):
            return False
        self.server.model.refused.append(urlsplit(self.path).netloc)
        self._send(403, {})
        return True

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = b"" if self.command in {"HEAD", "CONNECT"} else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
