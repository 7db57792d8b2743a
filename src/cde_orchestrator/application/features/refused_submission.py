"""A submission that was refused: the feature keeps why, and what was left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cde_orchestrator.application.checks.kept_output import CheckRun
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.project_sources import Present
from cde_orchestrator.application.features.send_back import require_same
from cde_orchestrator.application.features.submission import Found, Submission
from cde_orchestrator.application.views import KeptView
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.records import Refusal
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.value import Value

log = get_logger(__name__)

_LIMIT = 1_000
"""Characters of a reason that are kept, but for the words that say how many more there were."""


@dataclass(slots=True)
class Left:
    """What a submission has left so far.

    Attributes:
        passed_gate: whether nothing was wrong with its outputs.
        is_delivered: whether they stand in the project.
        written: digests of the texts that were written for it, by output id.
        kept: the copies of files that were replaced for it.
        ran: its check, where that ran.
    """

    passed_gate: bool = False
    is_delivered: bool = False
    written: Mapping[str, str] = field(default_factory=dict)
    kept: Sequence[KeptView] = ()
    ran: CheckRun | None = None


class RefusedSubmission(Value):
    """What was submitted, and refused by the gate, by its check or for want of proof.

    Attributes:
        found: the feature before anything was done.
    """

    work: Submission
    found: Found
    error: FeatureError
    left: Left

    def keep(self) -> None:
        """Keep it as far as that can be written: the error itself is what has to be shown.

        Results that contradict each other use up an attempt: whoever tries their luck with a test
        that passes by chance can do so no more often than the workflow allows.
        """
        present = None
        if self.left.is_delivered:
            present = self.work.sources.keep(self.found.project, self.found.feature)
        if not self._says_more(present):
            return
        try:
            with self.work.features.repository.transaction(self.work.outputs.root) as project:
                self._record(self.work.adopted(project, self.found), present)
        except CDEError as error:
            feature_id = self.found.feature.id
            log.warning("refusal_not_kept", feature_id=feature_id, reason=error.message)

    def _says_more(self, present: Present | None) -> bool:
        """Whether something is to be kept: where nothing ran, the same again changes nothing.

        A feature of an older release stays as it is until something is done with it.
        """
        if present is not None and (self.left.ran or self.left.written or present.moment):
            return True
        feature = self.found.feature
        record = feature.phases[self.work.phase_id]
        is_news = self._refusal(record) != record.refused
        return self._is_flaky or (is_news and feature.workflow_digest is not None)

    @property
    def _is_flaky(self) -> bool:
        """Whether results contradicted each other."""
        return bool(self.error.context.get("flaky"))

    @property
    def _reason(self) -> str:
        return shortened(without_secrets(self.error.message), _LIMIT)

    def _refusal(self, record: PhaseRecord) -> Refusal | None:
        """What the phase says from now on of its last submission."""
        ran, known = self.left.ran, record.refused
        if self._is_flaky or (ran is not None and not ran.evidence.passed):
            return None  # the failed attempt says it, or the evidence, and more
        if not self.error.is_about_the_work:
            return None if self.left.passed_gate else known
        said = self.error.code, self._reason
        if known and said == (known.code, known.reason) and known.reason == record.last_failure():
            return known
        by, now = self.work.leases.caller.name, self.work.features.clock()
        return Refusal(now, by, *said)

    def _record(self, found: Found, present: Present | None) -> None:
        feature = found.feature
        if present is not None:
            feature.seen_source = present.moment or feature.seen_source
        record = feature.phases.get(self.work.phase_id)
        if record is None:  # the feature continues in another workflow by now
            return
        if record.is_attempt_of(self.found.feature.phases[record.id]):
            record.refused = self._refusal(record)
            record.written = {**record.written, **self.left.written}
            if self.left.ran is not None:
                self.left.ran.record(record)
        self.work.note_kept(feature, self.left.kept)
        if self._is_flaky and present is not None:
            require_same(self.work, self.found, feature, found.workflow)
            self._use_up_attempt(found, present)

    def _use_up_attempt(self, found: Found, present: Present) -> None:
        feature, workflow, phase_id = found.feature, found.workflow, self.work.phase_id
        by, now = self.work.leases.caller.name, self.work.leases.now
        if feature.fail_phase(phase_id, self._reason, by, workflow, now):
            enter_phase(feature, workflow, self.work.outputs, present, again=True)
