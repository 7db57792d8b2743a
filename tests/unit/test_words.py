"""Words that a reader would stumble over are in no text of the product."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.whole_command import whole_command

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cde_orchestrator"
NOT_EDITED = {"docs/adr", "docs/architecture.md"}
"""Decisions stay as they were taken; the other page speaks of names in the code."""

RETIRED = {
    r"tells?|told|telling": "errors are reported, events logged, people notified, facts shown",
    r"mend(?:s|ed|ing)?": "files are repaired, a cause is fixed",
    r"anew": "again, or rebuilt",
    r"beside": "next to, in addition to, with",
    r"stands?|stood": "a file exists, a text is in a page, a name is used twice",
    r"look(?:s|ed|ing)?(?! like)": "check, see, inspect, search",
    r"(?<!by )hand(?:s|ed|ing)? in": "work is submitted",
    r"go(?:es|ing|ne)? on|went on": "work continues",
    r"(?:leave|leaves|left)(?: \w+){0,3} away": "omit",
    r"into care": "cde init sets a project up",
    r"it is (?:no|none)\b(?! longer)": "it is not a, it must be a",
    r"takes? no (?:more|changes)": "accepts no",
    r"outside of": "outside",
}
"""What is not written, as a pattern of whole words, and what is written in its place."""

ANY = re.compile(rf"\b(?:{'|'.join(RETIRED)})\b", re.IGNORECASE)


def literals(path: Path) -> Iterator[str]:
    """The sentences of a module: what it prints, asks, refuses with or describes; no names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    described = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for each in ast.walk(tree):
        text = each.value if isinstance(each, ast.Constant) else None
        if isinstance(text, str) and " " in text and id(each) not in described:
            yield text


def help_pages(command: Any, name: str) -> Iterator[tuple[str, str]]:
    """The help of a command and of those below it, its options and arguments too."""
    options = [getattr(each, "help", None) for each in command.params]
    yield name, "\n".join(text for text in [command.help, *options] if text)
    for word, below in getattr(command, "commands", {}).items():
        yield from help_pages(below, f"{name} {word}")


def texts() -> Iterator[tuple[str, str]]:
    """Every text that the product shows or its documentation has, by where it is."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield shown(path), "\n".join(literals(path))
    yield from help_pages(whole_command(), "cde")
    pages = [*(PACKAGE / "web" / "static").glob("*.html"), *PACKAGE.rglob("packaged/**/*.*")]
    documents = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for path in sorted([*pages, *documents]):
        if not any(shown(path).startswith(each) for each in NOT_EDITED):
            yield shown(path), path.read_text(encoding="utf-8")
    for path in sorted((PACKAGE / "web" / "static").glob("*.js")):
        quoted = re.findall(r'"[^"\n]*"|`[^`\n]*`', path.read_text(encoding="utf-8"))
        plain = (re.sub(r"\$\{[^}]*\}", "", each) for each in quoted)
        yield shown(path), "\n".join(each for each in plain if " " in each)


def shown(path: Path) -> str:
    """The path in the repository."""
    return path.relative_to(ROOT).as_posix()


def retired_in(text: str) -> list[str]:
    """What of the text is not written, with a few words around it."""
    return [
        text[max(0, found.start() - 30) : found.end() + 30].replace("\n", " ")
        for found in ANY.finditer(text)
    ]


def test_no_text_has_a_retired_word() -> None:
    where = {place: found for place, text in texts() if (found := retired_in(text))}

    assert where == {}


def test_everything_that_people_and_agents_read_is_looked_through() -> None:
    places = [place for place, _ in texts()]

    assert "cde state restore" in places
    assert "src/cde_orchestrator/domain/errors/feature_messages.py" in places
    assert "src/cde_orchestrator/mcp_tools/features.py" in places
    assert "src/cde_orchestrator/web/static/board.js" in places
    assert "src/cde_orchestrator/web/static/dashboard.html" in places
    assert any(place.endswith("packaged/prompts/standard/define.md") for place in places)
    assert {"README.md", "docs/errors/catalog.md", "docs/glossary.md"} <= set(places)


@pytest.mark.parametrize(
    "text",
    [
        "You are told so",
        "Mend the cause",
        "It stands in the log",
        "Look at the disk",
        "Leave the name away",
        "it is no table",
        "a copy is kept beside it",
    ],
)
def test_a_retired_word_is_found(text: str) -> None:
    assert retired_in(text)


@pytest.mark.parametrize(
    "text", ["names look like cde_startFeature", "it is no longer kept", "a standby", "recommended"]
)
def test_other_words_are_not(text: str) -> None:
    assert not retired_in(text)
