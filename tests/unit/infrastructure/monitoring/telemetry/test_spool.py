"""What short processes leave: cheap, bounded, taken once, and never in the way."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor
from cde_orchestrator.infrastructure.monitoring.health.probes import Facts
from cde_orchestrator.infrastructure.monitoring.telemetry import spool
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Tally
from cde_orchestrator.infrastructure.monitoring.telemetry.spool import (
    FILE,
    MOST_BYTES,
    leave,
    take,
)
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from cde_orchestrator.infrastructure.settings.settings import Settings

NOON = datetime(2025, 11, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / ".cde"
    path.mkdir()
    return path


def tally(*durations_ms: float, outcome: str = "ok") -> Tally:
    counted = Tally()
    for duration in durations_ms:
        counted.count(outcome, duration)
    return counted


def test_what_is_left_is_taken_once_and_lines_of_the_same_time_as_one(folder: Path) -> None:
    for second in (0, 3, 9, 10):
        assert leave(folder, second, {"list_features": tally(5.0), "x": tally(1.0, 2.0)})

    taken = take(folder)

    assert [(at, sample.whole().calls) for at, sample in taken] == [(0, 9), (10, 3)]
    assert taken[0][1].operations["x"].longest_ms == 2.0
    assert take(folder) == []
    assert list(folder.iterdir()) == []


def test_the_history_holds_what_was_left(folder: Path) -> None:
    leave(folder, NOON.timestamp(), {"list_features": tally(5.0)})
    store = TelemetryStore(folder.parent)

    assert store.recent(60, NOON).whole().calls == 1
    assert store.history("hour", NOON)["points"][-1]["operations"] == 1


def test_failures_and_refusals_are_left_apart_and_lines_of_an_older_release_are_read(
    folder: Path,
) -> None:
    counted = tally(1.0)
    counted.merge(tally(1.0, 1.0, outcome="failed"))
    counted.merge(tally(1.0, 1.0, 1.0, outcome="refused"))
    leave(folder, 0, {"x": counted})
    stored = counted.stored()
    latencies = {key: stored[key] for key in ("buckets", "total_ms", "longest_ms")}
    with (folder / FILE).open("ab") as file:
        for older in ([5, 1, latencies], [4, 1, latencies, 2]):
            file.write(orjson.dumps({"at": 0, "operations": {"x": older}}) + b"\n")

    [(_, sample)] = take(folder)

    whole = sample.whole()
    assert (whole.calls, whole.errors, whole.refusals) == (15, 4, 5)
    assert whole.buckets.total() == 18


def test_more_is_left_only_once_somebody_took_it(folder: Path) -> None:
    (folder / FILE).write_bytes(b"x" * (MOST_BYTES + 1))

    assert not leave(folder, 0.0, {"x": tally(1.0)})
    assert take(folder) == []
    assert leave(folder, 0.0, {"x": tally(1.0)})


def test_a_line_that_cannot_be_read_costs_no_other(folder: Path) -> None:
    leave(folder, 0.0, {"x": tally(1.0)})
    with (folder / FILE).open("ab") as file:
        file.write(b'{"at": 1, "operations": {"x": [1]}}\nnull\n{"at"\n\xff\n')
    leave(folder, 20.0, {"x": tally(1.0)})

    assert [at for at, _ in take(folder)] == [0.0, 20.0]


def test_no_link_is_followed_and_no_pipe_waited_for(folder: Path) -> None:
    victim = folder.parent / "victim"
    victim.write_text("mine")
    (folder / FILE).symlink_to(victim)
    assert leave(folder, 0.0, {"x": tally(1.0)})
    assert take(folder) == []
    assert victim.read_text() == "mine"

    os.mkfifo(folder / FILE)
    assert leave(folder, 0.0, {"x": tally(1.0)})
    assert take(folder) == []
    assert list(folder.iterdir()) == []


def test_without_a_project_nothing_is_left(tmp_path: Path) -> None:
    assert leave(tmp_path / ".cde", 0.0, {"x": tally(1.0)})
    assert take(tmp_path / ".cde") == []
    assert list(tmp_path.iterdir()) == []


def monitoring(root: Path) -> tuple[HealthMonitor, OperationMeter]:
    def nobody_checks() -> Facts:
        raise AssertionError

    meter = OperationMeter()
    return HealthMonitor(root, meter, Settings(), nobody_checks, clock=lambda: NOON), meter


def test_a_process_that_finds_too_much_waiting_takes_it_into_the_history(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MOST_BYTES", 500)
    for _ in range(10):
        ending, meter = monitoring(folder.parent)
        meter.ended("list_features", "ok", None, 5.0, 0.0)
        ending.close()

    assert (folder / "telemetry.db").is_file()
    assert TelemetryStore(folder.parent).recent(60, NOON).whole().calls == 10
