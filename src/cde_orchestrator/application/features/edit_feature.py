"""Edit what a feature is for, or what it is called."""

from __future__ import annotations

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.seen_feature import require_seen
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.feature import EDITED, Feature
from cde_orchestrator.domain.names import checked_name, free_name
from cde_orchestrator.domain.phase_record import PhaseStatus, goal_digest
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import checked_prompt, opening_words
from cde_orchestrator.domain.workflow import Workflow

_BEFORE_LIMIT = 500


class EditReply(FeatureReply):
    """A feature after an edit.

    ``edited`` are the members that are others now: ``goal``, ``name``; ``accepted_before`` are
    the phases whose outputs were accepted for the goal as it was.
    """

    goal: str
    edited: list[str]
    accepted_before: list[str]


class EditFeature(UseCase[EditReply], operation="edit_feature", in_worktree=True):
    """Give an open feature another goal, or another name; what is equal changes nothing.

    Attributes:
        goal: what it shall do; None leaves it.
        name: a new name, as long as nothing is written at a path with the present one; None
            leaves it.
        seen: as of ``RollbackFeature``.
    """

    feature_id: str
    goal: str | None = None
    name: str | None = None
    agent: str | None = None
    takeover: bool = False
    seen: str | None = None

    def __call__(self, *, features: ProjectFeatures, outputs: ProjectOutputs) -> EditReply:
        """Raises E004, E102 to E105, E122, E155, E206, E301 to E305."""
        goal = None if self.goal is None else without_secrets(checked_prompt(self.goal))
        name = None if self.name is None else checked_name(self.name)
        leases = features.leases(self.agent)
        with features.change(self.feature_id) as (project, feature, workflow):
            require_seen(feature, self.seen)
            if not feature.is_open:
                raise feature.closed()
            leases.require_free(feature, takeover=self.takeover)
            before: dict[str, str] = {}
            facts: dict[str, str] = {}
            # An older release kept the ends of lines as they came.
            if goal is not None and goal != checked_prompt(feature.prompt):
                before["goal"] = opening_words(feature.prompt, _BEFORE_LIMIT)
                facts["goal_digest_before"] = goal_digest(feature.prompt)
            if name is not None and name != feature.name:
                _require_renamable(project, feature, workflow, outputs, name)
                before["name"] = feature.name
            if before:
                feature.edit(goal or feature.prompt, name or feature.name, leases.now)
                facts |= {f"{member}_before": words for member, words in before.items()}
                by = leases.caller.name
                feature.note(EDITED, at=leases.now.isoformat(), by=by, **facts)
        accepted = [
            phase.id
            for phase in workflow.phases
            if feature.phases[phase.id].status is PhaseStatus.COMPLETED
        ]
        return {
            **features.reply(project, feature, None),
            "goal": feature.prompt,
            "edited": [*before],
            "accepted_before": accepted if "goal" in before else [],
        }


def _require_renamable(
    project: Project, feature: Feature, workflow: Workflow, outputs: ProjectOutputs, name: str
) -> None:
    """Refuse a name that is taken, or that would part the feature from its files.

    Raises:
        FeatureError: E104.
        ValidationError: E305.
    """
    if project.features.has_name(name):
        free = free_name(name, project.features.has_name)
        raise FeatureError.of("E104", name=name, free_name=free)
    if outputs.files.folder(outputs.root) != outputs.root:
        raise _not_renamed("it has a worktree of this name")
    kept = [output.path for record in feature.phases.values() for output in record.outputs]
    paths = [
        output.path_for(each)
        for each in (feature.name, name)
        for phase in workflow.phases
        for output in phase.outputs
        if output.path_for(feature.name) != output.path_for(name)
    ]
    there = [path for path in paths if outputs.files.digest(outputs.root, path) is not None]
    for path in [*kept, *there]:
        raise _not_renamed(f"{plain(path)} was written already, and paths have the name")


def _not_renamed(reason: str) -> ValidationError:
    return ValidationError.of("E305", argument="name", reason=reason)


def edited_words(reply: EditReply) -> str:
    """What was edited, in a line, for people and agents."""
    if not reply["edited"]:
        return "is as it was: nothing is edited"
    return f"has another {' and another '.join(reply['edited'])}"
