"""A submission that was refused: the feature keeps why, and what was left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

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
"""Characters of a reason that are kept."""


class Refused(Value):
    """What was submitted and refused, by the gate, by its check or for want of proof.

    Attributes:
        found: the feature before anything was done.
        ran: its check, where that ran.
        written: digests of the texts that were written for it, by output id.
        kept: the copies of files that were replaced for it.
        present: the source then, where something ran.
    """

    work: Submission
    found: Found
    refusal: FeatureError
    ran: CheckRun | None = None
    written: Mapping[str, str] = field(default_factory=dict)
    kept: Sequence[KeptView] = ()
    present: Present | None = None

    def keep(self) -> None:
        """Keep it as far as that can be written: the refusal itself is what has to be shown.

        Results that contradict each other use up an attempt: whoever tries their luck with a test
        that passes by chance can do so no more often than the workflow allows.
        """
        if not self._says_more():
            return
        try:
            with self.work.features.repository.transaction(self.work.outputs.root) as project:
                self._record(self.work.adopted(project, self.found))
        except CDEError as error:
            feature_id = self.found.feature.id
            log.warning("refusal_not_kept", feature_id=feature_id, reason=error.message)

    def _says_more(self) -> bool:
        """Whether something is to be kept; who sends the same again changes nothing.

        A feature of an older release stays as it is until something is done with it.
        """
        if self.present is not None and (self.ran or self.written or self.present.moment):
            return True
        feature = self.found.feature
        known = self._is_flaky or feature.workflow_digest is not None
        return known and self._is_new(feature.phases[self.work.phase_id])

    @property
    def _is_flaky(self) -> bool:
        """Whether results contradicted each other."""
        return bool(self.refusal.context.get("flaky"))

    @property
    def _reason(self) -> str:
        """Why, in words without secrets."""
        return shortened(without_secrets(self.refusal.message), _LIMIT)

    def _is_new(self, record: PhaseRecord) -> bool:
        return self.refusal.finds_work_wanting and record.last_failure() != self._reason

    def _record(self, found: Found) -> None:
        feature = found.feature
        if self.present is not None:
            feature.seen_source = self.present.moment or feature.seen_source
        record = feature.phases.get(self.work.phase_id)
        if record is None:  # the feature continues in another workflow by now
            return
        if record.is_attempt_of(self.found.feature.phases[record.id]):
            self._record_attempt(record)
        self.work.note_kept(feature, self.kept)
        if self._is_flaky and self.present is not None:
            require_same(self.work, self.found, feature, found.workflow)
            self._use_up_attempt(found, self.present)

    def _record_attempt(self, record: PhaseRecord) -> None:
        record.written = {**record.written, **self.written}
        if self.ran is not None:
            self.ran.record(record)
        if self.ran is not None and not self.ran.evidence.passed:
            record.refused = None  # the evidence says it, and more
        elif self._is_new(record):
            by, now = self.work.leases.caller.name, self.work.features.clock()
            record.refused = Refusal(now, by, self.refusal.code, self._reason)

    def _use_up_attempt(self, found: Found, present: Present) -> None:
        feature, workflow, phase_id = found.feature, found.workflow, self.work.phase_id
        by, now = self.work.leases.caller.name, self.work.leases.now
        if feature.fail_phase(phase_id, self._reason, by, workflow, now):
            enter_phase(feature, workflow, self.work.outputs, present, again=True)
