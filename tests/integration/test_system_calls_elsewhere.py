"""How often a call asks the system about what is not in the project's folder, and with many
features: by ``strace``, as ``test_system_calls`` counts what is in the folder.

Elsewhere are the file of the trusted folders, the second copies of the state and the packaged
prompts. Left out are folders on the way to the project, as it may lie deep: of what is looked for
in each of them, a repository, it is counted how often.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.states import build
from tests.integration import test_system_calls as inside
from tests.programs import program

MANY = 10_000


@dataclass
class Calls:
    """The system's calls of a work: in the project's folder, elsewhere, and on the way to it."""

    inside: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    repositories: Counter[str] = field(default_factory=Counter)


def traced(folder: Path, root: Path) -> dict[str, Calls]:
    """The calls of the last turn of each work."""
    log = folder / "log"
    environment = {**os.environ, "CDE_TRUSTED_FOLDERS": str(root)}
    options = ["-qq", "-s", "300", "-e", f"trace={inside._TRACED}", "-o", str(log)]
    subprocess.run(
        [program("strace"), *options, sys.executable, "-c", inside.WORK, str(root)],
        env=environment,
        check=True,
        capture_output=True,
        timeout=300,
    )
    above = set(map(str, root.parents))
    found: dict[str, Calls] = {}
    calls = Calls()
    for name, path in inside._LINE.findall(log.read_text(errors="replace")):
        known = inside._ONE_NAME.get(name, name)
        if mark := inside._MARK.fullmatch(path):
            calls = found[mark[1] or ""] = Calls()
        elif not path.startswith("/") or path.startswith(f"{root}"):
            calls.inside[known] += 1
        elif Path(path).name == ".git":
            calls.repositories[path] += 1
        elif path not in above:
            calls.elsewhere[known] += 1
    del found[""]
    return found


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Calls]:
    """In a project that begins with one feature."""
    folder = tmp_path_factory.mktemp("one")
    (folder / "project").mkdir()
    return traced(folder, folder / "project")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Calls]:
    """In a project that begins with ten thousand."""
    folder = tmp_path_factory.mktemp("many")
    return traced(folder, build(folder / "project", MANY))


@pytest.mark.parametrize(
    ("work", "most", "looked_for"),
    [
        # The folder of the copies is opened four times: for the lock of the copies, for where
        # they are, and to append to the journal's, which is still the same file.
        ("change", {"open": 4, "stat": 1}, 0),
        # As a change; the trust file; and whether each of 17 packaged prompts is still the same,
        # for the prompt that is kept and for the one of the answer.
        ("start", {"open": 4, "stat": 1 + 1 + 2 * 17}, 10),
        # The trust file; whether the 17 prompts that the kept one was made of are the same.
        ("status", {"stat": 1 + 17}, 5),
        # The trust file.
        ("listed", {"stat": 1}, 1),
    ],
)
def test_a_call_asks_little_about_what_is_elsewhere(
    one: dict[str, Calls], work: str, most: dict[str, int], looked_for: int
) -> None:
    found = one[work]

    assert {name: n for name, n in found.elsewhere.items() if n > most.get(name, 0)} == {}
    # Whether the project's folder belongs to a repository is asked so often in each folder above.
    assert max(found.repositories.values(), default=0) <= looked_for


@pytest.mark.parametrize("work", ["change", "start", "status", "listed"])
def test_a_call_asks_the_system_as_often_with_many_features(
    one: dict[str, Calls], many: dict[str, Calls], work: str
) -> None:
    assert many[work].inside == one[work].inside
    assert many[work].elsewhere == one[work].elsewhere
