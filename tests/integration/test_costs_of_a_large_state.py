"""What a command costs with many features, in counts: what it decodes, reads and writes.

No time is judged, so that the bounds hold on any machine, however busy.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import orjson
import pytest

from cde_orchestrator.adapters.repositories.filesystem import (
    FilesystemProjectRepository,
)
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.diagnose import Diagnose
from cde_orchestrator.application.state.recover_state import CompactState, ExportState
from cde_orchestrator.domain.related import COMPARED
from cde_orchestrator.hooks.open_work import open_work
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.storage.format import checkpoint
from cde_orchestrator.storage.format.feature_texts import FeatureTexts
from cde_orchestrator.storage.format.files import StateFiles
from tests.counted_state import Counted, counted_from_now_on, project

MANY = 3 * COMPARED
FEW = 10
CHANGES = 400


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return counted_from_now_on(monkeypatch)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("large") / "project", MANY)


def features_in(path: Path) -> Any:
    found = checkpoint.decode(path.read_bytes())
    assert isinstance(found, checkpoint.Checkpoint)
    return found.document["features"]


def run(root: Path, use_case: Any) -> Any:
    served = ServedProject(root, pinned=True)
    try:
        return served.handle(use_case)
    finally:
        served.close()


def test_a_list_reads_the_state_once_and_decodes_a_page(large: Path, counted: Counted) -> None:
    size = (large / ".cde" / "state.json").stat().st_size
    counted.taken()
    run(large, ListFeatures(limit=10))
    counts = counted.taken()

    assert counts["checkpoints"] == 1
    assert counts.get("features", 0) <= 10  # those that are shown
    assert counts["read"] < size + 200_000  # and the journal, which begins anew here


def test_a_start_decodes_what_it_is_compared_with_and_writes_what_it_adds(
    large: Path, counted: Counted
) -> None:
    counted.taken()
    run(large, StartFeature(prompt="Make the other report faster"))
    counts = counted.taken()

    assert counts["checkpoints"] == 1
    assert counts["features"] < COMPARED  # the others, once for the answer and the prompt
    line = (large / ".cde" / "journal.jsonl").read_bytes().splitlines(keepends=True)[-1]
    assert counts["written"] == 2 * len(line)  # both copies


def test_an_export_decodes_each_feature_once(large: Path, counted: Counted) -> None:
    counted.taken()
    exported = run(large, ExportState())["state"]
    counts = counted.taken()

    assert MANY <= counts["features"] <= len(exported["features"])  # a new one is an object
    assert counts["checkpoints"] == 1


def test_the_doctor_reads_each_file_of_the_state_twice_at_most(
    large: Path, counted: Counted
) -> None:
    files = StateFiles(large)
    kept = [*files.checkpoints().values(), files.state]
    size = sum(path.stat().st_size for path in (*kept, *files.segments().values(), files.journal))
    loaded = files.state.stat().st_size + 2 * files.journal.stat().st_size
    stored = sum(len(features_in(path)) for path in kept)
    counted.taken()
    run(large, Diagnose())
    counts = counted.taken()

    # Each is decoded once, so that one that cannot be read is found, and none has a recorded
    # output; of the open ones one is, for the workflow of all of them.
    assert counts["features"] <= stored + 1
    # Each is judged, and the newest one is loaded as a command would load it.
    assert counts["checkpoints"] == len(kept) + 1
    assert counts["read"] <= size + loaded


def test_a_server_keeps_nothing_of_what_the_doctor_read(large: Path) -> None:
    served = ServedProject(large, pinned=True)
    served.handle(ListFeatures(limit=1))
    before = states_in_memory()
    served.handle(Diagnose())

    assert states_in_memory() == before
    served.close()


def states_in_memory() -> int:
    gc.collect()
    return sum(type(each) is FeatureTexts for each in gc.get_objects())


def test_a_hook_decodes_what_is_open(large: Path, counted: Counted) -> None:
    counted.taken()
    work = open_work(large)

    assert work is not None
    assert "first" in {each.name for each in work.features}
    assert counted.taken()["features"] <= len(work.features)


def test_a_compaction_decodes_no_feature(large: Path, counted: Counted) -> None:
    counted.taken()
    run(large, CompactState())

    assert counted.taken().get("features", 0) == 0


def test_a_change_costs_no_more_with_many_features(
    large: Path, tmp_path: Path, counted: Counted
) -> None:
    costs = []
    for root in (project(tmp_path / "small", FEW), large):
        repository = FilesystemProjectRepository()
        with repository.transaction(root) as found:
            found.start_feature("Count", name=f"count-{root.name}")
        counted.taken()
        for number in range(3):
            with repository.transaction(root) as found:
                found.feature(f"count-{root.name}").prompt = f"Count {number}"
        costs.append(counted.taken())
        repository.close()
    few, many = costs

    assert many == few
    assert many.get("features", 0) == 0
    assert many.get("lines", 0) == 0


def test_all_that_is_written_stays_in_proportion_to_what_changed(
    tmp_path: Path, counted: Counted
) -> None:
    root = project(tmp_path / "small", FEW)
    repository = FilesystemProjectRepository()
    changed = 0
    counted.taken()
    for number in range(CHANGES):
        with repository.transaction(root) as found:
            found.feature("first").prompt = f"{number} " + "x" * 3_000
        changed += len(orjson.dumps(f"{number} " + "x" * 3_000))
    repository.close()

    # Each change twice, 2.3 times with what names it; a checkpoint for 64 KiB of them, 0.3 times;
    # and the second copy of the segment, which is sealed once, 0.9 times.
    assert counted.taken()["written"] <= 3.49 * changed


def test_all_that_is_written_stays_in_proportion_to_what_is_added(
    tmp_path: Path, counted: Counted
) -> None:
    root = project(tmp_path / "small", FEW)
    repository = FilesystemProjectRepository()
    started: list[str] = []
    counted.taken()
    for number in range(CHANGES):
        with repository.transaction(root) as found:
            started.append(found.start_feature(f"Report {number}", name=f"report-{number}").id)
    repository.close()
    written, stored = counted.taken()["written"], features_in(root / ".cde" / "state.json")

    # Each one twice, 3.0 times with what names it; and a checkpoint when the journal has grown by
    # its size, and at the end: together 2.6 times, as the last one has them all.
    assert written <= 5.59 * sum(len(stored.text(key)) for key in started)
