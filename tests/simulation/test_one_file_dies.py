"""Any one state file is deleted, cut or has a bit flipped. See fault_model.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.storage.format.files import StateFiles
from tests.simulation import workload
from tests.simulation.disk import Disk, Image, read_image, write_image
from tests.simulation.operations import SimulatedOps, UnsyncedOps
from tests.simulation.oracle import Oracle, case, change, choices, quiet, standing
from tests.soak import SOAK

pytestmark = [pytest.mark.usefixtures("small_files"), pytest.mark.timeout(7_200)]

HARMS_EACH = 10**9 if SOAK else 6
"""Cuts, and flipped bits, of each file."""
CRASHES_EACH = 1.0 if SOAK else 0.2
"""The share of the operations after which a crash is tried."""
LIVE = {"state.json", "journal.jsonl", "second copy"}
FILES = [*sorted(LIVE), "sealed segment", "sealing backup", "oldest backup"]


@dataclass(frozen=True)
class Store:
    """A store that a workload left, and what is known of it."""

    image: Image
    oracle: Oracle
    acknowledged: str

    def path_of(self, file: str, root: Path) -> Path:
        """Where the file of this name stands."""
        files = StateFiles(root)
        segments, backups = files.segments(), list(files.checkpoints().values())
        first = max(segments)
        return {
            "state.json": files.state,
            "journal.jsonl": files.journal,
            "second copy": segments[first],
            "sealed segment": list(segments.values())[1],
            "sealing backup": files.backup(first - 1),
            "oldest backup": backups[0],
        }[file]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("store")
    ops = SimulatedOps(root)
    with workload.small_files(), quiet():
        repository = FilesystemProjectRepository(ops)
        assert workload.run(repository, ops, root) == []
        repository.compact(root)
        for _ in range(3):  # the journal is ahead of the checkpoint
            change(repository, root)
    oracle = Oracle()
    oracle.learn(ops.log)
    image = {path: data for path, data in read_image(root).items() if path.name != "lock"}
    return Store(image, oracle, standing(root))


def harms(file: str, data: bytes, random: Random) -> Iterator[tuple[str, bytes | None]]:
    """What may become of a file."""
    if file != "oldest backup":  # which retention may remove as well
        yield "deleted", None
    yield "cut at 0", b""
    for size in sorted(random.sample(range(1, len(data)), min(HARMS_EACH, len(data) - 1))):
        yield f"cut at {size}", data[:size]
    for position in sorted(random.sample(range(len(data)), min(HARMS_EACH, len(data)))):
        bit = random.randrange(8)
        flipped = bytes([data[position] ^ (1 << bit)])
        yield f"bit {bit} of {position}", data[:position] + flipped + data[position + 1 :]


@pytest.mark.parametrize("file", FILES)
def test_whatever_becomes_of_one_file_nothing_is_lost(
    file: str, store: Store, tmp_path: Path
) -> None:
    for name, root, harmed in harmed_stores(store, file, tmp_path):
        with case(file=file, harm=name):
            found = FilesystemProjectRepository(UnsyncedOps()).verify(root)
            assert found, "the damage is not reported"
            with capture_logs() as logs:
                store.oracle.opened(
                    FilesystemProjectRepository(UnsyncedOps()), root, store.acknowledged
                )
            if file in LIVE or (harmed is None and file == "sealing backup"):
                assert {entry["event"] for entry in logs} >= {"state_damaged", "state_repaired"}
                assert harmed is None or harmed in read_image(root / ".cde/quarantine").values()
                store.oracle.judge(root, store.acknowledged)
            else:
                again = FilesystemProjectRepository(UnsyncedOps())
                with quiet():
                    change(again, root)
                assert again.verify(root) == [], "the damage was not mended by the next change"
                assert harmed is None or harmed in read_image(root / ".cde/quarantine").values()


def harmed_stores(
    store: Store, file: str, tmp_path: Path
) -> Iterator[tuple[str, Path, bytes | None]]:
    """Stores of which one file is harmed; what the harm is, where, and the file's content."""
    whole = store.path_of(file, _written(store.image, tmp_path / "whole")).read_bytes()
    for name, harmed in harms(file, whole, choices(f"one file {file}")):
        with TemporaryDirectory(dir=tmp_path) as folder:
            root = _written(store.image, Path(folder))
            path = store.path_of(file, root)
            if harmed is None:
                path.unlink()
            else:
                path.write_bytes(harmed)
            yield name, root, harmed


def _written(image: Image, root: Path) -> Path:
    write_image(image, root)
    return root


@pytest.mark.parametrize("file", sorted(LIVE))
def test_a_crash_while_damage_is_mended_loses_nothing(
    file: str, store: Store, tmp_path: Path
) -> None:
    random = choices(f"mending {file}")
    for name, root, harmed in harmed_stores(store, file, tmp_path):
        if not (SOAK or name == "deleted" or random.random() < 0.12):
            continue
        start = read_image(root)
        ops = SimulatedOps(root)
        repository = FilesystemProjectRepository(ops)
        store.oracle.opened(repository, root, store.acknowledged)
        disk = Disk(start)
        for number, event in enumerate(ops.log):
            disk.apply(event)
            if random.random() > CRASHES_EACH:
                continue
            for image in (disk.after_kill(), *disk.after_power_cut(random, 2)):
                with (
                    TemporaryDirectory(dir=tmp_path) as again,
                    case(file=file, harm=name, operation=number),
                ):
                    store.oracle.judge(_written(image, Path(again)), store.acknowledged)
                    quarantine = read_image(Path(again) / ".cde/quarantine").values()
                    assert harmed is None or harmed in quarantine
