"""Every rule fires for real and is resolved, from the trouble itself to a receiver of alerts."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import CompactState
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.infrastructure.system.resource_usage import MB
from cde_orchestrator.project_ports import ProjectPorts
from cde_orchestrator.storage.format.files import StateFiles
from tests.disks import remount, small_disk
from tests.ops.stage import TOKEN, Monitoring, Server, fetched, monitoring, until
from tests.programs import program
from tests.receiver import Receiver, receiving
from tools.generate_ops import grafana_dashboard

pytestmark = [
    pytest.mark.operators,
    pytest.mark.own_disk,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

WANTED_MB = 16
USED_PERCENT, MUCH_PERCENT = 40.0, 95.5
"""Of the memory, as long as nothing is wrong and when there is little left."""
SLOW_MS = 2_500


WHILE_WRITABLE = (
    "SlowOperations",
    "DiskSpaceLow",
    "MemoryHigh",
    "BreakerOpen",
    "StateRecovered",
    "BackupsStale",
    "ClaimsExpired",
)


class Told:
    """What the receiver was told of alerts, from both servers."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def of(self, instance: str, status: str) -> dict[str, dict[str, Any]]:
        """The alerts of a server that came with a status, by name."""
        return {
            alert["labels"]["alertname"].removeprefix("Cde"): alert
            for message in list(self._receiver.received)
            for alert in message["alerts"]
            if alert["labels"]["instance"] == instance and alert["status"] == status
        }

    def wait(self, server: Server, status: str, *names: str) -> list[dict[str, Any]]:
        """The alerts of these names, once all of them came with that status."""

        def missing() -> set[str]:
            return set(names) - self.of(server.instance, status).keys()

        until(lambda: not missing(), lambda: f"{missing()} {status}")
        return [self.of(server.instance, status)[name] for name in names]


def figure(alert: dict[str, Any]) -> float:
    """The first number of what is said; not every alert has one."""
    found = re.search(r"\d+(\.\d+)?", alert["annotations"]["description"])
    return float(found[0]) if found else math.nan


def an_hour_ago(*world: Any) -> ProjectPorts:
    """The ports of a process whose clock is late."""
    ports = ProjectPorts(*world)
    ports.clock = lambda: utc_now() - timedelta(hours=1)
    return ports


def use_memory(file: Path, percent: float) -> None:
    """Say in a file like the system's that this much of the memory is in use."""
    left = round(10_000 * (100 - percent))
    figures = {"MemTotal": 1_000_000, "MemFree": left, "MemAvailable": left}
    lines = [f"{name}: {kb:8} kB\n" for name, kb in {**figures, "Buffers": 0, "Cached": 0}.items()]
    with file.open("r+" if file.exists() else "w") as whole:  # of one length: there is no half
        whole.write("".join(lines))


@contextmanager
def memory_taken(file: Path) -> Iterator[None]:
    """Have little memory left."""
    use_memory(file, MUCH_PERCENT)
    try:
        yield
    finally:
        use_memory(file, USED_PERCENT)


def hold_up(server: Server, seconds: float) -> float:
    """Hold the project's lock while a tool is called; how long that took, as its log says."""
    calls: list[bool] = []
    with ProcessLock(server.root / ".cde" / "lock").exclusive():
        caller = threading.Thread(
            target=lambda: calls.extend(server.call("cde_startFeature", prompt="Be patient"))
        )
        caller.start()
        until(lambda: events(server, "operation_started"), "the beginning of the call")
        threading.Event().wait(seconds)
    caller.join()
    assert calls == [True]
    return max(float(line["duration_ms"]) for line in events(server, "operation_finished"))


