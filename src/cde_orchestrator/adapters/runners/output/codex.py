"""The events of ``codex exec --json``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cde_orchestrator.adapters.runners.output.reader import (
    EventReader,
    count,
    member,
    members,
    text,
)

_RETRIES = re.compile(r"^(Reconnecting|Retrying)\b")
_SHELL = {"bash", "sh", "zsh"}


class CodexReader(EventReader):
    """Reads Codex's events; tokens are those of the whole thread, and no cost is known."""

    def event(self, event: Mapping[str, Any]) -> list[str]:
        """What is shown of an event."""
        kind = event["type"]
        if kind == "thread.started":
            self.continues(text(event.get("thread_id")))
        elif kind in {"item.started", "item.completed"}:
            return self._item(kind == "item.started", event.get("item"))
        elif kind == "turn.completed":
            self.problem = None
            self._count(event.get("usage"))
        elif kind in {"error", "turn.failed"}:
            return self._failed(text(member(event, "error", "message") or event.get("message")))
        return []

    def _count(self, usage: object) -> None:
        before = self._before
        self.report = replace(
            self.report,
            input_tokens=max(count(member(usage, "input_tokens")) - before.input_tokens, 0),
            output_tokens=max(count(member(usage, "output_tokens")) - before.output_tokens, 0),
        )

    def _failed(self, words: str) -> list[str]:
        if _RETRIES.search(words):
            self.note_retry(words)
        else:
            self.note_problem(words)
            self.said(words)
        return [self.short(words)]

    def _item(self, begins: bool, item: object) -> list[str]:
        kind, status = member(item, "type"), member(item, "status")
        if kind == "command_execution":
            command = _in_shell(text(member(item, "command")))
            if begins:
                return [self.command(f"$ {command}")]
            return self._ended(command, status, item)
        if begins:
            return []
        if kind == "agent_message":
            words = text(member(item, "text"))
            self.said(words)
            self.report = replace(self.report, turns=self.report.turns + 1)
            return [self.short(words)]
        if kind == "file_change":
            return [
                self.short(f"{text(each.get('kind')) or 'change'} {text(each.get('path'))}")
                for each in members(item, "changes")
            ]
        if kind == "mcp_tool_call":
            called = f"{text(member(item, 'server'))}/{text(member(item, 'tool'))}"
            return [self.short(called if status != "failed" else f"failed: {called}")]
        return [self.short(text(member(item, "message")))] if kind == "error" else []

    def _ended(self, command: str, status: object, item: object) -> list[str]:
        if status == "declined":
            self.denied(self.command(command))
            return [self.command(f"not allowed: {command}")]
        code = member(item, "exit_code")
        if not isinstance(code, int) or code == 0:
            return []
        last = text(member(item, "aggregated_output")).strip().rpartition("\n")[2]
        return [self.short(f"exit code {code}: {last}")]


def _in_shell(command: str) -> str:
    """The command that a shell is started for."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    is_shell = len(words) == 3 and words[0].rpartition("/")[2] in _SHELL
    return words[2] if is_shell else command
