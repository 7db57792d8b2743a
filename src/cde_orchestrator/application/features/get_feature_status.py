"""Show where a feature stands, to people and to whoever drives it."""

from __future__ import annotations

from cde_orchestrator.application.checks.baselines import Baselines
from cde_orchestrator.application.checks.trial_views import trial_views
from cde_orchestrator.application.features.earlier_outputs import accepted_before
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_prompt import (
    ONLOOKER,
    PhasePrompts,
    unprompted_view,
)
from cde_orchestrator.application.features.present_workflow import Followed
from cde_orchestrator.application.gate_views import attempt_view
from cde_orchestrator.application.made_views import (
    commit_view,
    difference_view,
    last_difference,
    made_view,
)
from cde_orchestrator.application.ports.checks import CheckRunner
from cde_orchestrator.application.proof_views import CaveatView, proof_view
from cde_orchestrator.application.proofs.verdicts import proof_of, verdict_of
from cde_orchestrator.application.shapes import view_of
from cde_orchestrator.application.task_views import task_views
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureDetailReply,
    FeatureReply,
    FeatureStatusReply,
    feature_view,
    phase_record_view,
    project_view,
)
from cde_orchestrator.application.who_views import WaiverView
from cde_orchestrator.application.work_views import work_view
from cde_orchestrator.domain.demands import Rules
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import COMPLETED, Feature
from cde_orchestrator.domain.phase_record import goal_digest
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.standing import ACTING
from cde_orchestrator.domain.workflow import Phase, Workflow

DETAILS = ("brief", "full")


class GetFeatureStatus(
    UseCase[FeatureStatusReply | FeatureDetailReply], operation="get_feature_status"
):
    """A feature, its phases and the current phase's prompt.

    Attributes:
        detail: ``brief``, or ``full`` for the whole goal and the times too.
        prompt: whether the phase's prompt is wanted, which a template of the project's own takes a
            program of its own to make.
        to_work: whether somebody works by the prompt; else what takes time is left out of it.
        to_run: whether a run is about to let agents work; refused while another agent does.
        to_do: whether a phase to do is wanted; refused of a closed feature.
        compare: whether the source is compared with the one that was proven and checked in any
            phase; else only where a person is asked, for git takes its time.
    """

    feature_id: str
    detail: str = "brief"
    prompt: bool = True
    to_work: bool = True
    to_run: bool = False
    to_do: bool = False
    compare: bool = False

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        baselines: Baselines,
        checks: CheckRunner,
    ) -> FeatureStatusReply | FeatureDetailReply:
        """Raises E004, E102, E103, E105, E122, E305."""
        if self.detail not in DETAILS:
            reason = f"it is {self.detail!r}, not one of {', '.join(DETAILS)}"
            raise ValidationError.of("E305", argument="detail", reason=reason)
        read = features.read_followed(self.feature_id)
        return self.reply(
            *read, features=features, rendering=rendering, baselines=baselines, checks=checks
        )

    def reply(
        self,
        project: Project,
        feature: Feature,
        followed: Followed,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        baselines: Baselines,
        checks: CheckRunner,
    ) -> FeatureStatusReply | FeatureDetailReply:
        """The same of a feature that was read; raises E105 and E122."""
        leases, workflow = features.leases(), followed.workflow
        self._require_ready(feature, workflow, leases)
        reader = None if self.to_work else ONLOOKER
        phase = unprompted_view(feature, workflow)
        if self.prompt:
            phase = rendering.committed_view(project, feature, workflow, reader)
        brief: FeatureStatusReply = {
            "project": project_view(project, features.root, features.repository.backend),
            "feature": feature_view(feature),
            "phases": [phase_record_view(feature.phases[each.id]) for each in workflow.phases],
            "tasks": task_views(feature, workflow),
            "difference": difference_view(last_difference(feature)),
            "proof": proof_view(proof_of(feature)),
            "standing": verdict_of(feature, rendering.files, features.root),
            "approved_by": _approved_by(feature, workflow),
            "baseline": (
                trial_views(baselines, workflow, feature, project, followed.waiting)
                if feature.is_open
                else []
            ),
            "phase": phase,
        }
        if (running := checks.running(features.root, feature)) is not None:
            brief["running"] = running
        if (made := made_view(feature)) is not None:
            brief["made"] = made
        if found := self._caveats(project, feature, workflow, rendering):
            brief["caveats"] = found
        if (commit := commit_view(feature)) is not None:
            brief["committed"] = commit
        if not feature.is_open:
            brief["open_features"] = project.open_features(besides=feature.id)
        leases.renew_when_due(feature, features.repository, features.root)
        if self.detail == "brief":
            return brief
        return {
            **brief,
            "goal": feature.prompt,
            "attempt": attempt_view(feature, workflow, features.trust, features.root),
            "claim": leases.view(feature),
            "closing": feature.closing,
            "branch": feature.branch,
            "waivers": {key: view_of(WaiverView, each) for key, each in feature.waivers.items()},
            "events": feature.events,
            "work": {phase.id: work_view(feature.phases[phase.id]) for phase in workflow.phases},
            "created_at": feature.created_at.isoformat(),
            "updated_at": feature.updated_at.isoformat(),
        }

    def _require_ready(self, feature: Feature, workflow: Workflow, leases: CallerLeases) -> None:
        if self.to_do and not feature.is_open:
            raise feature.closed()
        if self.to_run and not workflow.waits_for_person(feature.current_phase):
            leases.require_free(feature, takeover=False)

    def compares(
        self, project: Project, feature: Feature, workflow: Workflow, rendering: PhasePrompts
    ) -> bool:
        """Whether the source is looked at: only in the folder that the feature is worked on in."""
        source, folder = feature.seen_source, rendering.files.folder(rendering.root)
        is_here = source is not None and source.folder == str(folder) and project.trust in ACTING
        is_wanted = self.compare or workflow.waits_for_person(feature.current_phase)
        return feature.is_open and is_here and is_wanted

    def _caveats(
        self, project: Project, feature: Feature, workflow: Workflow, rendering: PhasePrompts
    ) -> list[CaveatView]:
        """What is not as it was when it was accepted; the phases themselves say who did them."""
        found: list[CaveatView] = []
        is_judged = feature.status == COMPLETED and _is_judged_otherwise(feature)
        if (is_judged and project.trust in ACTING) or self.compares(
            project, feature, workflow, rendering
        ):
            from cde_orchestrator.application.proofs.outdated import outdated

            found += outdated(feature, workflow, rendering.proving())
        goal = goal_digest(feature.prompt)
        is_other = any(each.is_for_other(goal) for each in feature.phases.values())
        if is_other or (feature.committed or {}).get("changed"):
            from cde_orchestrator.application.caveats import caveats_of

            found += caveats_of(feature, readers=False)
        return found


