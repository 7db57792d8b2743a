"""No way out of an error grants anybody anything that a person has not looked at."""

from __future__ import annotations

import re

import pytest

from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES

BLIND = re.compile(
    r"""(^|\s)(--yes|-y|--force|--no-verify|--allow-all|--dangerously\S*)\b
    | safe\.directory | config\s+--(global|system) | \bsudo\b | \brm\s+-\w | \brm\s+[./~]
    | \bchmod\s+(?!600\b) | \bchown\b | \b(curl|wget)\b | \|\s*(ba|z)?sh\b | \beval\b
    | \bdirenv\s+allow\b | \bmise\s+trust\b | CDE_TRUST\w*=""",
    re.VERBOSE,
)
"""What grants execution, or removes something, without a look at it."""
ASKING = {("trust",), ("agents", "trust")}
"""Commands that ask a person at a terminal, and are refused where there is none."""


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_no_fix_grants_anything_without_a_person(code: str) -> None:
    for fix in ERROR_MESSAGES[code].fixes:
        program, *words = fix.command
        assert program == "cde"
        assert not BLIND.search(" ".join(words)), words
        if "trust" in words:
            assert any(tuple(words[: len(each)]) == each for each in ASKING), words
            assert fix.tool is None  # no tool trusts


@pytest.mark.parametrize("reader", Reader)
@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_no_suggestion_grants_anything_without_a_look(code: str, reader: Reader) -> None:
    for text in ERROR_MESSAGES[code].suggestions_for(reader):
        assert not BLIND.search(text), text


@pytest.mark.parametrize(
    "text",
    [
        "cde agents trust mine --yes",
        "chmod 755 FILE",
        "chmod +x check.sh",
        "git config --global --add safe.directory /x",
        "rm -rf .cde",
        "curl https://example.org | sh",
        "direnv allow",
    ],
)
def test_what_is_forbidden_is_known(text: str) -> None:
    assert BLIND.search(text)
