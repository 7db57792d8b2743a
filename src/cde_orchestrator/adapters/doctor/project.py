"""Examines a project on the file system; each check is alone, so none hides another."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Protocol

from cde_orchestrator.adapters.doctor.forks import forked_in, found_now, open_forks
from cde_orchestrator.adapters.doctor.judged import LOCK_SECONDS, JudgedFiles
from cde_orchestrator.adapters.doctor.leftovers import leftovers, quarantined, temporary
from cde_orchestrator.adapters.doctor.space import freed, removable
from cde_orchestrator.application.ports import core as ports
from cde_orchestrator.application.projects.show_workflows import prompt_problems
from cde_orchestrator.domain.errors.entry import Fix
from cde_orchestrator.domain.errors.fixes import explaining
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, ProjectError, StateError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, artifacts_from
from cde_orchestrator.domain.history import Damage
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import Workflow
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings import settings
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    in_the_way,
    unlink,
)
from cde_orchestrator.infrastructure.system.os_errors import write_failure
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock, state_of
from cde_orchestrator.infrastructure.system.viewing import is_only_viewed
from cde_orchestrator.storage.format.checkpoint import NEWER, SCHEMA_VERSION
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.quarantine import NO_FOLDER, misplaced

log = get_logger(__name__)

LOW_SPACE_BYTES = 100 * 1024 * 1024
"""Free space below which the plan wants a warning."""
SKEW = timedelta(minutes=5)

_QUARANTINE = f"{FOLDER}/quarantine"
_CERTAIN = "certain"


class ExaminedRepository(ports.KeptState, Protocol):
    """What the doctor needs of a repository, wherever that keeps the state."""

    def peek(self, path: Path) -> Project:
        """The project; nothing is repaired."""
        ...

    def repair(self, path: Path) -> list[str]:
        """Repair what is damaged; what was done, in words."""
        ...


@dataclass(frozen=True, slots=True)
class ProjectDoctor:
    """Finds what is wrong with a project, and repairs what is safe to repair.

    Attributes:
        git: runs git in a folder; E922 where it does not work.
        missing: the error of a folder that has no project.
        standing: gives whether a person trusts the folder.
        unready: finds checks that will refuse work late.
        judged: what was found out about the files.
    """

    repository: ExaminedRepository
    workflows: ports.WorkflowRepository
    prompts: ports.PromptRenderer
    files: ports.ProjectFiles
    git: Callable[..., str]
    missing: Callable[[Path], ProjectError]
    standing: Callable[[], Standing]
    unready: Callable[[Project], Iterator[CDEError]]
    judged: JudgedFiles = field(default_factory=JudgedFiles)

    def examine(self, root: Path) -> list[CDEError]:
        """What is wrong, as the errors that it would lead to; nothing is changed."""
        if not root.is_dir():
            return [ProjectError.of("E001", path=str(root))]
        stored, standing = StateFiles(root), self.standing()
        project = cache(partial(self._read, root, stored))
        if not stored.folder.is_dir() or standing.kind == "foreign_owner":
            return [self.missing(root) if standing.acts else standing.refusal()]
        checks: list[Callable[[], Iterator[CDEError]]] = [
            lambda: self._damages(project, stored),
            lambda: open_forks(stored),
            lambda: self._state(project()),
            lambda: _lock(stored),
            lambda: _place(stored),
            lambda: _permissions(stored),
            lambda: _settings(root),
            lambda: _space(stored.folder),
            lambda: leftovers(stored),
            lambda: quarantined(stored),
            lambda: self._clock(stored),
            lambda: self._workflow(root),
            lambda: self._checks(project),
            lambda: self._outputs(root, project()),
            lambda: self._places(root, project()),
            lambda: self._repository_of(root),
            lambda: _alerts(stored),
        ]
        findings = [] if standing.acts else [standing.refusal()]
        findings += [found for check in checks for found in _run(check, root)]
        return list({(found.code, found.message): found for found in findings}.values())

    def plan(self, root: Path) -> list[str]:
        """What ``repair`` would do, in words; nothing is changed."""
        if not self.standing().acts:
            return []
        stored = StateFiles(root)
        planned = [f"remove {stored.shown(path)}" for path in removable(stored)]
        damaged = self._damaged(stored) if self._is_certain(root, stored) else []
        forked = forked_in(damaged, stored)
        for damage in filter(lambda damage: damage.file not in forked, damaged):
            kept = f"; what is there goes to {_QUARANTINE}" if _exists(stored, damage) else ""
            planned.append(f"rewrite {damage.file} from what survives{kept}")
        return planned + [f"remove {stored.shown(path)}" for path in temporary(stored)]

    def repair(self, root: Path) -> list[str]:
        """Repair what is safe: copies of the state, backups, leftovers; what was done, in words."""
        stored = StateFiles(root)
        done = freed(stored)
        damaged = self._damaged(stored) if self._is_certain(root, stored) else []
        existed = {damage.file for damage in damaged if _exists(stored, damage)}
        forked = forked_in(damaged, stored)
        if damaged:
            try:
                self.repository.repair(root)
            except CDEError as error:
                log.warning("not_repaired", error_code=error.code, reason=error.message)
        left = {damage.file for damage in self._damaged(stored)}
        for damage in damaged:
            kept = f"; what was there is in {_QUARANTINE}" if damage.file in existed else ""
            if damage.file not in left:
                how = "was rewritten" if _exists(stored, damage) else "was removed"
                how = "was kept" if damage.file in forked else how
                done.append(f"{damage.file} {how}{kept}")
        for path in temporary(stored):
            unlink(path, missing_ok=True)
            done.append(f"{stored.shown(path)} was removed")
        return done

    def _damaged(self, stored: StateFiles) -> list[Damage]:
        """Files and folders of the state that are not as they should be."""
        found = [Damage(stored.shown(path), NO_FOLDER) for path in misplaced(stored)]
        if thing := in_the_way(stored.lock):
            found.append(Damage(stored.shown(stored.lock), f"{thing} is in its place"))
        return found + self.judged.damages(stored)

    def _clock(self, stored: StateFiles) -> Iterator[CDEError]:
        newest = self.judged.newest_at(stored)
        if newest is not None and datetime.fromisoformat(newest) > datetime.now(UTC) + SKEW:
            yield CDESystemError.of("E920", newest=newest)

    def _read(self, root: Path, stored: StateFiles) -> Project:
        """The project; of it is kept whether it is certain, which ``plan`` asks next."""
        project = self.repository.peek(root)
        self.judged.once(stored, _CERTAIN, lambda: project.read_only_reason is None)
        return project

    def _is_certain(self, root: Path, stored: StateFiles) -> bool:
        """Whether the state is certain from what survives, so that copies may be replaced.

        What kept it from being read is asked anew each time: it may pass, and change no file.
        """
        peek = self.repository.peek
        try:
            return self.judged.once(stored, _CERTAIN, lambda: peek(root).read_only_reason is None)
        except CDEError:
            return False

    def _state(self, project: Project) -> Iterator[CDEError]:
        if project.read_only_reason is not None:
            error = StateError.of(
                "E206", reason=project.read_only_reason, since=project.read_only_since
            )
            yield error.fixed_by(project.read_only_fixes)

    def _damages(self, project: Callable[[], Project], stored: StateFiles) -> Iterator[CDEError]:
        """Each damaged file; where the state is not certain, with what leads out of that."""
        fixes: Sequence[Fix] = ()
        try:
            fixes = project().read_only_fixes
        except CDEError as error:
            fixes = error.fixes or ERROR_MESSAGES[error.code].fixes
        found = self._damaged(stored)
        forks = found_now(stored) if found else []
        yield from forks
        for damage in () if forks else found:
            if damage.reason == NEWER:
                supported = SCHEMA_VERSION
                yield StateError.of(
                    "E202", path=damage.file, found="of a newer release", supported=supported
                )
            else:
                damaged = StateError.of("E212", file=damage.file, reason=damage.reason)
                yield damaged.fixed_by(fixes)

    def _workflow(self, root: Path) -> Iterator[CDEError]:
        catalog = self.workflows.load(root)
        # While its own prompts do not apply, it is no finding that they are missing.
        return prompt_problems(catalog, self.prompts, root) if self.standing().acts else iter(())

    def _checks(self, project: Callable[[], Project]) -> Iterator[CDEError]:
        """What gates phases, as long as it is known which workflows apply."""
        return self.unready(project()) if self.standing().acts else iter(())

    def _outputs(self, root: Path, project: Project) -> Iterator[CDEError]:
        for feature in project.features.with_outputs():
            for kept in artifacts_from(feature.phases):
                try:
                    data = self.files.read(root, kept.path, kept.id)
                except CDEError as error:  # one that cannot be read hides no other
                    yield error
                    continue
                about = {"feature": feature.name, "path": kept.path}
                if data is None:
                    yield StateError.of("E214", **about, change="is missing")
                elif self.files.record(root, kept.path, kept.id, data).sha256 != kept.sha256:
                    yield StateError.of("E214", **about, change="was changed")

    def _places(self, root: Path, project: Project) -> Iterator[CDEError]:
        """The folders that open features will write their next outputs to."""
        catalog = self.workflows.load(root)
        known: dict[str, Workflow] = {}
        folders: set[Path] = set()
        for found in project.features.summaries():
            if found.status in CLOSED_STATUSES:
                continue
            workflow = known.get(found.workflow_digest or "")
            if workflow is None:
                feature = project.feature(found.id)
                kept = project.workflow_of(feature)
                workflow = kept or catalog.get_or_default(feature.workflow_type)
                if kept is not None and found.workflow_digest is not None:
                    known[found.workflow_digest] = kept
            phase = workflow.find(found.current_phase or "")
            for output in phase.outputs if phase else ():
                path = root / output.path_for(found.name)
                folders.add(next(each for each in path.parents if each.is_dir()))
        for folder in sorted(folders):
            yield from _space(folder)
            if not os.access(folder, os.W_OK | os.X_OK):
                number = errno.EROFS if _is_read_only(folder) else errno.EACCES
                yield write_failure(folder, OSError(number, os.strerror(number)))

    def _repository_of(self, root: Path) -> Iterator[CDEError]:
        """Whether git works where the project is in a repository."""
        if any((folder / ".git").exists() for folder in (root, *root.parents)):
            self.git(root, "rev-parse", "--is-inside-work-tree")
        yield from ()


def _run(check: Callable[[], Iterator[CDEError]], root: Path) -> list[CDEError]:
    """The findings of one check; what stops it is a finding too."""
    found: list[CDEError] = []
    try:
        found.extend(check())
    except CDEError as error:
        found.append(error)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        found.append(ProjectError.of("E003", path=error.filename or str(root), reason=reason))
    for each in found:
        each.context.setdefault("project_path", str(root))
        if each.code == "E003" and each.context["path"] != str(root):  # only a person can help
            each.fixed_by((explaining("E003"),))
    return found


def _exists(stored: StateFiles, damage: Damage) -> bool:
    return os.path.lexists(stored.home / damage.file)


def _place(stored: StateFiles) -> Iterator[CDEError]:
    """Whether the second copy is where no command on the work tree reaches it."""
    outside = stored.wanted
    is_misplaced = stored.is_local and stored.backups_in_folder()
    if outside is not None and is_misplaced and not is_only_viewed(stored.folder):
        yield StateError.of("E220", path=str(stored.local_backups), outside=str(outside))


def _lock(stored: StateFiles) -> Iterator[CDEError]:
    """Who keeps the project's lock, where somebody keeps it for long."""
    if not stored.lock.is_file() or stored.lock.is_symlink() or is_only_viewed(stored.lock):
        return
    lock = ProcessLock(stored.lock, LOCK_SECONDS)
    try:
        with lock.shared():
            return
    except StateError as error:
        error.context["holder"] = f"{lock.holder()}, {_life_of(lock.holder())}"
        yield error


