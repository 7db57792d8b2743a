"""What is approved, as it is shown to a person; a digest of it all binds the answer to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypedDict

from cde_orchestrator.application.approvals.judged import JudgedView, judged
from cde_orchestrator.application.approvals.source import Source, source_now
from cde_orchestrator.application.caveats import caveats_of
from cde_orchestrator.application.criterion_views import CriterionView, criterion_view, stale
from cde_orchestrator.application.features.earlier_outputs import AcceptedOutput, changed_before
from cde_orchestrator.application.features.feature_criteria import criteria_of
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.application.proof_views import CaveatView
from cde_orchestrator.application.proofs.outdated import outdated
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply, feature_view, project_view
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, ValidationError
from cde_orchestrator.domain.excerpts import READ_BYTES, sections_of
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import by_words
from cde_orchestrator.domain.phase_record import PhaseRecord, state_predicate, state_words
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

HUMAN = "human_input"
FILES_SHOWN = 50
"""Changed files that are named; the digest is of all."""
WEIGHED = frozenset(
    {
        *("scope", "constraints"),
        *("assumptions and open questions", "assumptions", "open questions", "open points"),
        *("deviations", "known limits", "not covered", "verdict", "findings", "follow-ups"),
    }
)
"""Headings of what a person weighs, besides the criteria; in documents without one, all count."""
CRITERIA = "acceptance criteria"
_OF_PEOPLE = ("id", "digest", "waived")
"""Of a criterion; its state, and what its proofs see, are found again once a person agreed."""
OTHERS_LIMIT = 600
"""Characters that are shown of a document without such a heading."""
NOTES_SHOWN = 5
NOTE_SHOWN = 1_000
"""Characters of a note that are shown."""


class ShownSection(TypedDict):
    """What an output says under a heading, and how many more lines the file has of it."""

    heading: str
    text: str
    more: int


class ShownOutput(TypedDict):
    """An output that is approved; without a digest there is no file that can be read.

    ``changed`` is whether it is another than was accepted, as which it cannot be approved.
    ``sections`` are what a person weighs, in short: the digest is of the whole file.
    """

    id: str
    phase: str
    path: str
    required: bool
    sha256: str | None
    size: int | None
    changed: bool
    sections: list[ShownSection]


class ShownSource(TypedDict):
    """What differs from the commit at which the feature started, records apart."""

    commit: str
    files: list[str]
    total: int
    added: int | None
    removed: int | None


class ShownNote(TypedDict):
    """What somebody noted while the phase waited, or left for it."""

    at: str
    by: str
    note: str


class ChangedOutput(TypedDict):
    """An output that is not as it was accepted, so that no yes counts.

    ``sha256`` is of what is there, None where that cannot be read; ``kept`` is whether what was
    ``accepted``, by its SHA-256, can be restored.
    """

    id: str
    phase: str
    path: str
    accepted: str
    sha256: str | None
    kept: bool


class ShownView(TypedDict):
    """What waits for a person; ``back_to`` is where a no goes if it names no phase.

    ``returned`` says why the feature came to the phase again: whether that was done is the first
    question. ``judged`` says whether it is good; with ``changed`` outputs no yes counts.
    ``source`` is None where no phase before it changes the project's files, or git is not there.
    ``caveats`` and ``notes``, of which these are the newest of ``notes_total``, oldest first, are
    no part of what is approved: the digest is of the rest.
    """

    phase: str
    description: str
    goal: str
    returned: str | None
    judged: list[JudgedView]
    changed: list[ChangedOutput]
    outputs: list[ShownOutput]
    criteria: list[CriterionView]
    source: ShownSource | None
    caveats: list[CaveatView]
    notes: list[ShownNote]
    notes_total: int
    back_to: str
    digest: str


class ApprovalReply(FeatureReply):
    """A feature that waits for a person, and what it waits with."""

    approval: ShownView


def _digest_of(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person is shown of a feature's current phase.

    ``digest`` is of it all, ``given`` of what the gate does not find out itself once they agreed.
    """

    phase: Phase
    goal: str
    outputs: tuple[ShownOutput, ...]
    criteria: tuple[CriterionView, ...]
    changed: tuple[AcceptedOutput, ...]
    source: Source
    back_to: str
    digest: str
    given: str

    @classmethod
    def of(
        cls, feature: Feature, workflow: Workflow, outputs: ProjectOutputs, source: Source
    ) -> Shown:
        """What there is now, of the source what was found of it.

        Raises:
            FeatureError: E145, the feature is in no phase that waits for a person.
        """
        phase = waiting_phase(feature, workflow)
        changed = tuple(changed_before(feature, phase, workflow, outputs))
        others = {each.artifact.path for each in changed}
        shown = tuple(
            _output(owner, output, feature.name, outputs, others)
            for owner, output in _approved(phase, feature, workflow)
        )
        criteria = tuple(
            criterion_view(feature, workflow, each)
            for each in criteria_of(feature, workflow, outputs)
        )
        record = feature.phases[phase.id]
        facts = {
            "feature": feature.id,
            "phase": phase.id,
            "attempt": record.attempts,
            "goal": feature.prompt,
            "outputs": {each["path"]: each["sha256"] for each in shown},
            "source": source.changed and dict(source.changed),
        }
        digest = _digest_of({**facts, "criteria": criteria})
        kept = [{key: each.get(key) for key in _OF_PEOPLE} for each in criteria]
        given = _digest_of({**facts, "criteria": kept})
        back_to = workflow.judged_phase(phase.id).id
        return cls(phase, feature.prompt, shown, criteria, changed, source, back_to, digest, given)

    def digests(self) -> dict[str, str | None]:
        """SHA-256 of each output that was shown, by path."""
        return {each["path"]: each["sha256"] for each in self.outputs}

    def view(
        self,
        feature: Feature,
        workflow: Workflow,
        outputs: ProjectOutputs,
        caveats: list[CaveatView],
    ) -> ShownView:
        """As the contract has it, with what the feature's record and the ``caveats`` add."""
        source, changed = self.source, self.source.changed
        saved = feature.phases[self.phase.id].saved()
        criteria = stale(self.criteria, caveats)
        return {
            "phase": self.phase.id,
            "description": self.phase.description,
            "goal": self.goal,
            "returned": _returned(feature.phases[self.phase.id]),
            "judged": judged(feature, workflow, outputs, criteria),
            "changed": [_changed(each, outputs) for each in self.changed],
            "outputs": list(self.outputs),
            "criteria": criteria,
            "source": None
            if changed is None
            else {
                "commit": source.commit,
                "files": sorted(changed)[:FILES_SHOWN],
                "total": len(changed),
                "added": source.added,
                "removed": source.removed,
            },
            "caveats": caveats,
            "notes": [
                {"at": each.at.isoformat(), "by": each.by, "note": shortened(each.note, NOTE_SHOWN)}
                for each in saved[-NOTES_SHOWN:]
            ],
            "notes_total": len(saved),
            "back_to": self.back_to,
            "digest": self.digest,
        }


