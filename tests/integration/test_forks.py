"""A copy of a project that was used on its own comes back: a fork, in which nothing is lost."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.projects.diagnose import Diagnose
from cde_orchestrator.application.state.recover_state import LeaveFork, ListBackups, RestoreState
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.history import Backup
from cde_orchestrator.storage.format.files import StateFiles
from tests import command_line
from tests.command_line import in_words
from tests.integration.mcp_client import StdioServer
from tests.repository import git
from tests.soak import SOAK

Return = Callable[[Path, Path, Path], None]
"""Brings the history of a copy into a project; the third is the journal that both began with."""


PLACES = ["in a repository", "without one"]
SERVERS = ["no server", "a server"]


@pytest.fixture(params=PLACES)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    if request.param == "in a repository":
        git(made, "init", "-q")
    repository = FilesystemProjectRepository()
    repository.get_or_create(made)
    with repository.transaction(made) as project:
        project.activate()
    start(made, "base")
    return made


def start(root: Path, *names: str, by: FilesystemProjectRepository | None = None) -> None:
    repository = by or FilesystemProjectRepository()
    for name in names:
        with repository.transaction(root) as project:
            project.start_feature("Do it", name=name)
    if by is None:
        repository.close()


def compact(root: Path) -> None:
    FilesystemProjectRepository().compact(root)


def names(root: Path, by: FilesystemProjectRepository | None = None) -> set[str]:
    return {each.name for each in (by or FilesystemProjectRepository()).get(root).features}


def other_sides(root: Path) -> list[Backup]:
    return [each for each in FilesystemProjectRepository().backups(root) if each.fork is not None]


def names_in(root: Path, backup: Backup) -> set[str]:
    document = FilesystemProjectRepository().backup(root, backup.file)
    return {feature["name"] for feature in document["features"].values()}


def replaced(root: Path, copy: Path, _: Path) -> None:
    """As ``rsync --delete`` does it."""
    shutil.rmtree(root / ".cde")
    shutil.copytree(copy / ".cde", root / ".cde")


def copied_over(root: Path, copy: Path, _: Path) -> None:
    """As ``rsync`` does it."""
    shutil.copytree(copy / ".cde", root / ".cde", dirs_exist_ok=True)


def journal_alone(root: Path, copy: Path, _: Path) -> None:
    shutil.copyfile(copy / ".cde" / "journal.jsonl", root / ".cde" / "journal.jsonl")


def state_alone(root: Path, copy: Path, _: Path) -> None:
    shutil.copyfile(copy / ".cde" / "state.json", root / ".cde" / "state.json")


def vault_alone(root: Path, copy: Path, _: Path) -> None:
    """As with the copy of a repository's own folder."""
    there = StateFiles(copy).backups
    for path in there.glob("*-[0-9]*.json*"):
        shutil.copyfile(path, StateFiles(root).backups / path.name)


def _merged(root: Path, copy: Path, base: Path, *options: str) -> None:
    for name in ("journal.jsonl", "state.json"):
        own, other = root / ".cde" / name, copy / ".cde" / name
        ancestor = base if name == "journal.jsonl" else Path(os.devnull)
        command: list[str | Path] = ["git", "merge-file", *options, own, ancestor, other]
        subprocess.run(command, check=False, capture_output=True)


def merged_by_git(root: Path, copy: Path, base: Path) -> None:
    """As git leaves the files of two branches that tracked them, with conflict markers."""
    _merged(root, copy, base)


def merged_as_union(root: Path, copy: Path, base: Path) -> None:
    _merged(root, copy, base, "--union")


RETURNS = [
    replaced,
    copied_over,
    journal_alone,
    state_alone,
    vault_alone,
    merged_by_git,
    merged_as_union,
]


def copy_of(root: Path) -> tuple[Path, Path]:
    """A copy of the project, and one of its journal as it is now."""
    copy, journal = root.with_name("copy"), root.with_name("journal.jsonl")
    shutil.copytree(root, copy)
    shutil.copyfile(root / ".cde" / "journal.jsonl", journal)
    return copy, journal


