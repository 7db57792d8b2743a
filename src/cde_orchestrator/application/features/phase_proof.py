"""The criteria that must be proven before a phase is accepted, and the proof of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.submission import Examined, Found
from cde_orchestrator.application.ports.checks import TrustStore, Watch
from cde_orchestrator.application.ports.core import OutputText
from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.application.proof_views import unproven_words
from cde_orchestrator.application.proofs.prove_criteria import Claim
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.application.proofs.read_proofs import not_usable, read_proofs
from cde_orchestrator.application.proofs.records import (
    SIZE_LIMIT,
    FeatureRecord,
    record_path,
    written_record,
)
from cde_orchestrator.application.proofs.verdicts import proof_of
from cde_orchestrator.application.proofs.workflow_runners import command_lines
from cde_orchestrator.domain.approval import waived
from cde_orchestrator.domain.criteria import Criterion, criteria_of_file
from cde_orchestrator.domain.demands import Rules
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.proofs import ProofEvidence
from cde_orchestrator.domain.proofs_file import ProofsProblem, form_of
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import PROOFS, Phase, Workflow

RECORD = "record"
"""What a feature's record is called among its outputs, for errors."""


class PhaseProof(Value, kw_only=True):
    """What must be proven, once nothing keeps it from being tried.

    Attributes:
        phase: the one that proves; an earlier one where the last phase is submitted.
        specification, proofs_path: paths of the outputs with the criteria and the proofs.
        before: what was seen when that phase was accepted, if it was about these criteria.
    """

    examined: Examined
    phase: Phase
    specification: str
    proofs_path: str
    claim: Claim
    base: SourceTree
    proving: Proving
    before: ProofEvidence | None

    def seen(self, now: SourceTree) -> ProofEvidence | None:
        """What was seen already, if nothing of what it is about changed since."""
        before, found = self.before, self.examined.found
        if before is None:
            return None
        try:
            changed = self.proving.changed(before.tree, now.id, found.feature, found.workflow)
        except FeatureError:  # git keeps what it ran on no longer
            return None
        return None if self.proving.other_for(before, changed) else before

    def show(
        self, watch: Watch | None, trust: TrustStore, outputs: ProjectOutputs
    ) -> ProofEvidence:
        """Prove it, unless that was seen already.

        Raises:
            FeatureError: E119 to E121, E135 to E139: it is not proven, or cannot be; E123, the
        source changed meanwhile; E134, the record would be too large.
        """
        found, proving = self.examined.found, self.proving
        now = proving.trees.now(proving.root)
        if (seen := self.seen(now)) is not None:
            return seen
        self.require_trusted(trust, outputs)  # it may have been seen until the check changed it
        evidence = proving.prover(found.workflow, watch).require(self.claim, self.base, now)
        after = proving.trees.now(proving.root)
        if proving.changed(now.id, after.id, found.feature, found.workflow):
            facts = {"feature": found.feature.name, "phase": self.examined.phase.id}
            raise FeatureError.of("E123", **facts)
        evidence = replace(evidence, notes=(*evidence.notes, *self._also_counted(evidence)))
        # To find out before the phase is accepted.
        self._record(evidence, found.feature, None)
        return evidence

    def _also_counted(self, evidence: ProofEvidence) -> Iterator[str]:
        """Which features were open together with this one, and proven by the same change."""
        own, others = self.examined.found.feature, self.examined.found.project.features
        for summary in others.summaries():
            if summary.id == own.id or summary.updated_at < own.created_at:
                continue
            other = others.by_id(summary.id)
            seen = proof_of(other) if other else None
            if seen is not None and seen.contains(evidence):
                yield f"its change is also counted by feature {summary.name}"

    def require_trusted(self, trust: TrustStore, outputs: ProjectOutputs) -> None:
        """Refuse to run what nobody trusts.

        Raises:
            FeatureError: E120.
        """
        offered = [proof for each in self.claim.proofs.values() for proof in each]
        runners = self.proving.runners_of(self.examined.found.workflow)
        for command in command_lines(runners, offered):
            if not trust.trusts(outputs.root, command):
                facts = {"feature": self.claim.feature, "phase": self.examined.phase.id}
                raise FeatureError.of("E120", **facts, command=command.shown)

    def write_record(
        self, evidence: ProofEvidence, feature: Feature, outputs: ProjectOutputs
    ) -> None:
        """Write what was proven of the feature as it is, for whoever has the repository alone.

        Raises:
            FeatureError: E134, it would be too large.
            OutputError: E112, its path is no place for it.
            StateError: E203 or E204, it cannot be written.
        """
        path = record_path(self.claim.feature)
        previous = outputs.read(path, RECORD)
        data = self._record(evidence, feature, previous.data if previous else None)
        outputs.files.write(outputs.root, [OutputText(path, data.decode(), RECORD)])

    def _record(self, evidence: ProofEvidence, feature: Feature, previous: bytes | None) -> bytes:
        found = self.examined.found
        record = FeatureRecord(
            feature=feature.name,
            workflow=found.workflow.id,
            goal=feature.prompt,
            runner=self.proving.runner_setting(found.workflow),
            specification=self.specification,
            proofs_file=self.proofs_path,
            outputs=sorted(self.claim.outputs),
            seconds=self.claim.seconds,
            proofs=self.claim.proofs,
            evidence=evidence,
            rules=Rules.of(feature, found.workflow),
            readers=readers_of(feature),
        )
        data = written_record(record, previous)
        if len(data) <= SIZE_LIMIT:
            return data
        size = counted(len(data), "byte")
        words = f"the feature's record would have {size}; {SIZE_LIMIT} are accepted"
        fix = "Name fewer tests, and shorten what the criteria say"
        problem = ProofsProblem(None, "", words, fix)
        form = form_of(runner.name for runner in self.proving.runners_of(found.workflow))
        facts = (self.claim.feature, self.examined.phase.id, self.proofs_path)
        raise not_usable(*facts, [problem], form)


