"""The shape of a catalogue entry."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import partial
from typing import Any, TypedDict

from cde_orchestrator.domain.errors.template import PLACEHOLDER
from cde_orchestrator.domain.value import Value


class Severity(StrEnum):
    """How much attention an error wants."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class Reader(StrEnum):
    """Who reads a text: each is shown the call that this reader can make."""

    TERMINAL = "terminal"
    AGENT = "agent"
    PYTHON = "python"


class Suggestion(Value):
    """A suggestion whose call differs by reader.

    Attributes:
        text: what to do.
        command: the call in a terminal, and wherever a reader has no call of its own.
        tool: the call over MCP.
        python: the call in Python.
    """

    text: str
    command: str | None = None
    tool: str | None = None
    python: str | None = None

    def shown_to(self, reader: Reader, tools: Container[str] | None = None) -> str | None:
        """The suggestion with its call; None where this reader has none.

        ``tools`` are those that an agent has; all where it is None.
        """
        tool = self.tool if tools is None or name_of(self.tool) in tools else None
        own = {Reader.AGENT: tool, Reader.PYTHON: self.python}.get(reader)
        call = own or self.command
        return call and f"{self.text}: {call}"


class Fix(Value):
    """A way out that can be followed blindly: a tool call and the command that equals it.

    Attributes:
        command: the command's arguments, ``cde`` first; placeholders are filled in one by
            one, so that no value can become a second argument; a list becomes as many words.
        tool: the MCP tool that does the same; None where only a person may.
        arguments: the tool's arguments; placeholders in text are filled in.
    """

    command: tuple[str, ...]
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


class FixPayload(TypedDict):
    """A way out: the tool call, and the command line that equals it."""

    tool: str | None
    arguments: dict[str, Any]
    command: str


def known_to(fix: FixPayload, tools: Container[str] | None) -> FixPayload:
    """The fix for an agent that has these tools; as a command alone where its tool is none."""
    if tools is None or fix["tool"] is None or fix["tool"] in tools:
        return fix
    return {**fix, "tool": None, "arguments": {}}


def name_of(call: str | None) -> str:
    """The tool of a call as an agent reads it."""
    return (call or "").partition("(")[0]


def tool_call(tool: str, arguments: Mapping[str, Any]) -> str:
    """A call as an agent reads it: ``a_tool(name='value')``."""
    return f"{tool}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


@dataclass(frozen=True, slots=True)
class ErrorMessage(Mapping[str, Any]):
    """Everything that is said about one code; its members can be asked for by name as well.

    So read, the suggestions are those for Python, all texts have placeholders that
    ``str.format`` fills, and ``docs`` is the command that explains the code.

    Attributes:
        title: a few words.
        description: what happened, with placeholders for the context.
        severity: how much attention it wants.
        suggestions: at least three things to do for every reader, most likely first.
        fixes: at least one fix, safest first.
        recoverable: whether the caller can correct the cause and try again.
        since: the version that brought the code.
        code: which one; empty outside of the catalogue.
    """

    title: str
    description: str
    suggestions: tuple[str | Suggestion, ...]
    fixes: tuple[Fix, ...]
    severity: Severity = Severity.ERROR
    recoverable: bool = True
    since: str = "0.1.0"
    code: str = ""

    def __getitem__(self, name: str) -> Any:
        if name == "docs":
            return f"cde explain {self.code}"
        if name == "suggestions":
            shown = self.suggestions_for(Reader.PYTHON)
            return [PLACEHOLDER.sub(r"{\1}", each) for each in shown]
        if name not in self:
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in [*self]

    def __iter__(self) -> Iterator[str]:
        return iter([*(each.name for each in fields(self)), "docs"])

    def __len__(self) -> int:
        return len(fields(self)) + 1

    def suggestions_for(self, reader: Reader, tools: Container[str] | None = None) -> list[str]:
        """The suggestions that this reader can follow; ``tools`` are those that an agent has."""
        shown = (
            each if isinstance(each, str) else each.shown_to(reader, tools)
            for each in self.suggestions
        )
        return [each for each in shown if each]


def message(
    title: str,
    description: str,
    *suggestions: str | Suggestion,
    fixes: tuple[Fix, ...],
    severity: Severity = Severity.ERROR,
    recoverable: bool = True,
) -> ErrorMessage:
    """An entry of the catalogue, its suggestions one by one."""
    return ErrorMessage(title, description, suggestions, fixes, severity, recoverable)


info = partial(message, severity=Severity.INFO)
warning = partial(message, severity=Severity.WARNING)
critical = partial(message, severity=Severity.CRITICAL)
