"""Leases of agents on the phases that they work on: asked for, taken and renewed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cde_orchestrator.application.ports.checks import Callers
from cde_orchestrator.application.ports.core import ProjectRepository
from cde_orchestrator.application.shapes import view_of
from cde_orchestrator.application.views import ClaimView
from cde_orchestrator.domain.exceptions import FeatureError, StateError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.lease import Caller, Claim, checked_agent, is_alive
from cde_orchestrator.domain.value import Value


class CallerLeases(Value):
    """The caller in front of the features of one project."""

    callers: Callers
    caller: Caller
    now: datetime

    @classmethod
    def of(
        cls, callers: Callers, root: Path, now: datetime, agent: str | None = None
    ) -> CallerLeases:
        """The leases for a call that may name its agent.

        Raises:
            ValidationError: E302, E303 or E305, the name is not usable.
        """
        name = None if agent is None else checked_agent(agent)
        return cls(callers, callers.caller(root, name), now)

    def holder(self, feature: Feature) -> Claim | None:
        """The lease that stands, if one does."""
        claim = feature.claim
        if claim is None or not claim.is_alive(self.caller, self.now, self.callers.runs):
            return None
        return claim

    def works(self, summary: FeatureSummary) -> bool:
        """Whether the lease of a feature stands, which is not decoded for it."""
        until = summary.claimed_until
        place, process = summary.claimed_in, summary.claimed_for
        return until is not None and is_alive(
            until, place, process, self.caller, self.now, self.callers.runs
        )

    def require_free(self, feature: Feature, *, takeover: bool, resuming: bool = False) -> None:
        """Refuse the caller where another agent is at work.

        Raises:
            FeatureError: E122, another agent holds the lease and is not to be overridden.
        """
        claim = self.holder(feature)
        if claim is None or takeover or claim.allows(self.caller, resuming=resuming):
            return
        process = claim.process
        raise FeatureError.of(
            "E122",
            feature=feature.name,
            phase=feature.current_phase,
            agent=claim.agent,
            until=claim.until.isoformat(timespec="seconds"),
            process=f"process {process.pid} on {process.host}" if process else "any process",
        )

    def take(self, feature: Feature, *, deliberate: bool) -> None:
        """Give the caller the lease; it is renewed if the caller has it, and noted if not."""
        claim = self.holder(feature)
        if self.caller.anonymous:
            if claim is not None and claim.deliberate:
                self._note_takeover(feature, claim)
                feature.claim = None
            return
        if claim is not None and claim.belongs_to(self.caller):
            deliberate = deliberate or claim.deliberate
            if claim.deliberate == deliberate and self.caller.agent in {None, claim.agent}:
                feature.claim = claim.renewed(self.now)
                return
        fresh = Claim.of(self.caller, self.now, deliberate=deliberate)
        if claim is not None and claim.agent != fresh.agent:
            self._note_takeover(feature, claim)
            fresh = replace(fresh, taken_from=claim.agent)
        feature.claim = fresh

    def renew(self, feature: Feature) -> None:
        """Renew the caller's own lease, in a change that is made anyway."""
        claim = self.holder(feature)
        if claim is not None and claim.belongs_to(self.caller):
            feature.claim = claim.renewed(self.now)

    def renew_when_due(self, feature: Feature, repository: ProjectRepository, root: Path) -> None:
        """Renew the caller's own lease after a question; never fails."""
        claim = self.holder(feature)
        if claim is None or not claim.belongs_to(self.caller) or not claim.is_due(self.now):
            return
        try:
            with repository.transaction(root) as project:
                project.require_writable()
                self.renew(project.feature(feature.id))
        except (FeatureError, StateError):
            return  # the answer does not depend on it

    def view(self, feature: Feature) -> ClaimView | None:
        """The lease in force, as it is shown."""
        claim = self.holder(feature)
        return None if claim is None else view_of(ClaimView, claim)

    def _note_takeover(self, feature: Feature, claim: Claim) -> None:
        feature.note(
            "taken_over", at=self.now.isoformat(), by=self.caller.name, taken_from=claim.agent
        )
