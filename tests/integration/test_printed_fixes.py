"""Whatever one or two faults did to a project, the commands that are printed lead out.

Each choice comes from one seed, printed with a failure: ``CDE_SIMULATION_SEED=N`` replays it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from typer import testing
from typer.main import get_command

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.storage.format.files import StateFiles
from tests.integration.blind_person import BlindPerson, as_a_process, in_this_process
from tests.simulation import workload
from tests.simulation.oracle import case, choices, quiet
from tests.soak import SOAK

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0 if SOAK else 600)]

SINGLE = 10**9 if SOAK else 24
DOUBLE = 10**9 if SOAK else 24
PROCESSES = 100 if SOAK else 4
"""How many cases are tried; all of them in a soak."""
NAMED = re.compile(r"E224|E225|Lost (changes|features)|state_replaced")
"""What says that changes are lost: nothing was left, a note of it, salvage, an older copy."""

Harm = Callable[[Path, Path], object]
"""What may become of a path; the second one is where it was some changes before."""


@dataclass(frozen=True)
class World:
    """A project with some history, as it is before anything happens to it.

    Attributes:
        folder: what is put back before each case.
        root: the project, always at this path.
        kept: a copy of all of it.
        older: a copy from some changes before.
        features: the state's, by id.
        targets: what something may happen to.
    """

    folder: Path
    kept: Path
    older: Path
    features: dict[str, Any]
    targets: list[Path]

    @property
    def root(self) -> Path:
        """The project."""
        return self.folder / "shop"

    def put_back(self) -> None:
        """Have it as it was."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder, symlinks=True)
        outside = self.folder.parent / "outside"
        shutil.rmtree(outside, ignore_errors=True)
        outside.mkdir()
        (outside / "file").write_text("Somebody else's.\n")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    base = tmp_path_factory.mktemp("printed")
    folder = base / "world"
    root = folder / "shop"
    (root / ".git" / "objects").mkdir(parents=True)
    (root / ".git" / "refs").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    with quiet():
        repository = FilesystemProjectRepository()
        workload.onboard(repository, root)
        for sealed in range(3):
            for number in range(3):
                name = f"feature-{sealed}-{number}"
                workload.start(name)(repository, root)
            workload.submit(f"feature-{sealed}-0")(repository, root)
            if sealed < 2:
                repository.compact(root)
        older = base / "older"
        shutil.copytree(folder, older, symlinks=True)
        for _ in range(3):  # the journal is ahead of the checkpoint
            workload.save(repository, root)
        workload.start("newest")(repository, root)
        workload.submit("feature-0-1")(repository, root)
        (root / ".cde" / "quarantine").mkdir()
        _, document = repository.state_at(root)
        kept = base / "kept"
        shutil.copytree(folder, kept, symlinks=True)
    return World(folder, kept, older, document["features"], list(_targets(root)))


