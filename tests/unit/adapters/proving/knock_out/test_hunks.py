"""Changed lines that are put back, where no syntax is known."""

from __future__ import annotations

import pytest

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.application.ports.proving import ChangedFile

KNOCK_OUTS = SourceKnockOuts()


def names(file: ChangedFile) -> list[str]:
    """What changed in a file."""
    return [place.name for place in KNOCK_OUTS.places(file)]


def test_changed_lines_are_put_back_one_hunk_or_all() -> None:
    file = ChangedFile("rates.csv", b"a,1\r\nb,2\r\nc,3\r\n", b"a,2\r\nb,2\r\nd,3\r\ne,4\r\n")
    first, second = KNOCK_OUTS.places(file)

    assert [first.id, second.id] == ["rates.csv:line 1", "rates.csv:lines 3-4"]
    assert KNOCK_OUTS.knocked_out(file, [first], "nothing") == b"a,1\r\nb,2\r\nd,3\r\ne,4\r\n"
    assert KNOCK_OUTS.knocked_out(file, [first, second], "other") == file.before
    assert KNOCK_OUTS.knocked_out(file, [first, second], "control") == file.after


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.java", b"int a;\n", b"// more\nint  a;\n\n"),
        ("a.rb", b"a = 1\n", b"# more\na = 1\n"),
        ("a.sql", b"SELECT 1;\n", b"-- more\nSELECT 1;\n"),
        ("a.yml", b"a: 1\n", b"# more\n\na: 1\n"),
        ("a.txt", b"a\n", b"a\n\n\n"),
        ("a.rb", None, b"# more\n\n"),
        ("uv.lock", b"a = 1\n", b"a = 2\n"),
        ("go.mod", b"module a\n", b"module b\n"),
        ("package-lock.json", b"{}", b"[]"),
        ("a.png", None, b"\0a"),
        ("a.pyi", b"a: int\n", b"a: str\n"),
        ("a.d.ts", b"let a: int\n", b"let a: string\n"),
    ],
)
def test_comments_blank_lines_types_and_locks_are_no_places(
    path: str, before: bytes | None, after: bytes
) -> None:
    assert names(ChangedFile(path, before, after)) == []


def test_the_control_of_source_code_has_a_comment_more() -> None:
    file = ChangedFile("a.rb", b"a = 1\n", b"a = 2\n")

    places = KNOCK_OUTS.places(file)

    assert KNOCK_OUTS.knocked_out(file, places, "control") == b"a = 2\n# return\n"
    assert KNOCK_OUTS.knocked_out(file, places, "nothing") == b"a = 1\n"


@pytest.mark.parametrize(
    ("path", "after", "expected"),
    [
        ("a.json", b'{"a": 1}\n', b"{}\n"),
        ("a.json", b"[1]\n", b"[]\n"),
        ("a.sql", b"SELECT 1;\n", b""),
        ("a.html.j2", b"{{ a }}\n", b""),
    ],
)
def test_a_new_file_is_emptied(path: str, after: bytes, expected: bytes) -> None:
    file = ChangedFile(path, None, after)

    assert names(file) == ["line 1"]
    assert KNOCK_OUTS.knocked_out(file, KNOCK_OUTS.places(file), "nothing") == expected


def test_hunks_that_need_each_other_are_one() -> None:
    before = b"[\n1,\n2\n]\n"
    after = b'{"a": [\n1,\n2\n]}\n'
    file = ChangedFile("a.json", before, after)

    assert names(file) == ["line 1", "line 4"]
    assert KNOCK_OUTS.knocked_out(file, KNOCK_OUTS.places(file), "nothing") == before
    assert KNOCK_OUTS.knocked_out(file, KNOCK_OUTS.places(file)[:1], "nothing") == after


def test_a_binary_file_is_put_back_as_a_whole() -> None:
    file = ChangedFile("a.png", b"\0a", b"\0b")

    assert names(file) == ["the whole file"]
    assert KNOCK_OUTS.knocked_out(file, KNOCK_OUTS.places(file), "nothing") == b"\0a"


def test_a_huge_file_is_put_back_as_a_whole() -> None:
    file = ChangedFile("a.csv", b"a\n" * 30_000, b"b\n" * 30_000)

    assert names(file) == ["lines 1-30000"]


@pytest.mark.parametrize("path", ["a.json", "a.sql"])
def test_any_file_can_be_broken(path: str) -> None:
    file = ChangedFile(path, None, b"{}\n")

    assert KNOCK_OUTS.broken(file).endswith(b"\n{}\n")