def events(server: Server, event: str) -> list[dict[str, Any]]:
    """What the server logged of its use cases."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line[0] == "{"]
    return [line for line in lines if line["event"] == event and "operation" in line]


def outdate_backups(server: Server) -> None:
    """What the server changed last has had no second copy for 49 hours."""
    application = build_application(server.root)
    application.handle(CompactState())
    application.close()
    assert server.call("cde_startFeature", prompt="Not in the backup") == [True]
    files, then = StateFiles(server.root), time.time() - 49 * 3_600
    for path in files.backups.iterdir():
        os.utime(path, (then, then))
    files.segments()[max(files.segments())].unlink()


def age_quarantine(root: Path) -> None:
    """What was repaired was so eleven minutes ago."""
    folder = StateFiles(root).quarantine
    for path in folder.iterdir():
        earlier = utc_now() - timedelta(minutes=11)
        name = path.name.partition("-")[2]
        path.rename(folder / f"{earlier.strftime('%Y%m%dT%H%M%S%f')}-{name}")


def break_down(root: Path, name: str) -> None:
    def fail() -> None:
        raise OSError

    with suppress(OSError):
        BreakerRegistry(root).get(name, failure_threshold=1).call(fail)


def short_settings() -> Settings:
    """Short holds."""
    lasting = ("error", "slow", "disk", "memory")
    held: dict[str, Any] = {f"alert_{name}_hold_seconds": 1.0 for name in lasting}
    return replace(
        Settings(),
        **held,
        alert_clear_seconds=1.0,
        alert_slow_operation_ms=SLOW_MS,
        alert_disk_free_mb=WANTED_MB,
    )


def served(open_ones: ExitStack, root: Path, log: Path, memory: Path) -> Server:
    """A project, and a server of it."""
    root.mkdir()
    application = build_application(root)
    application.handle(OnboardProject())
    application.close()
    break_down(root, "git")
    BreakerRegistry(root).reset("git")  # from now on it is among the metrics
    # A disk with a file that is being written cannot be made read-only: no log is kept there.
    shutil.rmtree(root / ".cde" / "logs", ignore_errors=True)
    (root / ".cde" / "logs").symlink_to(log.parent)
    server = Server(root, log, {"CDE_HTTP_TOKEN": TOKEN, "CDE_LOG_FORMAT": "json"}, memory)
    open_ones.callback(server.close)
    server.start()
    return server


@dataclass
class Course:
    """Two servers of two projects, one of which gets into every trouble there is.

    Attributes:
        disk: where the troubled project is, which is all of a small disk.
    """

    prometheus: Monitoring
    told: Told
    troubled: Server
    fine: Server
    disk: Path

    def begin(self) -> None:
        """All calls are there at 0 before the first of them."""
        calls = 'cde_operations_total{operation="submit_work", outcome="failed"} == 0'
        until(lambda: len(self.prometheus.query(calls)) == 2, "the first figures of both servers")

    def fires(self, server: Server, *names: str) -> dict[str, float]:
        """The figures of alerts that fire as their rules want it, by name."""
        rules = {rule["alert"].removeprefix("Cde"): rule for rule in self.prometheus.rules}
        alerts = self.told.wait(server, "firing", *names)
        for name, alert in zip(names, alerts, strict=True):
            assert alert["labels"]["severity"] == rules[name]["labels"]["severity"]
            assert fetched(alert["annotations"]["runbook_url"]), alert  # and it takes no token
        return {name: figure(alert) for name, alert in zip(names, alerts, strict=True)}

    def now(self, server: Server, name: str) -> float:
        """The figure that an alert's rule gives at the moment; 0 where it gives none."""
        rules = {rule["alert"].removeprefix("Cde"): rule for rule in self.prometheus.rules}
        found = self.prometheus.query(rules[name]["expr"])
        of_server = (each for each in found if each["metric"]["instance"] == server.instance)
        return next((float(each["value"][1]) for each in of_server), 0.0)

    def goes_wrong(self) -> None:
        """Everything that can be wrong while the disk takes changes."""
        slowest = hold_up(self.troubled, 1.2 * SLOW_MS / 1000)
        root = self.troubled.root
        late = Application(root, an_hour_ago)
        late.handle(StartFeature(prompt="Left lying", name="left"))
        late.handle(ResumeFeature(feature_id="left", agent="robot"))
        late.close()
        StateFiles(root).state.unlink()
        assert self.troubled.call("cde_listFeatures") == [True]
        outdate_backups(self.troubled)
        break_down(root, "agent-claude")
        free = shutil.disk_usage(self.disk).free
        (self.disk / "filler").write_bytes(b"\0" * (free - 8 * MB))
        with memory_taken(self.troubled.memory):
            figures = self.fires(self.troubled, *WHILE_WRITABLE)
            self.fires(self.fine, "MemoryHigh")
        assert figures["SlowOperations"] == pytest.approx(slowest, abs=1)
        assert figures["DiskSpaceLow"] == pytest.approx(8, abs=1)
        assert figures["MemoryHigh"] == pytest.approx(MUCH_PERCENT, abs=0.1)
        assert figures["BackupsStale"] == pytest.approx(49, abs=0.1)
        assert figures["BreakerOpen"] == figures["ClaimsExpired"] == 1
        assert figures["StateRecovered"] >= 1

    def is_repaired(self) -> None:
        """What there is to do about it is done."""
        root = self.troubled.root
        (self.disk / "filler").unlink()
        application = build_application(root)
        application.handle(CompactState())
        reason = "Nobody came back."
        application.handle(CloseFeature(feature_id="left", outcome="cancelled", reason=reason))
        application.close()
        BreakerRegistry(root).reset("agent-claude")
        age_quarantine(root)
        self.told.wait(self.fine, "resolved", "MemoryHigh")
        lasting = {"SlowOperations"}  # for another minute
        self.told.wait(self.troubled, "resolved", *(set(WHILE_WRITABLE) - lasting))

    def refuses_changes(self) -> None:
        """The disk takes no changes, then it does."""
        until(lambda: remounted(self.disk, "ro"), "a disk on which no file is being written")
        assert self.troubled.call("cde_startFeature", 25, prompt="In vain") == [False] * 25
        figures = self.fires(self.troubled, "ReadOnly", "HighErrorRate")
        # It fired with as many of them as Prometheus had seen by then; it comes to see them all.
        assert Settings().alert_error_percent < figures["HighErrorRate"] <= 100
        until(lambda: 50 < self.now(self.troubled, "HighErrorRate") <= 100, "what failed, of all")
        until(lambda: remounted(self.disk, "rw"), "a disk that can be written")
        self.told.wait(self.troubled, "resolved", "ReadOnly", "HighErrorRate")

    def dies(self) -> None:
        """The other server is killed, then started again."""
        self.fine.kill()
        self.fires(self.fine, "Down")
        self.fine.start()
        self.told.wait(self.fine, "resolved", "Down")

    def charts_show_both(self) -> None:
        """Each query of the dashboard gives something for each of the servers."""
        servers = {self.troubled.instance, self.fine.instance}
        for server in (self.troubled, self.fine):
            assert server.call("cde_getFeatureStatus", feature_id="nobody") == [False]
        board = json.loads(grafana_dashboard())
        chosen = {"$instance": "|".join(map(re.escape, servers)), "$__rate_interval": "20s"}
        for panel in board["panels"]:
            for target in panel["targets"]:
                query = target["expr"]
                for variable, value in chosen.items():
                    query = query.replace(variable, value.replace("\\", "\\\\"))
                until(partial(self._shows, servers, query), query)

    def _shows(self, servers: set[str], query: str) -> bool:
        return servers <= {each["metric"]["instance"] for each in self.prometheus.query(query)}


