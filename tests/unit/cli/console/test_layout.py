"""What is a command or a name in a text is shown in colour at a terminal, not in backticks."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console, Group, RenderableType
from rich.text import Text

from cde_orchestrator.cli.console.layout import Prose, note
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from tests.unit.test_words import help_pages
from tests.whole_command import whole_command


def drawn(renderable: RenderableType, *, terminal: bool) -> str:
    """What is written to show it, with colours at a terminal."""
    page = io.StringIO()
    console = Console(
        file=page,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        width=200,
        markup=False,
        highlight=False,
    )
    console.print(Group(renderable))
    return page.getvalue()


@pytest.mark.parametrize("line", [note("The check `make test` failed"), Prose("Run `make test`")])
def test_a_terminal_shows_code_in_colour_and_a_file_keeps_the_marks(line: Text) -> None:
    assert "\x1b[36mmake test\x1b[0m" in drawn(line, terminal=True)
    assert "`" not in drawn(line, terminal=True)
    assert "`make test`" in drawn(line, terminal=False)


def test_what_is_no_pair_of_marks_stays() -> None:
    assert "half ` a pair" in drawn(note("half ` a pair"), terminal=True)
    assert "an empty `` pair" in drawn(note("an empty `` pair"), terminal=True)


@pytest.mark.parametrize(
    "line",
    [
        "The check `sh -c 'echo `id` > x'` passed",
        "The check `echo `id`` passed",
        "The check `a` rm `b` passed",
        "The check `x=`id`` passed",
        "is`id`run",
    ],
)
def test_a_command_with_marks_of_its_own_is_shown_as_it_is(line: str) -> None:
    assert line in drawn(note(line), terminal=True)


def test_the_styles_around_code_stay() -> None:
    shown = drawn(Prose.assemble(("! ", "bold"), "say `x` ", ("now", "dim")), terminal=True)

    assert shown == "\x1b[1m! \x1b[0msay \x1b[36mx\x1b[0m \x1b[2mnow\x1b[0m\n"


def texts_of_terminals() -> Iterator[tuple[str, str]]:
    """What errors say and advise, and every page of help, by where it is."""
    for code, entry in ERROR_MESSAGES.items():
        advice = [each if isinstance(each, str) else each.text for each in entry.suggestions]
        yield code, "\n".join([entry.title, entry.description, *advice])
    yield from help_pages(whole_command(), "cde")


def test_no_error_and_no_help_has_marks_of_markdown() -> None:
    assert [where for where, text in texts_of_terminals() if "`" in text or "**" in text] == []
