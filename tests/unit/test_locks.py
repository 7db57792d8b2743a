"""The locks are complete: an installation that resolves nothing lacks nothing.

Each requirement is followed from what the project declares through the metadata of every locked
distribution, extras and markers included, as each supported interpreter and system would.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import install

ROOT = Path(__file__).parents[2]
RUNS, DEVELOPS = "requirements.lock", "requirements-dev.lock"
LINUX = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"}
MACOS = {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin"}
SYSTEMS = {
    "linux-x86_64": {**LINUX, "platform_machine": "x86_64"},
    "linux-aarch64": {**LINUX, "platform_machine": "aarch64"},
    "macos-arm64": {**MACOS, "platform_machine": "arm64"},
    "macos-x86_64": {**MACOS, "platform_machine": "x86_64"},
}
PYTHONS = ("3.11", "3.12", "3.13")
CPYTHON = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
# Not for the Python that the tests run on, so their metadata is not at hand. `make installation`
# has it judged by each Python itself.
ELSEWHERE: dict[str, list[str]] = {"pyyaml-ft": []}
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)(?:\[[^]]*\])?==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str
    marker: Marker | None

    def holds(self, environment: dict[str, str]) -> bool:
        return self.marker is None or self.marker.evaluate(environment)


def pins(*locks: str) -> dict[str, Pin]:
    """What the locks pin, by canonical name."""
    return {
        match["name"]: Pin(
            match["name"], match["version"], Marker(match["marker"]) if match["marker"] else None
        )
        for lock in locks
        for match in PIN.finditer((ROOT / lock).read_text("utf-8"))
    }


def requires(name: str) -> list[Requirement]:
    """What the metadata of a locked distribution asks for."""
    try:
        return [Requirement(text) for text in distribution(name).requires or ()]
    except PackageNotFoundError:
        return [Requirement(text) for text in ELSEWHERE[name]]


def environment(python: str, system: str) -> dict[str, str]:
    """What markers are judged by on CPython of this version on this system."""
    version = {"python_version": python, "python_full_version": f"{python}.0"}
    return {**CPYTHON, **SYSTEMS[system], **version, "implementation_version": f"{python}.0"}


def declared(*groups: str) -> list[Requirement]:
    """What pyproject.toml declares: what runs, and these groups of dependencies."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

    def texts(group: str) -> list[str]:
        return [
            text
            for entry in table["dependency-groups"][group]
            for text in ([entry] if isinstance(entry, str) else texts(entry["include-group"]))
        ]

    named = [text for group in groups for text in texts(group)]
    return [Requirement(text) for text in [*table["project"]["dependencies"], *named]]


def reached(
    roots: list[Requirement], locked: dict[str, Pin], where: dict[str, str]
) -> tuple[set[str], list[str]]:
    """Follow every requirement; the names that are reached, and what no pin meets."""
    waiting = [(requirement, "the project") for requirement in roots]
    seen: set[tuple[str, str]] = set()
    unmet = []
    while waiting:
        requirement, owner = waiting.pop()
        name = canonicalize_name(requirement.name)
        pin = locked.get(name)
        if pin is None or not pin.holds(where) or pin.version not in requirement.specifier:
            unmet.append(f"{owner} requires {requirement}")
            continue
        for extra in {"", *requirement.extras} - {one for other, one in seen if other == name}:
            seen.add((name, extra))
            waiting += [
                (needed, name)
                for needed in requires(name)
                if needed.marker is None
                or needed.marker.evaluate({**where, "extra": canonicalize_name(extra)})
            ]
    return {name for name, _ in seen}, sorted(unmet)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("locks", "group"), [((RUNS,), "build"), ((RUNS, DEVELOPS), "dev")])
def test_every_requirement_of_every_locked_distribution_is_met_by_a_pin_and_no_pin_is_idle(
    locks: tuple[str, ...], group: str, python: str, system: str
) -> None:
    locked = pins(*locks)
    where = environment(python, system)

    names, unmet = reached(declared(group), locked, where)

    assert unmet == []
    assert {name for name, pin in locked.items() if pin.holds(where)} - names == set()


def test_what_is_not_pinned_is_noticed() -> None:
    """Without an extra's requirement, or with a pin that is too old, the walk says so."""
    locked = pins(RUNS, DEVELOPS)
    where = environment("3.11", "linux-x86_64")
    without = {name: pin for name, pin in locked.items() if name != "psycopg-binary"}
    old = {**locked, "pluggy": Pin("pluggy", "0.1", None)}

    assert [text.partition(";")[0] for text in reached(declared("dev"), without, where)[1]] == [
        f"psycopg requires psycopg-binary=={locked['psycopg'].version}"
    ]
    unmet = reached(declared("dev"), old, where)[1]
    assert {text.partition(" ")[0] for text in unmet} >= {"hatchling", "pytest"}
    assert all(" requires pluggy" in text for text in unmet)


def test_the_metadata_that_was_read_is_that_of_the_locked_versions() -> None:
    installed: dict[str, str] = {
        canonicalize_name(one.name): one.version for one in distributions()
    }
    locked = pins(RUNS, DEVELOPS)
    here = {name: str(value) for name, value in default_environment().items()}

    expected = {name: pin.version for name, pin in locked.items() if pin.holds(here)}
    assert {name: installed.get(name) for name in expected} == expected


def test_a_lock_names_no_address() -> None:
    for lock in (RUNS, DEVELOPS):
        text = (ROOT / lock).read_text("utf-8")

        assert "://" not in text
        assert not re.search(r"^\s*-(?!-hash=)", text, flags=re.MULTILINE)


def test_no_distribution_is_locked_twice_and_each_has_hashes() -> None:
    texts = [(ROOT / lock).read_text("utf-8") for lock in (RUNS, DEVELOPS)]
    names = [match["name"] for text in texts for match in PIN.finditer(text)]
    blocks = [block for text in texts for block in re.split(r"\n(?=[a-z])", text)[1:]]

    assert len(names) == len(set(names)) == len(blocks)
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_the_installer_reads_every_pin() -> None:
    for lock in (RUNS, DEVELOPS):
        found = install.PIN.findall((ROOT / lock).read_text("utf-8"))

        assert dict(found) == {name: pin.version for name, pin in pins(lock).items()}


def test_only_what_runs_is_installed_for_the_demo() -> None:
    assert not {"pytest", "mypy", "playwright", "psycopg", "uv"} & pins(RUNS).keys()
