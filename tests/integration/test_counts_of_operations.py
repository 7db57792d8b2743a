"""What each operation does with the stored state, in counts: a bound each, the reason beside it.

The bounds are the counts themselves, on each Python that is supported. A project with a few
features and one with thousands have the same, but for the features that are to be looked at.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features import list_features
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.diagnose import Diagnose
from cde_orchestrator.application.state import state_exports
from cde_orchestrator.application.state.recover_state import CompactState, ExportState
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.related import COMPARED
from cde_orchestrator.hooks.open_work import open_work
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.storage.format.feature_texts import FeatureTexts
from cde_orchestrator.storage.format.files import StateFiles
from tests.counted_state import Counted, counted_from_now_on, project

FEW, MANY = 10, 3 * COMPARED
CHANGES = 5
"""In the journal, since the checkpoint was written."""
SEALED = 4
"""In the segment before: the project is made and becomes active, and gets one, and then all."""
JOURNAL = 1 + CHANGES
"""Lines of the journal: its header, and a record for each change."""
LIMIT = 10


@dataclass(frozen=True)
class Bounds:
    """What an operation may do in a project of so many features.

    Attributes:
        lines: of journals, decoded.
        checkpoints: decoded, but for their features.
        features: decoded, by the features of the project.
        written: bytes that it writes into the state's files.
        encoded: checkpoints, lines of journals and features that it encodes.
    """

    lines: int
    checkpoints: int
    features: Callable[[int], int]
    written: Callable[[StateFiles], int] = field(default=lambda files: 0)
    encoded: Callable[[int], Mapping[str, int]] = field(default=lambda count: {})


def _as_run(use_case: Callable[[], UseCase[Any]]) -> Callable[[Path], None]:
    def run(root: Path) -> None:
        served = ServedProject(root, pinned=True)
        try:
            served.handle(use_case())
        finally:
            served.close()

    return run


def _is_small(count: int) -> bool:
    """Whether a process that changed something leaves the checkpoint of it in the end."""
    return count == FEW


OPERATIONS: dict[str, tuple[Callable[[Path], object], Bounds]] = {
    # One load; those that are shown are completed, and what was proven of each is looked up.
    "list": (
        _as_run(lambda: ListFeatures(limit=LIMIT)),
        Bounds(JOURNAL, 1, lambda count: min(count, LIMIT)),
    ),
    # One load; the feature, and those that may be related to it: the newest ones.
    "status": (
        _as_run(lambda: GetFeatureStatus(feature_id="first")),
        Bounds(JOURNAL, 1, lambda count: min(count, COMPARED + 1)),
    ),
    # One load; the newest ones are compared with it, but for what differs by its text. One record
    # is written to the journal and to its copy; a small checkpoint is renewed at the end.
    "start": (
        _as_run(lambda: StartFeature(prompt="Make the other report faster")),
        Bounds(
            JOURNAL,
            1,
            lambda count: min(count, COMPARED - 2),
            lambda files: 2 * len(_lines(files)[-1]) + _renewed(files),
            lambda count: {
                "lines encoded": 1,
                **({"checkpoints encoded": 1, "features encoded": 1} if _is_small(count) else {}),
            },
        ),
    ),
    # One load. Then each file is judged once: the segment before, the journal and its copy; the
    # checkpoint before the features came, and `state.json`. One feature is decoded for the
    # workflow that all the open ones follow.
    "doctor": (
        _as_run(Diagnose),
        Bounds(JOURNAL + (1 + SEALED) + 2 * JOURNAL, 1 + 2, lambda count: 2 * count + 1),
    ),
    # One load; each feature once.
    "export": (_as_run(ExportState), Bounds(JOURNAL, 1, lambda count: count)),
    # One load; the checkpoint is encoded once and written twice, out of texts; the copy of the
    # segment that is sealed is completed, and the next one begun. Three checkpoints are listed
    # in the answer: before the features came, this one, and `state.json`.
    "compact": (
        _as_run(CompactState),
        Bounds(
            JOURNAL,
            1 + 3,
            lambda count: 0,
            lambda files: (
                2 * files.state.stat().st_size + _sealed(files) + 2 * files.journal.stat().st_size
            ),
            lambda count: {"checkpoints encoded": 1, "lines encoded": 1},
        ),
    ),
    # One load; the one that is open.
    "hook": (open_work, Bounds(JOURNAL, 1, lambda count: 1)),
}


def _lines(files: StateFiles) -> list[bytes]:
    return files.journal.read_bytes().splitlines(keepends=True)


def _renewed(files: StateFiles) -> int:
    """Bytes of a checkpoint that was renewed at the end."""
    size = files.state.stat().st_size
    return size if size < 64 * 1024 else 0


def _sealed(files: StateFiles) -> int:
    """Bytes of the segment before the one that has just begun."""
    segments = files.segments()
    return segments[sorted(segments)[-2]].stat().st_size


@pytest.fixture(scope="module", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is compiled once for each Python, beside the package, has been compiled."""
    _as_run(Diagnose)(project(tmp_path_factory.mktemp("compiled") / "project", 1))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return counted_from_now_on(monkeypatch)


