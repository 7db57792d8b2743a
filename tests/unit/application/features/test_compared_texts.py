"""How two texts differ, in lines."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from cde_orchestrator.application.features.compared_texts import (
    CHARACTERS_SHOWN,
    LINES_COMPARED,
    LINES_SHOWN,
    compared,
)


def numbered(count: int) -> list[str]:
    """Lines with their numbers."""
    return [f"line {number}" for number in range(1, count + 1)]


def joined(lines: list[str]) -> bytes:
    """A file of them."""
    return "".join(f"{line}\n" for line in lines).encode()


def test_lines_that_differ_have_some_around_them() -> None:
    old, new = numbered(40), numbered(40)
    new[4], new[30:31] = "other", []

    found = compared(joined(old), joined(new))

    first, second = found["hunks"]
    assert (first["before"], first["after"]) == (2, 2)
    assert first["lines"] == [
        *(" line 2", " line 3", " line 4", "-line 5", "+other"),
        *(" line 6", " line 7", " line 8"),
    ]
    assert (second["before"], second["after"]) == (28, 28)
    assert second["lines"][3:5] == ["-line 31", " line 32"]
    assert not found["partial"]
    assert found["problem"] is None


@pytest.mark.parametrize("seed", range(20))
def test_what_differs_applies_to_the_text_before(seed: int, tmp_path: Path) -> None:
    made = random.Random(seed)
    old = [made.choice("abcd") for _ in range(made.randrange(60))]
    new = [*old]
    for _ in range(made.randrange(8)):
        at = made.randrange(len(new) + 1)
        new[at : at + made.randrange(3)] = [made.choice("abcx")] * made.randrange(3)

    found = compared(joined(old), joined(new))

    patch = ""
    for hunk in found["hunks"]:
        before = sum(line[0] != "+" for line in hunk["lines"])
        after = sum(line[0] != "-" for line in hunk["lines"])
        begin = (hunk["before"] - (before == 0), hunk["after"] - (after == 0))
        patch += f"@@ -{begin[0]},{before} +{begin[1]},{after} @@\n"
        patch += "".join(f"{line}\n" for line in hunk["lines"])
    (tmp_path / "text").write_bytes(joined(old))
    if patch:
        whole = f"--- a/text\n+++ b/text\n{patch}"
        words = ["git", "apply", "--unidiff-zero", "-"]
        subprocess.run(words, cwd=tmp_path, input=whole.encode(), check=True, timeout=60)
    left = tmp_path / "text"
    assert (left.read_bytes() if left.exists() else b"") == joined(new)


def test_a_file_that_came_or_went_is_all_new_or_gone() -> None:
    assert compared(None, b"a\nb\n")["hunks"] == [{"before": 1, "after": 1, "lines": ["+a", "+b"]}]
    assert compared(b"a\n", None)["hunks"] == [{"before": 1, "after": 1, "lines": ["-a"]}]


def test_equal_texts_do_not_differ() -> None:
    assert compared(b"a\n", b"a\n") == {"hunks": [], "partial": False, "problem": None}
    assert compared(b"\x00", b"\x00")["problem"] is None
    assert compared(b"a\n", b"a")["problem"] is not None
    assert compared(None, b"")["problem"] is not None


@pytest.mark.parametrize("data", [b"\x00\x01", b"\xff\xfe"])
def test_what_is_no_text_is_not_shown_in_lines(data: bytes) -> None:
    found = compared(b"text\n", data)

    assert found["hunks"] == []
    assert "not text" in str(found["problem"])


def test_what_is_too_much_is_shown_in_part() -> None:
    old = [f"old {number}" for number in range(2 * LINES_COMPARED)]
    new = ["y" * (3 * CHARACTERS_SHOWN), *old[:5], *reversed(old)]

    found = compared(joined(old), joined(new))

    assert found["partial"]
    assert sum(len(hunk["lines"]) for hunk in found["hunks"]) == LINES_SHOWN
    line = compared(b"", joined(new[:1]))["hunks"][0]["lines"][0]
    assert len(line) == CHARACTERS_SHOWN + 2


def test_many_small_differences_are_shown_in_part() -> None:
    old = numbered(LINES_COMPARED)
    new = [f"{line}!" if at % 10 == 0 else line for at, line in enumerate(old)]

    found = compared(joined(old), joined(new))

    assert found["partial"]
    assert sum(len(hunk["lines"]) for hunk in found["hunks"]) <= LINES_SHOWN
