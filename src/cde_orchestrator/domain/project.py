"""The project: one folder, its status and its features."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cde_orchestrator.domain.clock import Clock, Stopwatch, utc_now
from cde_orchestrator.domain.exceptions import (
    CDEError,
    FeatureError,
    ProjectError,
    ReadOnlyModeError,
)
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature
from cde_orchestrator.domain.features import FeatureList, Features, find_feature
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.names import checked_name, free_name, slug_from
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.domain.text import checked_prompt, opening_words
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import STANDARD, Workflow

NAME_LIMIT = 100
"""Characters of a project's name."""

if TYPE_CHECKING:
    from cde_orchestrator.domain.errors.entry import Fix

log = get_logger(__name__)


class ProjectStatus(StrEnum):
    """Where a project stands."""

    ONBOARDING = "onboarding"
    ACTIVE = "active"
    ARCHIVED = "archived"
    ERROR = "error"


_ALLOWED: dict[ProjectStatus, tuple[ProjectStatus, ...]] = {
    ProjectStatus.ONBOARDING: (ProjectStatus.ACTIVE, ProjectStatus.ARCHIVED),
    ProjectStatus.ACTIVE: (ProjectStatus.ARCHIVED,),
    ProjectStatus.ARCHIVED: (ProjectStatus.ACTIVE,),
    ProjectStatus.ERROR: (ProjectStatus.ACTIVE, ProjectStatus.ARCHIVED),
}


