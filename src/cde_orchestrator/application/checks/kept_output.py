"""All that a check printed, without secrets, kept by digest: its end alone is in the state."""

from __future__ import annotations

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
from cde_orchestrator.domain.text import counted

log = get_logger(__name__)

KEPT_BYTES = 3 * 1024 * 1024
"""Of what a check printed, the end; a check is no reason to forget what features delivered."""


class WholeOutput:
    """Gathers what a check prints, as it is passed on: without secrets."""

    def __init__(self) -> None:
        self._end = bytearray()
        self._omitted = 0

    def add(self, text: str) -> None:
        """Take a piece."""
        self._end += text.encode(errors="replace")
        if len(self._end) > 2 * KEPT_BYTES:  # seldom, for what is left is moved
            self._omit()

    def _omit(self) -> None:
        """Leave out what is too much, by whole lines where there are any."""
        excess = max(len(self._end) - KEPT_BYTES, 0)
        omitted = self._end.rfind(b"\n", 0, excess) + 1 or excess
        del self._end[:omitted]
        self._omitted += omitted

    def keep(self, outputs: ProjectOutputs) -> str:
        """Its digest; empty where nothing was printed, or it cannot be kept."""
        if not self._end:
            return ""
        self._omit()
        were = ("byte before this is", "bytes before this are")
        begin = f"[{counted(self._omitted, *were, spec=',')} not kept]\n" if self._omitted else ""
        content = Content.of(begin.encode() + self._end)
        try:
            outputs.keep(content)
        except StateError as error:  # the check counts all the same
            log.warning("check_output_not_kept", reason=error.message)
            return ""
        return content.sha256


@dataclass(frozen=True, slots=True)
class CheckRun:
    """What a check left.

    Attributes:
        printed: the SHA-256 of all that it printed; empty where that is not kept.
        tree: git's id of the source tree before it began, for what changes meanwhile is not what
            it saw; empty where that is not known.
    """

    evidence: Evidence
    printed: str
    tree: str = ""

    def record(self, record: PhaseRecord, *, accepted: bool = False) -> None:
        """Keep it with the phase; its source tree, where the phase was ``accepted`` by it."""
        record.evidence, record.check_output = self.evidence, self.printed
        record.accepted_tree = self.tree if accepted else ""


def run_check(
    check: Check,
    checks: CheckRunner,
    outputs: ProjectOutputs,
    clock: Clock,
    watch: Watch | None,
    tree: str = "",
) -> CheckRun:
    """Run a check of this source tree, and keep what it prints.

    Raises:
        FeatureError: E121, it cannot be run.
    """
    whole = WholeOutput()
    evidence = checks.run(outputs.root, check, clock(), to_both(whole.add, watch))
    return CheckRun(evidence, whole.keep(outputs), tree)
