"""A paragraph in ``AGENTS.md`` and the command ``/cde``: added once, and removed to the byte."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.client_guide import (
    PARAGRAPH,
    command_file,
    with_command,
    with_paragraph,
    without_command,
    without_paragraph,
)
from cde_orchestrator.domain.clients import CLIENTS

LINES = st.lists(st.sampled_from(["", "# Rules", "- Run the tests", "  ", "é"]), max_size=5)


@st.composite
def files(draw: Any) -> str:
    line = draw(st.sampled_from(["\n", "\r\n"]))
    lines = draw(LINES)
    return str(line.join(lines)) + (line if lines and draw(st.booleans()) else "")


@given(files())
def test_the_paragraph_is_added_once_and_removed_to_the_byte(text: str) -> None:
    changed = with_paragraph(text)

    assert changed.startswith(text)
    assert changed.replace("\r\n", "\n").count(PARAGRAPH.rstrip()) == 1
    assert with_paragraph(changed) == changed
    assert without_paragraph(changed) == text
    assert without_paragraph(text) == text


def test_an_earlier_paragraph_is_replaced_where_it_is() -> None:
    text = "# A\n<!-- cde: begin -->\nold\n<!-- cde: end -->\n# B\n"
    assert with_paragraph(text) == f"# A\n{PARAGRAPH}# B\n"
    assert without_paragraph(text) == "# A\n\n# B\n"


@pytest.mark.parametrize("change", [with_paragraph, without_paragraph])
def test_a_paragraph_without_an_end_is_refused(change: Any) -> None:
    with pytest.raises(ValueError, match=r"has no <!-- cde: end -->"):
        change("<!-- cde: begin -->\n# mine\n")


COMMANDS = {name: file for name in CLIENTS if (file := command_file(name)) is not None}


def test_clients_with_commands_of_a_project_have_a_file() -> None:
    assert COMMANDS == {
        "claude-code": ".claude/commands/cde.md",
        "cursor": ".cursor/commands/cde.md",
        "gemini": ".gemini/commands/cde.toml",
        "opencode": ".opencode/command/cde.md",
    }


@pytest.mark.parametrize("client", COMMANDS)
def test_a_command_says_what_to_do_with_what_follows_it(client: str) -> None:
    text = with_command(client, "")

    given = {"gemini": "{{args}}", "cursor": "what I say after the command"}
    assert f"What is wanted: {given.get(client, '$ARGUMENTS')}\n" in text
    assert with_command(client, text) == with_command(client, "cde_submitWork, of old") == text
    assert without_command(text) == ""
    if client == "gemini":
        assert tomllib.loads(text).keys() == {"description", "prompt"}


def test_a_command_of_somebody_else_stays() -> None:
    with pytest.raises(ValueError, match=r"another command"):
        with_command("cursor", "Close the door.\n")
    assert without_command("Close the door.\n") == "Close the door.\n"
