"""What a check lacks is named, with how it is usually installed."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.check import check_cannot_run
from cde_orchestrator.domain.errors.installing import INSTALLATION, missing_program, remedy_of

CODE_127 = "it ended with exit code 127, as where a program is not found"


@pytest.mark.parametrize(
    ("reason", "program"),
    [
        ("there is no program npm on PATH", "npm"),
        (f"{CODE_127}: sh: 1: mocha: not found", "mocha"),
        (f"{CODE_127}: bash: line 1: c++-13: command not found", "c++-13"),
        (f"{CODE_127}: zsh:1: command not found: pytest", "pytest"),
        (f"{CODE_127}: make: cargo: No such file or directory", "cargo"),
        (f"{CODE_127}: env: \u2018node\u2019: No such file or directory", "node"),
        (CODE_127, None),
        ("permission denied", None),
    ],
)
def test_the_program_is_found_in_what_shells_say(reason: str, program: str | None) -> None:
    assert missing_program(reason) == program


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (f"{CODE_127}: sh: 1: mocha: not found", "mocha is missing. Install the project's"),
        ("there is no program frob on PATH", "apt install frob or brew install frob"),
        ("there is no program .venv/bin/pytest in the project", ".venv/bin/pytest is missing."),
        ("there is no folder web", "Create the folder"),
        ("its folder web leads out of the project", "Create the folder"),
        ("run.sh may not be executed", "executable"),
    ],
)
def test_the_remedy_fits_the_reason(reason: str, words: str) -> None:
    assert words in remedy_of(reason)
    assert check_cannot_run(("npm", "test"), reason).context["remedy"] == remedy_of(reason)


@pytest.mark.parametrize("program", INSTALLATION)
def test_what_is_to_be_installed_is_the_rest_of_a_sentence(program: str) -> None:
    remedy = remedy_of(f"there is no program {program} on PATH")

    assert remedy.startswith(f"{program} is missing. Install {INSTALLATION[program]}")
    assert len(remedy) <= 200
