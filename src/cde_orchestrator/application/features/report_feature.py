"""Report what a reviewer needs to know of a feature: what was asked, made, shown and said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TypedDict

from cde_orchestrator.application.caveats import caveats_of
from cde_orchestrator.application.checks.baselines import trial_of
from cde_orchestrator.application.checks.trial_words import ended
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.reported_criteria import (
    ReportedCriterionView,
    reported_criteria,
)
from cde_orchestrator.application.made_views import difference_view, last_difference
from cde_orchestrator.application.proof_views import CaveatView, DifferenceView, unproven_words
from cde_orchestrator.application.proofs.outdated import outdated
from cde_orchestrator.application.proofs.verdicts import (
    VerdictView,
    verdict_line,
    verdict_of,
)
from cde_orchestrator.application.shapes import view_of
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    ArtifactView,
    FeatureView,
    ProjectView,
    feature_view,
    project_view,
)
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.demands import Rules
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, ValidationError
from cde_orchestrator.domain.feature import COMPLETED, Feature, artifacts_from
from cde_orchestrator.domain.gate import said_verdict
from cde_orchestrator.domain.open_points import open_points
from cde_orchestrator.domain.phase_record import PhaseStatus, state_predicate, state_words
from cde_orchestrator.domain.records import Artifact, Difference, Evidence
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import Workflow

POINTS_SHOWN = 50


class ChangedFileView(TypedDict):
    """A file that changed; None: git no longer knows how many lines."""

    path: str
    added: int | None
    removed: int | None


class TestedView(TypedDict):
    """A command, how it ended before the work, and when a phase was submitted last."""

    command: list[str]
    directory: str
    before: str | None
    after: str | None


class ReviewView(TypedDict):
    """What a review says: its verdict, and the findings and follow-ups that are still open."""

    phase: str
    path: str
    verdict: str
    open_points: list[str]


class ReopenedView(TypedDict):
    """When, by whom and why it was reopened, and how it had ended."""

    at: str
    by: str
    reason: str
    closed_as: str


class ReportReply(TypedDict):
    """All of it; ``missing`` says in sentences what an unfinished feature lacks.

    ``caveats`` say what speaks against what it shows, ``standing`` and ``proof_words`` whether
    what was proven still is so; ``difference`` is how much of the source changed, ``files`` are
    the first of its files. ``base`` is the commit at which it started; ``reopened``, oldest first,
    has what its phases and its newest events know.
    """

    project: ProjectView
    feature: FeatureView
    goal: str
    branch: str | None
    base: str | None
    started_at: str
    completed_at: str | None
    missing: list[str]
    reopened: list[ReopenedView]
    caveats: list[CaveatView]
    criteria: list[ReportedCriterionView]
    standing: VerdictView | None
    proof_words: str
    difference: DifferenceView | None
    files: list[ChangedFileView]
    outputs: list[ArtifactView]
    tests: list[TestedView]
    review: ReviewView | None
    approved_by: list[str]


class ReportFeature(UseCase[ReportReply], operation="report_feature", in_worktree=True):
    """What a reviewer needs to know of a feature, finished or not."""

    feature_id: str

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        outputs: ProjectOutputs,
        rendering: PhasePrompts,
        standing: Standing,
    ) -> ReportReply:
        """Raises E004, E102, E103, E310, E311."""
        project, feature, workflow = features.read(self.feature_id)
        verdict = verdict_of(feature, outputs.files, outputs.root)
        caveats = caveats_of(feature)
        if standing.acts:
            caveats = [*outdated(feature, workflow, rendering.proving()), *caveats]
        known = caveats if standing.acts else None
        criteria = reported_criteria(feature, workflow, outputs, verdict, known)
        difference = last_difference(feature)
        files = _files(difference, feature, rendering if standing.acts else None)
        is_completed = feature.status == COMPLETED
        ends = [each.completed_at for each in feature.phases.values() if each.completed_at]
        return {
            "project": project_view(project, features.root, features.repository.backend),
            "feature": feature_view(feature),
            "goal": feature.prompt,
            "branch": feature.branch,
            "base": feature.base.commit if feature.base else None,
            "started_at": feature.created_at.isoformat(),
            "completed_at": max(ends).isoformat() if is_completed and ends else None,
            "missing": [*_missing(feature, workflow)],
            "reopened": _reopened(feature),
            "caveats": caveats,
            "criteria": criteria,
            "standing": verdict,
            "proof_words": _proof_words(feature, workflow, verdict, criteria),
            "difference": _in_all(difference_view(difference), files),
            "files": files,
            "outputs": [view_of(ArtifactView, each) for each in artifacts_from(feature.phases)],
            "tests": _tests(feature),
            "review": review_of(feature, workflow, outputs),
            "approved_by": Rules.of(feature, workflow).approved_by() if is_completed else [],
        }


def _missing(feature: Feature, workflow: Workflow) -> Iterator[str]:
    if feature.closing is not None:
        closed = feature.closing
        yield f"It {state_predicate(feature.status)}, says {closed['by']}: {closed['reason']}"
    elif workflow.waits_for_person(feature.current_phase):
        yield f"The phase {feature.current_phase} waits for a person"
    left = [
        f"{phase.id} ({state_words(feature.phases[phase.id].status)})"
        for phase in workflow.phases
        if feature.phases[phase.id].status is not PhaseStatus.COMPLETED
    ]
    if left and feature.status != COMPLETED:
        yield f"Phases that are not completed: {', '.join(left)}"


def _reopened(feature: Feature) -> list[ReopenedView]:
    """By the phases, of which a rollback forgets it, and by the events, which are the newest."""
    why = [each.returned for each in feature.phases.values() if each.returned]
    known = [*feature.events, *({**asdict(each), "at": each.at.isoformat()} for each in why)]
    found = {
        each["at"]: ReopenedView(
            at=each["at"], by=each["by"], reason=each["reason"], closed_as=each["closed_as"]
        )
        for each in known
        if each.get("closed_as")
    }
    return [found[at] for at in sorted(found)]


def _proof_words(
    feature: Feature,
    workflow: Workflow,
    standing: VerdictView | None,
    criteria: Sequence[ReportedCriterionView],
) -> str:
    """Whether the criteria are proven, in a line; empty while nothing can be said."""
    if standing is None:
        return ""
    if standing["verdict"] == "unproven":
        ids, has_base = [each["id"] for each in criteria], feature.base is not None
        return unproven_words(workflow, has_base=has_base, criteria=ids) or "unproven"
    return verdict_line(standing)


def _files(
    difference: Difference | None, feature: Feature, source: PhasePrompts | None
) -> list[ChangedFileView]:
    """The files of a difference, with their lines as far as git still knows both trees.

    Without a ``source`` git is not asked, as in a folder that nobody trusts.
    """
    lines = None
    if source is not None and difference is not None and feature.seen_source is not None:
        with suppress(FeatureError):
            before = source.proving().base_of(feature).id
            lines = source.git().lines_between(source.root, before, feature.seen_source.tree)
    counted = lines or {}
    return [
        {"path": path, "added": added, "removed": removed}
        for path in (difference.paths if difference else ())
        for added, removed in [counted.get(path, (None, None))]
    ]


def _in_all(
    difference: DifferenceView | None, files: list[ChangedFileView]
) -> DifferenceView | None:
    """The difference, with the lines of its files where all of these are known."""
    if difference is None or len(files) != difference["files"]:
        return difference
    added = [each["added"] for each in files if each["added"] is not None]
    removed = [each["removed"] for each in files if each["removed"] is not None]
    if len(added) + len(removed) != 2 * len(files):
        return difference
    return {**difference, "added": sum(added), "removed": sum(removed)}


def _tests(feature: Feature) -> list[TestedView]:
    """The checks, the first that was tried first, and how each ended before and after the work."""
    found: dict[tuple[tuple[str, ...], str], TestedView] = {}

    def row(command: tuple[str, ...], directory: str) -> TestedView:
        empty = TestedView(command=[*command], directory=directory, before=None, after=None)
        return found.setdefault((command, directory), empty)

    for trial in feature.trials:
        if trial.kind == "check":
            row(trial.command, trial.directory)["before"] = ended(trial)
    runs = [each.evidence for each in feature.phases.values() if each.evidence is not None]
    for run in sorted(runs, key=lambda each: each.at):
        row(run.command, run.directory)["after"] = _after(run)
    return [*found.values()]


def _after(evidence: Evidence) -> str:
    limit = evidence.duration_ms / 1000
    trial = trial_of(evidence, Check(evidence.command, evidence.directory, limit))
    return ended(trial, "when it was run last")


def review_of(feature: Feature, workflow: Workflow, outputs: ProjectOutputs) -> ReviewView | None:
    """The last output that was accepted by its verdict, and still is; None where there is none."""
    for phase in reversed(workflow.phases):
        judged = {output.id for output in phase.outputs if output.verdict}
        record = feature.phases[phase.id]
        for artifact in record.outputs:
            if artifact.id in judged and record.status is PhaseStatus.COMPLETED:
                text = _text_of(artifact, outputs)
                return {
                    "phase": phase.id,
                    "path": artifact.path,
                    "verdict": said_verdict(text),
                    "open_points": open_points(text, POINTS_SHOWN),
                }
    return None


def _text_of(artifact: Artifact, outputs: ProjectOutputs) -> str:
    """What was accepted; where it is no longer kept, what the file says now."""
    data = outputs.kept(artifact.sha256)
    if data is None:
        with suppress(OutputError, ValidationError):
            found = outputs.read(artifact.path, artifact.id)
            data = found.data if found else None
    return (data or b"").decode("utf-8-sig", "replace")
