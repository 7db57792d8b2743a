"""The thread that takes samples."""

from __future__ import annotations

import threading

from cde_orchestrator.infrastructure.monitoring.telemetry.sampler import Sampler


def test_samples_are_taken_until_it_is_stopped() -> None:
    taken = threading.Semaphore(0)
    sampler = Sampler(taken.release, 0.001)
    for _ in range(2):
        assert taken.acquire(timeout=60)

    sampler.stop()

    assert not [each for each in threading.enumerate() if each.name == "cde-sampler"]
