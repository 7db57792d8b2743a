"""What the catalogue knows of a code, whoever asks: agents, people, pages, the docs."""

from __future__ import annotations

import shlex
from collections.abc import Container, Iterator
from typing import TypedDict

from cde_orchestrator.domain.errors.entry import (
    ErrorMessage,
    Fix,
    FixPayload,
    Reader,
    known_to,
    tool_call,
)
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.errors.template import PLACEHOLDER

FAMILIES = {
    "Project": ("E001", "E099"),
    "Features and phases": ("E100", "E199"),
    "Stored state": ("E200", "E299"),
    "Input": ("E300", "E399"),
    "System": ("E900", "E999"),
}
"""The five ranges of codes by name; both ends belong to them."""

CATALOG_PAGE = "docs/errors/catalog.md"
"""Where the documentation explains every code, each under its own anchor."""


ADDED = frozenset({"near", "known", "elsewhere", "origin"})
"""Values of any message that continue a sentence, or are empty; none is a word of its own."""
_HERE = ("--project", "{project_path}")


class Explanation(TypedDict):
    """Everything that is known about a code; values that differ are in angle brackets."""

    code: str
    title: str
    family: str
    severity: str
    recoverable: bool
    description: str
    suggestions: list[str]
    fixes: list[FixPayload]
    since: str
    docs: str


def explanation(
    code: str, reader: Reader = Reader.TERMINAL, tools: Container[str] | None = None
) -> Explanation:
    """What is known about a code of the catalogue; ``tools`` are those that an agent has.

    Raises:
        KeyError: the catalogue has no such code.
    """
    entry = ERROR_MESSAGES[code]
    return {
        "code": code,
        "title": entry.title,
        "family": family_of(code),
        "severity": str(entry.severity),
        "recoverable": entry.recoverable,
        "description": _shown(entry.description),
        "suggestions": [_shown(each) for each in entry.suggestions_for(reader, tools)],
        "fixes": [known_to(_explained(fix), tools) for fix in entry.fixes],
        "since": entry.since,
        "docs": f"{CATALOG_PAGE}#{code.lower()}",
    }


def family_of(code: str) -> str:
    """The name of the range that a code is in."""
    return next(name for name, (first, last) in FAMILIES.items() if first <= code <= last)


def by_family() -> Iterator[tuple[str, list[tuple[str, ErrorMessage]]]]:
    """The catalogue, range by range."""
    for name in FAMILIES:
        yield name, [each for each in ERROR_MESSAGES.items() if family_of(each[0]) == name]


def markdown(
    code: str,
    heading: str = "#",
    reader: Reader = Reader.TERMINAL,
    tools: Container[str] | None = None,
) -> str:
    """The explanation of a code as Markdown; ``tools`` as of ``explanation``.

    Raises:
        KeyError: the catalogue has no such code.
    """
    known = explanation(code, reader, tools)
    outlook = "the caller can correct it" if known["recoverable"] else "it cannot be retried as is"
    lines = [
        f"{heading} {code}: {known['title']}",
        "",
        _escaped(known["description"]),
        "",
        f"{known['severity']}, {outlook}, since {known['since']}.",
        "",
        *(f"- {_escaped(each)}" for each in known["suggestions"]),
        "",
        "To fix it:",
        "",
        "```sh",
        *(fix["command"] for fix in known["fixes"]),
        "```",
    ]
    calls = [tool_call(fix["tool"], fix["arguments"]) for fix in known["fixes"] if fix["tool"]]
    if calls:
        lines += ["", f"For agents: {', '.join(f'`{each}`' for each in calls)}."]
    return "\n".join(lines) + "\n"


def _explained(fix: Fix) -> FixPayload:
    command = fix.command[:-2] if fix.command[-2:] == _HERE else fix.command
    words = (_shown(each) if PLACEHOLDER.search(each) else shlex.quote(each) for each in command)
    return {
        "tool": fix.tool,
        "arguments": {
            key: _shown(value) if isinstance(value, str) else value
            for key, value in fix.arguments.items()
        },
        "command": " ".join(words),
    }


def _shown(template: str) -> str:
    """The text, its values in angle brackets; without what only some errors add to a word."""
    return PLACEHOLDER.sub(lambda match: "" if match[1] in ADDED else f"<{match[1]}>", template)


def _escaped(text: str) -> str:
    """Text whose angle brackets are no HTML in Markdown."""
    return text.replace("<", "\\<")
