"""The entry in JSON with comments: everything else stays, twice is once, removal undoes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.adapters.clients.json_text import (
    parsed,
    with_entry,
    with_members,
    without_entry,
)

ENTRY = {"type": "stdio", "command": "cde", "args": ["serve"]}
OWN = frozenset({*ENTRY, "url", "headers"})
SECTION = "mcpServers"

KEYS = st.sampled_from(
    ["a", "b", "theme", "é", 'with \\" quote', "// no comment", "/* nor this */"]
)
TRIVIA = st.sampled_from(
    ["", "", " ", "\n", "\n  ", "\r\n\t", " // a note\n", "/* a\nnote */", "\n\n  // cde\n  "]
)
SCALARS = st.sampled_from(
    ["1", "-2.5e3", "true", "null", '"x"', '"// \\" {"', '"\\u00e9"', "[]", "{}"]
)


@st.composite
def objects(draw: Any, inner: Any, keys: Any = KEYS, least: int = 0) -> str:
    names = draw(st.lists(keys, unique=True, min_size=least, max_size=3))
    return str(draw(objects_of(dict.fromkeys(names, inner))))


@st.composite
def objects_of(draw: Any, members: dict[str, Any]) -> str:
    """An object of these members, each with blanks and comments around what it has."""
    parts = []
    for name, value in members.items():
        around = [draw(TRIVIA) for _ in range(4)]
        parts.append(f'{around[0]}"{name}"{around[1]}:{around[2]}{draw(value)}{around[3]}')
    ends = draw(st.sampled_from(["", "", ","])) if parts else ""
    return f"{{{','.join(parts)}{ends}{draw(TRIVIA)}}}"


@st.composite
def lists(draw: Any, inner: Any) -> str:
    parts = [draw(TRIVIA) + draw(inner) + draw(TRIVIA) for _ in range(draw(st.integers(0, 2)))]
    end = draw(st.sampled_from(["", ","] if parts else [""]))
    return f"[{','.join(parts)}{end}]"


VALUES = st.recursive(SCALARS, lambda inner: objects(inner) | lists(inner), max_leaves=6)


@st.composite
def files(draw: Any, servers: Any) -> str:
    names = draw(st.lists(KEYS, unique=True, max_size=3))
    members = dict.fromkeys(names, VALUES)
    if servers is not None:
        members[SECTION] = servers
    items = draw(st.permutations([*members.items()]))
    return f"{draw(TRIVIA)}{draw(objects_of(dict(items)))}{draw(TRIVIA)}"


FULL = files(objects(VALUES, least=1))
ANY = st.one_of(FULL, files(None), files(objects(VALUES)))


def others(text: str) -> dict[str, Any]:
    """What the file says in addition to the entry."""
    content = parsed(text)
    return {**content, SECTION: {**content.get(SECTION, {}), "cde": None}}


@given(ANY)
def test_everything_else_is_kept_and_twice_is_once(text: str) -> None:
    changed = with_entry(text, SECTION, "cde", ENTRY, OWN)

    assert parsed(changed)[SECTION]["cde"] == ENTRY
    assert others(changed) == others(text)
    assert with_entry(changed, SECTION, "cde", ENTRY, OWN) == changed


@given(FULL)
def test_removal_undoes_to_the_byte(text: str) -> None:
    changed = with_entry(text, SECTION, "cde", ENTRY, OWN)

    assert without_entry(changed, SECTION, "cde") == text


@given(files(objects(VALUES, keys=st.sampled_from(["a", "b", "cde", "z"]), least=1)))
def test_an_entry_in_any_place_is_removed_alone(text: str) -> None:
    if "cde" not in parsed(text)[SECTION]:
        return
    left = without_entry(text, SECTION, "cde")

    assert "cde" not in parsed(left)[SECTION]
    assert others(left) == others(text)


OWN_ENTRIES = objects(
    VALUES, keys=st.sampled_from(["type", "command", "args", "url", "env", "cwd", "disabled"])
)


@given(files(objects_of({"before": VALUES, "cde": OWN_ENTRIES, "after": VALUES})))
def test_of_an_entry_that_is_there_a_persons_own_members_are_kept(text: str) -> None:
    before = parsed(text)[SECTION]["cde"]

    changed = with_entry(text, SECTION, "cde", ENTRY, OWN)

    kept = {key: value for key, value in before.items() if key not in OWN}
    assert parsed(changed)[SECTION]["cde"] == {**kept, **ENTRY}
    assert others(changed) == others(text)


def test_an_entry_has_the_form_of_the_file() -> None:
    text = '{\n\t"theme": "dark", // mine\n\t"mcpServers": {\n\t\t"a": {"url": "x"}\n\t}\n}\n'

    assert with_entry(text, SECTION, "cde", {"command": "cde", "args": ["serve"]}, OWN) == (
        '{\n\t"theme": "dark", // mine\n\t"mcpServers": {\n\t\t"a": {"url": "x"},\n'
        '\t\t"cde": {\n\t\t\t"command": "cde",\n\t\t\t"args": ["serve"]\n\t\t}\n\t}\n}\n'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '{\n  "s": {\n    "cde": {\n      "a": 1\n    }\n  }\n}\n'),
        ("{}", '{"s": {"cde": {"a": 1}}}'),
        ('{"s": {}}', '{"s": {"cde": {"a": 1}}}'),
        ('{"b": 2}', '{"b": 2, "s": {"cde": {"a": 1}}}'),
        ('{"b": 2,}', '{"b": 2, "s": {"cde": {"a": 1}},}'),
        ('{\n  "s": {}\n}', '{\n  "s": {\n    "cde": {\n      "a": 1\n    }\n  }\n}'),
        ('{\r\n "s": {\r\n }\r\n}', '{\r\n "s": {\r\n  "cde": {\r\n   "a": 1\r\n  }\r\n }\r\n}'),
    ],
)
def test_an_entry_is_written_as_people_would(text: str, expected: str) -> None:
    assert with_entry(text, "s", "cde", {"a": 1}, {"a"}) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "5", '"x"', "{", '{"a"}', '{"a": }', '{"a": 1} x', '{"a": 1 "b": 2}', "{,}"),
        *('{"a": 1,,}', "{a: 1}", "{'a': 1}", '{"a": NaN}', '{"a": /* }', '{"a": [1 2]}'),
        *('{"a": [/**/1}', '{"a": "\n"}', '{"a": tru}', '{"s": {}, "s": {}}', '{"s": []}'),
        *('{"s": {"cde": {}, "cde": {}}}', '{"s": {"cde": 5}}', '{"s": null}', "// only"),
    ],
)
def test_what_is_not_such_a_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        with_entry(text, "s", "cde", {"a": 1}, {"a"})


@pytest.mark.parametrize("opening", ['{"a":', "[", "[/**/"])
def test_what_is_nested_without_end_is_refused(opening: str) -> None:
    with pytest.raises(ValueError, match=r"deep"):
        parsed('{"a": ' + opening * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [' + ",".join(["[" * 190 + "/**/" + "]" * 190] * 2_700) + "]}",
        '{"a": "' + '\\"' * 500_000,
        '{"a": ' + "/*" * 500_000,
        '{"a": [1' + ", " * 300_000 + "]}",
        '{"a": [' + "1, // x\n" * 120_000 + "]}",
    ],
)
def test_what_a_stranger_wrote_is_read_or_refused_in_its_time(text: str) -> None:
    """Each took minutes in a reader that tries again from every place."""
    with suppress(ValueError):
        assert parsed(text).keys() == {"a"}


def test_a_large_file_is_read_in_its_time() -> None:
    content = {f"key{n}": {"text": "x" * 1_000, "list": [*range(20)]} for n in range(8_000)}
    text = "// mine\n" + json.dumps({"projects": content, SECTION: {"a": {}}}, indent=1)
    changed = with_entry(text, SECTION, "cde", ENTRY, OWN)
    assert without_entry(changed, SECTION, "cde") == text


@pytest.mark.parametrize(
    "text", ["", "{}", '{"a": 1}', '{\n  // note\n  "hooks": {\n    "Other": []\n  }\n}\n']
)
def test_members_of_a_section_come_and_go(text: str) -> None:
    wanted = {"Stop": [{"hooks": []}], "Start": [1]}
    added = with_members(text, "hooks", wanted, ())
    present = parsed(text).get("hooks", {})
    assert parsed(added) == {**parsed(text), "hooks": {**present, **wanted}}
    assert with_members(added, "hooks", wanted, ()) == added
    changed = with_members(added, "hooks", {"Stop": []}, {"Start"})
    assert parsed(changed)["hooks"] == {**present, "Stop": []}
    removed = with_members(changed, "hooks", {}, {"Stop"})
    assert parsed(removed).get("hooks", {}) == present
    assert with_members("", "hooks", {}, {"Stop"}) == ""
