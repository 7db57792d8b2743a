"""Examines a project whose state is in PostgreSQL: the database, then everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cde_orchestrator.adapters.doctor.project import SKEW, ExaminedRepository
from cde_orchestrator.application.ports.core import Doctor
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, StateError
from cde_orchestrator.domain.logger import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PostgresDoctor:
    """Finds what is wrong with the database, and repairs what is safe to repair.

    Connecting says whether it answers and is of a version that will do; reading the project,
    whether its tables are known and may be written. The connection is let go of after each
    examination, and is one of the doctor's own, for what it finds out is no failure of anybody's
    work. ``rest`` examines the project's folder.
    """

    repository: ExaminedRepository
    rest: Doctor
    clock: Clock = utc_now

    def examine(self, root: Path) -> list[CDEError]:
        """What is wrong, as the errors that it would lead to; nothing is changed."""
        found: list[CDEError] = []
        with closing(self.repository):
            try:
                found.extend(self._database(root))
            except CDEError as error:
                error.context.setdefault("project_path", str(root))
                found.append(error)
            found += self.rest.examine(root)
        return list({(each.code, each.message): each for each in found}.values())

    def plan(self, root: Path) -> list[str]:
        """What ``repair`` would do, in words; nothing is changed."""
        planned: list[str] = []
        with closing(self.repository):
            with suppress(CDEError):
                damaged = self.repository.verify(root)
                planned += [f"rewrite {each.file} from its history" for each in damaged]
            return planned + self.rest.plan(root)

    def repair(self, root: Path) -> list[str]:
        """Repair what is safe to repair; what was done, in words."""
        done: list[str] = []
        with closing(self.repository):
            try:
                done += self.repository.repair(root)
            except CDEError as error:
                log.warning("not_repaired", error_code=error.code, reason=error.message)
            return done + self.rest.repair(root)

    def _database(self, root: Path) -> Iterator[CDEError]:
        newest = self.repository.history(root, 1)
        if newest and datetime.fromisoformat(newest[0].at) > self.clock() + SKEW:
            yield CDESystemError.of("E920", newest=newest[0].at)
        for damage in self.repository.verify(root):
            yield StateError.of("E212", file=damage.file, reason=damage.reason)
