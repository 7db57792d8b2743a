"""Any single operation fails, once or from then on. See fault_model.md."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.storage import read_only
from cde_orchestrator.storage.format.journal import GENESIS
from tests.simulation import workload
from tests.simulation.disk import Acknowledged, Disk, write_image
from tests.simulation.operations import Fault, SimulatedOps
from tests.simulation.oracle import Oracle, case, change, choices
from tests.soak import SOAK

pytestmark = [pytest.mark.usefixtures("small_files"), pytest.mark.timeout(3_600)]

RUNS_EACH = 10**9 if SOAK else 2
"""Operations that are made to fail, of each kind of fault."""
FAULTS = list(product(get_args(Fault), (False, True)))


def operations_of_a_clean_run(tmp_path: Path) -> int:
    with TemporaryDirectory(dir=tmp_path) as name:
        ops = SimulatedOps(Path(name))
        assert workload.run(FilesystemProjectRepository(ops), ops, Path(name)) == []
        return ops.count


def last_acknowledged(ops: SimulatedOps) -> str:
    checksums = [event.checksum for event in ops.log if isinstance(event, Acknowledged)]
    return checksums[-1] if checksums else GENESIS


def still_readable(repository: FilesystemProjectRepository, ops: SimulatedOps, root: Path) -> None:
    """While nothing can be written, the state that was seen can be read."""
    if last_acknowledged(ops) != GENESIS:
        assert list(repository.get(root).features) is not None


def works_again(repository: FilesystemProjectRepository, root: Path, acknowledged: str) -> None:
    """Once the disk works, the same process goes on."""
    if acknowledged != GENESIS:
        workload.save(repository, root)
        change(repository, root)
        assert not repository.get(root).read_only


@pytest.mark.parametrize(("fault", "for_ever"), FAULTS)
def test_whichever_operation_fails_no_acknowledged_change_is_lost(
    fault: Fault, for_ever: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = choices(f"failure {fault} {for_ever}")
    total = operations_of_a_clean_run(tmp_path)
    numbers = sorted(random.sample(range(total), min(RUNS_EACH, total)))
    for number in numbers:
        reads = fault in {"EIO", "EINTR"} and random.random() < 0.5
        with (
            TemporaryDirectory(dir=tmp_path) as name,
            case(operation=number, fault=fault, for_ever=for_ever, reads=reads),
        ):
            root = Path(name)
            ops = SimulatedOps(root)
            monkeypatch.setattr(read_only, "PROBE_EVERY_SECONDS", random.choice([0.0, 5.0]))
            ops.fail(number, fault, for_ever=for_ever, reads=reads)
            repository = FilesystemProjectRepository(ops)
            refusals = workload.run(repository, ops, root)
            told_with_a_code(refusals)
            still_readable(repository, ops, root)
            ops.heal()
            oracle = Oracle()
            oracle.learn(ops.log)
            lost_power(ops, oracle, tmp_path, number)
            acknowledged = last_acknowledged(ops)
            works_again(repository, root, acknowledged)
            oracle.learn(ops.log)
            oracle.judge(root, acknowledged)


def told_with_a_code(refusals: list[CDEError]) -> None:
    """The first refusal is about the disk; what builds on the refused change may follow."""
    if refusals:
        assert isinstance(refusals[0], StateError)
        assert refusals[0].code in {"E201", "E203", "E204", "E206", "E216"}


def lost_power(ops: SimulatedOps, oracle: Oracle, tmp_path: Path, number: int) -> None:
    """What failed was followed by a power cut: what a failed sync dropped stays dropped."""
    disk = Disk()
    for event in ops.log:
        disk.apply(event)
    images = [disk.after_kill(), *disk.after_power_cut(choices(f"cut {number}"), 3)]
    for image in images:
        with TemporaryDirectory(dir=tmp_path) as name:
            write_image(image, Path(name))
            oracle.judge(Path(name), last_acknowledged(ops))