def journalled(root: Path, count: int) -> Path:
    """A project of so many features, with changes since its checkpoint."""
    project(root, count)
    repository = FilesystemProjectRepository()
    for number in range(CHANGES):
        with repository.transaction(root) as found:
            found.metadata = {**found.metadata, "number": number}
    return root


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_does_no_more_than_it_has_to(
    tmp_path: Path, counted: Counted, name: str, count: int
) -> None:
    operate, bounds = OPERATIONS[name]
    root = journalled(tmp_path / "project", count)
    counted.taken()
    operate(root)
    found = counted.taken()

    read = {"lines": bounds.lines, "checkpoints": bounds.checkpoints}
    assert {what: found[what] for what in read} == read
    assert found.get("features", 0) <= bounds.features(count)
    assert found.get("written", 0) == bounds.written(StateFiles(root))
    encoded = {what: number for what, number in found.items() if what.endswith(" encoded")}
    assert encoded == bounds.encoded(count)


def test_an_export_encodes_each_feature_once(
    tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(tmp_path / "project", FEW)
    _, document = FilesystemProjectRepository().state_at(root, None)
    real, encoded = state_exports._text, list[object]()

    def noted(value: Mapping[str, object]) -> str:
        encoded.append(value)
        return real(value)

    monkeypatch.setattr(state_exports, "_text", noted)
    counted.taken()
    state_exports.export_text(state_exports.export_of(document))

    assert len(encoded) == FEW + 1  # and the project itself
    assert counted.taken() == {"features": FEW}


def test_a_server_keeps_one_state_and_decodes_nothing_to_keep(tmp_path: Path) -> None:
    root = journalled(tmp_path / "project", MANY)
    before = in_memory()
    served = ServedProject(root, pinned=True)
    use_cases: tuple[UseCase[Any], ...] = (
        ListFeatures(limit=LIMIT),
        GetFeatureStatus(feature_id="first"),
        StartFeature(prompt="Make the other report faster"),
        ListFeatures(limit=LIMIT),
    )
    for use_case in use_cases:
        served.handle(use_case)
    kept = {kind: number - before[kind] for kind, number in in_memory().items()}
    served.close()

    # The state of the newest change; a summary of each feature, and no feature.
    assert kept == {FeatureTexts: 1, FeatureSummary: MANY + 1, Feature: 0}


def in_memory() -> dict[type, int]:
    """How many of the large things there are in this process."""
    gc.collect()
    kinds = (FeatureTexts, FeatureSummary, Feature)
    found = [type(each) for each in gc.get_objects()]
    return {kind: found.count(kind) for kind in kinds}


class Place:
    """Where a feature is in a list, in an order that is not the stored one."""

    compared = 0

    def __init__(self, summary: FeatureSummary) -> None:
        self._value = summary.name[::-1]

    def __lt__(self, other: Place) -> bool:
        Place.compared += 1
        return self._value < other._value


def test_a_list_sorts_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorting is one step, which takes long with many, and in which nothing else is answered."""
    root = project(tmp_path / "project", MANY)
    monkeypatch.setattr(list_features, "_position", Place)
    monkeypatch.setattr(Place, "compared", 0)
    _as_run(lambda: ListFeatures(limit=LIMIT))(root)

    # Each with the least of those that are shown so far, and few of them with some of the others;
    # the heap of Python 3.13 compares two more. Sorting all of them takes ten times as many.
    most = {(3, 13): MANY + 199}.get(sys.version_info[:2], MANY + 197)
    assert Place.compared <= most