def _is_judged_otherwise(feature: Feature) -> bool:
    """Whether a phase was passed with another source than the feature was completed with."""
    seen = feature.seen_source
    trees = {each.accepted_tree for each in feature.phases.values() if each.accepted_tree}
    return seen is not None and bool(trees - {seen.tree})


def _approved_by(feature: Feature, workflow: Workflow) -> list[str]:
    return Rules.of(feature, workflow).approved_by() if feature.status == COMPLETED else []


class AssignmentReply(FeatureReply):
    """A feature and its current phase, with that phase's place and bounds.

    ``last_attempt`` is the number of the last one that is allowed.
    ``agent`` is whom the workflow names for the phase, ``named_agents`` all that it names;
    ``worked`` is the name of who did the work that the phase judges, as far as it is known.
    ``commands`` are those that the phase asks for, as far as they may be run; ``accepted`` are
    the outputs that stay as they are: by path, the phase that each was accepted in.
    """

    number: int
    total: int
    phases: list[str]
    attempt: int
    last_attempt: int
    agent: str | None
    named_agents: list[str]
    worked: str
    commands: list[list[str]]
    accepted: dict[str, str]


class GetAssignment(UseCase[AssignmentReply], operation="get_assignment"):
    """The current phase, its place among the phases and how often it may be tried."""

    feature_id: str

    def __call__(self, *, features: ProjectFeatures, rendering: PhasePrompts) -> AssignmentReply:
        """Raises E004, E102, E103, E312, E313, E325."""
        project, feature, workflow = features.read(self.feature_id)
        reader = rendering.reader(unattended=True)
        phase = rendering.current_view(project, feature, workflow, reader)
        ids = [phase.id for phase in workflow.phases]
        current = feature.current_phase
        asked = workflow.find(current or "")
        record = feature.phases.get(current or "")
        doer = feature.phases[workflow.judged_phase(asked.id).id].doer if asked else None
        return {
            **features.reply(project, feature, phase),
            "number": ids.index(current) + 1 if current in ids else len(ids),
            "total": len(ids),
            "phases": ids,
            "attempt": record.attempts if record else 0,
            "last_attempt": record.last_attempt(workflow.max_attempts) if record else 0,
            "agent": asked.agent if asked else None,
            "named_agents": workflow.named_agents(),
            "worked": doer.agent if doer else "",
            "commands": _commands(features, project, feature, asked) if asked else [],
            "accepted": {
                artifact.path: earlier.id
                for earlier, artifact in accepted_before(feature, asked, workflow)
            }
            if asked
            else {},
        }


def _commands(
    features: ProjectFeatures, project: Project, feature: Feature, phase: Phase
) -> list[list[str]]:
    """The phase's check, if a person trusts it, the project's tests, and saving notes."""
    found = [["cde", word, feature.name] for word in ("save", "status", "rollback")]
    check, tests = phase.gate_check, project.metadata.get("test_command")
    if check is not None and features.trust.trusts(features.root, check.command_line):
        found.append([*check.command])
    if isinstance(tests, list) and tests and all(isinstance(word, str) for word in tests):
        found.append([*tests])
    return found
