"""What health says, beside what the system and an independent count say."""

from __future__ import annotations

import errno
import os
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp.client.client import Client

from cde_orchestrator import __version__
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.get_health import GetHealth, readiness
from cde_orchestrator.application.ports.health import Verdict
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.health import get_health_status
from cde_orchestrator.infrastructure.monitoring.alerts import rules as alert_rules
from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import AlertDispatcher
from cde_orchestrator.infrastructure.monitoring.alerts.engine import AlertEngine
from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
from cde_orchestrator.infrastructure.monitoring.health.monitor import HealthMonitor
from cde_orchestrator.infrastructure.monitoring.health.probes import ProjectChecks
from cde_orchestrator.infrastructure.monitoring.telemetry import spool
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.infrastructure.system.resource_usage import FolderSize
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from cde_orchestrator.storage.format.files import StateFiles
from tests.disks import remount, small_disk
from tests.phase_fakes import NoBreakers

MB = 2**20


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much of its memory and disk the machine uses otherwise is not what is tested."""
    monkeypatch.setenv("CDE_ALERT_MEMORY_PERCENT", "100")
    monkeypatch.setenv("CDE_ALERT_DISK_FREE_MB", "0")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Application]:
    """An onboarded project, and nothing has happened yet that counts."""
    application = build_application(tmp_path)
    application.handle(OnboardProject(name="shop"))
    application.close()
    application = build_application(tmp_path)
    yield application
    application.close()


@pytest.mark.anyio
async def test_health_endpoint_returns_status(
    shop: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Client(build_server(ServedProject(shop.root, pinned=True))) as client:
        result = await client.call_tool("cde_getHealth", {})

    told = getattr(result.content[0], "text", "")
    health: Any = dict(result.structured_content or {})
    checks = len(health["checks"])
    assert told.startswith(f"Healthy: {checks} of {checks} checks are well, no features open, ")
    assert "\n- " not in told
    assert health["status"] == "healthy"
    assert set(health["checks"].values()) == {"ok"}
    assert set(health["checks"]) == set(health["details"])
    assert {"state_file_writable", "disk_space", "memory"} <= set(health["checks"])
    assert health["metrics"]["memory_mb"] > 0
    assert health["metrics"]["disk_mb"] > 0
    assert health["correlation_id"]
    assert health["next"]["tool"] == "cde_listFeatures"
    assert health["project"] == {"path": str(shop.root)}
    assert health["version"] == __version__
    assert health["uptime_seconds"] > 0
    assert readiness(get_health_status(shop.root))["ready"]

    monkeypatch.setenv("CDE_ALERT_DISK_FREE_MB", "10000000")
    health = get_health_status(shop.root)
    assert (health["status"], health["checks"]["disk_space"]) == ("degraded", "warning")
    assert readiness(health)["ready"]


def test_metrics_calculation_accurate(tmp_path: Path, shop: Application) -> None:
    meter = OperationMeter()
    durations = [float(number * number % 997) for number in range(1, 400)]
    for duration in durations:
        outcome = "ok" if duration < 800 else "refused" if duration < 900 else "failed"
        meter.ended("start_feature", outcome, None, duration, 0.0)
    for number in range(3):
        shop.handle(StartFeature(prompt=f"Number {number}"))

    (tmp_path / ".cde" / spool.FILE).unlink()  # what onboarding it left

    metrics = _monitor(tmp_path, meter).get_status()["metrics"]

    # The same as numpy.percentile, whose method "linear" is this one; told within 2 %.
    cuts = statistics.quantiles(durations, n=100, method="inclusive")
    assert metrics["p50_ms"] == pytest.approx(cuts[49], rel=0.021)
    assert metrics["p95_ms"] == pytest.approx(cuts[94], rel=0.021)
    assert metrics["p99_ms"] == pytest.approx(cuts[98], rel=0.021)
    assert metrics["average_ms"] == pytest.approx(statistics.fmean(durations), abs=0.001)
    failed = sum(duration >= 900 for duration in durations)
    assert metrics["error_rate"] == pytest.approx(failed / len(durations), abs=1e-6)
    refused = sum(800 <= duration < 900 for duration in durations)
    assert metrics["refusal_rate"] == pytest.approx(refused / len(durations), abs=1e-6)
    assert metrics["operations_per_second"] == pytest.approx(len(durations) / 300, abs=0.001)
    [operation] = metrics["operations"]
    assert (operation["calls"], operation["errors"]) == (len(durations), failed)
    assert (operation["refusals"], operation["max_ms"]) == (refused, max(durations))
    assert 0 < metrics["memory_percent"] <= 100
    assert metrics["active_features"] == 3
    files = StateFiles(tmp_path)
    assert metrics["state_mb"] == pytest.approx(files.state.stat().st_size / MB, abs=0.001)
    used = subprocess.run(["du", "-sk", str(files.folder)], capture_output=True, check=True)
    assert metrics["disk_mb"] == pytest.approx(int(used.stdout.split()[0]) / 1024, abs=0.02)
    rss_mb = psutil.Process().memory_info().rss / MB
    assert metrics["memory_mb"] == pytest.approx(rss_mb, rel=0.1)
    free_mb = shutil.disk_usage(tmp_path).free / MB
    assert metrics["disk_free_mb"] == pytest.approx(free_mb, rel=0.05)


def test_operations_are_counted_whatever_became_of_them(shop: Application) -> None:
    shop.handle(StartFeature(prompt="First", name="first"))
    with pytest.raises(CDEError):
        shop.handle(StartFeature(prompt="First", name="first"))
    shop.handle(GetHealth())

    metrics = get_health_status(shop)["metrics"]

    counted = {
        each["operation"]: (each["calls"], each["errors"], each["refusals"])
        for each in metrics["operations"]
    }
    assert counted["start_feature"] == (2, 0, 1)
    assert counted["get_health"] == (1, 0, 0)
    assert counted["onboard_project"] == (1, 0, 0), "another process did it, which has ended"
    assert metrics["error_rate"] == 0.0, "a refusal is the product at work"
    assert metrics["refusal_rate"] == pytest.approx(1 / 4, abs=1e-6)


def test_refusals_are_shown_for_the_phase_whose_gate_refused(shop: Application) -> None:
    shop.handle(StartFeature(prompt="First", name="first", workflow="quick-fix"))
    for _ in range(2):
        with pytest.raises(CDEError):
            shop.handle(SubmitWork(feature_id="first", phase_id="reproduce"))
    with pytest.raises(CDEError):
        shop.handle(SubmitWork(feature_id="first", phase_id="no-such-phase"))

    health = get_health_status(shop)

    assert health["metrics"]["refusals_by_phase"] == {"quick-fix/reproduce": 2}
    assert health["metrics"]["refusal_rate"] > 0.5
    assert health["metrics"]["error_rate"] == 0.0
    assert (health["status"], health["alerts"]) == ("healthy", [])


def test_the_figures_are_those_of_all_processes_of_the_last_five_minutes(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    store, meter, now = TelemetryStore(tmp_path), OperationMeter(), utc_now()
    other, long_ago = OperationMeter(), OperationMeter()
    for _ in range(30):
        other.ended("submit_work", "failed", "E999", 40.0, 0.0)
        long_ago.ended("submit_work", "failed", "E999", 9_000.0, 0.0)
    TelemetryStore(tmp_path).add(other.drain(), now - timedelta(minutes=4))
    TelemetryStore(tmp_path).add(long_ago.drain(), now - timedelta(minutes=10))
    for _ in range(60):
        meter.ended("submit_work", "ok", None, 10.0, 0.0)
    store.add(meter.drain(), now)
    meter.ended("list_features", "ok", None, 20.0, 0.0)  # and has not been written yet

    metrics = _monitor(tmp_path, meter, lambda: now).get_status()["metrics"]

    counted = {each["operation"]: (each["calls"], each["errors"]) for each in metrics["operations"]}
    assert counted == {"submit_work": (90, 30), "list_features": (1, 0)}
    assert metrics["error_rate"] == pytest.approx(30 / 91, abs=1e-6)
    assert metrics["operations_per_second"] == pytest.approx(91 / 300, abs=0.001)
    assert metrics["p50_ms"] == pytest.approx(10.0, rel=0.021)
    assert metrics["p99_ms"] == pytest.approx(40.0, rel=0.021)
    assert meter.undrained().operations, "to look takes nothing from the history"


@pytest.mark.parametrize(("age_seconds", "verdict"), [(5, "warning"), (3_600, "ok")])
def test_what_fired_when_the_last_server_ended_makes_nothing_unhealthy(
    tmp_path: Path, age_seconds: int, verdict: Verdict
) -> None:
    (tmp_path / ".cde").mkdir()
    now, store, meter = utc_now(), TelemetryStore(tmp_path), OperationMeter()
    then = now - timedelta(seconds=age_seconds)
    rules = alert_rules.alert_rules(Settings(alert_error_hold_seconds=0.0))
    dispatcher = AlertDispatcher(tmp_path, list)
    engine = AlertEngine(rules, AlertStore(store), dispatcher, lambda: then)
    store.add(Sample({}, 1.0, then.timestamp(), active_features=1, disk_mb=1.0), then)
    engine.evaluate({alert_rules.ERROR_PERCENT: 90.0})

    health = _monitor(tmp_path, meter, lambda: now).get_status()

    assert [each["state"] for each in health["alerts"]] == ["firing"]
    assert health["checks"]["alerts"] == verdict
    assert (health["details"]["alerts"]["error_code"] == "E925") == (verdict == "warning")


@pytest.mark.own_disk
def test_checks_detect_issues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "disk", "8m", simulated=True) as folder:
        monkeypatch.setenv("CDE_ALERT_DISK_FREE_MB", "1")
        monkeypatch.setenv("CDE_ALERT_MEMORY_PERCENT", "100")
        application = build_application(folder)
        application.handle(OnboardProject())
        assert get_health_status(folder)["status"] == "healthy"
        application.close()

        monkeypatch.setenv("CDE_ALERT_DISK_FREE_MB", "100")
        health = build_application(folder).handle(GetHealth())
        assert health["checks"]["disk_space"] == "warning"
        assert health["details"]["disk_space"]["error_code"] == "E921"
        assert health["details"]["disk_space"]["threshold"] == 100
        assert health["status"] == "degraded"
        assert health["checks"]["memory"] == "ok"

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CDE_ALERT_MEMORY_PERCENT", "1")
            health = build_application(folder).handle(GetHealth())
        assert health["checks"]["memory"] in {"warning", "critical"}
        assert health["details"]["memory"]["error_code"] == "E930"

        remount(folder, "ro")
        health = build_application(folder).handle(GetHealth())
        assert health["status"] == "unhealthy"
        assert health["checks"]["state_file_writable"] == "critical"
        assert [each["error_code"] for each in readiness(health)["reasons"]] == ["E203", "E206"]
        remount(folder, "rw")
        assert readiness(build_application(folder).handle(GetHealth()))["ready"]


def _no_yaml(files: StateFiles) -> None:
    (files.folder / "workflow.yml").write_text("[")


def _unknown_setting(files: StateFiles) -> None:
    (files.folder / "config.toml").write_text("colour = 1\n")


def _quarantined(name: str) -> Callable[[StateFiles], None]:
    def harm(files: StateFiles) -> None:
        files.quarantine.mkdir()
        (files.quarantine / name).write_text("damaged")

    return harm


def _state_of_another_world(files: StateFiles) -> None:
    for path in (files.journal, files.state, *files.backups.iterdir()):
        path.write_text("{")


HARMS: list[tuple[Callable[[StateFiles], None], str, Verdict, str]] = [
    (_no_yaml, "workflow", "critical", "E310"),
    (_unknown_setting, "settings", "critical", "E314"),
    (_state_of_another_world, "state_file_writable", "critical", "E201"),
    (_quarantined("20990101T120000000000-state.json"), "journal", "warning", "E215"),
    (
        _quarantined("20990101T120000000000-state-000000000001.json"),
        "backups",
        "warning",
        "E215",
    ),
]


@pytest.mark.parametrize(("harm", "check", "verdict", "code"), HARMS)
def test_what_is_broken_is_a_verdict_and_never_an_error_of_the_question(
    shop: Application,
    harm: Callable[[StateFiles], None],
    check: str,
    verdict: Verdict,
    code: str,
) -> None:
    harm(StateFiles(shop.root))

    health = build_application(shop.root).handle(GetHealth())

    assert health["checks"][check] == verdict
    assert health["details"][check]["error_code"] == code
    assert health["details"][check]["message"]
    assert {n for n, found in health["checks"].items() if found == "critical"} <= {check}
    assert health["status"] == ("unhealthy" if verdict == "critical" else "degraded")


@pytest.mark.parametrize("all_of_them", [True, False])
def test_changes_that_stand_only_once_are_a_warning(shop: Application, all_of_them: bool) -> None:
    assert shop.handle(GetHealth())["checks"]["backups"] == "ok"
    backups = StateFiles(shop.root).backups
    for path in backups.iterdir():
        path.unlink()
    if all_of_them:
        backups.rmdir()

    health = shop.handle(GetHealth())

    assert health["checks"]["backups"] == "warning"
    assert health["details"]["backups"]["error_code"] == "E212"


def test_damage_that_was_mended_is_said_for_a_day(shop: Application) -> None:
    state = StateFiles(shop.root).state
    state.write_bytes(state.read_bytes()[:-20])

    health = build_application(shop.root).handle(GetHealth())

    assert health["checks"]["state_file_writable"] == "ok"  # it was mended by looking
    assert health["checks"]["journal"] == "warning"
    [kept] = StateFiles(shop.root).quarantine.iterdir()
    kept.rename(kept.with_name("20010101T120000000000-state.json"))
    assert build_application(shop.root).handle(GetHealth())["status"] == "healthy"


@pytest.mark.parametrize("check", ["journal", "backups"])
def test_a_file_that_was_deleted_and_written_anew_is_said_for_a_day(
    shop: Application, check: str
) -> None:
    files = StateFiles(shop.root)
    (files.state if check == "journal" else files.mirror(1)).unlink()

    health = build_application(shop.root).handle(GetHealth())

    assert health["checks"]["state_file_writable"] == "ok"
    assert health["details"][check]["error_code"] == "E215"
    [note] = files.quarantine.iterdir()
    note.rename(note.with_name(f"20010101T120000000000{note.name[21:]}"))
    assert build_application(shop.root).handle(GetHealth())["status"] == "healthy"


def test_changes_that_are_lost_are_said_of_the_files_that_should_tell_them(
    shop: Application,
) -> None:
    files = StateFiles(shop.root)
    shop.handle(StartFeature(prompt="Search", name="search"))
    shop.handle(StartFeature(prompt="Pay", name="pay"))
    lines = files.journal.read_bytes().splitlines(keepends=True)
    for copy in (files.journal, files.mirror(1)):
        copy.write_bytes(b"".join(lines[:-2] + lines[-1:]))

    health = build_application(shop.root).handle(GetHealth())

    lost = f"changes {len(lines) - 2} to {len(lines) - 2} are lost"
    for check in ("journal", "backups"):
        assert health["checks"][check] == "critical"
        assert health["details"][check]["error_code"] == "E212"
        assert lost in health["details"][check]["message"]
    assert health["details"]["read_only"]["error_code"] == "E206"


def test_damage_that_cannot_be_mended_is_said_of_the_file(
    shop: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, make_folder = StateFiles(shop.root), OsFileOps.make_folder

    def refuse(ops: OsFileOps, path: Path) -> None:
        if path == files.quarantine:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        make_folder(ops, path)

    monkeypatch.setattr(OsFileOps, "make_folder", refuse)
    files.journal.write_bytes(files.journal.read_bytes()[:-40])

    health = build_application(shop.root).handle(GetHealth())

    assert health["details"]["journal"]["error_code"] == "E212"
    assert health["checks"]["journal"] == "warning"
    assert health["checks"]["backups"] == "ok"


def test_a_folder_without_a_project_is_not_ready_and_says_why(tmp_path: Path) -> None:
    health = get_health_status(tmp_path)

    assert [each["error_code"] for each in readiness(health)["reasons"]] == ["E004"]
    assert list(tmp_path.iterdir()) == []


def test_memory_beyond_its_threshold_is_a_warning(
    shop: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDE_ALERT_MEMORY_PERCENT", "1")
    health = build_application(shop.root).handle(GetHealth())
    assert health["checks"]["memory"] == "warning"
    assert health["details"]["memory"]["error_code"] == "E930"


def test_an_open_breaker_is_a_warning(shop: Application) -> None:
    folder = shop.root / ".cde" / "breakers"
    folder.mkdir()
    _break(shop, "agent-claude")

    health = shop.handle(GetHealth())

    assert health["checks"]["circuit_breakers"] == "warning"
    assert health["details"]["circuit_breakers"]["figure"] == 1
    assert "agent-claude" in health["details"]["circuit_breakers"]["message"]


def test_the_size_of_a_folder_is_looked_up_from_time_to_time(tmp_path: Path) -> None:
    now = 1_000.0
    size = FolderSize(tmp_path, lambda: now)
    before = size.bytes()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "large").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "inner" / "large", tmp_path / "again")
    assert size.bytes() == before
    now += 31
    assert 100_000 <= size.bytes() - before < 150_000
    assert FolderSize(tmp_path / "gone").bytes() == 0


def _break(application: Application, name: str) -> None:
    from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry

    def fail() -> None:
        raise ConnectionError("no route")

    breaker = BreakerRegistry(application.root).get(name, failure_threshold=1)
    with pytest.raises(ConnectionError):
        breaker.call(fail)


def no_checks(project: Project) -> Iterator[CDEError]:
    """Every check is ready."""
    return iter(())


def _monitor(root: Path, meter: OperationMeter, clock: Clock = utc_now) -> HealthMonitor:
    settings, workflows = Settings(), YamlWorkflowRepository()
    repository, breakers = FilesystemProjectRepository(), NoBreakers()
    checks = ProjectChecks(root, repository, workflows, no_checks, breakers, settings, utc_now)
    return HealthMonitor(root, meter, settings, checks.facts, clock=clock)


def test_alert_thresholds_work(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    holds = ("error", "slow", "disk", "memory")
    at_once: dict[str, Any] = {f"alert_{name}_hold_seconds": 0.0 for name in holds}
    rules = alert_rules.alert_rules(Settings(**at_once, alert_clear_seconds=0.0))
    alerts, dispatcher = AlertStore(TelemetryStore(tmp_path)), AlertDispatcher(tmp_path, list)
    engine = AlertEngine(rules, alerts, dispatcher)

    def changed(errors: float, slowest_ms: float, free_mb: float, memory: float) -> set[str]:
        events = engine.evaluate(
            {
                alert_rules.ERROR_PERCENT: errors,
                alert_rules.SLOWEST_MS: slowest_ms,
                alert_rules.DISK_FREE_MB: free_mb,
                alert_rules.MEMORY_PERCENT: memory,
            }
        )
        return {f"{event['name']} {event['state']}" for event in events}

    names = {"high_error_rate", "slow_operations", "disk_space_low", "memory_high"}
    assert changed(5.0, 1_000.0, 100.0, 80.0) == set()
    fired = changed(5.1, 1_001.0, 99.9, 80.1)
    assert fired == {f"{name} {state}" for name in names for state in ("pending", "firing")}
    assert changed(4.9, 1_001.0, 101.0, 79.9) == set(), "too near to the threshold to be over"
    assert changed(1.0, 10.0, 200.0, 50.0) == {f"{name} resolved" for name in names}
