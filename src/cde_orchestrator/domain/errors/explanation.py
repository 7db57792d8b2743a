"""What the catalogue knows of a code, whoever asks: agents, people, pages, the docs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, TypedDict

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Reader, tool_call
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

_ABOUT = (
    "Generated from the catalogue in `src/cde_orchestrator/domain/errors/`; do not edit. "
    "Values in angle brackets differ from case to case. "
    "By symptom: [troubleshooting](troubleshooting.md); questions: [FAQ](faq.md)."
)


class ExplainedFix(TypedDict):
    """A way out; values that differ from case to case are in angle brackets."""

    tool: str | None
    arguments: dict[str, Any]
    command: str


class Explanation(TypedDict):
    """Everything that is known about a code."""

    code: str
    title: str
    family: str
    severity: str
    recoverable: bool
    description: str
    suggestions: list[str]
    fixes: list[ExplainedFix]
    since: str
    docs: str


def explanation(code: str, reader: Reader = Reader.TERMINAL) -> Explanation:
    """What is known about a code of the catalogue.

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
        "suggestions": [_shown(each) for each in entry.suggestions_for(reader)],
        "fixes": [_explained(fix) for fix in entry.fixes],
        "since": entry.since,
        "docs": anchor(code),
    }


def family_of(code: str) -> str:
    """The name of the range that a code is in."""
    return next(name for name, (first, last) in FAMILIES.items() if first <= code <= last)


def by_family() -> Iterator[tuple[str, list[tuple[str, ErrorMessage]]]]:
    """The catalogue, range by range."""
    for name in FAMILIES:
        yield name, [each for each in ERROR_MESSAGES.items() if family_of(each[0]) == name]


def anchor(code: str) -> str:
    """Where the documentation explains a code."""
    return f"{CATALOG_PAGE}#{code.lower()}"


def markdown(code: str, heading: str = "#", reader: Reader = Reader.TERMINAL) -> str:
    """The explanation of a code as Markdown.

    Raises:
        KeyError: the catalogue has no such code.
    """
    known = explanation(code, reader)
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
    tools = [tool_call(fix["tool"], fix["arguments"]) for fix in known["fixes"] if fix["tool"]]
    if tools:
        lines += ["", f"For agents: {', '.join(f'`{each}`' for each in tools)}."]
    return "\n".join(lines) + "\n"


def catalog_markdown() -> str:
    """The whole catalogue as one page."""
    parts = [
        "# Error catalogue",
        "",
        _ABOUT,
        "",
    ]
    for family, entries in by_family():
        first, last = FAMILIES[family]
        parts += [f"## {family} ({first} to {last})", ""]
        for code, _ in entries:
            parts += [f'<a id="{code.lower()}"></a>', "", markdown(code, "###")]
    return "\n".join(parts).rstrip() + "\n"


def _explained(fix: Fix) -> ExplainedFix:
    words = [
        _shown(word) if PLACEHOLDER.search(word) else shlex.quote(word) for word in fix.command
    ]
    return {
        "tool": fix.tool,
        "arguments": {
            key: _shown(value) if isinstance(value, str) else value
            for key, value in fix.arguments.items()
        },
        "command": " ".join(words),
    }


def _shown(template: str) -> str:
    return PLACEHOLDER.sub(lambda match: f"<{match[1]}>", template)


def _escaped(text: str) -> str:
    """Text whose angle brackets are no HTML in Markdown."""
    return text.replace("<", "\\<")
