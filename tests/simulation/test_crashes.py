"""A crash after any operation: the process dies, or the power fails. See fault_model.md."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.storage.format.journal import GENESIS
from tests.simulation import workload
from tests.simulation.disk import Acknowledged, Disk, Event, Image, write_image
from tests.simulation.operations import SimulatedOps
from tests.simulation.oracle import Oracle, case, choices
from tests.soak import SOAK

CUTS_EACH = 20 if SOAK else 1
"""Random contents that each crash may leave."""
OPERATIONS_EACH = 1.0 if SOAK else 0.5
"""The share of the operations after which a crash is tried."""


pytestmark = pytest.mark.usefixtures("small_files")


def crashes(
    log: list[Event], disk: Disk, random: Random, acknowledged: str = GENESIS
) -> Iterator[tuple[int, str, Image]]:
    """What crashes may leave, after each operation, each content once."""
    seen: set[bytes] = set()
    for number, event in enumerate(log):
        if isinstance(event, Acknowledged):
            acknowledged = event.checksum
            continue
        disk.apply(event)
        if random.random() > OPERATIONS_EACH:
            continue
        for image in (disk.after_kill(), *disk.after_power_cut(random, CUTS_EACH)):
            digest = hashlib.blake2b(acknowledged.encode())
            for path in sorted(image):
                digest.update(f"{path} {len(image[path])}".encode() + image[path])
            if digest.digest() not in seen:
                seen.add(digest.digest())
                yield number, acknowledged, image


def recorded(root: Path) -> SimulatedOps:
    ops = SimulatedOps(root)
    refusals = workload.run(FilesystemProjectRepository(ops), ops, root)
    assert refusals == []
    return ops


def test_after_a_crash_at_any_operation_every_acknowledged_change_is_there(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    ops = recorded(root)
    oracle = Oracle()
    oracle.learn(ops.log)
    tried = 0
    for number, acknowledged, image in crashes(ops.log, Disk(), choices("crash")):
        with TemporaryDirectory(dir=tmp_path) as name, case(operation=number, name=name):
            write_image(image, Path(name))
            oracle.judge(Path(name), acknowledged)
            tried += 1
