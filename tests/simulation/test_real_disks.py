"""Disks that fill up, turn read-only or fail to sync, while a project is worked on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.storage import read_only
from cde_orchestrator.storage.format.files import StateFiles
from tests.disks import remount, simulate_disk_full, small_disk
from tests.integration.blind_person import BlindPerson, as_a_process
from tests.programs import program
from tests.simulation import workload
from tests.simulation.server import Server

PATIENCE_SECONDS = 60
ROTATED = f"cde.log.{datetime.now(UTC) - timedelta(days=1):%Y%m%dT%H%M%S%f}.gz"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def names(root: Path) -> set[str]:
    return {feature.name for feature in FilesystemProjectRepository().get(root).features}


def fill(repository: FilesystemProjectRepository, root: Path) -> tuple[set[str], StateError]:
    """Start features until one is refused; those that were not, and the refusal."""
    started: set[str] = set()
    while True:
        name = f"feature-{len(started)}-{'x' * 30}"
        try:
            with repository.transaction(root) as project:
                project.start_feature("A long prompt. " * 200, name=name)
        except StateError as error:
            return started, error
        started.add(name)


@pytest.mark.own_disk
def test_a_disk_that_fills_up_refuses_changes_until_there_is_room_again(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_only, "PROBE_EVERY_SECONDS", 0.0)
    # Of 1 MiB it leaves room until the journal is 196 kB and the checkpoint 125 kB. With less than
    # 346 kB the journal would come to 261 kB, and the checkpoint to 244 kB: twice that and 64 KiB,
    # which a change wants free, would not be there without the ballast either.
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(400_000))
    repository = FilesystemProjectRepository()
    workload.onboard(repository, disk)
    started, refusal = fill(repository, disk)
    assert refusal.code in {"E204", "E206"}
    assert repository.get(disk).read_only
    assert names(disk) == started
    ballast.unlink()
    workload.start("afterwards")(repository, disk)
    assert not repository.get(disk).read_only
    assert names(disk) == {*started, "afterwards"}
    assert repository.verify(disk) == []


@pytest.mark.own_disk
def test_a_disk_that_is_really_full_loses_nothing(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody warns of it: the space runs out in the midst of a write."""
    monkeypatch.setattr(read_only, "PROBE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(read_only, "SPARE_BYTES", -(10**9))
    repository = FilesystemProjectRepository()
    workload.onboard(repository, disk)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(400_000))
    started, refusal = fill(repository, disk)
    assert refusal.code in {"E204", "E206"}
    assert names(disk) == started
    ballast.unlink()
    workload.start("afterwards")(repository, disk)
    assert names(disk) == {*started, "afterwards"}
    assert repository.verify(disk) == []


@pytest.mark.own_disk
def test_a_server_whose_disk_turns_read_only_goes_on_answering_and_comes_back(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", "16m") as disk:
        workload.onboard(FilesystemProjectRepository(), disk)
        with Server(disk) as server:
            _read_only_and_back(disk, server)
        assert names(disk) == {"before", "after"}


def _read_only_and_back(disk: Path, server: Server) -> None:
    prompt = "Survive the remount"
    assert "error" not in server.call("cde_startFeature", prompt=prompt, name="before")
    remount(disk, "ro")
    for name in ("one", "two", "three"):
        reply = server.call("cde_startFeature", prompt=prompt, name=name)
        assert reply["error"]["code"] in {"E203", "E206"}
        assert server.call("cde_listFeatures")["total"] == 1
    assert server.call("cde_getProjectInfo")["project"]["read_only"] is True
    remount(disk, "rw")
    until = time.monotonic() + PATIENCE_SECONDS
    while server.call("cde_getProjectInfo")["project"]["read_only"]:
        assert time.monotonic() < until
    assert "error" not in server.call("cde_startFeature", prompt=prompt, name="after")


CHANGES = """
import json, sys
from pathlib import Path
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.observability.logs.setup import stop_logging
from cde_orchestrator.storage import read_only
from cde_orchestrator.storage.format.files import StateFiles
read_only.PROBE_EVERY_SECONDS = 0.0
root = Path(sys.argv[1])
repository = FilesystemProjectRepository()
outcomes = []
for number in range(16):
    try:
        with repository.transaction(root) as project:
            project.start_feature("Survive the failing sync", name=f"feature-{number}")
        outcomes.append("done")
    except StateError as error:
        outcomes.append(error.code)
    assert repository.get(root).id
print(json.dumps(outcomes))
"""


@pytest.mark.faults
def test_a_sync_that_fails_refuses_the_change_and_the_next_one_that_works_is_taken(
    tmp_path: Path,
) -> None:
    with closing(FilesystemProjectRepository()) as repository:
        workload.onboard(repository, tmp_path)
    inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=4..9"]
    strace = [program("strace"), "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", *inject]
    ran = subprocess.run(
        [*strace, sys.executable, "-c", CHANGES, str(tmp_path)],
        capture_output=True,
        check=False,
        text=True,
    )
    if "ptrace" in ran.stderr:
        pytest.skip("this machine lets nobody trace")
    assert ran.returncode == 0, ran.stderr
    outcomes: list[str] = json.loads(ran.stdout.splitlines()[-1])
    refused = [code for code in outcomes if code != "done"]
    assert set(refused) <= {"E203", "E206", "E216"}
    assert refused
    assert outcomes[0] == outcomes[-1] == "done"
    done = {f"feature-{number}" for number, code in enumerate(outcomes) if code == "done"}
    assert names(tmp_path) == done
    assert FilesystemProjectRepository().verify(tmp_path) == []


@pytest.fixture
def full_disk(disk: Path) -> Iterator[Path]:
    """A project on a disk without a free byte, with logs and reports that it can do without."""
    application = build_application(disk)
    application.handle(OnboardProject())
    application.close()
    folder = disk / ".cde"
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / ROTATED).write_bytes(bytes(120_000))
    (folder / "errors").mkdir(exist_ok=True)
    for number in range(25):
        (folder / "errors" / f"20260101T0000000000{number:02}-E999-00000000.json").write_text("{}")
    with simulate_disk_full(disk):
        yield disk
    stop_logging()


@pytest.mark.own_disk
def test_on_a_full_disk_the_printed_commands_free_what_is_not_needed(full_disk: Path) -> None:
    before = names(full_disk)
    person = BlindPerson(as_a_process(full_disk), full_disk)

    person.work()

    assert person.typed[0] == "cde doctor --fix"
    assert f".cde/logs/{ROTATED} was removed (120000 bytes)" in person.read, person.read
    assert names(full_disk) == {*before, "after"}
    reports = list((full_disk / ".cde" / "errors").glob("20260101*"))
    assert len(reports) == 25, "more was removed than was needed"


@pytest.mark.own_disk
def test_on_a_full_disk_compacting_is_not_refused(full_disk: Path) -> None:
    files = StateFiles(full_disk)
    sealed = len(files.checkpoints())
    repository = FilesystemProjectRepository()

    repository.compact(full_disk)

    assert len(files.checkpoints()) == sealed
    (full_disk / ".cde" / "logs" / ROTATED).unlink()
    repository.compact(full_disk)
    assert len(files.checkpoints()) == sealed + 1
    assert repository.verify(full_disk) == []
