"""The contract: the objects that agents and ``--json`` are answered with.

Made from entities here and nowhere else, so that every surface says the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

from cde_orchestrator.application.checks.running import RunningView
from cde_orchestrator.application.checks.trial_words import TrialView
from cde_orchestrator.application.fit_views import FitView
from cde_orchestrator.application.gate_views import AttemptView
from cde_orchestrator.application.made_views import CommitView, MadeView
from cde_orchestrator.application.proof_views import CaveatView, DifferenceView, ProofView
from cde_orchestrator.application.proofs.verdicts import VerdictView
from cde_orchestrator.application.related_views import RelatedView
from cde_orchestrator.application.task_views import TasksDone, TaskView
from cde_orchestrator.application.usage_views import UsageView, usage_view
from cde_orchestrator.application.who_views import ApprovalView, ReaderView, WaiverView
from cde_orchestrator.application.work_views import WorkView
from cde_orchestrator.domain.agent_run import total
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.project import Project


class ProjectView(TypedDict):
    """Which project, where its state is kept, and whether it takes changes.

    ``trust``: ``trusted``, or why it is only viewed: ``not_yet``, ``changed``, ``foreign_owner``.
    """

    id: str
    name: str
    path: str
    status: str
    backend: str
    read_only: bool
    trust: str


class FeatureView(TypedDict):
    """Where a feature stands."""

    id: str
    name: str
    status: str
    current_phase: str | None
    workflow: str


class OutputView(TypedDict):
    """What a phase must produce; ``path`` is relative to the project.

    ``covers`` is the output whose criteria its tasks must name, where it lists tasks.
    """

    id: str
    path: str
    type: str
    required: bool
    min_bytes: int
    must_contain: list[str]
    verdict: list[str]
    covers: str | None


class PhaseView(TypedDict):
    """A phase to work on: its prompt, or why there is none, and what it must produce."""

    id: str
    description: str
    handler: str
    prompt: str
    outputs: list[OutputView]
    problem: NotRequired[str]


class ArtifactView(TypedDict):
    """A recorded output."""

    id: str
    path: str
    sha256: str
    size: int


class PhaseRecordView(TypedDict):
    """What happened to a phase; times are ISO 8601. ``usage`` is what agents reported, if any."""

    id: str
    status: str
    attempts: int
    started_at: str | None
    completed_at: str | None
    outputs: list[ArtifactView]
    approval: NotRequired[ApprovalView]
    reader: NotRequired[ReaderView]
    usage: NotRequired[UsageView]


class ClaimView(TypedDict):
    """Who works on a feature, since when, and until when unless renewed."""

    agent: str
    since: str
    until: str
    taken_from: str | None


class FeatureHead(TypedDict):
    """Where a feature is, in short."""

    id: str
    name: str
    status: str
    current_phase: str | None
    updated_at: str


class FeatureRow(FeatureHead):
    """A feature in a list.

    ``goal`` is the beginning of what was asked for, in a line; ``waits_for`` is ``person``,
    ``agent`` or, where the feature is closed, None; ``agent`` has the phase now, if one has. Of a
    completed feature there are the verdict, how many criteria are waived and, once ``cde finish``
    committed it, the commit.
    """

    goal: str
    waits_for: str | None
    agent: str | None
    standing: NotRequired[str]
    waived: NotRequired[int]
    committed: NotRequired[CommitView]


class FeatureReply(TypedDict):
    """A feature and the phase to work on next; None when it is completed.

    Once it is closed ``open_features`` says how many others are open, ``made`` what it made.
    ``waiting`` says what of a changed workflow file it follows once a person trusts it.
    """

    project: ProjectView
    feature: FeatureView
    phase: PhaseView | None
    open_features: NotRequired[int]
    made: NotRequired[MadeView]
    waiting: NotRequired[str]


class SharedView(TypedDict):
    """An output's path that other open features write as well.

    ``features`` are the names of the oldest of them, at most 5; ``total`` is how many there are.
    """

    path: str
    features: list[str]
    total: int


class StartReply(FeatureReply):
    """A feature that was started.

    ``fits`` is None where no rule can say it, or the feature could not go on in that workflow.
    ``branch`` is the git branch that it was put on; ``git_problem`` says why git refuses to work
    in the project's repository, ``proof_problem`` why its criteria, which must be proven, cannot.
    ``unproven`` says, where nothing will prove them, as proof is only recorded, what to do.
    ``baseline`` is how its checks and runners of tests ended before the work; ``related`` are
    features on the same files.
    """

    branch: str | None
    git_problem: str | None
    proof_problem: str | None
    unproven: str | None
    shared: list[SharedView]
    fits: FitView | None
    baseline: list[TrialView]
    related: list[RelatedView]


class KeptView(TypedDict):
    """A file that a submission replaced although somebody had changed it, and its copy."""

    path: str
    kept_as: str


class RestoredView(TypedDict):
    """An output that is again as it was accepted, and the copy of what was there, if anything."""

    path: str
    kept_as: str | None


class SentBackView(TypedDict):
    """Why a phase was not accepted but sent the feature back.

    ``to`` is None where no further attempt is allowed; ``kept`` are copies of what went back. Of a
    person's no, ``undo_at`` is the change to which a restore undoes it, where one does.
    """

    phase: str
    to: str | None
    verdict: str
    reason: str
    kept: list[KeptView]
    undo_at: NotRequired[int]


class SubmitReply(FeatureReply):
    """A feature after a phase was accepted, with what was recorded for that phase.

    Where a verdict sent the feature back, nothing was ``accepted``, and ``sent_back`` says why.
    Outputs of earlier phases that were put back are ``restored``; where a person is to decide on
    them, nothing was ``accepted`` until they did.
    ``repeated`` is there, and true, where the same was accepted before, and nothing was checked.
    ``record`` is the path of the file that says what a completed feature has proven,
    ``unproven``, where there is none, as proof was only recorded, what nothing proved of it, and
    ``base_problem``, where there is one, why a clone may lack what it is compared with.
    ``overlaps``, where there are any, are open features that changed the same files.
    ``tasks`` says which are done; it is None where none are listed.
    """

    accepted: NotRequired[PhaseRecordView]
    repeated: NotRequired[bool]
    kept: list[KeptView]
    difference: NotRequired[DifferenceView | None]
    proof: NotRequired[ProofView | None]
    record: NotRequired[str | None]
    base_problem: NotRequired[str]
    overlaps: NotRequired[list[RelatedView]]
    unproven: NotRequired[str]
    tasks: NotRequired[TasksDone | None]
    sent_back: NotRequired[SentBackView]
    restored: NotRequired[list[RestoredView]]


class FailedReply(FeatureReply):
    """A feature after an attempt was given up, and how many more its phase may have."""

    failed: PhaseRecordView
    attempts_left: int


class FeatureStatusReply(FeatureReply):
    """A feature with all its phases, how much it changed, and what was proven of it.

    ``standing`` is None while it is not completed; ``approved_by`` says by whom it was, then.
    ``baseline`` is how its checks and runners of tests ended before the work, empty once it is
    closed. ``running`` is there while a submission's check runs, ``caveats`` where something is
    not as it was when it was accepted, ``committed`` once ``cde finish`` committed it.
    """

    phases: list[PhaseRecordView]
    tasks: list[TaskView]
    difference: DifferenceView | None
    proof: ProofView | None
    standing: VerdictView | None
    approved_by: list[str]
    baseline: list[TrialView]
    running: NotRequired[RunningView]
    caveats: NotRequired[list[CaveatView]]
    committed: NotRequired[CommitView]


class FeatureDetailReply(FeatureStatusReply):
    """A feature with everything that is known of it; ``attempt`` is None once it is closed."""

    goal: str
    attempt: AttemptView | None
    claim: ClaimView | None
    closing: dict[str, str] | None
    branch: str | None
    waivers: dict[str, WaiverView]
    events: list[dict[str, Any]]
    work: dict[str, WorkView]
    created_at: str
    updated_at: str


class FeatureListReply(TypedDict):
    """A page of features; ``next_cursor`` is None on the last page."""

    project: ProjectView
    features: list[FeatureRow]
    total: int
    next_cursor: str | None


def project_view(project: Project, root: Path, backend: str) -> ProjectView:
    """The project as the contract has it; ``backend`` is where its state is kept."""
    return {
        "id": project.id,
        "name": project.name,
        "path": str(root),
        "status": project.status.value,
        "backend": backend,
        "read_only": project.read_only,
        "trust": project.trust,
    }


def feature_view(feature: Feature) -> FeatureView:
    """The feature as the contract has it."""
    return {
        "id": feature.id,
        "name": feature.name,
        "status": feature.status,
        "current_phase": feature.current_phase,
        "workflow": feature.workflow_type,
    }


def phase_record_view(record: PhaseRecord) -> PhaseRecordView:
    """What happened to a phase, as the contract has it."""
    view = cast("PhaseRecordView", record.to_dict())
    if record.runs:
        view["usage"] = usage_view(total(each.report for each in record.runs))
    return view
