"""What watches a project: samples that reach its history, and alerts judged by them."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from pathlib import Path

import pytest

from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.monitoring.get_health import GetHealth
from cde_orchestrator.application.monitoring.show_operations import ShowOperations
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor
from cde_orchestrator.infrastructure.monitoring.health.probes import Facts
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.testing import ManualClock


class Stage:
    """A project whose facts the test states; nobody knows them while it is broken."""

    def __init__(self, root: Path) -> None:
        (root / ".cde").mkdir()
        self.meter, self.clock, self.is_broken = OperationMeter(), ManualClock(), False
        self.monitor = HealthMonitor(root, self.meter, Settings(), self.facts, clock=self.clock)

    def facts(self) -> Facts:
        if self.is_broken:
            raise RuntimeError("nobody knows")
        return Facts(active_features=3, read_only=True, disk_free_bytes=2**40, disk_bytes=2**19)

    def call(self) -> None:
        self.meter.ended("submit_work", "ok", None, 5.0, 0.0)

    @property
    def calls(self) -> int:
        return self.monitor.history("hour")["points"][-1]["operations"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_sample_holds_operations_and_gauges_and_lets_the_alerts_be_judged(stage: Stage) -> None:
    stage.call()

    stage.monitor.sample()

    point = stage.monitor.history("hour")["points"][-1]
    assert point["operations"] == 1
    assert (point["memory_mb"] or 0) > 1
    assert (point["active_features"], point["disk_mb"]) == (3, 0.5)
    firing = [each["name"] for each in stage.monitor.get_status()["alerts"]]
    assert firing == ["read_only"]


def test_the_slowest_operation_is_exposed_at_once_and_for_a_minute(stage: Stage) -> None:
    def slowest() -> float:
        text, _ = stage.monitor.exposition("")
        return float(re.findall(r"\ncde_slowest_operation_seconds (.+)\n", text.decode())[0])

    stage.monitor.sample()
    assert slowest() == 0
    stage.meter.ended("submit_work", "ok", None, 1_188.0, 0.0)
    stage.call()
    assert slowest() == 1.188

    for _ in range(6):
        stage.monitor.sample()
        assert slowest() == 1.188
        stage.clock.advance(10)
    stage.clock.advance(20)
    stage.monitor.sample()
    assert slowest() == 0


def test_what_was_counted_is_added_once(stage: Stage) -> None:
    stage.call()
    stage.monitor.close()
    stage.monitor.close()

    assert stage.calls == 1


def test_where_nothing_was_counted_a_short_process_writes_nothing(
    tmp_path: Path, stage: Stage
) -> None:
    stage.monitor.close()

    assert list((tmp_path / ".cde").iterdir()) == []


def test_a_sample_that_cannot_be_taken_is_taken_with_the_next_one(stage: Stage) -> None:
    stage.call()
    stage.is_broken = True
    stage.monitor.sample()
    assert stage.calls == 0

    stage.is_broken = False
    stage.monitor.sample()

    assert stage.calls == 1


def test_what_a_server_counted_last_is_kept_when_it_ends(stage: Stage) -> None:
    stage.monitor.watch()
    stage.monitor.watch()
    stage.call()

    stage.monitor.close()

    assert stage.calls == 1
    assert not [each for each in threading.enumerate() if each.name == "cde-sampler"]


def test_samples_are_taken_until_it_is_closed(tmp_path: Path) -> None:
    taken = threading.Semaphore(0)

    def clock() -> datetime:
        taken.release()
        return utc_now()

    monitor = HealthMonitor(tmp_path, OperationMeter(), Settings(), Facts, clock=clock)
    monitor.watch(0.001)
    for _ in range(20):
        assert taken.acquire(timeout=60)

    monitor.close()

    assert not [each for each in threading.enumerate() if each.name == "cde-sampler"]


def test_what_a_process_did_is_known_to_the_next_one(tmp_path: Path) -> None:
    first = build_application(tmp_path)
    first.handle(OnboardProject())
    first.handle(ListFeatures())
    first.close()

    page = build_application(tmp_path).handle(ShowOperations())

    counted = {each["operation"]: each["calls"] for each in page["slowest"]}
    assert counted == {"onboard_project": 1, "list_features": 1}
    assert sum(point["operations"] for point in page["history"]["points"]) == 2


def test_a_call_that_was_not_counted_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    application = build_application(tmp_path)
    application.close()
    assert list((tmp_path / ".cde").iterdir()) == []


def test_a_server_is_watched_by_a_thread_until_it_ends(tmp_path: Path) -> None:
    def is_watched() -> bool:
        return any(thread.name == "cde-sampler" for thread in threading.enumerate())

    application = build_application(tmp_path)
    application.handle(OnboardProject())
    assert not is_watched()
    application.watch()
    assert is_watched()
    application.close()
    assert not is_watched()


def test_settings_that_are_mended_count_from_then_on(tmp_path: Path) -> None:
    application = build_application(tmp_path)
    application.handle(OnboardProject())
    application.close()
    config = tmp_path / ".cde" / "config.toml"
    config.write_text("alert_disk_free_mb = 'much'\n")
    application = build_application(tmp_path)
    application.watch()
    with pytest.raises(CDEError) as refused:
        application.handle(ListFeatures())
    assert refused.value.code == "E314"
    assert application.handle(GetHealth())["details"]["settings"]["error_code"] == "E314"

    config.write_text("alert_disk_free_mb = 12\n")

    assert application.handle(ListFeatures())["features"] == []
    health = application.handle(GetHealth())
    assert health["checks"]["settings"] == "ok"
    assert health["details"]["disk_space"]["threshold"] == 12
    assert {each["operation"] for each in health["metrics"]["operations"]} >= {"list_features"}
    application.close()


def test_it_is_closed_while_its_thread_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = HealthMonitor(tmp_path, OperationMeter(), Settings(), Facts)
    failed: list[BaseException] = []

    def close() -> None:
        try:
            monitor.close()
        except RuntimeError as error:
            failed.append(error)

    closing = threading.Thread(target=close)
    start = threading.Thread.start

    def start_late(thread: threading.Thread) -> None:
        if thread.name == "cde-sampler":
            start(closing)
            closing.join(0.2)  # it fails by then, or waits
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_late)
    monitor.watch()
    closing.join()

    assert not failed
    assert not [each for each in threading.enumerate() if each.name == "cde-sampler"]