SIZES = [(1, 1), (3, 1), (1, 3)]
"""How many changes there are on each side."""


def mixed() -> Iterator[Any]:
    """Each way back with each size, and each of both with each other value; in a soak with all."""
    for way, come_back in enumerate(RETURNS):
        for size, (here, there) in enumerate(SIZES):
            for place, served in product((0, 1), repeat=2):
                is_chosen = (place, served) == ((way + size) % 2, (way // 2 + size // 2) % 2)
                if SOAK or is_chosen:
                    where, by = PLACES[place], SERVERS[served]
                    name = f"{come_back.__name__}-{here}-{there}-{by}-{where}"
                    yield pytest.param(where, come_back, here, there, bool(served), id=name)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("root", "come_back", "here", "there", "served"), list(mixed()), indirect=["root"]
)
def test_both_sides_are_kept_and_merged_by_one_command(
    root: Path, come_back: Return, here: int, there: int, served: bool
) -> None:
    copy, journal = copy_of(root)
    server = FilesystemProjectRepository()
    own = [f"here{number}" for number in range(here)]
    start(root, *own, by=server if served else None)
    if served:
        server.close()  # its memory stays
    others = [f"there{number}" for number in range(there)]
    start(copy, *others)
    sides = [{"base", *own}, {"base", *others}]
    come_back(root, copy, journal)
    with capture_logs() as logs:
        # What is in memory and in the journal is not read again for the other files.
        seen_by_server = served and come_back not in (state_alone, vault_alone)
        followed = names(root, server if seen_by_server else None)
    assert followed in sides
    assert not {"E206", "E201"} & {each.get("error_code") for each in logs}
    (kept,) = other_sides(root)
    assert names_in(root, kept) == sides[1 - sides.index(followed)]
    assert FilesystemProjectRepository().verify(root) == []
    start(root, "after")
    application = Application(root)
    application.handle(RestoreState(merged=kept.file))
    assert names(root) == sides[0] | sides[1] | {"after"}
    (decided,) = other_sides(root)
    assert decided.fork is not None
    assert not decided.fork.is_open
    number, _ = FilesystemProjectRepository().state_at(root)
    application.handle(RestoreState(at=number - 1))
    assert names(root) == followed | {"after"}
    assert FilesystemProjectRepository().verify(root) == []


def test_a_side_says_where_it_forked_and_how_much_differs(root: Path) -> None:
    copy, journal = copy_of(root)
    forked_at, _ = FilesystemProjectRepository().state_at(root)
    start(root, "here")
    start(copy, "there", "too")
    replaced(root, copy, journal)
    names(root)
    (side,) = [
        each["fork"] for each in Application(root).handle(ListBackups())["backups"] if each["fork"]
    ]
    assert (side["after"], side["followed_at"]) == (forked_at, forked_at + 2)
    assert (side["differing"], side["is_open"]) == (3, True)


def test_of_a_feature_that_both_sides_changed_the_newest_revision_wins(root: Path) -> None:
    copy, journal = copy_of(root)
    for where, reason in ((root, "first"), (copy, "second")):
        repository = FilesystemProjectRepository()
        with repository.transaction(where) as project:
            feature = project.feature("base")
            feature.close("cancelled", reason, "somebody", project.updated_at)
        repository.close()
    replaced(root, copy, journal)
    names(root)
    (side,) = other_sides(root)
    reply = Application(root).handle(RestoreState(merged=side.file, dry_run=True))
    assert reply["conflicts"] == ["feature base"]


def test_a_side_that_is_chosen_or_left_is_reported_no_more(root: Path) -> None:
    copy, journal = copy_of(root)
    start(root, "here")
    start(copy, "there")
    replaced(root, copy, journal)
    names(root)
    (side,) = other_sides(root)
    application = Application(root)
    with pytest.raises(CDEError) as caught:
        application.handle(LeaveFork(side="fork-000000000001-00000000.json"))
    assert caught.value.code == "E209"
    application.handle(LeaveFork(side=side.file))
    (left,) = other_sides(root)
    assert left.fork is not None
    assert not left.fork.is_open
    application.handle(RestoreState(backup=side.file))  # its name of before is enough
    assert names(root) == {"base", "here"}


def test_the_same_copy_that_comes_back_again_changes_nothing(root: Path) -> None:
    copy, journal = copy_of(root)
    start(root, "here")
    start(copy, "there")
    vault_alone(root, copy, journal)
    assert names(root) == {"base", "here"}
    replaced(root, copy, journal)
    assert names(root) == {"base", "here"}
    start(copy, "more")
    replaced(root, copy, journal)
    assert names(root) == {"base", "there", "more"}
    assert sorted(map(len, [names_in(root, side) for side in other_sides(root)])) == [2, 2]


def test_another_projects_state_is_no_fork(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    FilesystemProjectRepository().get_or_create(other)
    server = FilesystemProjectRepository()
    start(root, "here", by=server)
    replaced(root, other, other)
    assert names(root, server) == set()
    assert other_sides(root) == []


@pytest.mark.parametrize("seed", range(24))
def test_whatever_was_done_on_both_sides_all_of_it_is_kept(root: Path, seed: int) -> None:
    chance = random.Random(seed)
    copy, journal = copy_of(root)
    server = FilesystemProjectRepository() if chance.random() < 0.5 else None
    come_back = chance.choice(RETURNS)
    # A journal that begins in the midst of a history tells no state without a checkpoint.
    has_states = come_back in (replaced, copied_over, state_alone, vault_alone)
    sides = []
    for where in (root, copy):
        done = {"base"}
        for number in range(chance.randint(1, 6)):
            if chance.random() < 0.3 and (where == root or has_states):
                compact(where)
            name = f"{where.name}{number}"
            start(where, name, by=server if where == root else None)
            done.add(name)
        if chance.random() < 0.3 and (where == root or has_states):
            compact(where)
        sides.append(done)
    come_back(root, copy, journal)
    if come_back not in (state_alone, vault_alone):
        names(root, server)
    start(root, "after")
    followed = names(root) - {"after"}
    kept = [names_in(root, each) for each in other_sides(root)]
    known = [followed, *kept]
    assert all(side in known for side in sides), (come_back.__name__, sides, known)
    assert FilesystemProjectRepository().verify(root) == [], come_back.__name__


@pytest.fixture
def forked(root: Path) -> Path:
    """A project with two histories, which no command has seen yet."""
    copy, journal = copy_of(root)
    start(root, "here")
    start(copy, "there")
    replaced(root, copy, journal)
    return root


def cde(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return in_words(command_line.cde(*words, "--project", str(root), cwd=root.parent))


def test_each_command_says_fork_until_a_person_decided(forked: Path) -> None:
    doctor = cde(forked, "doctor")  # before anything was kept
    assert "E222" in doctor.stdout
    assert "E212" not in doctor.stdout
    fix = re.search(r"\$ cde (state merge \S+)", doctor.stdout)
    assert fix is not None
    for command in ("verify", "backups"):
        cde(forked, "state", command)
    said = cde(forked, "list")
    assert said.stderr.startswith("! fork: ")
    assert fix[1] in said.stderr
    assert "E222" in cde(forked, "doctor").stdout
    assert cde(forked, *fix[1].split()).returncode == 0
    assert names(forked) == {"base", "here", "there"}
    assert cde(forked, "list").stderr == ""
    assert "E222" not in cde(forked, "doctor").stdout


@pytest.mark.parametrize(
    "words",
    [("status",), ("status", "nothing-like-it"), ("health",), ("list", "--json")],
    ids=" ".join,
)
def test_whatever_a_command_asks_of_the_state_and_however_it_ends_it_says_fork_once(
    forked: Path, words: tuple[str, ...]
) -> None:
    names(forked)
    said = cde(forked, *words)
    assert said.stderr.count("! fork: ") == 1
    assert ("E102" in said.stderr) == ("nothing-like-it" in words)


def test_the_first_command_may_be_the_one_that_decides(forked: Path) -> None:
    listed = cde(forked, "state", "verify")
    (name,) = re.findall(r"fork-\d+-\w+\.json", listed.stdout)
    assert "fork" in listed.stdout
    assert cde(forked, "state", "merge", name).returncode == 0
    assert names(forked) == {"base", "here", "there"}


def test_an_agent_reads_fork_in_each_answer(forked: Path) -> None:
    server = StdioServer(forked)
    call = {"name": "cde_listFeatures", "arguments": {}}
    answers = [server.ask("tools/call", call, number)["result"] for number in (1, 2)]
    refused = [
        server.ask("tools/call", {"name": tool, "arguments": {"feature": "nothing"}}, number)
        for number, tool in enumerate(("cde_getFeatureStatus", "cde_resumeFeature"), 3)
    ]
    server.end()
    for answer in answers:
        assert answer["structuredContent"]["total"] == 2
    for answer in refused:
        assert answer["result"]["isError"]
    for answer in (*answers, *(each["result"] for each in refused)):
        texts = [each["text"].startswith("fork: ") for each in answer["content"]]
        assert texts == [True, False]
        assert answer["structuredContent"]["notice"].startswith("fork: ")


def test_a_merge_needs_a_side_or_three_files(forked: Path) -> None:
    assert cde(forked, "state", "merge", "one", "two").returncode == 2
    unknown = cde(forked, "state", "merge", "fork-1")
    assert unknown.returncode == 1
    assert "E209" in unknown.stderr


def test_an_undecided_side_is_never_removed_and_a_decided_one_after_a_while(forked: Path) -> None:
    names(forked)
    files = StateFiles(forked)
    compact(forked)
    (side,) = files.sides()
    os.utime(side, (0, 0))
    compact(forked)
    assert list(files.sides()) == [side]
    Application(forked).handle(LeaveFork(side=side.name))
    (left,) = files.sides()
    os.utime(left, (0, 0))
    compact(forked)
    assert files.sides() == {}


def test_a_decided_side_is_kept_from_the_decision_on(forked: Path) -> None:
    names(forked)
    (side,) = StateFiles(forked).sides()
    long_ago = time.time() - 31 * 86_400
    os.utime(side, (long_ago, long_ago))
    Application(forked).handle(LeaveFork(side=side.name))
    compact(forked)
    (left,) = other_sides(forked)
    assert left.fork is not None
    assert not left.fork.is_open


def test_the_first_command_may_be_the_one_that_lists_the_sides(forked: Path) -> None:
    done = cde(forked, "state", "backups", "--json")
    (fork,) = [each["fork"] for each in json.loads(done.stdout)["backups"] if each["fork"]]
    assert (fork["differing"], fork["is_open"]) == (2, True)


def test_compacting_lists_the_side_that_is_kept(forked: Path) -> None:
    names(forked)
    (side,) = other_sides(forked)
    done = cde(forked, "state", "compact", "--json")
    assert done.returncode == 0, done.stdout
    listed = {each["file"]: each["fork"] for each in json.loads(done.stdout)["backups"]}
    assert listed[side.file]["differing"] == 2
    assert cde(forked, "state", "compact").returncode == 0


def test_the_doctor_keeps_the_other_side_and_rewrites_nothing(forked: Path) -> None:
    application = Application(forked)
    examined = application.handle(Diagnose())
    (finding,) = [each for each in examined["findings"] if each["code"] == "E222"]
    assert examined["repairable"] == []
    repaired = application.handle(Diagnose(fix=True))
    (side,) = StateFiles(forked).sides()
    assert side.name in finding["message"] + str(finding["fixes"])
    (words,) = repaired["repaired"]
    assert words == f"{StateFiles(forked).shown(side)} was kept"
    assert application.handle(Diagnose(fix=True))["repaired"] == []


def test_a_side_that_is_damaged_goes_to_quarantine(forked: Path) -> None:
    names(forked)
    (side,) = StateFiles(forked).sides()
    side.write_bytes(side.read_bytes().replace(b"here", b"hers"))
    repository = FilesystemProjectRepository()
    assert repository.repair(forked) == [f"{side.name} was damaged and is in quarantine"]
    assert other_sides(forked) == []
    assert repository.verify(forked) == []
