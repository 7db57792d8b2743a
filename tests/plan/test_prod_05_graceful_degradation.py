"""PROD-05: what goes on working when a part does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError, ReadOnlyModeError
from cde_orchestrator.infrastructure.circuit_breaker import CircuitBreaker
from cde_orchestrator.testing import FaultyFileOps, ManualClock


def test_read_only_mode_activates(tmp_path: Path) -> None:
    ops = FaultyFileOps()
    repo = FilesystemProjectRepository(ops=ops)
    project = repo.get_or_create(tmp_path)
    project.activate()
    repo.save(project)

    with ops.simulate_disk_full():
        with pytest.raises(ReadOnlyModeError):
            repo.save(project)

        project = repo.get_or_create(tmp_path)
        assert project.read_only is True

        with pytest.raises(ReadOnlyModeError):
            project.start_feature("...")

    repo.save(project, force=True)
    assert repo.get(tmp_path).read_only is False


def test_circuit_breaker_works() -> None:
    breaker = CircuitBreaker(failure_threshold=5, timeout=60)

    def failing() -> None:
        raise OSError("the service does not answer")

    def failing_operation() -> None:
        breaker.call(failing)

    for _ in range(5):
        with pytest.raises(OSError, match="does not answer"):
            failing_operation()

    with pytest.raises(CircuitBreakerOpenError):
        failing_operation()  # Blocked by circuit breaker


def test_a_breaker_has_what_the_plan_names() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(failure_threshold=1, timeout=60, clock=clock.monotonic)
    assert (breaker.state, breaker.failure_count, breaker.last_failure_time) == ("closed", 0, None)

    with pytest.raises(ZeroDivisionError):
        breaker.call(lambda: 1 / 0)
    assert (breaker.state, breaker.failure_count) == ("open", 1)
    assert breaker.last_failure_time == clock.monotonic()

    clock.advance(61)
    assert breaker.state == "half_open"
    assert breaker.call(lambda value: value, "back") == "back"
    assert (breaker.state, breaker.failure_count) == ("closed", 0)


def test_the_error_of_an_open_breaker_needs_no_arguments() -> None:
    error = CircuitBreakerOpenError()

    assert error.code == "E903"
    assert error.retry_after_seconds == 0.0
    with pytest.raises(CircuitBreakerOpenError):
        raise error
