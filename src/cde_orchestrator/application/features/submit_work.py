"""Submit the outputs of a feature's current phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from cde_orchestrator.application.features.delivery import Delivery
from cde_orchestrator.application.features.earlier_outputs import put_back, require_accepted
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import (
    adopt_workflow,
    committed_phase_view,
    render_prompt,
    workflow_for,
)
from cde_orchestrator.application.features.work_changes import require_changes
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    SubmitReply,
    feature_view,
    phase_record_view,
    project_view,
)
from cde_orchestrator.domain.exceptions import FeatureError, StateError, ValidationError
from cde_orchestrator.domain.feature import Feature, PhaseRecord, PhaseStatus
from cde_orchestrator.domain.gate import Gate
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Evidence
from cde_orchestrator.domain.workflow import Phase, Workflow

log = structlog.get_logger(__name__)

_Contents = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitWork(UseCase[SubmitReply]):
    """Complete the current phase; the answer has the next one with its prompt.

    What is submitted passes the phase's gate, then its check, which runs while others may go
    on working; both count only if phase and outputs are still the same afterwards.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        phase_id: the phase that is submitted; it must be the current one.
        results: text by output id; the files are written from it. An output that is not
            named must stand in the project already.
        agent: the agent's name, when the client has several.
        takeover: override another agent's lease.
        restore: first put back what earlier phases left, as it was accepted.
        watch: is told what the check prints.
    """

    feature_id: str
    phase_id: str
    results: Mapping[str, str] = field(default_factory=dict)
    agent: str | None = None
    takeover: bool = False
    restore: bool = False
    watch: Watch | None = field(default=None, compare=False)

    def arguments(self) -> dict[str, Any]:
        """The fields by name, without the watch, which says nothing in a report."""
        known = UseCase.arguments(self)
        return {name: value for name, value in known.items() if name != "watch"}

    def __call__(self, ports: Ports) -> SubmitReply:
        """Check the outputs, record them and go on to the next phase.

        A repeated submission with the same content gets its answer again and changes nothing.

        Raises:
            CDEError: E004, E102, E103, E105 to E107, E110 to E123, E129 to E132, E206, E302,
                E303, E305, E312, E313, E315 and the repository's own.
        """
        desk = CallerLeases.of(ports, self.agent)
        project = ports.repository.get(ports.root)
        project.require_writable()
        feature = project.feature(self.feature_id)
        phase = workflow_for(project, feature, ports).find(self.phase_id)
        if phase is None or phase.gate_check is None or feature.current_phase != phase.id:
            return self._examined(desk)
        desk.require_free(feature, takeover=self.takeover)
        with ports.checks.lock_check(ports.root, feature):
            return self._examined(desk)  # from the start: the one before may have been accepted

    def _examined(self, desk: CallerLeases) -> SubmitReply:
        ports = desk.ports
        project = ports.repository.get(ports.root)
        feature = project.feature(self.feature_id)
        workflow = workflow_for(project, feature, ports)
        delivery = self._delivery(feature, workflow, ports)
        if self._was_accepted(feature, delivery):
            return self._reply(project, feature, workflow, ports)
        phase = feature.require_current(self.phase_id, workflow)
        desk.require_free(feature, takeover=self.takeover)
        following = workflow.after(phase.id)
        if following is not None:  # a broken template is told before anything is written
            render_prompt(project, feature, following, workflow, ports)
        if self.restore:
            project.require_writable()
            put_back(feature, phase, workflow, ports)
        require_accepted(feature, phase, workflow, ports)
        contents = self._through_gate(project, feature, phase, workflow, delivery)
        require_changes(feature, phase, workflow, ports)
        evidence = self._check(feature, phase, delivery, ports)
        return self._accept(desk, feature, contents, evidence)

    def _delivery(self, feature: Feature, workflow: Workflow, ports: Ports) -> Delivery:
        phase = workflow.find(self.phase_id)
        if phase is None:
            phase = feature.require_current(self.phase_id, workflow)
        return Delivery(ports, feature.name, phase, self.results)

    def _was_accepted(self, feature: Feature, delivery: Delivery) -> bool:
        record = feature.phases.get(self.phase_id)
        if record is None or record.status is not PhaseStatus.COMPLETED:
            return False
        if any(
            output_id not in {o.id for o in delivery.phase.outputs} for output_id in self.results
        ):
            return False
        delivery.require_acceptable()
        return delivery.repeats(record, delivery.contents())

    def _through_gate(
        self,
        project: Project,
        feature: Feature,
        phase: Phase,
        workflow: Workflow,
        delivery: Delivery,
    ) -> _Contents:
        delivery.require_acceptable()
        try:
            skeleton = render_prompt(project, feature, phase, workflow, delivery.ports)
        except ValidationError:  # a template that broke since is no fault of the work
            skeleton = ""
        gate = Gate(
            phase=phase,
            feature_name=feature.name,
            syntax=delivery.ports.content.error_in,
            search=delivery.ports.content.search,
            skeleton=skeleton,
            back_to=workflow.judged_phase(phase.id).id,
        )
        return delivery.accepted_contents(gate)

    def _check(
        self, feature: Feature, phase: Phase, delivery: Delivery, ports: Ports
    ) -> Evidence | None:
        """Run the phase's check on the delivered files; keep what a failed one left.

        Raises:
            FeatureError: E118 it failed, E119 it took too long, E120 nobody trusts it, E121
                it cannot be run.
        """
        check = phase.gate_check
        if check is None:
            return None
        command = " ".join(check.command)
        facts = {"feature": feature.name, "phase": phase.id, "command": command}
        if not ports.trust.trusts(ports.root, check.command_line):
            raise FeatureError.of("E120", **facts)
        delivery.write()
        evidence = ports.checks.run(ports.root, check, ports.clock(), self.watch)
        if evidence.passed:
            return evidence
        try:
            with ports.repository.transaction(ports.root) as project:
                kept = project.feature(feature.id)
                adopt_workflow(project, kept, ports)
                kept.phases[phase.id].evidence = evidence
        except StateError as error:
            log.warning("evidence_not_kept", feature_id=feature.id, reason=error.message)
        if evidence.exit_code is None:
            raise FeatureError.of(
                "E119", **facts, seconds=check.timeout_seconds, tail=evidence.tail[-2_000:].strip()
            )
        raise FeatureError.of(
            "E118", **facts, exit_code=evidence.exit_code, tail=evidence.tail[-2_000:].strip()
        )

    def _accept(
        self, desk: CallerLeases, examined: Feature, contents: _Contents, evidence: Evidence | None
    ) -> SubmitReply:
        ports, tree = desk.ports, desk.ports.git.work_tree(desk.ports.root)
        with ports.repository.transaction(ports.root) as project:
            project.require_writable()
            feature = project.feature(examined.id)
            workflow = adopt_workflow(project, feature, ports)
            delivery = self._delivery(feature, workflow, ports)
            if not self._was_accepted(feature, delivery):
                phase = feature.require_current(self.phase_id, workflow)
                desk.require_free(feature, takeover=self.takeover)
                self._write(delivery, feature.phases[phase.id], examined, contents, evidence)
                feature.phases[phase.id].end_commit = tree.commit if tree else None
                artifacts = delivery.record(contents)
                desk.take(feature, deliberate=False)
                feature.complete_phase(phase.id, artifacts, workflow, ports.clock())
                enter_phase(feature, workflow, ports, tree)
        return self._reply(project, feature, workflow, ports)

    def _write(
        self,
        delivery: Delivery,
        record: PhaseRecord,
        examined: Feature,
        contents: _Contents,
        evidence: Evidence | None,
    ) -> None:
        """Write what was examined, if it is still what is submitted.

        Raises:
            FeatureError: E123, the phase was begun again or an output changed meanwhile.
        """
        before = examined.phases[record.id]
        same = (record.attempts, record.started_at) == (before.attempts, before.started_at)
        # What a check saw stands in the project already, and must stand there still.
        standing = delivery if evidence is None else replace(delivery, results={})
        if not same or standing.contents() != contents:
            raise FeatureError.of("E123", feature=examined.name, phase=record.id)
        if evidence is None:
            delivery.write()
        record.evidence = evidence

    def _reply(
        self, project: Project, feature: Feature, workflow: Workflow, ports: Ports
    ) -> SubmitReply:
        return {
            "project": project_view(project, ports),
            "feature": feature_view(feature),
            "phase": committed_phase_view(project, feature, workflow, ports),
            "accepted": phase_record_view(feature.phases[self.phase_id]),
        }
