"""The sampler: what a process measured reaches the project's history, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cde_orchestrator.application.ports.health import AlertEvent
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.monitoring.telemetry.sampler import Sampler
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from tests.fakes import FakeClock


@dataclass(frozen=True)
class Gauges:
    memory_mb: float = 70.0
    active_features: int = 3
    disk_mb: float = 0.5


@dataclass
class World:
    """A monitor and an engine; broken when they are told to be."""

    broken: bool = False
    judged: list[Mapping[str, float | None]] = field(default_factory=list)
    looked: threading.Event = field(default_factory=threading.Event)

    def gauges(self) -> Gauges:
        if self.broken:
            raise RuntimeError("nobody knows")
        return Gauges()

    def measures(self) -> Mapping[str, float | None]:
        return {"read_only": 0.0}

    def evaluate(self, measures: Mapping[str, float | None]) -> list[AlertEvent]:
        self.judged.append(measures)
        self.looked.set()
        return []


class Stage:
    def __init__(self, root: Path) -> None:
        (root / ".cde").mkdir()
        self.meter, self.store, self.world = OperationMeter(), TelemetryStore(root), World()
        self.clock = FakeClock()
        self.sampler = self.sampling(10.0)

    def sampling(self, interval: float) -> Sampler:
        return Sampler(
            self.meter,
            self.store,
            lambda: self.world,
            lambda: self.world,
            clock=self.clock,
            interval_seconds=interval,
        )

    def call(self) -> None:
        self.meter.ended("submit_work", "ok", None, 5.0, 0.0)

    @property
    def calls(self) -> int:
        return self.store.history("hour", self.clock.now)["points"][-1]["operations"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_sample_holds_operations_and_gauges_and_lets_the_alerts_be_judged(stage: Stage) -> None:
    stage.call()

    stage.sampler.sample()

    point = stage.store.history("hour", stage.clock.now)["points"][-1]
    assert (point["operations"], point["memory_mb"]) == (1, 70.0)
    assert (point["active_features"], point["disk_mb"]) == (3, 0.5)
    assert stage.world.judged == [{"read_only": 0.0}]


def test_what_was_counted_is_added_once(stage: Stage) -> None:
    stage.call()
    stage.sampler.flush()
    stage.sampler.flush()

    assert stage.calls == 1


def test_where_nothing_was_counted_a_short_process_writes_nothing(
    tmp_path: Path, stage: Stage
) -> None:
    stage.sampler.flush()

    assert list((tmp_path / ".cde").iterdir()) == []


def test_a_sample_that_cannot_be_taken_is_taken_with_the_next_one(stage: Stage) -> None:
    stage.call()
    stage.world.broken = True
    stage.sampler.sample()
    assert stage.calls == 0

    stage.world.broken = False
    stage.sampler.sample()

    assert stage.calls == 1


def test_a_server_samples_by_itself_until_it_is_stopped(stage: Stage) -> None:
    sampler = stage.sampling(0.001)
    sampler.start()
    sampler.start()
    assert stage.world.looked.wait(60)
    stage.call()

    sampler.stop()

    assert stage.calls == 1
    assert not [each for each in threading.enumerate() if each.name == "cde-sampler"]