def _targets(root: Path) -> Iterator[Path]:
    """Every file and folder of the state, and what may be in their places."""
    files = StateFiles(root)
    vault = files.backups
    yield from (files.state, files.journal, files.lock, files.local_backups, files.quarantine)
    yield from (files.objects, files.folder / "logs", files.folder / ".gitignore")
    yield from sorted(vault.iterdir())
    yield from (vault, vault.parent / "by-path", vault.parent, files.folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _emptied(path: Path, _: Path) -> None:
    if path.is_dir():
        _remove(path)
        path.mkdir()
    else:
        _write(path, b"")


def _write(path: Path, data: bytes) -> None:
    _remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _content(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return b"Whatever it was.\n" * 9


def _flipped(data: bytes, place: float) -> bytes:
    position = int(len(data) * place)
    return data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :] if data else data


def _cut(path: Path, _: Path) -> None:
    data = _content(path)
    _write(path, data[: len(data) * 2 // 3])


def _put_older(path: Path, older: Path) -> None:
    _remove(path)
    if older.is_dir():
        shutil.copytree(older, path, symlinks=True)
    elif older.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(older, path)


def _placed(make: Callable[[Path], object]) -> Harm:
    def put(path: Path, _: Path) -> None:
        _remove(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)

    return put


def _outside(path: Path) -> Path:
    return next(each for each in path.parents if each.name == "world").parent / "outside"


def _make_folder(path: Path) -> None:
    path.mkdir()
    (path / "inner").write_text("Something.\n")


HARMS: dict[str, Harm] = {
    "deleted": lambda path, _: _remove(path),
    "emptied": _emptied,
    "cut": _cut,
    "flipped early": lambda path, _: _write(path, _flipped(_content(path), 0.1)),
    "flipped late": lambda path, _: _write(path, _flipped(_content(path), 0.9)),
    "garbage": lambda path, _: _write(path, b"\x00\xffgarbage\n" * 40),
    "zeros": lambda path, _: _write(path, b"{}"),
    "a folder": _placed(_make_folder),
    "a pipe": _placed(os.mkfifo),
    "a link": _placed(lambda path: path.symlink_to(_outside(path))),
    "a link to a file": _placed(lambda path: path.symlink_to(_outside(path) / "file")),
    "a link to nothing": _placed(lambda path: path.symlink_to(path.parent / "nowhere")),
    "older": _put_older,
    "CRLF": lambda path, _: _write(path, _content(path).replace(b"\n", b"\r\n")),
}
OF_FOLDERS = ["deleted", "emptied", "garbage", "a pipe", "a link", "a link to nothing", "older"]
Fault = tuple[Path, str]


def faults(world: World) -> list[Fault]:
    """Every fault of every target."""
    world.put_back()
    return [
        (path, name)
        for path in world.targets
        for name in (OF_FOLDERS if path.is_dir() else HARMS)
        if not (path == world.root / ".cde" and name.startswith("a link"))  # by the owner's choice
    ]


def require_a_way_out(world: World, case_of: tuple[Fault, ...], *, processes: bool = False) -> None:
    """Have a blind person work with the project after these faults."""
    world.put_back()
    for path, name in case_of:
        if all(each.is_dir() and not each.is_symlink() for each in path.parents if each.exists()):
            HARMS[name](path, world.older / path.relative_to(world.folder))
    run = as_a_process(world.folder) if processes else in_this_process
    person = BlindPerson(run, world.root)
    person.work()
    code, said = person.look("state", "verify")
    assert code == 0, f"not whole: {said}\n{person.read}"
    person.look("doctor")
    person.look("state", "history")
    lost = _lost(world)
    named = NAMED.search(person.read) or any(harm == "older" for _, harm in case_of)
    assert not lost or named, f"lost without a word: {lost}\n{person.read}"
    outside = world.folder.parent / "outside"
    assert (found := [path.name for path in outside.iterdir()]) == ["file"], found
    assert (outside / "file").read_text() == "Somebody else's.\n"
    if len(case_of) == 1:
        assert not lost, f"lost by one fault: {lost}\n{person.read}"


def _lost(world: World) -> list[str]:
    """Features that are no longer as they were."""
    with quiet():
        _, document = FilesystemProjectRepository().state_at(world.root)
    now = document["features"]
    return [each["name"] for key, each in world.features.items() if now.get(key) != each]


@pytest.fixture(autouse=True)
def _shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("XDG_STATE_HOME", os.devnull)
    monkeypatch.setattr(testing, "_get_command", cache(get_command))
    yield
    stop_logging()


def _sample(cases: list[tuple[Fault, ...]], count: int, name: str) -> list[tuple[Fault, ...]]:
    return choices(name).sample(cases, min(count, len(cases)))


def _words(case_of: tuple[Fault, ...]) -> str:
    return " and ".join(f"{path.name} {harm}" for path, harm in case_of)


def test_after_any_fault_the_printed_commands_lead_out(world: World) -> None:
    for each in _sample([(fault,) for fault in faults(world)], SINGLE, "one fault"):
        with case(faults=_words(each)):
            require_a_way_out(world, each)


def test_after_any_two_faults_the_printed_commands_lead_out(world: World) -> None:
    pairs = [pair for pair in combinations(faults(world), 2) if pair[0][0] != pair[1][0]]
    for each in _sample(list(pairs), DOUBLE, "two faults"):
        with case(faults=_words(each)):
            require_a_way_out(world, each)


def test_the_printed_commands_lead_out_as_processes_too(world: World) -> None:
    pairs = [pair for pair in combinations(faults(world), 2) if pair[0][0] != pair[1][0]]
    for each in _sample(list(pairs), PROCESSES, "processes"):
        with case(faults=_words(each)):
            require_a_way_out(world, each, processes=True)


def _damage_one_record_in_both_copies(files: StateFiles) -> int:
    """Damage a record in the midst of the newest segment; its number."""
    lines = files.journal.read_bytes().splitlines(keepends=True)
    number = json.loads(lines[2])["sequence"]
    for path in (files.journal, list(files.segments().values())[-1]):
        path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"a", b"b"), *lines[3:]]))
    return int(number)


