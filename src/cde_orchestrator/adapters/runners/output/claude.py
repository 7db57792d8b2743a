"""The events of ``claude --print --output-format stream-json --verbose``."""

from __future__ import annotations

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

_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class ClaudeReader(EventReader):
    """Reads Claude Code's events; it says what its session cost when it ends."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._calls: dict[str, str] = {}
        self._usage: dict[str, tuple[int, int]] = {}

    def event(self, event: Mapping[str, Any]) -> list[str]:
        """What is shown of an event."""
        self.continues(text(event.get("session_id")))
        known = {
            "system": self._system,
            "assistant": self._assistant,
            "user": self._user,
            "result": self._result,
        }
        read = known.get(event["type"])
        return read(event) if read else []

    def _system(self, event: Mapping[str, Any]) -> list[str]:
        if event.get("subtype") == "api_retry":
            status = event.get("error_status")
            why = f"{status} {text(event.get('error'))}"
            self.note_retry(why, status)
            seconds = count(event.get("retry_delay_ms")) / 1_000
            number, most = count(event.get("attempt")), count(event.get("max_retries"))
            return [self.short(f"retry {number} of {most} in {seconds:.0f} s: {why}")]
        if event.get("subtype") == "permission_denied":
            called = self._calls.get(text(event.get("tool_use_id")), text(event.get("tool_name")))
            self.denied(called)
            return [f"not allowed: {called}"]
        return []

    def _assistant(self, event: Mapping[str, Any]) -> list[str]:
        shown = []
        message = event.get("message")
        if (model := member(message, "model")) != "<synthetic>" and model:
            self.problem = None  # it answers
            self.retries = dict.fromkeys(self.retries, 0)
            self._count(message)
        for part in members(message, "content"):
            if part.get("type") == "text":
                self.said(text(part.get("text")))
                shown.append(self.short(text(part.get("text"))))
            elif part.get("type") == "tool_use":
                called = self.call_words(part.get("name"), part.get("input"))
                self._calls[text(part.get("id"))] = called
                shown.append(called)
        return shown

    def _count(self, message: object) -> None:
        """Count what a message used; each part of it comes as an event of its own."""
        usage = member(message, "usage")
        into = sum(count(member(usage, name)) for name in _INPUT)
        self._usage[text(member(message, "id"))] = into, count(member(usage, "output_tokens"))
        self.report = replace(
            self.report,
            turns=len(self._usage),
            input_tokens=sum(each for each, _ in self._usage.values()),
            output_tokens=sum(each for _, each in self._usage.values()),
        )

    def _user(self, event: Mapping[str, Any]) -> list[str]:
        failed = [each for each in members(event, "message", "content") if each.get("is_error")]
        return [self.short(f"failed: {text(each.get('content'))}") for each in failed]

    def _result(self, event: Mapping[str, Any]) -> list[str]:
        usage = event.get("usage")
        self._count_cost(event.get("total_cost_usd"))
        if self._usage:  # else no model answered, whatever is counted as a turn
            self.report = replace(
                self.report,
                turns=count(event.get("num_turns")),
                input_tokens=sum(count(member(usage, name)) for name in _INPUT),
                output_tokens=count(member(usage, "output_tokens")),
            )
        for each in members(event, "permission_denials"):
            self.denied(self.call_words(each.get("tool_name"), each.get("tool_input")))
        errors = event.get("errors")
        errors = " ".join(map(str, errors)) if isinstance(errors, list) else ""
        words = text(event.get("result")) or errors
        self.said(words)
        if event.get("is_error"):
            self.note_problem(words, event.get("api_error_status"))
        return []

    def _count_cost(self, cost: object) -> None:
        """Count what this run cost: what is reported is that of the whole session."""
        if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 < cost < 10**9:
            spent = max(round(cost - (self._before.cost_usd or 0.0), 6), 0.0)
            self.report = replace(self.report, cost_usd=spent)
