"""Facts become values that JSON can hold."""

from __future__ import annotations

import json

import pytest

from cde_orchestrator.domain.project_facts import (
    CHECKLIST_SHOWN,
    CONVENTIONS,
    NAMES_SHOWN,
    WORDS_LIMIT,
    convention_lines,
    conventions_in,
)
from tests.fakes import python_facts

STYLE = {"kind": "lint", "command": "tox -e style", "source": "tox.ini"}
NOTHING: dict[str, list[object]] = {name: [] for name in CONVENTIONS}


def test_facts_as_metadata_survive_json() -> None:
    metadata = python_facts().to_metadata()

    assert json.loads(json.dumps(metadata)) == metadata
    assert metadata == {
        "languages": ["Python", "TypeScript"],
        "package_manager": "uv",
        "test_command": ["uv", "run", "pytest", "-q"],
        "git": True,
        "evidence": ["pyproject.toml", "uv.lock"],
        "instructions": [],
        "commands": [],
        "changelog": [],
        "checklist": [],
    }


def test_how_a_project_is_worked_on_is_said_in_words() -> None:
    rules = conventions_in(
        {
            "instructions": ["AGENTS.md", "CONTRIBUTING.md"],
            "commands": [
                STYLE,
                {**STYLE, "command": "make lint", "source": "Makefile"},
                {**STYLE, "kind": "odd"},
            ],
            "changelog": ["CHANGES.rst"],
            "checklist": ["Add tests"],
        }
    )

    assert convention_lines(rules) == [
        ("Instructions", "AGENTS.md, CONTRIBUTING.md"),
        ("Lint", "tox -e style (tox.ini), make lint (Makefile)"),
        ("Others", "tox -e style (tox.ini)"),
        ("Changes listed in", "CHANGES.rst"),
        ("Checklist", "1 items of the pull request template"),
    ]
    assert convention_lines(NOTHING) == []


@pytest.mark.parametrize("value", [None, 7, "AGENTS.md", {"a": 1}, [], True])
def test_facts_of_another_type_count_as_none(value: object) -> None:
    assert conventions_in(dict.fromkeys(CONVENTIONS, value)) == NOTHING
    assert conventions_in({"commands": ["make lint", None]}) == NOTHING


def test_facts_are_shown_within_bounds_and_harmless() -> None:
    many = conventions_in({name: ["\x1b[2J" + "x" * 1_000] * 1_000 for name in CONVENTIONS})

    assert [len(many[name]) for name in CONVENTIONS] == [
        NAMES_SHOWN,
        0,
        NAMES_SHOWN,
        CHECKLIST_SHOWN,
    ]
    assert {len(each) for each in many["checklist"]} == {WORDS_LIMIT}
    assert "\x1b" not in many["checklist"][0]
    assert conventions_in({"commands": [{"command": 1}]})["commands"] == [
        {"kind": "", "command": "1", "source": ""}
    ]


def test_what_nobody_trusts_is_not_believed() -> None:
    assert conventions_in({"commands": [STYLE]}, believed=False) == NOTHING
