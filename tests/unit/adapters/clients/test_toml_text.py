"""The entry in TOML: everything else stays, twice is once, removal undoes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.adapters.clients.toml_text import parsed, with_entry, without_entry

ENTRY = {"command": "/opt/a \\ b/cde", "args": ["serve"], "required": True}
OWN = frozenset({*ENTRY, "url", "bearer_token_env_var"})
SECTION = "mcp_servers"

LINES = st.sampled_from(
    [
        *("# a note\n", "\n", "   \n", "\t# [mcp_servers.cde]\n"),
        *('{key} = "a # b [c]"\n', "{key} = 'x'  # said\n", "{key} = [1,\n  # two\n  2]\n"),
        *('{key} = """\n[mcp_servers.cde]\n"\\"""" \n', "{key} = '''\n[x]\n'''\n"),
        *("{key} = {{ a = [1], b = '}}' }}\n", "{key}.deep.er = 1979-05-27\n"),
    ]
)
HEADERS = st.sampled_from(
    [
        *("[mcp_servers.{key}]\n", '["{key}"] # said\n', "[ projects . '/a/{key}' ]\n"),
        *("[[list.{key}]]\n", "[mcp_servers.{key}.env]\n", "[mcp_servers.cde2{key}]\n"),
    ]
)


@st.composite
def files(draw: Any) -> str:
    number, parts = 0, []
    for table in range(draw(st.integers(0, 4))):
        if table:
            number += 1
            parts.append(draw(HEADERS).format(key=f"t{number}"))
        for line in draw(st.lists(LINES, max_size=4)):
            number += 1
            parts.append(line.format(key=f"k{number}"))
    text = "".join(parts)
    text = text.removesuffix("\n") if draw(st.booleans()) else text
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def others(text: str) -> dict[str, Any]:
    content = parsed(text)
    return {**content, SECTION: {**content.get(SECTION, {}), "cde": None}}


@given(files())
def test_everything_else_is_kept_and_twice_is_once(text: str) -> None:
    changed = with_entry(text, SECTION, "cde", ENTRY, OWN)

    assert parsed(changed)[SECTION]["cde"] == ENTRY
    assert others(changed) == others(text)
    assert changed.startswith(text)
    assert with_entry(changed, SECTION, "cde", ENTRY, OWN) == changed


@given(files())
def test_removal_undoes_to_the_byte(text: str) -> None:
    changed = with_entry(text, SECTION, "cde", ENTRY, OWN)

    assert without_entry(changed, SECTION, "cde") == text


@given(files(), files())
def test_an_entry_in_any_place_is_changed_and_removed_alone(before: str, after: str) -> None:
    before, after = before.replace("\r\n", "\n"), after.replace("\r\n", "\n").replace("t", "u")
    after = after.replace("mcp_servers.cde]", "x").replace("list.", "more.")
    before = before + "\n" if before else before
    own = '[mcp_servers.cde] # mine\n# said\ncommand = "old"\nurl = "x"\nenv = {A = "1"}\n'
    tail = "[last]\n" + after
    text = before + own + tail

    changed = with_entry(text, SECTION, "cde", ENTRY, OWN)

    assert parsed(changed)[SECTION]["cde"] == {"env": {"A": "1"}, **ENTRY}
    assert others(changed) == others(text)
    assert changed.startswith(before)
    assert changed.endswith(tail)
    left = without_entry(text, SECTION, "cde")
    assert "cde" not in parsed(left).get(SECTION, {})
    assert left.endswith(tail)


def test_an_entry_is_written_at_the_end() -> None:
    text = 'model = "x"\n\n[mcp_servers.a]\nurl = "y" # mine\n'

    assert with_entry(text, SECTION, "cde", {"command": "cde", "args": ["serve"]}, OWN) == (
        text + '\n[mcp_servers.cde]\ncommand = "cde"\nargs = ["serve"]\n'
    )


def test_tables_below_the_entry_are_removed_with_it() -> None:
    text = (
        'a = 1\n\n[mcp_servers.cde]\ncommand = "cde"\n\n[mcp_servers.cde.env]\nB = "2"\n\n'
        "# of the next\n[next]\nc = 3\n"
    )
    assert without_entry(text, SECTION, "cde") == "a = 1\n\n\n# of the next\n[next]\nc = 3\n"


@pytest.mark.parametrize(
    "text",
    [
        *("[", "a = ", 'mcp_servers = {cde = {command = "cde"}}\n', "a = 1\na = 2\n"),
        *('[mcp_servers]\ncde = {command = "cde"}\n', 'mcp_servers.cde.command = "cde"\n'),
    ],
)
def test_what_is_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        with_entry(text, SECTION, "cde", ENTRY, OWN)
