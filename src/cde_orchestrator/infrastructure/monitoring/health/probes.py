"""What is checked to know how a project is: facts, and a verdict on each.

Nothing waits for another process, nothing is written, and nothing reads more than grows with
the number of features. What is broken is a verdict, never an exception.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

from cde_orchestrator.application.ports.breakers import Breakers, BreakerView, rounded_wait
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.ports.health import NOT_SET_UP, Probe, Verdict, detail
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.condition import PartCondition, StateCondition
from cde_orchestrator.domain.exceptions import (
    CDEError,
    CDESystemError,
    CircuitBreakerOpenError,
    StateError,
)
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.settings.settings import Settings, load_settings
from cde_orchestrator.infrastructure.system.project_home import home_of, local_folder
from cde_orchestrator.infrastructure.system.resource_usage import MB, FolderSize, memory_percent

log = get_logger(__name__)

RECENT = timedelta(days=1)
"""How long a file in quarantine is a warning: somebody should check the disk."""
RECOVERY_WINDOW = timedelta(minutes=10)
"""How long damage that was repaired is counted among the measures of alerts."""
BREAKERS_SHOWN = 50
_OF_STATE = ("journal", "backups", "read_only")


@dataclass(slots=True)
class Facts:
    """What was found of a project.

    Attributes:
        checks: verdicts by name, in the order in which they are shown.
        active_features: those that take more work.
        claims_expired: leases on those that ended without being given back.
        recoveries: files that were damaged and repaired in the last minutes.
        state: what the repository found of what is stored.
        changes: whether it takes them; None where it cannot be read.
        project: its id and its name, where it can be read.
        late: what will refuse the work on a feature late, and can be seen now.
    """

    checks: dict[str, Probe] = field(default_factory=dict)
    active_features: int = 0
    claims_expired: int = 0
    recoveries: int = 0
    read_only: bool = False
    memory_percent: float = 0.0
    disk_bytes: int = 0
    disk_free_bytes: int = 0
    breakers: Sequence[BreakerView] = ()
    state: StateCondition = field(default_factory=StateCondition)
    changes: Probe | None = None
    project: dict[str, str] | None = None
    late: CDEError | None = None


class _Figure(TypedDict, total=False):
    figure: float
    unit: str
    threshold: float


@dataclass(slots=True)
class ProjectChecks:
    """Checks a project; its thresholds are those of the alerts."""

    root: Path
    repository: ProjectRepository
    workflows: WorkflowRepository
    unready: Callable[[Project], Iterator[CDEError]]
    breakers: Breakers
    settings: Settings
    clock: Clock
    _size: FolderSize = field(init=False)

    def __post_init__(self) -> None:
        self._size = FolderSize(local_folder(self.root))

    def facts(self) -> Facts:
        """Everything, now."""
        facts = Facts()
        probes = {
            "state_file_writable": self._state,  # the first: others judge what it found
            "disk_space": self._disk_space,
            "memory": self._memory,
            "journal": self._journal,
            "backups": self._backups,
            "workflow": self._workflow,
            "settings": self._configuration,
            "circuit_breakers": self._circuit_breakers,
            "read_only": self._read_only,
        }
        for name, probe in probes.items():
            facts.checks[name] = _judged(partial(probe, facts))
        if facts.checks["state_file_writable"][1]["error_code"] == NOT_SET_UP:
            facts.checks |= dict.fromkeys(_OF_STATE, _ok("There is no state yet."))
        if facts.state.is_in_database:  # what was said of the state holds for where it is
            found = facts.checks["state_file_writable"]
            answers = _ok("The database answers.")
            facts.checks["database"] = found if found[0] == "critical" else answers
        for _, about in facts.checks.values():
            if about["error_code"] is not None:
                about["context"].setdefault("project_path", str(self.root))
        facts.read_only = facts.checks["read_only"][0] == "critical"
        repaired = (*facts.state.journal.repaired, *facts.state.backups.repaired)
        facts.recoveries = sum(at >= self.clock() - RECOVERY_WINDOW for at, _ in repaired)
        facts.disk_bytes = self._size.bytes()
        return facts

    def _state(self, facts: Facts) -> Probe:
        try:
            project = self.repository.get(self.root)
        finally:  # so that what loading it just repaired is known
            facts.state = self.repository.condition(self.root)
        facts.changes = _judged(partial(_changes, project, self.root))
        facts.project = {"project_id": project.id, "name": project.name}
        now = self.clock()
        for each in project.features.summaries():
            if each.status not in CLOSED_STATUSES:
                facts.active_features += 1
                facts.claims_expired += each.claimed_until is not None and each.claimed_until < now
        with suppress(CDEError):  # another check says what is wrong with the workflows
            facts.late = next(self.unready(project), None)
        if facts.state.refusal is not None:
            raise facts.state.refusal
        return _ok(facts.state.summary)

    def _disk_space(self, facts: Facts) -> Probe:
        home = home_of(self.root)
        facts.disk_free_bytes = shutil.disk_usage(home).free
        free_mb, wanted_mb = facts.disk_free_bytes / MB, self.settings.alert_disk_free_mb
        figure = _Figure(figure=round(free_mb, 1), unit="MB", threshold=wanted_mb)
        if free_mb >= wanted_mb:
            return _ok(f"{free_mb:.0f} MB are free.", **figure)
        error = CDESystemError.of(
            "E921", path=str(home), free_mb=int(free_mb), wanted_mb=int(wanted_mb)
        )
        return _found("warning", error, **figure)

    def _memory(self, facts: Facts) -> Probe:
        facts.memory_percent = memory_percent()
        percent, most = facts.memory_percent, self.settings.alert_memory_percent
        figure = _Figure(figure=round(percent, 1), unit="%", threshold=most)
        if percent <= most:
            return _ok(f"{percent:.0f} % of the memory is in use.", **figure)
        error = CDESystemError.of("E930", percent=round(percent), most=round(most))
        return _found("warning", error, **figure)

    def _journal(self, facts: Facts) -> Probe:
        state, figure = facts.state, _Figure()
        if state.journal_bytes is not None:
            figure = _Figure(figure=round(state.journal_bytes / MB, 3), unit="MB")
        return self._part(state.journal, figure)

    def _backups(self, facts: Facts) -> Probe:
        state, figure = facts.state, _Figure()
        if state.backup_age_seconds is not None:
            hours = round(state.backup_age_seconds / 3600, 2)
            figure = _Figure(figure=hours, unit="h", threshold=0.0)
        return self._part(state.backups, figure)

    def _part(self, part: PartCondition, figure: _Figure) -> Probe:
        """What is wrong with it; a warning also where damage was found and repaired lately."""
        if part.harm is not None:
            error = StateError.of("E212", file=part.harm.file, reason=part.harm.reason)
            return _found("critical" if part.is_lost else "warning", error, **figure)
        recent = [name for at, name in part.repaired if at >= self.clock() - RECENT]
        if recent:
            error = StateError.of("E215", count=len(recent), newest=max(recent))
            return _found("warning", error, **figure)
        return _ok(part.summary, **figure)

    def _workflow(self, facts: Facts) -> Probe:
        workflows = self.workflows.load(self.root).workflows
        if facts.late is not None:
            return _found("warning", facts.late)
        return _ok(f"The workflows are valid: {', '.join(workflows)}.")

    def _configuration(self, _: Facts) -> Probe:
        load_settings(self.root)
        return _ok("The settings are valid.")

    def _circuit_breakers(self, facts: Facts) -> Probe:
        facts.breakers = self.breakers.views()[:BREAKERS_SHOWN]
        opened = [each for each in facts.breakers if each["state"] != "closed"]
        figure = _Figure(figure=float(len(opened)), unit="open", threshold=0.0)
        if not opened:
            return _ok("No circuit breaker is open.", **figure)
        worst = max(opened, key=lambda each: each["retry_after_seconds"])
        error = CircuitBreakerOpenError.of(
            "E903",
            breaker=", ".join(each["name"] for each in opened),
            retry_after_seconds=rounded_wait(worst["retry_after_seconds"]),
            last_failure=worst["last_failure"] or "unknown",
        )
        return _found("warning", error, **figure)

    def _read_only(self, facts: Facts) -> Probe:
        return facts.changes or _ok("It is not known whether the project is read-only.")


_NOT_TRUSTED = {"not_yet": "E325", "changed": "E326", "foreign_owner": "E327"}


def _changes(project: Project, root: Path) -> Probe:
    if (code := _NOT_TRUSTED.get(project.trust)) is not None:
        message = "The folder is not trusted: the project is only viewed."
        return "warning", detail(message, error_code=code, context={"path": str(root)})
    project.require_writable()
    return _ok("The project accepts changes.")


def _judged(probe: Callable[[], Probe]) -> Probe:
    """What a check says; what stops it is critical."""
    try:
        return probe()
    except CDEError as error:
        return _found("critical", error)
    except OSError as error:
        reason = error.strerror or str(error)
        return _found("critical", StateError.of("E203", path=error.filename or "", reason=reason))
    except Exception:  # whoever asks for health wants an answer, above all then
        log.exception("health_check_failed")
        return _found("critical", CDESystemError.of("E999"))


def _ok(message: str, **about: Unpack[_Figure]) -> Probe:
    return "ok", detail(message, **about)


def _found(verdict: Verdict, error: CDEError, **about: Unpack[_Figure]) -> Probe:
    return verdict, detail(error.message, **about, error_code=error.code, context=error.context)
