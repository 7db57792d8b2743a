"""How often a call asks the system, by ``strace``: a bound for each, and the reason beside it.

Counted are the calls about the project's files, of the thread that does the work: so they depend
neither on the machine, nor on where the project lies, nor on what the log's thread writes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.programs import program

WORK = """
import itertools, os, sys
from pathlib import Path
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.bootstrap import build_application

root, numbers = Path(sys.argv[1]), itertools.count()
application = build_application(root)
application.handle(OnboardProject())
application.handle(StartFeature(prompt="First", name="first"))
repository = FilesystemProjectRepository()

def change():
    with repository.transaction(root) as project:
        project.feature("first").prompt = f"Text {next(numbers)}"

def start():
    application.handle(StartFeature(prompt=f"Change {next(numbers)}"))

def status():
    application.handle(GetFeatureStatus(feature_id="first"))

def listed():
    application.handle(ListFeatures(limit=20))

for work in (status, listed, start, change):
    for turn in range(3):  # what is kept is kept from the first on
        os.path.lexists(f"/begin-{work.__name__}")
        work()
    os.path.lexists("/end")
repository.close()
application.close()
"""
_TRACED = "%file,%desc,flock,fsync,fdatasync"
# Memory that is asked for, of no file, is as the interpreter had any left.
_LINE = re.compile(r'^(?!mmap\([^\n]*MAP_ANONYMOUS)(\w+)\((?:[^"\n]*"([^"\n]*)")?', re.MULTILINE)
_ONE_NAME = {"newfstatat": "stat", "lstat": "stat", "statx": "stat", "openat": "open"}
_MARK = re.compile(r"/(?:begin-(\w+)|end)")


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[str]]:
    """The system's calls of the last turn of each work, by their names."""
    folder = tmp_path_factory.mktemp("traced")
    root, log = folder / "project", folder / "log"
    root.mkdir()
    environment = {**os.environ, "CDE_TRUSTED_FOLDERS": str(root)}
    options = ["-qq", "-s", "200", "-e", f"trace={_TRACED}", "-o", str(log)]
    subprocess.run(
        [program("strace"), *options, sys.executable, "-c", WORK, str(root)],
        env=environment,
        check=True,
        capture_output=True,
        timeout=300,
    )
    found: dict[str, Counter[str]] = {}
    counted: Counter[str] = Counter()
    for name, path in _LINE.findall(log.read_text(errors="replace")):
        if mark := _MARK.fullmatch(path):
            counted = found[mark[1] or ""] = Counter()
        elif not path.startswith("/") or path.startswith(f"{root}"):
            counted[_ONE_NAME.get(name, name)] += 1
    del found[""]
    return found


@pytest.mark.parametrize(
    ("work", "most"),
    [
        # Three locks (the project's, of its folder, of the copies elsewhere); the record is
        # appended to the journal, synced, and to its copy; what is opened is opened by its folder,
        # so that no link is followed, and is still at its place before and after.
        ("change", {"stat": 26, "open": 13, "fdatasync": 1, "flock": 3, "write": 2}),
        # A change, whether the outputs' folder is there, whether the folder is trusted, whether
        # git is there, what the project is made of, and the prompt, which is tried before.
        ("start", {"stat": 73, "open": 30, "fdatasync": 1, "flock": 3, "write": 2}),
        # Whether the state and the kept prompt are still right; nothing is written.
        ("status", {"stat": 24, "open": 9}),
        # Whether the state is still right.
        ("listed", {"stat": 10, "open": 1}),
    ],
)
def test_a_call_asks_the_system_no_more_often_than_it_has_to(
    calls: dict[str, Counter[str]], work: str, most: dict[str, int]
) -> None:
    found = calls[work]

    assert {name: found[name] for name in most if found[name] > most[name]} == {}
    assert found["fdatasync"] == most.get("fdatasync", 0), "what is kept is durable, at once"
    written = {"write", "pwrite64", "fdatasync", "fsync", "renameat", "flock"} & set(found)
    assert written <= {*most, "pwrite64"}
    assert found["open"], "what was counted is the work"
