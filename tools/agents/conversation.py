"""What a program and its model said to each other, whatever the protocol between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Heard:
    """What the program gave the model to read: a person's words, or its own reminders."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the model called, with an object or, where the tool takes that, free text."""

    tool: str
    arguments: Mapping[str, Any] | str
    call_id: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back."""

    call_id: str
    text: str


Part: TypeAlias = Heard | Said | Call | Result
Move: TypeAlias = Said | Call


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model is offered."""

    name: str
    namespace: str = ""
    is_free_text: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request to the model.

    Attributes:
        model: the name that the program calls it by.
        is_streamed: whether the answer comes as events.
    """

    model: str
    parts: list[Part]
    tools: dict[str, Tool] = field(default_factory=dict)
    is_streamed: bool = False

    def read(self) -> list[str]:
        """Every text that the model was given, in order."""
        return [part.text for part in self.parts if isinstance(part, Heard | Result)]
