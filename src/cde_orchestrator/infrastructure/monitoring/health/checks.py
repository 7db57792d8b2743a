"""What is looked at to tell how a project is: facts, and a verdict on each.

Nothing waits for another process, nothing is written, and nothing reads more than grows with
the number of features. What is broken is a verdict, never an exception.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict, Unpack

import structlog

from cde_orchestrator.application.ports.breakers import Breakers, BreakerView, wait_told
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.ports.health import Probe, Verdict, detail
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import (
    CDEError,
    CDESystemError,
    CircuitBreakerOpenError,
    ReadOnlyModeError,
    StateError,
)
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.settings.settings import Settings, load_settings
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.infrastructure.system.os_errors import write_failure
from cde_orchestrator.infrastructure.system.resource_usage import (
    FolderSize,
    free_bytes,
    memory_percent,
)
from cde_orchestrator.storage import loader
from cde_orchestrator.storage.format.files import MISSING, StateFiles
from cde_orchestrator.storage.loader import Finding
from cde_orchestrator.storage.read_only import SPARE_BYTES

log = structlog.get_logger(__name__)

MB = 2**20
RECENT = timedelta(days=1)
"""How long a file in quarantine is a warning: somebody should look at the disk."""
RECOVERY_WINDOW = timedelta(minutes=10)
"""How long damage that was mended is counted among the measures of alerts."""
BREAKERS_SHOWN = 50
MEMORY_CRITICAL_PERCENT = 95.0
"""Memory in use above which the system is about to end processes."""
_LAG_SECONDS = 10.0
_QUARANTINED = re.compile(r"(\d{8}T\d{12})-(.+)")
_EFFECTIVE = os.access in os.supports_effective_ids


@dataclass(slots=True)
class Facts:
    """What was found of a project.

    Attributes:
        checks: verdicts by name, in the order in which they are shown.
        active_features: those that take more work.
        claims_expired: leases on those that ended without being given back.
        recoveries: files that were damaged and mended in the last minutes.
        backup_age_seconds: age of the newest backup where changes are in none; else 0.
        harm: state files that are not whole, and cannot be mended at the moment.
        changes_lost: whether no file tells some of the changes any more.
    """

    checks: dict[str, Probe] = field(default_factory=dict)
    active_features: int = 0
    claims_expired: int = 0
    recoveries: int = 0
    backup_age_seconds: float = 0.0
    read_only: bool = False
    memory_percent: float = 0.0
    disk_bytes: int = 0
    disk_free_bytes: int = 0
    state_bytes: int = 0
    journal_bytes: int = 0
    breakers: Sequence[BreakerView] = ()
    harm: Sequence[Finding] = ()
    changes_lost: bool = False


class _Figure(TypedDict, total=False):
    figure: float
    unit: str
    threshold: float


@dataclass(frozen=True, slots=True)
class _Damage:
    """A file that was moved to quarantine."""

    at: datetime
    name: str


class ProjectChecks:
    """Looks at a project.

    Args:
        root: the project's folder.
        repository: where its state is kept.
        workflows: its workflows.
        breakers: its circuit breakers.
        settings: with the thresholds, which are those of the alerts.
        clock: where the time comes from.
    """

    def __init__(
        self,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        breakers: Breakers,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._root = root
        self._files = StateFiles(root)
        self._repository = repository
        self._workflows = workflows
        self._breakers = breakers
        self._settings = settings
        self._clock = clock
        self._size = FolderSize(self._files.folder)

    def look(self) -> Facts:
        """Everything, now."""
        facts = Facts()
        project: list[Project] = []

        def check(name: str, probe: Callable[[], Probe]) -> None:
            facts.checks[name] = _judged(probe)

        check("state_file_writable", lambda: self._state(facts, project))
        damages = self._damages()  # what loading it just mended among them
        check("disk_space", lambda: self._disk_space(facts))
        check("memory", lambda: self._memory(facts))
        check("journal", lambda: self._journal(facts, damages))
        check("backups", lambda: self._backups(facts, damages))
        check("workflow", self._workflow)
        check("settings", self._configuration)
        check("circuit_breakers", lambda: self._circuit_breakers(facts))
        check("read_only", lambda: self._read_only(project))
        if not self._in_files:
            check("database", lambda: self._database(facts))
        facts.read_only = facts.checks["read_only"][0] == "critical"
        facts.recoveries = sum(each.at >= self._clock() - RECOVERY_WINDOW for each in damages)
        facts.disk_bytes = self._size.bytes()
        return facts

    @property
    def _in_files(self) -> bool:
        return self._repository.backend == "filesystem"

    def _state(self, facts: Facts, found: list[Project]) -> Probe:
        project = self._repository.get(self._root)
        found.append(project)
        now = self._clock()
        for each in project.features.summaries():
            if each.status not in CLOSED_STATUSES:
                facts.active_features += 1
                facts.claims_expired += each.claimed_until is not None and each.claimed_until < now
        if not self._in_files:
            return _ok(f"The state is kept in {self._repository.backend}.")
        if project.read_only_reason is not None:
            self._look_for_harm(facts)
        facts.state_bytes = _size(self._files.state)
        for path in (self._files.folder, self._files.backups, self._files.journal):
            if path.exists() and not os.access(path, os.W_OK, effective_ids=_EFFECTIVE):
                reason = "the system does not allow writing"
                raise StateError.of("E203", path=str(path), reason=reason)
        if free_bytes(self._files.folder) < SPARE_BYTES:
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise write_failure(self._files.journal, full, SPARE_BYTES)
        return _ok("The state loads and can be written.")

    def _look_for_harm(self, facts: Facts) -> None:
        """What cannot be mended; else loading would have mended it."""
        loaded = loader.load(self._files, OsFileOps())
        facts.harm = loaded.findings
        if loaded.gap is not None:
            lost = loaded.uncertainty or ""
            facts.changes_lost = True
            facts.harm = [
                Finding(path, lost) for path in (self._files.journal, self._files.backups)
            ]

    def _disk_space(self, facts: Facts) -> Probe:
        facts.disk_free_bytes = free_bytes(self._root)
        free_mb, wanted_mb = facts.disk_free_bytes / MB, self._settings.alert_disk_free_mb
        figure = _Figure(figure=round(free_mb, 1), unit="MB", threshold=wanted_mb)
        if free_mb >= wanted_mb:
            return _ok(f"{free_mb:.0f} MB are free.", **figure)
        error = CDESystemError.of(
            "E921", path=str(self._root), free_mb=int(free_mb), wanted_mb=int(wanted_mb)
        )
        return _found("warning", error, **figure)

    def _memory(self, facts: Facts) -> Probe:
        facts.memory_percent = memory_percent()
        percent, most = facts.memory_percent, self._settings.alert_memory_percent
        figure = _Figure(figure=round(percent, 1), unit="%", threshold=most)
        if percent <= most:
            return _ok(f"{percent:.0f} % of the memory is in use.", **figure)
        error = CDESystemError.of("E930", percent=round(percent), most=round(most))
        verdict: Verdict = "critical" if percent > MEMORY_CRITICAL_PERCENT else "warning"
        return _found(verdict, error, **figure)

    def _journal(self, facts: Facts, damages: Sequence[_Damage]) -> Probe:
        facts.journal_bytes = _size(self._files.journal)
        if not self._in_files:
            return _ok(f"Changes are kept in {self._repository.backend}.")
        if self._files.state.exists() and not self._files.journal.exists():
            raise StateError.of("E212", file="journal.jsonl", reason="it is missing")
        figure = _Figure(figure=round(facts.journal_bytes / MB, 3), unit="MB")
        mended = self._mended([each for each in damages if self._is_live(each.name)], figure)
        return (
            self._harmed(facts, figure, live=True)
            or mended
            or _ok("Every change is in the journal.", **figure)
        )

    def _backups(self, facts: Facts, damages: Sequence[_Damage]) -> Probe:
        if not self._in_files:
            return _ok(f"Backups are those of {self._repository.backend}.")
        facts.backup_age_seconds = self._backup_age()
        hours = facts.backup_age_seconds / 3600
        figure = _Figure(figure=round(hours, 2), unit="h", threshold=0.0)
        harmed = self._harmed(facts, figure, live=False)
        if harmed is not None:
            return harmed
        if hours > 0:
            reason = "the newest changes are in no backup"
            return _found("warning", StateError.of("E212", file="backups", reason=reason), **figure)
        mended = self._mended([each for each in damages if not self._is_live(each.name)], figure)
        return mended or _ok("Every change stands twice.", **figure)

    def _backup_age(self) -> float:
        """Seconds since the newest backup was written, where the journal is ahead of it.

        The journal's second copy is written with each change, so it lags for moments only.
        """
        changed = _stat(self._files.journal)
        copies = [_stat(path) for path in self._files.segments().values()]
        kept = [*copies, *map(_stat, self._files.checkpoints().values())]
        newest = max((each.st_mtime for each in kept if each is not None), default=0.0)
        if changed is None or any(c and c.st_size == changed.st_size for c in copies[-1:]):
            return 0.0
        if changed.st_mtime - newest < _LAG_SECONDS:
            return 0.0
        return max(time.time() - (newest or changed.st_mtime), 0.0)

    def _is_live(self, name: str) -> bool:
        """Whether the file is one of the present state, and none of its backups."""
        return name.removesuffix(MISSING) in {self._files.state.name, self._files.journal.name}

    def _harmed(self, facts: Facts, figure: _Figure, *, live: bool) -> Probe | None:
        """What is wrong with the files of the present state, or with its backups."""
        for harm in facts.harm:
            if self._is_live(harm.path.name) is live:
                error = StateError.of("E212", file=harm.path.name, reason=harm.reason)
                return _found("critical" if facts.changes_lost else "warning", error, **figure)
        return None

    def _mended(self, damages: Sequence[_Damage], figure: _Figure) -> Probe | None:
        """A warning where damage was found and mended lately."""
        recent = [each for each in damages if each.at >= self._clock() - RECENT]
        if not recent:
            return None
        error = StateError.of("E215", count=len(recent), newest=max(e.name for e in recent))
        return _found("warning", error, **figure)

    def _damages(self) -> Sequence[_Damage]:
        found = []
        try:
            names = [entry.name for entry in os.scandir(self._files.quarantine)]
        except OSError:
            return []
        for name in names:
            match = _QUARANTINED.fullmatch(name)
            if match:
                at = datetime.strptime(match[1], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
                found.append(_Damage(at, match[2]))
        return found

    def _workflow(self) -> Probe:
        workflows = self._workflows.load(self._root).workflows
        return _ok(f"The workflows are valid: {', '.join(workflows)}.")

    def _configuration(self) -> Probe:
        load_settings(self._root)
        return _ok("The settings are valid.")

    def _circuit_breakers(self, facts: Facts) -> Probe:
        facts.breakers = self._breakers.views()[:BREAKERS_SHOWN]
        opened = [each for each in facts.breakers if each["state"] != "closed"]
        figure = _Figure(figure=float(len(opened)), unit="open", threshold=0.0)
        if not opened:
            return _ok("No circuit breaker is open.", **figure)
        worst = max(opened, key=lambda each: each["retry_after_seconds"])
        error = CircuitBreakerOpenError.of(
            "E903",
            breaker=", ".join(each["name"] for each in opened),
            retry_after_seconds=wait_told(worst["retry_after_seconds"]),
            last_failure=worst["last_failure"] or "unknown",
        )
        return _found("warning", error, **figure)

    def _read_only(self, found: Sequence[Project]) -> Probe:
        for project in found:
            if project.read_only_reason is not None:
                since = project.read_only_since
                raise ReadOnlyModeError.of(
                    "E206",
                    reason=project.read_only_reason,
                    since=since.isoformat() if since else "now",
                )
        return _ok("The project takes changes." if found else "Whether it is, is not known.")

    def _database(self, facts: Facts) -> Probe:
        """The state was just loaded from it: what was said of that holds for it."""
        verdict, told = facts.checks["state_file_writable"]
        return (verdict, told) if verdict == "critical" else _ok("The database answers.")


def _judged(probe: Callable[[], Probe]) -> Probe:
    """What a check says; what stops it is critical."""
    try:
        return probe()
    except CDEError as error:
        return _found("critical", error)
    except OSError as error:
        reason = error.strerror or str(error)
        return _found("critical", StateError.of("E203", path=error.filename or "", reason=reason))
    except Exception:  # whoever asks how things are wants an answer, above all then
        log.exception("health_check_failed")
        return _found("critical", CDESystemError.of("E999"))


def _ok(message: str, **about: Unpack[_Figure]) -> Probe:
    return "ok", detail(message, **about)


def _found(verdict: Verdict, error: CDEError, **about: Unpack[_Figure]) -> Probe:
    return verdict, detail(error.message, **about, error_code=error.code)


def _stat(path: Path) -> os.stat_result | None:
    """What is known of the file; None where it is gone, as when others tidied meanwhile."""
    try:
        return path.stat()
    except OSError:
        return None


def _size(path: Path) -> int:
    stat = _stat(path)
    return stat.st_size if stat else 0