def _returned(record: PhaseRecord) -> str | None:
    why = record.returned
    if why is None:
        return None
    if why.closed_as is None:
        return f"{why.heading()}: {why.reason}"
    return f"Reopened by {by_words(why.by)} (it was {state_words(why.closed_as)}): {why.reason}"


def waiting_phase(feature: Feature, workflow: Workflow) -> Phase:
    """The phase in which the feature waits for a person.

    Raises:
        FeatureError: E145, it does not.
    """
    phase = workflow.find(feature.current_phase or "") if feature.is_open else None
    if phase is not None and phase.handler == HUMAN:
        return phase
    reason = f"it {state_predicate(feature.status)}"
    if phase is not None:
        reason = f"its phase '{phase.id}' is done by an agent"
    for event in reversed(feature.events):
        if event["event"] in {"approved", "sent_back"} and "channel" in event:
            verb = "approved" if event["event"] == "approved" else "sent back"
            reason += f"; {event['by']} {verb} '{event['phase']}' at {to_the_second(event['at'])}"
            break
    raise FeatureError.of("E145", feature=feature.name, reason=reason)


class ShowApproval(UseCase[ApprovalReply], operation="show_approval", in_worktree=True):
    """What waits for a person in the feature's current phase."""

    feature_id: str

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        outputs: ProjectOutputs,
        git: VersionControl,
        proving: Proving,
    ) -> ApprovalReply:
        """Raises E004, E102, E103, E136 or E145."""
        project, feature, workflow = features.read(self.feature_id)
        waiting_phase(feature, workflow)
        source = source_now(feature, workflow, outputs, proving, git)
        shown = Shown.of(feature, workflow, outputs, source)
        caveats = [*outdated(feature, workflow, proving, source.tree), *caveats_of(feature)]
        return {
            "project": project_view(project, features.root, features.repository.backend),
            "feature": feature_view(feature),
            "phase": None,
            "approval": shown.view(feature, workflow, outputs, caveats),
        }