class Project(Value, frozen=False, kw_only=True):
    """A project and its features; every change goes through it.

    Attributes:
        workflows: workflows as they were when features started with them, by digest.
        read_only_reason: why changes are refused at the moment; None when they are not.
        read_only_since: since when.
        read_only_fixes: what leads out of it, if that is known.
        trust: the standing of its folder, as of ``Standing``.
        sequence: the number of the last change when it was loaded; exact in a transaction.
        extra: keys of a stored project that this release does not know.
        clock: where the time comes from.
    """

    id: str
    name: str
    path: str
    status: ProjectStatus
    created_at: datetime
    updated_at: datetime
    features: Features = field(default_factory=FeatureList)
    metadata: dict[str, Any] = field(default_factory=dict)
    workflows: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    read_only_reason: str | None = None
    read_only_since: datetime | None = None
    read_only_fixes: tuple[Fix, ...] = ()
    trust: str = "trusted"
    sequence: int | None = None
    clock: Clock = field(repr=False, compare=False)

    @classmethod
    def create(cls, path: str, name: str, clock: Clock = utc_now) -> Project:
        """A new project that is still being onboarded."""
        now = clock()
        return cls(
            id=str(uuid.uuid4()),
            name=name,
            path=path,
            status=ProjectStatus.ONBOARDING,
            created_at=now,
            updated_at=now,
            clock=clock,
        )

    @property
    def read_only(self) -> bool:
        """Whether changes are refused at the moment."""
        return self.read_only_reason is not None or self.trust != "trusted"

    def require_writable(self) -> None:
        """Refuse a change while the state cannot be written.

        Raises:
            ReadOnlyModeError: E206.
        """
        if self.read_only_reason is not None:
            since = self.read_only_since.isoformat() if self.read_only_since else "now"
            error = ReadOnlyModeError.of("E206", reason=self.read_only_reason, since=since)
            raise error.fixed_by(self.read_only_fixes)

    def activate(self) -> None:
        """Let features be started; raises as ``change_status``."""
        self.change_status(ProjectStatus.ACTIVE)

    def archive(self) -> None:
        """Put the project away; it can be activated again. Raises as ``change_status``."""
        self.change_status(ProjectStatus.ARCHIVED)

    def change_status(self, target: ProjectStatus) -> None:
        """Go to another status; going to the present one changes nothing.

        Raises:
            ProjectError: E005, the status does not allow it.
            ReadOnlyModeError: E206.
        """
        self.require_writable()
        if target is self.status:
            return
        allowed = _ALLOWED[self.status]
        if target not in allowed:
            raise ProjectError.of(
                "E005",
                status=self.status.value,
                target=target.value,
                allowed=", ".join(status.value for status in allowed),
            )
        before, self.status = self.status, target
        self.updated_at = self.clock()
        log.info(
            "project_status_changed",
            operation="change_status",
            project_id=self.id,
            before=before.value,
            after=target.value,
        )

    def open_features(self, besides: str = "") -> int:
        """How many features are open, without the one with this id."""
        known = self.features.summaries()
        return sum(each.status not in CLOSED_STATUSES and each.id != besides for each in known)

    def start_feature(
        self,
        prompt: str,
        workflow_type: str = STANDARD,
        name: str | None = None,
        *,
        workflow: Workflow | None = None,
    ) -> Feature:
        """Start a feature in the first phase of its workflow.

        Args:
            prompt: what the feature shall do, in any language.
            workflow_type: name of the workflow, when ``workflow`` is not given; it then has
                the six canonical phases without gates.
            name: the feature's name; made from the prompt when None.
            workflow: the workflow to follow.

        Raises:
            FeatureError: E101 the project is not active, E104 the name is taken.
            ValidationError: E301, E302 or E303 for the prompt, E304 for the name.
            ReadOnlyModeError: E206.
        """
        watch = Stopwatch()
        bound = log.bind(operation="start_feature", project_id=self.id, prompt_length=len(prompt))
        bound.info("feature_starting", prompt=opening_words(prompt))
        try:
            followed = workflow or Workflow.canonical(workflow_type)
            feature = self._new_feature(prompt, name, followed)
        except CDEError as error:
            bound.warning(
                "feature_not_started", error_code=error.code, duration_ms=watch.elapsed_ms
            )
            raise
        bound.info("feature_started", feature_id=feature.id, duration_ms=watch.elapsed_ms)
        return feature

    def feature(self, reference: str) -> Feature:
        """The feature with this id, name or unambiguous beginning of an id.

        Raises:
            FeatureError: E102 none found, E103 ambiguous.
        """
        return find_feature(self.features, reference)

    def keep_workflow(self, workflow: Workflow) -> str:
        """Keep a workflow as it is now, once; the key to it."""
        digest, definition = _definition(workflow)
        if digest not in self.workflows:
            self.workflows[digest] = json.loads(definition)
        return digest

    def give_workflow(self, feature: Feature, workflow: Workflow) -> None:
        """Keep a workflow as it is now for the feature, which follows it from now on."""
        feature.workflow_digest = self.keep_workflow(workflow)
        feature.remember_file(workflow)

    def follows(self, feature: Feature, workflow: Workflow) -> bool:
        """Whether this is the workflow that is kept with the feature."""
        if feature.workflow_digest == _definition(workflow)[0]:
            return True
        return self.workflow_of(feature) == workflow  # an older release wrote it otherwise

    def workflow_of(self, feature: Feature) -> Workflow | None:
        """The workflow that a feature started with; None for one of an older release."""
        if feature.workflow_digest is None:
            return None
        return Workflow.from_dict(self.workflows[feature.workflow_digest])

    def _new_feature(self, prompt: str, name: str | None, workflow: Workflow) -> Feature:
        self.require_writable()
        if self.status is not ProjectStatus.ACTIVE:
            raise FeatureError.of("E101", status=self.status.value.upper())
        text = without_secrets(checked_prompt(prompt))
        feature = Feature.create(
            project_id=self.id,
            name=self._free_name(text, name),
            prompt=text,
            workflow=workflow,
            now=self.clock(),
        )
        self.give_workflow(feature, workflow)
        self.features.add(feature)
        name_subject(feature_id=feature.id, feature=feature.name)
        return feature

    def _free_name(self, prompt: str, name: str | None) -> str:
        if name is None:
            return free_name(slug_from(prompt), self.features.has_name)
        if self.features.has_name(checked_name(name)):
            free = free_name(name, self.features.has_name)
            raise FeatureError.of("E104", name=name, free_name=free)
        return name


@lru_cache(maxsize=32)
def _definition(workflow: Workflow) -> tuple[str, str]:
    """A workflow's digest, and itself as JSON; the same workflow serves many features."""
    definition = workflow.to_kept()
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16], json.dumps(definition)
