"""All that a check printed, without secrets, kept by digest: its end alone is in the state."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from cde_orchestrator.application.checks.running import to_both
from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.ports.checks import CheckRunner, Watch
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.records import Evidence

log = get_logger(__name__)

KEPT_BYTES = 3 * 1024 * 1024
"""Of what a check printed, the end; a check is no reason to forget what features delivered."""


class WholeOutput:
    """Gathers what a check prints, as it is passed on: without secrets."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._parts: deque[bytes] = deque()
        self._size = self._omitted = 0

    def add(self, text: str) -> None:
        """Take a piece."""
        part = text.encode(errors="replace")
        self._parts.append(part)
        self._size += len(part)
        while self._size - len(self._parts[0]) >= self._kept_bytes:
            self._omitted += len(self._parts[0])
            self._size -= len(self._parts.popleft())

    def keep(self, outputs: ProjectOutputs) -> str:
        """Its digest; empty where nothing was printed, or it cannot be kept."""
        if not self._size:
            return ""
        begin = f"[{self._omitted:,} bytes before this are not kept]\n" if self._omitted else ""
        content = Content.of(begin.encode() + b"".join(self._parts))
        try:
            outputs.keep(content)
        except StateError as error:  # the check counts all the same
            log.warning("check_output_not_kept", reason=error.message)
            return ""
        return content.sha256


@dataclass(frozen=True, slots=True)
class CheckRun:
    """What a check left, and the SHA-256 of all that it printed; empty where that is not kept."""

    evidence: Evidence
    printed: str

    def record(self, record: PhaseRecord) -> None:
        """Keep it with the phase."""
        record.evidence, record.check_output = self.evidence, self.printed


def run_check(
    check: Check, checks: CheckRunner, outputs: ProjectOutputs, clock: Clock, watch: Watch | None
) -> CheckRun:
    """Run a check, and keep what it prints.

    Raises:
        FeatureError: E121, it cannot be run.
    """
    whole = WholeOutput()
    evidence = checks.run(outputs.root, check, clock(), to_both(whole.add, watch))
    return CheckRun(evidence, whole.keep(outputs))
