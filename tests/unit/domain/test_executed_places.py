"""Which places in a project others execute."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cde_orchestrator.domain.executed_places import _PLACES, TOOLS_OF_A_PROJECT, executed_by
from cde_orchestrator.domain.workflow import Output

EVERY = [(who, place) for who, places in _PLACES.items() for place in places.split()]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "capitals": str.upper,
    "in a folder": "packages/a/{}".format,
    "a dot at the end": lambda path: "/".join(f"{part}." for part in path.split("/")),
    "blanks at the end": lambda path: "/".join(f"{part} . " for part in path.split("/")),
    "no width": lambda path: path[0] + "\u200d" + path[1:],
    "wide letters": lambda path: path.translate({ord("i"): "\uff49", ord("o"): "\uff4f"}),
    "a stream": lambda path: f"{path}::$DATA",
}


@pytest.mark.parametrize(("who", "place"), EVERY, ids=lambda value: value)
def test_a_place_is_known_by_every_name_that_a_file_system_takes_for_it(
    who: str, place: str
) -> None:
    path = place.replace("*", "x") + ("a/file.txt" if place.endswith("/") else "")
    found = executed_by(path)

    assert found is not None, who
    for spelling, spelt in SPELLINGS.items():
        assert executed_by(spelt(path)) == found, spelling


@pytest.mark.parametrize(
    "path",
    [
        "specs/{feature}/spec.md",
        "specs/venv/spec.md",
        "src/hooks/useLogin.ts",
        "src/app.py",
        "tests/test_login.py",
        "docs/github/workflows.md",
        "github/workflows/ci.yml",
        "myconftest.py",
        "conftest.py.md",
        ".githubx/workflows/a.yml",
        "Makefile",
        "scripts/release.sh",
        "CHANGELOG.md",
        "README.md",
    ],
)
def test_any_other_path_is_no_such_place(path: str) -> None:
    assert executed_by(path) is None


def test_a_short_name_may_be_any_place() -> None:
    assert executed_by("GITHUB~1/workflows/ci.yml") == (
        "whatever else has this short name on Windows"
    )


def allowed(path: str, feature: str | None = None) -> str | None:
    output = Output(id="a", path=path)
    permission = output.permission(feature) if feature else output.permission()
    return permission.words[-1] if permission else None


def test_what_is_allowed_is_the_declared_path_unless_only_a_name_makes_it_a_place() -> None:
    assert allowed("docs/{feature}.md") is None
    assert allowed("docs/{feature}.md", "login") is None
    assert allowed("docs/{feature}.md", "agents") == "docs/agents.md"
    assert allowed(".vscode/{feature}.json", "login") == ".vscode/{feature}.json"
    assert allowed(".{feature}/settings.json", "vscode") == ".vscode/settings.json"


def test_the_tools_of_a_project_are_among_them() -> None:
    assert _PLACES.keys() > TOOLS_OF_A_PROJECT