def readers_of(feature: Feature) -> list[str]:
    """Who did the phases for which the workflow names an agent, in words."""
    done = ((record.id, record.doer) for record in feature.phases.values())
    return [f"{phase}: {doer.words}" for phase, doer in done if doer and doer.wanted]


def phase_to_prove(workflow: Workflow, phase: Phase) -> Phase | None:
    """The phase whose criteria must be proven when this one is submitted.

    The last phase completes the feature: what was proven before must still be about the source.
    """
    if workflow.must_prove(phase):
        return phase
    proving = [each for each in workflow.phases if workflow.must_prove(each)]
    return proving[-1] if proving and workflow.after(phase.id) is None else None


def unproven_of(found: Found, outputs: ProjectOutputs) -> str | None:
    """What nothing proved of a completed feature, as proof was only recorded, and what to do."""
    name, criteria = found.feature.name, list[str]()
    for phase in found.workflow.phases:
        if (owner := found.workflow.output_owner(phase.proves or "")) is not None:
            with suppress(CDEError):  # it may be gone by now
                content = outputs.read(owner[1].path_for(name), owner[1].id)
                criteria += [each.id for each in criteria_of_file(content.data if content else b"")]
    has_base = found.feature.base is not None
    return unproven_words(found.workflow, has_base=has_base, criteria=criteria)


def phase_proof(
    examined: Examined, proving: Proving, outputs: ProjectOutputs, trust: TrustStore
) -> PhaseProof | None:
    """What must be proven; None where nothing need be.

    Raises:
        FeatureError: E120, nobody trusts a command that is run; E134, the proofs cannot be used;
            E136, the source was not recorded when the feature began; E137, there is no runner.
    """
    found = examined.found
    phase = phase_to_prove(found.workflow, examined.phase)
    if phase is None:
        return None
    name = found.feature.name
    path, criteria = _criteria(examined, phase, outputs)
    without = waived(found.feature.waivers, criteria)
    proofs_path = phase.output(PROOFS, name).path_for(name)
    claim = Claim(
        feature=name,
        phase=phase.id,
        criteria=criteria,
        proofs=read_proofs(
            _proofs(examined, phase, proofs_path, outputs),
            proofs_path,
            criteria,
            proving.runners_of(found.workflow),
            proving.read,
            without,
            feature=name,
            phase=examined.phase.id,
        ),
        waived=without,
        outputs=found.workflow.paths_for(name),
        covered=(path, proofs_path),
        proofs_file=proofs_path,
        seconds=phase.check_timeout_seconds,
    )
    if claim.needed() or found.feature.base is not None:
        base = proving.base_of(found.feature)
    else:  # a person waived all of them: nothing is compared
        base = proving.trees.now(proving.root)
    before = None if phase is examined.phase else found.feature.phases[phase.id].proof
    setting = json.dumps(proving.runner_setting(found.workflow))
    if before is not None and (before.waived != without or before.runner not in {"", setting}):
        before = None  # another runner may see something else
    to_prove = PhaseProof(
        examined=examined,
        phase=phase,
        specification=path,
        proofs_path=proofs_path,
        claim=claim,
        base=base,
        proving=proving,
        before=before,
    )
    if before is None or to_prove.seen(proving.trees.now(proving.root)) is None:
        to_prove.require_trusted(trust, outputs)
    return to_prove


def _criteria(
    examined: Examined, phase: Phase, outputs: ProjectOutputs
) -> tuple[str, list[Criterion]]:
    """The path of the output that says them, and the criteria."""
    found = examined.found
    owner = found.workflow.output_owner(phase.proves or "")
    path = owner[1].path_for(found.feature.name) if owner else ""
    content = examined.earlier.get(path) or outputs.read(path, phase.proves or "")
    return path, criteria_of_file(content.data) if content else []


def _proofs(examined: Examined, phase: Phase, path: str, outputs: ProjectOutputs) -> bytes:
    """The file of proofs: submitted now, or accepted before; empty where there is none."""
    if phase is examined.phase:
        return examined.contents[PROOFS].data
    content = examined.earlier.get(path) or outputs.read(path, PROOFS)
    return content.data if content else b""
