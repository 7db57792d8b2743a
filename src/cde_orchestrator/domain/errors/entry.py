"""The shape of a catalogue entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cde_orchestrator.domain.errors.template import placeholders


class Severity(StrEnum):
    """How much attention an error wants."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class Fix:
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


def explaining(code: str) -> Fix:
    """The fix where only the caller can mend it: all that is known about the code."""
    return Fix(("cde", "explain", code), tool="cde_explainError", arguments={"code": code})


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage:
    """Everything that is said about one code.

    Attributes:
        title: a few words.
        description: what happened, with placeholders for the context.
        severity: how much attention it wants.
        suggestions: at least two things to do, most likely first.
        fixes: at least one fix, safest first.
        recoverable: whether the caller can mend it and try again.
        since: the version that brought the code.
    """

    title: str
    description: str
    suggestions: tuple[str, ...]
    fixes: tuple[Fix, ...]
    severity: Severity = Severity.ERROR
    recoverable: bool = True
    since: str = "0.1.0"

    @property
    def placeholders(self) -> frozenset[str]:
        """Every name that the words and the fixes want from the context."""
        arguments = (str(value) for fix in self.fixes for value in fix.arguments.values())
        words = (word for fix in self.fixes for word in fix.command)
        texts = (self.description, *self.suggestions, *arguments, *words)
        return frozenset().union(*map(placeholders, texts))
