"""Explain an error code. It needs no project, and works where nothing else does."""

from __future__ import annotations

from collections.abc import Container
from typing import TypedDict

from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.explanation import (
    FAMILIES,
    Explanation,
    by_family,
    explanation,
    markdown,
)
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import ValidationError


class CodeRow(TypedDict):
    """A code and what it is called."""

    code: str
    title: str


class FamilyRow(TypedDict):
    """A range of codes."""

    name: str
    first: str
    last: str
    codes: list[CodeRow]


class ExplainReply(TypedDict):
    """What is known about one code."""

    explanation: Explanation


class CatalogReply(TypedDict):
    """All codes, range by range."""

    families: list[FamilyRow]


def explain(
    code: str, reader: Reader = Reader.TERMINAL, tools: Container[str] | None = None
) -> ExplainReply:
    """What is known about a code, however it is written: E101, e101.

    ``tools`` are those that an agent has; of others the command is named.

    Raises:
        ValidationError: E321, there is no such code.
    """
    return {"explanation": explanation(_known(code), reader, tools)}


def explain_in_markdown(
    code: str, reader: Reader = Reader.TERMINAL, tools: Container[str] | None = None
) -> str:
    """The same as Markdown.

    Raises:
        ValidationError: E321, there is no such code.
    """
    return markdown(_known(code), reader=reader, tools=tools)


def explain_all() -> CatalogReply:
    """Every code with its title."""
    return {
        "families": [
            {
                "name": name,
                "first": FAMILIES[name][0],
                "last": FAMILIES[name][1],
                "codes": [{"code": code, "title": entry.title} for code, entry in entries],
            }
            for name, entries in by_family()
        ]
    }


def _known(code: str) -> str:
    wanted = code.strip().upper()
    if wanted not in ERROR_MESSAGES:
        raise ValidationError.of("E321", unknown=code)
    return wanted