def remounted(disk: Path, mode: str) -> bool:
    """Whether it could be done: a disk with a file that is being written stays as it is."""
    try:
        remount(disk, mode)
    except subprocess.CalledProcessError:
        return False
    return True


@pytest.fixture
def course(tmp_path: Path) -> Iterator[Course]:
    """Both servers, watched."""
    for name in ("prometheus", "prometheus-alertmanager"):
        program(name)
    with ExitStack() as open_ones:
        disk = open_ones.enter_context(small_disk(tmp_path / "disk", "32m"))
        receiver = open_ones.enter_context(receiving())
        memory = tmp_path / "meminfo"  # of the machine that both servers are on
        use_memory(memory, USED_PERCENT)
        shop, fine = (
            served(open_ones, root, tmp_path / f"{root.name}.log", memory)
            for root in (disk / "shop", tmp_path / "fine")
        )
        watched = monitoring(
            tmp_path / "prometheus", [shop, fine], short_settings(), receiver.address
        )
        prometheus = open_ones.enter_context(watched)
        yield Course(prometheus, Told(receiver), shop, fine, disk)


def test_every_rule_fires_for_its_server_and_is_resolved(course: Course) -> None:
    course.begin()
    course.goes_wrong()
    course.charts_show_both()
    course.is_repaired()
    course.refuses_changes()
    course.dies()
    course.told.wait(course.troubled, "resolved", "SlowOperations")

    every = {rule["alert"].removeprefix("Cde") for rule in course.prometheus.rules}
    for status in ("firing", "resolved"):
        assert course.told.of(course.troubled.instance, status).keys() == every - {"Down"}
        assert course.told.of(course.fine.instance, status).keys() == {"MemoryHigh", "Down"}
    projects = course.prometheus.query("count by (project_id, name) (cde_project_info)")
    assert {each["metric"]["name"] for each in projects} == {"shop", "fine"}