def test_a_gap_is_left_by_the_number_of_the_last_certain_change(world: World) -> None:
    world.put_back()
    certain = _damage_one_record_in_both_copies(StateFiles(world.root)) - 1
    person = BlindPerson(as_a_process(world.folder), world.root)

    person.work()

    assert person.typed == [f"cde state restore --at {certain} --project {world.root}"]
    assert "E225" in person.look("doctor")[1]
    assert person.look("state", "verify")[0] == 0


@pytest.mark.parametrize("harm", ["a folder", "a pipe", "a link to nothing"])
def test_a_gap_is_left_whatever_is_in_the_place_of_the_journal(world: World, harm: str) -> None:
    world.put_back()
    files = StateFiles(world.root)
    _damage_one_record_in_both_copies(files)
    HARMS[harm](files.journal, Path())
    person = BlindPerson(in_this_process, world.root)

    person.work()

    assert person.typed[-1].startswith("cde state restore --at ")
    assert person.look("state", "verify")[0] == 0


def test_after_a_gap_salvage_keeps_what_later_records_have_whole(world: World) -> None:
    world.put_back()
    lost = _damage_one_record_in_both_copies(StateFiles(world.root))

    code, said = in_this_process(["state", "salvage", "--project", str(world.root), "--json"])

    assert code == 0, said
    reply = json.loads(said[said.index("{\n") :])
    assert reply["missing"] == [str(lost)]
    assert "newest" in reply["difference"]["added"]
    assert in_this_process(["state", "verify", "--project", str(world.root)])[0] == 0
    person = BlindPerson(in_this_process, world.root)
    person.work()
    assert person.typed == []


def test_all_but_the_journal_gone_is_salvaged_with_each_feature_that_it_has_whole(
    world: World,
) -> None:
    world.put_back()
    files = StateFiles(world.root)
    vault = files.backups
    shutil.rmtree(vault)
    files.state.unlink()
    person = BlindPerson(as_a_process(world.folder), world.root)

    person.work()

    assert person.typed == [f"cde state salvage --project {world.root}"]
    assert re.search(r"Lost changes +1 to 10", person.read)
    with quiet():
        project = FilesystemProjectRepository().get(world.root)
    assert {each.name for each in project.features} >= {"feature-2-1", "feature-2-2", "newest"}
    assert project.id in vault.name
    assert person.look("state", "verify")[0] == 0


