"""Start a feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from cde_orchestrator.application.checks.baselines import Baselines, Plan, keep_trials
from cde_orchestrator.application.checks.trial_views import trial_views
from cde_orchestrator.application.features.due_changes import baseline_for
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import ONLOOKER, PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import Present, ProjectSources
from cde_orchestrator.application.features.shared_outputs import shared_with
from cde_orchestrator.application.fit_views import FitView
from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.application.ports.core import ProjectInspector, WorkflowRepository
from cde_orchestrator.application.proof_views import unproven_words
from cde_orchestrator.application.proofs.proving import NO_BASE, Proving
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import StartReply
from cde_orchestrator.domain.briefings import keep_given
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError, besides
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.fitting import fitting
from cde_orchestrator.domain.growth import change_problem
from cde_orchestrator.domain.lease import Caller
from cde_orchestrator.domain.names import checked_name, slug_from
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.domain.records import SourceBase, checked_key, is_repeated
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import checked_prompt
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Workflow

_REPEATS_EXAMINED = 3
"""Features before this one among which a repeated call is sought; a client repeats at once."""
_PATHS_SHOWN = 5


class StartFeature(UseCase[StartReply], operation="start_feature"):
    """Start a feature; the answer has its first phase with its prompt.

    Attributes:
        prompt: what the feature shall do, in any language.
        workflow: name of the workflow; the project's default one when None.
        name: the feature's name; made from the prompt when None.
        idempotency_key: names the call, so that a repeated one gets the same feature.
        baseline: whether checks and runners of tests are tried before the work.
        to_work: whether somebody works by the prompt, as of ``GetFeatureStatus``.
    """

    prompt: str
    workflow: str | None = None
    name: str | None = None
    idempotency_key: str | None = None
    baseline: bool = True
    agent: str | None = None
    to_work: bool = field(default=True, compare=False)

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        git: VersionControl,
        proving: Proving,
        baselines: Baselines,
        sources: ProjectSources,
        inspector: ProjectInspector,
    ) -> StartReply:
        """Start it, and then try what its checks say before the work, in a bounded time.

        A trial that is cancelled leaves a feature that was started without it.

        Raises:
            CDEError: E004, E101, E104, E124, E125, E127, E206, E301 to E306, E310 to E313.
        """
        key = checked_key(self.idempotency_key)
        root, repository, workflows = features.root, features.repository, features.workflows
        leases, before = features.leases(self.agent), repository.get(root)
        reader = rendering.reader(self.agent) if self.to_work else ONLOOKER
        tried = self._tried_workflow(key, before, workflows, rendering)
        present = sources.look() if tried is not None else Present()
        base, refusal = _base_of(present) if tried and tried.proof else (None, "")
        differed = None if base else baseline_for(tried, git, root)  # a whole tree needs no list
        plan = _plan(baselines, tried if self.baseline else None, before, base)
        known = inspector.inspect(root).to_metadata() if tried is not None else {}
        with repository.transaction(root) as project:
            started = self._started(key, project, leases, tried)
            if started is not None:
                self._require_same(started)
                feature, workflow = started, features.workflow_of(project, started)
                features.adopt(project, feature, workflow)
            else:
                workflow = tried or workflows.load(root).get(self.workflow)
                feature = self._begin(project, workflow, key, known)
                feature.baseline, feature.trials = differed, [*plan.known]
                leases.take(feature, deliberate=False)
                feature.branch = _branch(feature, workflow, git, root) if workflow.branch else None
                enter_phase(feature, workflow, outputs, sources.pin(project, feature, present))
                keep_given(reader.caller, feature, reader.rules)
                sources.let_go(project, leases.now, present)
                refusal = proving.keep(project, feature, base) if base is not None else refusal
        if started is None and plan.due:
            world = (features, git, proving, baselines, sources)
            project, feature = _Trying(*world)(feature, workflow, plan)
        phase = rendering.committed_view(project, feature, workflow, reader)
        return {
            **features.reply(project, feature, phase, is_new=started is None),
            "branch": feature.branch,
            "git_problem": None if present.moment is not None else git.problem(root),
            "proof_problem": _proof_problem(feature, workflow, refusal),
            "unproven": unproven_words(workflow, has_base=feature.base is not None),
            "shared": shared_with(project, feature, workflow),
            "baseline": trial_views(baselines, workflow, feature, project),
            "fits": _fits(project, feature, workflow, features, chosen=self.workflow is not None),
            "related": rendering.related(project, feature, records=True),
        }

    def _require_name(self) -> None:
        """Refuse a name that is none: E304."""
        if self.name is not None:
            checked_name(self.name)

    def _begin(
        self, project: Project, workflow: Workflow, key: str | None, known: Mapping[str, object]
    ) -> Feature:
        """The new feature, and what is known of the project, whose files may have changed."""
        feature = project.start_feature(self.prompt, name=self.name, workflow=workflow)
        feature.idempotency_key = key
        project.metadata = {**project.metadata, **known}
        return feature

    def _started(
        self, key: str | None, project: Project, leases: CallerLeases, workflow: Workflow | None
    ) -> Feature | None:
        """What this call started before: by its key, else if it comes twice at once."""
        if key is not None:
            return project.features.by_idempotency_key(key)
        prompt = without_secrets(checked_prompt(self.prompt))
        for summary in reversed(project.features.newest(_REPEATS_EXAMINED)):
            if not is_repeated(summary.created_at, leases.now):
                break
            if (
                not self._may_repeat(summary, prompt)
                or project.features.goal_of(summary.id) != prompt
            ):
                continue
            feature = project.features.by_id(summary.id)
            if feature is not None and self._repeats(feature, workflow, leases.caller):
                return feature
        return None

    def _may_repeat(self, summary: FeatureSummary, prompt: str) -> bool:
        """Whether nobody touched it since it was started, and this call would have named it so."""
        if self.name is None:
            is_named_so = summary.name.startswith(slug_from(prompt))
        else:
            is_named_so = summary.name == self.name
        return is_named_so and summary.updated_at == summary.created_at

    def _repeats(self, feature: Feature, workflow: Workflow | None, caller: Caller) -> bool:
        """Whether the caller started what has this goal and name, by a call like this one."""
        return (
            feature.idempotency_key is None
            and (workflow is not None and feature.workflow_type == workflow.id)
            and (feature.claim is not None and feature.claim.belongs_to(caller))
        )

    def _tried_workflow(
        self,
        key: str | None,
        project: Project,
        workflows: WorkflowRepository,
        rendering: PhasePrompts,
    ) -> Workflow | None:
        """The workflow, once its first template was tried; None where nothing will be started.

        A broken template is reported before anything is changed, and a slow one keeps nobody
        waiting: the project is not held yet.
        """
        again = key is not None and project.features.by_idempotency_key(key) is not None
        if again or project.read_only or project.status is not ProjectStatus.ACTIVE:
            return None
        with besides(lambda: checked_prompt(self.prompt), self._require_name):
            workflow = workflows.load(rendering.root).get(self.workflow)
        rendering.try_first(project, workflow)
        return workflow

    def _is_goal_of(self, feature: Feature) -> bool:
        """Whether it is the same goal, also as an older release kept it."""
        return without_secrets(checked_prompt(self.prompt)) == checked_prompt(feature.prompt)

    def _require_same(self, feature: Feature) -> None:
        """Refuse a key with which the first call started another feature: E127."""
        for argument, same in (
            ("prompt", self._is_goal_of(feature)),
            ("workflow", self.workflow in {None, feature.workflow_type}),
            ("name", self.name in {None, feature.name}),
        ):
            if not same:
                raise FeatureError.of(
                    "E127", key=self.idempotency_key, feature=feature.name, argument=argument
                )


class _Trying(Value):
    """Tries what the commands of a feature say before the work, once it is there.

    So a repeated call meets the feature, and a client that waits no longer has it all the same.
    """

    features: ProjectFeatures
    git: VersionControl
    proving: Proving
    baselines: Baselines
    sources: ProjectSources

    def __call__(self, feature: Feature, workflow: Workflow, plan: Plan) -> tuple[Project, Feature]:
        """The project and the feature with what was seen."""
        tree = feature.base.tree if feature.base else None
        trials = self.baselines.run(plan.due, tree, seconds=self.baselines.seconds)
        # What a check leaves behind is no work of the feature's.
        seen = self.sources.look()
        base = _base_of(seen)[0] if feature.base is not None else None
        baseline = (
            None if base is not None else baseline_for(workflow, self.git, self.features.root)
        )
        with self.features.change(feature.id) as (project, present, _):
            present.trials = [*present.trials, *trials]
            keep_trials(project, trials)
            if present.updated_at == feature.updated_at:  # or else somebody is at work already
                present.baseline = baseline
                kept = self.sources.pin(project, present, seen).moment
                first = present.phases[workflow.first.id]
                first.start_source = kept or first.start_source
                if base is not None:
                    self.proving.keep(project, present, base)
        return project, present


def _base_of(present: Present) -> tuple[SourceBase | None, str]:
    """What the source was that was looked at; None where git cannot keep it, and why."""
    if (moment := present.moment) is None:
        return None, present.problem
    return SourceBase(moment.tree, moment.commit), ""


def _plan(
    baselines: Baselines, workflow: Workflow | None, project: Project, base: SourceBase | None
) -> Plan:
    """What is to be tried before the work; nothing without a workflow."""
    return baselines.plan(workflow, project, base.tree if base else None) if workflow else Plan()


def _proof_problem(feature: Feature, workflow: Workflow, refusal: str) -> str | None:
    """Why its criteria cannot be proven, where they must be."""
    lacks_base = workflow.proof == "required" and feature.base is None
    return (refusal or NO_BASE) if lacks_base else None


def _fits(
    project: Project,
    feature: Feature,
    workflow: Workflow,
    features: ProjectFeatures,
    *,
    chosen: bool,
) -> FitView | None:
    """Which workflow fits the goal, where the feature follows it or could still do so.

    Whoever named a workflow has chosen: nothing is said of another one.
    """
    has_tests = bool(project.metadata.get("test_command"))
    advice = fitting(feature.prompt, has_tests=has_tests)
    if advice is None:
        return None
    try:
        known = features.workflows.load(features.root).workflows
    except ValidationError:  # a file that broke since; the feature keeps its workflow
        return None
    wanted = known.get(advice.workflow)
    if wanted is None:
        return None
    if wanted.id != workflow.id and (chosen or change_problem(feature, workflow, wanted)):
        return None
    return {"workflow": advice.workflow, "why": advice.why}


def _branch(feature: Feature, workflow: Workflow, git: VersionControl, root: Path) -> str | None:
    """Put the feature on a branch of its own (E124, E125); None where git lists no changes."""
    changes = git.changes(root)
    if changes is None:
        return None
    if changes:
        raise FeatureError.of(
            "E124",
            workflow=workflow.id,
            count=len(changes),
            paths=", ".join(changes[:_PATHS_SHOWN]) + (", ..." if changes[_PATHS_SHOWN:] else ""),
        )
    name = f"feature/{feature.name}"
    git.start_branch(root, name)
    return name
