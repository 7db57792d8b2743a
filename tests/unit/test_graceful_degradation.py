"""What goes on working when a part does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import Reply, build_application
from cde_orchestrator.domain.exceptions import (
    CircuitBreakerOpenError,
    ReadOnlyModeError,
    StateError,
)
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.breakers.breaker import CircuitBreaker
from tests.disks import remount, simulate_disk_full, small_disk

REPRODUCTION = (
    "## Symptom\n\nThe page is blank.\n\n## Steps\n\nOpen it without a network.\n\n"
    "## Cause\n\n" + "The script waits for ever for an answer that never comes.\n" * 4
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", simulated=True) as folder:
        yield folder


@pytest.fixture
def repository(disk: Path) -> FilesystemProjectRepository:
    repository = FilesystemProjectRepository()
    project = repository.get_or_create(disk)
    project.activate()
    project.start_feature("Already there")
    repository.save(project)
    return repository


def names(project: Project) -> list[str]:
    return [feature.name for feature in project.features]


@pytest.mark.own_disk
def test_read_only_mode_blocks_mutations(
    repository: FilesystemProjectRepository, disk: Path
) -> None:
    with simulate_disk_full(disk):
        project = repository.get_or_create(disk)
        assert project.read_only is True
        assert project.read_only_reason
        assert project.read_only_since is not None
        assert names(project) == ["already-there"]
        with pytest.raises(ReadOnlyModeError) as caught:
            project.start_feature("Refused")
        assert caught.value.code == "E206"
        with pytest.raises(ReadOnlyModeError), repository.transaction(disk):
            pytest.fail("a change was begun")
        project.metadata["forced"] = True
        with pytest.raises(StateError):
            repository.save(project, force=True)

    project = repository.get_or_create(disk)
    assert project.read_only is True, "the disk is tried again in a few seconds"
    repository.save(project, force=True)
    assert (project.read_only, repository.get(disk).read_only) == (False, False)
    with repository.transaction(disk) as project:
        project.start_feature("Again")
    assert names(FilesystemProjectRepository().get(disk)) == ["already-there", "again"]


@pytest.mark.own_disk
def test_a_disk_that_turns_read_only_while_it_is_used_is_noticed_and_its_return_too(
    repository: FilesystemProjectRepository, disk: Path
) -> None:
    remount(disk, "ro")
    with pytest.raises(StateError), repository.transaction(disk) as project:
        project.start_feature("Refused")
    for each in (repository, FilesystemProjectRepository()):
        project = each.get(disk)
        assert project.read_only
        assert names(project) == ["already-there"]
    remount(disk, "rw")
    repository.save(repository.get(disk), force=True)
    with repository.transaction(disk) as project:
        project.start_feature("Again")
    assert names(FilesystemProjectRepository().get(disk)) == ["already-there", "again"]


def test_state_recovery_from_backup(tmp_path: Path) -> None:
    repository = FilesystemProjectRepository()
    project = repository.get_or_create(tmp_path)
    project.activate()
    project.start_feature("First")
    repository.save(project)
    repository.compact(tmp_path)
    with repository.transaction(tmp_path) as project:
        project.start_feature("Second")
    repository.close()
    state = tmp_path / ".cde" / "state.json"
    state.write_bytes(state.read_bytes()[:100])

    recovered = FilesystemProjectRepository().get(tmp_path)

    assert names(recovered) == ["first", "second"]
    assert recovered.read_only is False
    assert FilesystemProjectRepository().verify(tmp_path) == []
    assert [path.read_bytes()[:20] for path in (tmp_path / ".cde" / "quarantine").iterdir()]


def test_partial_feature_completion(tmp_path: Path) -> None:
    """Progress is saved in each phase, resumed from the last good one, and rolled back."""

    def call(use_case: UseCase[Reply]) -> Reply:
        application = build_application(tmp_path)  # every call is a process that starts anew
        try:
            return application.handle(use_case)
        finally:
            application.close()

    call(OnboardProject())
    call(StartFeature(prompt="Mend it", name="mend", workflow="quick-fix"))
    results = {"reproduction": REPRODUCTION}
    call(SubmitWork(feature_id="mend", phase_id="reproduce", results=results))
    call(SaveProgress(feature_id="mend", phase_id="fix", note="The time-out is in fetch.js"))
    for _ in range(3):
        call(FailPhase(feature_id="mend", phase_id="fix", reason="The suite is red"))
    failed = FilesystemProjectRepository().get(tmp_path).feature("mend")
    assert (failed.status, failed.current_phase) == ("failed", "fix")
    assert failed.phases["reproduce"].status is PhaseStatus.COMPLETED

    resumed = call(ResumeFeature(feature_id="mend"))
    assert resumed["phase"] is not None
    assert resumed["phase"]["id"] == "fix"
    assert [phase["id"] for phase in resumed["finished"]] == ["reproduce"]
    assert [saved["note"] for saved in resumed["progress"]] == ["The time-out is in fetch.js"]
    assert resumed["last_failure"] == "The suite is red"
    assert "The time-out is in fetch.js" in resumed["phase"]["prompt"]

    path = tmp_path / "specs" / "mend" / "reproduction.md"
    call(RollbackFeature(feature_id="mend", to_phase="reproduce", reason="Wrong cause"))
    assert not path.exists()
    back = FilesystemProjectRepository().get(tmp_path).feature("mend")
    assert back.current_phase == "reproduce"
    assert back.phases["fix"].status is PhaseStatus.ROLLED_BACK


def test_circuit_breaker_opens_after_failures() -> None:
    breaker = CircuitBreaker(failure_threshold=5, timeout=60)
    calls: list[int] = []

    @breaker
    def failing_operation() -> None:
        calls.append(1)
        raise ConnectionError("no route")

    for _ in range(5):
        with pytest.raises(ConnectionError):
            failing_operation()

    assert breaker.state == "open"
    with pytest.raises(CircuitBreakerOpenError) as refusal:
        failing_operation()
    assert len(calls) == 5
    assert 0 < refusal.value.retry_after_seconds <= 60