def refusal_lines(shown: ShownView) -> list[str]:
    """Why no yes counts, in sentences, as far as that is known beforehand."""
    return [
        f"{plain(each['path'])} is not as it was accepted in {plain(each['phase'])}: "
        "it cannot be approved like this"
        for each in shown["changed"]
    ]


def _approved(phase: Phase, feature: Feature, workflow: Workflow) -> list[tuple[Phase, Output]]:
    """The outputs that the phase builds on, all earlier ones if it names none; then its own."""
    at = workflow.phases.index(phase)
    earlier = [(each, output) for each in workflow.phases[:at] for output in each.outputs]
    if phase.inputs:
        earlier = [each for each in earlier if each[1].id in phase.inputs]
    recorded: Mapping[str, set[str]] = {
        each.id: {artifact.id for artifact in feature.phases[each.id].outputs}
        for each in workflow.phases
    }
    known = [each for each in earlier if each[1].required or each[1].id in recorded[each[0].id]]
    return [*known, *((phase, output) for output in phase.outputs)]


def _output(
    owner: Phase,
    output: Output,
    feature_name: str,
    outputs: ProjectOutputs,
    changed: Collection[str],
) -> ShownOutput:
    path = output.path_for(feature_name)
    try:
        content = outputs.read(path, output.id)
    except (OutputError, ValidationError):  # the gate says what is wrong with it
        content = None
    sha256 = content.sha256 if content else None
    return {
        "id": output.id,
        "phase": owner.id,
        "path": path,
        "required": output.required,
        "sha256": sha256,
        "changed": path in changed,
        "size": len(content.data) if content else None,
        "sections": _weighed(content.data) if content and output.type == "markdown" else [],
    }


def _changed(output: AcceptedOutput, outputs: ProjectOutputs) -> ChangedOutput:
    artifact = output.artifact
    return {
        "id": artifact.id,
        "phase": output.phase.id,
        "path": artifact.path,
        "accepted": artifact.sha256,
        "sha256": output.current.sha256 if output.current else None,
        "kept": outputs.kept(artifact.sha256) is not None,
    }


def _weighed(data: bytes) -> list[ShownSection]:
    """What a person weighs in a document; the criteria are shown by themselves."""
    head = data[:READ_BYTES].decode("utf-8-sig", errors="replace")
    clean = without_secrets(head).encode()
    found = [each for each in sections_of(clean, apart=WEIGHED) if each.key in WEIGHED]
    if not found:
        others = sections_of(clean, OTHERS_LIMIT, apart={CRITERIA})
        found = [each for each in others if each.key != CRITERIA]
    return [{"heading": each.heading, "text": each.text, "more": each.more} for each in found]
