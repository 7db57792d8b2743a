"""Each alert, driven for real: something goes wrong, lasts, is told, and is mended.

Time is the test's own; everything else is as in a server, which takes a sample at each look.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.monitoring.get_health import GetHealth
from cde_orchestrator.application.ports.health import HealthReply, overall
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import CompactState
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError, FeatureError, LockTimeoutError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import WebhookNotifier
from cde_orchestrator.infrastructure.monitoring.alerts.rules import alert_rules
from cde_orchestrator.infrastructure.monitoring.health import monitor, probes
from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor
from cde_orchestrator.infrastructure.monitoring.health.probes import ProjectChecks
from cde_orchestrator.infrastructure.settings.settings import Settings, load_settings
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage import read_only
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.testing import ManualClock
from tests.command_line import cde
from tests.disks import remount, small_disk
from tests.receiver import Receiver, receiving

WHOLE = ["pending", "firing", "resolved"]
CHECKS = {
    "disk_space_low": "disk_space",
    "memory_high": "memory",
    "read_only": "read_only",
    "breaker_open": "circuit_breakers",
    "state_recovered": "journal",
    "backups_stale": "backups",
}
"""The checks that find the same as an alert."""
CALM = "alert_memory_percent = 100\nalert_disk_free_mb = 0\n"
SHORT = "\n".join(
    f"{name}_seconds = 5"
    for name in (
        "alert_error_hold",
        "alert_slow_hold",
        "alert_disk_hold",
        "alert_memory_hold",
        "alert_event_hold",
        "alert_clear",
    )
)


class Served:
    """A project as a server watches it, looked at when the test wants."""

    def __init__(self, root: Path, config: str, receiver: Receiver) -> None:
        (root / ".cde").mkdir(parents=True, exist_ok=True)
        self.root, self.receiver, self.clock = root, receiver, ManualClock(utc_now())
        self.breakers = BreakerRegistry(root)
        self.configure(config)
        self.application = build_application(root)
        self.application.handle(OnboardProject())
        self.monitoring = self.watched()

    def configure(self, config: str) -> None:
        (self.root / ".cde" / "config.toml").write_text(f"{SHORT}\n{config}")

    def watched(self) -> HealthMonitor:
        """What a server makes of the settings when it starts."""
        settings, breakers = load_settings(self.root), BreakerRegistry()
        checks = ProjectChecks(
            self.root,
            self.application._assembled(tolerant=False).repository,
            YamlWorkflowRepository(),
            lambda project: iter(()),
            self.breakers,
            settings,
            self.clock,
        )
        return HealthMonitor(
            self.root,
            self.application._meter,
            settings,
            checks.facts,
            notifiers=lambda: [WebhookNotifier(self.receiver.address, breakers)],
            clock=self.clock,
        )

    def look(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        self.monitoring.sample()

    def past(self, alert: str) -> list[str]:
        """The states that an alert took, in order."""
        history = self.monitoring.alerts(1_000)["history"]
        return [event["state"] for event in reversed(history) if event["name"] == alert]

    def told(self, alert: str) -> list[str]:
        """The states of an alert that the receiver was told."""
        self.monitoring.close()  # which waits for them
        events = [each["alert"] for each in self.receiver.received]
        return [event["state"] for event in events if event["name"] == alert]

    def goes_wrong(self, alert: str) -> None:
        """It is pending, and fires when it lasts."""
        self.look()
        assert self.past(alert) == WHOLE[:1]
        self.look(5)
        assert self.past(alert) == WHOLE[:2]
        status = self.monitoring.get_status()
        assert [each["name"] for each in status["alerts"]] == [alert]
        self.is_as_severe_as(alert, status)

    def is_as_severe_as(self, alert: str, status: HealthReply) -> None:
        """Whether it is found by its check or by its alert, it is as severe."""
        verdicts = dict(status["checks"])
        severity = next(each for each in alert_rules(Settings()) if each.name == alert).severity
        assert verdicts.pop("alerts") == severity
        if alert in CHECKS:  # where no server runs, there is no other verdict
            assert verdicts[CHECKS[alert]] == severity
            assert overall(verdicts) == status["status"]

    def is_mended(self, alert: str, after: float = 1) -> None:
        """It is resolved, and everybody was told."""
        self.look(after)
        self.look(5)
        assert self.past(alert) == WHOLE
        assert self.told(alert) == WHOLE[1:]
        assert self.monitoring.get_status()["alerts"] == []

    def close(self) -> None:
        self.monitoring.close()
        self.application.close()


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts to watch a project."""
    monkeypatch.setattr(monitor, "SHARED_SECONDS", -1.0)
    monkeypatch.setattr(monitor, "SEND_SECONDS", 10.0)
    monkeypatch.setattr(read_only, "PROBE_EVERY_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "*")
    opened: list[Served] = []
    with receiving() as receiver:

        def start(config: str = CALM, root: Path = tmp_path / "project") -> Served:
            opened.append(Served(root, config, receiver))
            return opened[-1]

        yield start
        for served in opened:
            served.close()


def be_refused(served: Served, times: int) -> None:
    for _ in range(times):
        with pytest.raises(FeatureError, match="nobody"):
            served.application.handle(GetFeatureStatus(feature_id="nobody"))


def test_calls_that_are_refused_fire_no_alert_and_leave_health_as_it_is(serve: Serve) -> None:
    served = serve()
    be_refused(served, 30)
    served.look()
    served.look(30)

    status = served.monitoring.get_status()
    assert (status["status"], status["alerts"]) == ("healthy", [])
    assert status["metrics"]["error_rate"] == 0.0
    assert status["metrics"]["refusal_rate"] == pytest.approx(30 / 31, abs=1e-6)
    assert served.past("high_error_rate") == []


def test_calls_that_fail_fire_the_alert_of_the_error_rate(serve: Serve) -> None:
    served = serve(CALM + "lock_timeout_seconds = 0.01\n")
    be_refused(served, 18)
    with ProcessLock(served.root / ".cde" / "lock").exclusive():
        for _ in range(2):
            with pytest.raises(LockTimeoutError):
                served.application.handle(StartFeature(prompt="In vain"))

    served.goes_wrong("high_error_rate")
    status = served.monitoring.get_status()
    assert status["status"] == "degraded"
    assert status["metrics"]["error_rate"] == pytest.approx(2 / 21, abs=1e-6)
    served.is_mended("high_error_rate", after=400)


def test_a_call_that_waits_for_the_lock_fires_the_alert_of_slow_operations(serve: Serve) -> None:
    served = serve(CALM + "alert_slow_operation_ms = 150\n")
    served.look()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with ProcessLock(served.root / ".cde" / "lock").exclusive():
            held.set()
            time.sleep(0.2)
        done.set()

    threading.Thread(target=hold).start()
    assert held.wait(60)
    served.application.handle(StartFeature(prompt="Patience"))
    assert done.wait(60)

    served.goes_wrong("slow_operations")
    served.is_mended("slow_operations", after=100)


@pytest.mark.own_disk
def test_a_disk_that_fills_fires_the_alert_of_disk_space(serve: Serve, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "24m") as disk:
        served = serve("alert_memory_percent = 100\nalert_disk_free_mb = 10\n", disk / "project")
        filler = disk / "filler"
        filler.write_bytes(b"\0" * 16 * 2**20)
        unwatched = build_application(served.root).handle(GetHealth())

        served.goes_wrong("disk_space_low")
        assert unwatched["status"] == served.monitoring.get_status()["status"] == "degraded"
        assert cde("health", cwd=served.root).returncode == 0
        filler.unlink()
        served.is_mended("disk_space_low")
        served.close()


def test_memory_that_is_all_in_use_is_as_severe_as_its_alert(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "memory_percent", lambda: 99.5)

    serve("alert_disk_free_mb = 0\n").goes_wrong("memory_high")


def test_memory_in_use_fires_the_alert_of_memory(serve: Serve) -> None:
    served = serve("alert_disk_free_mb = 0\nalert_memory_percent = 1\n")

    served.goes_wrong("memory_high")
    served.configure(CALM)
    served.monitoring.close()
    served.monitoring = served.watched()
    served.is_mended("memory_high")


@pytest.mark.own_disk
def test_a_disk_that_refuses_fires_the_alert_of_read_only(serve: Serve, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "24m") as disk:
        served = serve(CALM, disk / "project")
        remount(disk, "ro")
        with pytest.raises(CDEError):
            served.application.handle(StartFeature(prompt="Refused"))

        served.goes_wrong("read_only")
        remount(disk, "rw")
        served.application.handle(StartFeature(prompt="Accepted"))
        served.is_mended("read_only")
        served.close()


def test_a_part_that_fails_fires_the_alert_of_breakers(serve: Serve) -> None:
    served = serve()

    def fail() -> None:
        raise OSError

    with suppress(OSError):
        served.breakers.get("agent-claude", failure_threshold=1).call(fail)

    served.goes_wrong("breaker_open")
    served.breakers.reset("agent-claude")
    served.is_mended("breaker_open")


def test_damage_that_mends_itself_fires_the_alert_of_recoveries(serve: Serve) -> None:
    served = serve()
    state = served.root / ".cde" / "state.json"
    state.write_bytes(state.read_bytes()[:100])
    again = build_application(served.root)
    again.handle(ListFeatures())
    again.close()

    served.goes_wrong("state_recovered")
    served.is_mended("state_recovered", after=700)


def test_changes_in_no_backup_fire_the_alert_of_backups(serve: Serve) -> None:
    served = serve()
    served.application.handle(CompactState())
    served.application.handle(StartFeature(prompt="Not in the backup"))
    long_ago = time.time() - 49 * 3_600
    for path in StateFiles(served.root).backups.iterdir():
        os.utime(path, (long_ago, long_ago))
    files = StateFiles(served.root)
    files.segments()[max(files.segments())].unlink()

    served.goes_wrong("backups_stale")
    served.application.handle(CompactState())
    served.is_mended("backups_stale", after=700)  # that it was missing is an alert of its own


def test_an_agent_that_goes_away_fires_the_alert_of_claims(serve: Serve) -> None:
    served = serve()
    served.application.handle(StartFeature(prompt="Left lying", name="left"))
    served.application.handle(ResumeFeature(feature_id="left", agent="robot"))
    served.look()
    assert served.past("claims_expired") == []
    served.clock.advance(3_600)

    served.goes_wrong("claims_expired")
    served.application.handle(
        CloseFeature(feature_id="left", outcome="cancelled", reason="Nobody came back.")
    )
    served.is_mended("claims_expired")


def test_a_receiver_that_is_dead_costs_no_alert_its_way(serve: Serve) -> None:
    served = serve()
    served.receiver.close()
    shutil.rmtree(served.root / ".cde" / "breakers", ignore_errors=True)
    state = served.root / ".cde" / "state.json"
    state.write_bytes(b"")
    again = build_application(served.root)
    again.handle(ListFeatures())
    again.close()

    served.goes_wrong("state_recovered")

    assert served.told("state_recovered") == []
    assert served.past("state_recovered") == WHOLE[:2]