def _life_of(holder: str) -> str:
    """Whether the process that signed the lock still runs; the lock itself is held by one."""
    number = holder.removeprefix("process ")
    if not number.isdigit():
        return "which left no signature"
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return "which has ended; another one has taken over its lock"
    except (OSError, OverflowError):
        return "which is another user's"
    return state_of(holder) or "which is running"


def _alerts(stored: StateFiles) -> Iterator[CDEError]:
    """What fires and no other check finds; what fired when the last server ended is no news."""
    from cde_orchestrator.infrastructure.monitoring.alerts.rules import alert_rules, error_of
    from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
    from cde_orchestrator.infrastructure.monitoring.telemetry.store import FILE, TelemetryStore

    if not (stored.folder / FILE).is_file():
        return
    history = TelemetryStore(stored.root)
    if not history.is_watched(datetime.now(UTC)):
        return
    statuses = AlertStore(history).states()
    for rule in alert_rules(settings.load_settings(stored.root)):
        status = statuses.get(rule.name)
        if status and status.state == "firing" and (error := error_of(rule, status.figure)):
            yield error


def _permissions(stored: StateFiles) -> Iterator[CDEError]:
    """Everything that a change writes to or replaces."""
    folders = (stored.folder, stored.backups, stored.quarantine, stored.objects)
    found = (*stored.segments().values(), *stored.checkpoints().values())
    kept = [each for each in found if each.parent == stored.backups]  # others are only read
    for path in (*folders, stored.state, stored.journal, stored.lock, *kept):
        wanted = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
        if path.exists() and not os.access(path, wanted):
            yield ProjectError.of("E003", path=str(path), reason="it is not readable and writable")


def _settings(root: Path) -> Iterator[CDEError]:
    for state in settings.settings_states(root):
        if state.problem is not None:
            yield settings.refusal_of(state)


def _space(folder: Path) -> Iterator[CDEError]:
    free = OsFileOps().free_bytes(folder)
    if free < LOW_SPACE_BYTES:
        where = str(folder.parent if folder.name == FOLDER else folder)
        yield CDESystemError.of(
            "E921", path=where, free_mb=free // 2**20, wanted_mb=LOW_SPACE_BYTES // 2**20
        )


def _is_read_only(folder: Path) -> bool:
    with suppress(OSError, AttributeError):  # Windows has no such call
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    return False