def test_where_nothing_is_left_an_empty_project_comes_last_and_with_a_word(world: World) -> None:
    world.put_back()
    files = StateFiles(world.root)
    shutil.rmtree(files.backups.parent)
    files.journal.unlink()
    files.state.write_text("{}")
    unasked, said = as_a_process(world.folder)(["init", "--new", "--project", str(world.root)])
    assert (unasked, "no --yes" in said, files.state.read_text()) == (2, True, "{}")
    person = BlindPerson(as_a_process(world.folder), world.root)

    person.work()

    assert person.typed == [
        f"cde state salvage --project {world.root}",
        f"cde init --new --project {world.root}",
    ]
    assert "nothing can be taken out" in person.read
    kept = [path.name.partition("-")[2] for path in files.quarantine.iterdir()]
    assert "state.json" in kept


@pytest.mark.parametrize("name", ["lock", "quarantine", "backups", "objects"])
@pytest.mark.parametrize("harm", ["something", "a pipe", "a link", "a link to nothing"])
def test_what_is_in_the_place_of_a_part_is_moved_aside(world: World, name: str, harm: str) -> None:
    if harm == "something":
        harm = "a folder" if name == "lock" else "garbage"
    world.put_back()
    HARMS[harm](world.root / ".cde" / name, Path())
    person = BlindPerson(in_this_process, world.root)

    person.work()

    assert person.typed == []
    files = StateFiles(world.root)
    kept = [path.name.partition("-")[2].split(".")[0] for path in files.quarantine.iterdir()]
    assert name in kept
    assert person.look("doctor")[0] == 0


def test_a_state_of_a_newer_release_says_upgrade_and_is_left_alone(world: World) -> None:
    world.put_back()
    files = StateFiles(world.root)
    data = files.state.read_text().replace('"schema_version": 1', '"schema_version": 2', 1)
    before = json.loads(data)["checksum"]
    blank = data.replace(before, "0" * 32, 1)
    digest = hashlib.blake2b(blank.encode(), digest_size=16).hexdigest()
    files.state.write_text(blank.replace("0" * 32, digest, 1))
    newer = files.state.read_bytes()

    for words in (["start", "Too old"], ["doctor"], ["doctor", "--fix"], ["state", "salvage"]):
        code, said = in_this_process([*words, "--project", str(world.root)])
        assert code == 1, said
        assert "upgrade" in said, said
        assert "$ cde --version" in said
        assert "doctor --fix" not in said

    assert files.state.read_bytes() == newer


def test_salvage_only_shows_or_writes_a_file_where_that_is_wanted(
    world: World, tmp_path: Path
) -> None:
    world.put_back()
    files = StateFiles(world.root)
    _damage_one_record_in_both_copies(files)
    before = {path: path.read_bytes() for path in (files.journal, files.state)}
    salvaged = tmp_path / "salvaged.json"
    words = ["state", "salvage", "--project", str(world.root)]

    assert in_this_process([*words, "--dry-run"])[0] == 0
    assert in_this_process([*words, "--to", str(salvaged)])[0] == 0

    assert {path: path.read_bytes() for path in before} == before
    exported = json.loads(salvaged.read_text())
    assert {each["name"] for each in exported["features"]} >= {"feature-0-0", "newest"}


def test_salvage_changes_nothing_where_the_state_is_certain(world: World) -> None:
    world.put_back()
    history = ["state", "history", "--project", str(world.root), "--json"]
    before = in_this_process(history)

    code, said = in_this_process(["state", "salvage", "--project", str(world.root)])

    assert code == 0
    assert "nothing is changed" in said
    assert in_this_process(history) == before


@pytest.mark.parametrize("harm", ["deleted", "emptied", "zeros", "garbage"])
def test_the_loss_of_both_copies_of_a_segment_is_named(world: World, harm: str) -> None:
    files = StateFiles(world.root)
    world.put_back()
    newest = list(files.segments().values())[-1]

    require_a_way_out(world, ((files.journal, harm), (newest, "deleted")))

    notes = [path.read_text() for path in files.quarantine.glob("*.lost")]
    assert notes == ["any after 10"]
    assert _lost(world)
