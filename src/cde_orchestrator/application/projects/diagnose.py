"""Examine everything that the project depends on, and repair what is safe to repair."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TypedDict

from cde_orchestrator import __version__
from cde_orchestrator.application.ports.core import Doctor
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.errors.fixes import DOCTOR, DOCTOR_FIX, explaining
from cde_orchestrator.domain.errors.formatter import ErrorFormatter, ErrorPayload, fill_fix
from cde_orchestrator.domain.exceptions import CDEError


class DiagnoseReply(TypedDict):
    """What was found, in the words of the errors that it would lead to, and what was repaired.

    ``healthy`` is whether nothing but information is left. ``repairable`` is what can be repaired
    safely and was not; ``versions`` is what looked; ``home`` is the folder, maybe another
    worktree's, with the state.
    """

    path: str
    home: str
    healthy: bool
    findings: list[ErrorPayload]
    repairable: list[str]
    repaired: list[str]
    versions: dict[str, str]


class Diagnose(UseCase[DiagnoseReply], operation="diagnose", tolerant=True):
    """Examine the project, however broken it is; without ``fix`` nothing is changed.

    Attributes:
        fix: repair what is safe to repair, then examine again.
    """

    fix: bool = False

    def __call__(self, *, root: Path, home: Path, doctor: Doctor) -> DiagnoseReply:
        """Examine it; no finding is an error of this call."""
        repaired = doctor.repair(root) if self.fix else []
        findings = [self._shown(found) for found in doctor.examine(root)]
        return {
            "path": str(root),
            "home": str(home),
            "healthy": all(found["severity"] == "INFO" for found in findings),
            "findings": findings,
            "repairable": doctor.plan(root),
            "repaired": repaired,
            "versions": {
                "cde": __version__,
                "python": platform.python_version(),
                "system": f"{platform.system()} {platform.machine()}",
            },
        }

    def _shown(self, error: CDEError) -> ErrorPayload:
        """The finding; a fix is never the command that found it and did not help."""
        found = ErrorFormatter.payload(error)
        useless = [DOCTOR, DOCTOR_FIX] if self.fix else [DOCTOR]
        commands = [fill_fix(each, error.context)["command"] for each in useless]
        left = [each for each in found["fixes"] if each["command"] not in commands]
        found["fixes"] = left or [fill_fix(explaining(error.code), {})]
        return found
