"""Take a feature back to an earlier phase, with the outputs as they were then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.phase_prompt import ONLOOKER, PhasePrompts, PromptReader
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.features.rollback import (
    FileRow,
    Rollback,
    Taken,
    target_phase,
)
from cde_orchestrator.application.features.seen_feature import require_seen
from cde_orchestrator.application.features.source_changes import (
    SourceChanges,
    SourceRow,
    SourceTurn,
    source_changes,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply
from cde_orchestrator.domain.briefings import keep_given
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, ValidationError, besides
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import checked_reason
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.workflow import Phase, Workflow

TEXT_LIMIT_BYTES = 256 * 1024
"""Of one output, in which it is looked for what it names."""


class RollbackReply(FeatureReply):
    """What a rollback did, or would do.

    ``source`` are files of the source that are not as they were when the phase started, and
    ``source_problem`` says why nothing is known of them, or why none was taken back; ``git``
    has a command that shows the differences, and changes nothing. A restore of the state to the
    change ``undo_at`` undoes it; None in a dry run.
    """

    dry_run: bool
    code: bool
    rolled_back: list[str]
    files: list[FileRow]
    source: list[SourceRow]
    source_problem: str | None
    git: list[str]
    undo_at: int | None


class RollbackFeature(UseCase[RollbackReply], operation="rollback_feature", in_worktree=True):
    """Begin a phase again; the phases after it no longer count.

    The files are put back, then the state; done twice, it changes nothing more.

    Attributes:
        to_phase: a phase that was begun.
        reason: why; a preview needs none.
        code: also take back what the feature, and nobody else, changed in the source since.
        dry_run: only show what would happen.
        seen: the feature's state as it was shown to whoever decides, as of ``SeeFeature``.
        to_work: whether somebody works by the prompt, as of ``GetFeatureStatus``.
    """

    feature_id: str
    to_phase: str
    reason: str
    code: bool = False
    dry_run: bool = False
    agent: str | None = None
    takeover: bool = False
    seen: str | None = None
    to_work: bool = field(default=True, compare=False)

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        sources: ProjectSources,
    ) -> RollbackReply:
        """Raises E004, E102, E103, E107, E122, E123, E126, E155, E206, E302, E303, E305."""
        leases = features.leases(self.agent)
        reader = rendering.reader(self.agent) if self.to_work else ONLOOKER
        project, feature, workflow, phase, reason = self.check(features)
        require_seen(feature, self.seen)
        leases.require_free(feature, takeover=self.takeover)
        if not self.dry_run:
            project.require_writable()
        record = feature.phases[phase.id]
        if record.start_source is not None:
            sources = sources.at(record.start_source.folder)
        present, said = sources.look(), said_by(feature, workflow, outputs)
        changes = source_changes(project, feature, record, present, sources, workflow, said)
        problem, turn = changes.problem, None
        if not self.dry_run:
            present = sources.pin(project, feature, present)
            if self.code and changes.back:
                turn, problem = _kept_turn(changes, project, feature, sources)
        rollback = Rollback(
            feature_id=self.feature_id,
            to_phase=self.to_phase,
            reason=reason,
            features=features,
            outputs=outputs,
            leases=leases,
            takeover=self.takeover,
            seen=self.seen,
            present=present,
            again=not changes.is_void,
            code=(turn, changes, sources) if turn else None,
        )
        project, taken = self._taken(rollback, features, reader)
        shown = rendering.committed_view(project, taken.feature, taken.workflow, reader)
        return {
            **features.reply(project, taken.feature, shown),
            "dry_run": self.dry_run,
            "code": self.code,
            "rolled_back": taken.undone,
            "files": taken.rows,
            "source": changes.rows(taken.source),
            "source_problem": problem,
            "git": changes.commands(),
            "undo_at": None if self.dry_run else taken.undo_at,
        }

    def check(self, features: ProjectFeatures) -> tuple[Project, Feature, Workflow, Phase, str]:
        """What it is about, and the reason; E102, E103, E107, E302, E303, E305."""
        with besides(self._why):
            project, feature, workflow = features.read(self.feature_id)
            phase = target_phase(feature, workflow, self.to_phase)
        return project, feature, workflow, phase, self._why()

    def _why(self) -> str:
        """The reason, which a preview needs not have; E302, E303, E305."""
        return "" if self.dry_run and not self.reason else checked_reason(self.reason)

    def _taken(
        self, rollback: Rollback, features: ProjectFeatures, reader: PromptReader
    ) -> tuple[Project, Taken]:
        """The project with the feature taken back, in a dry run as a copy."""
        if self.dry_run:
            project = features.repository.get(features.root)
            return project, rollback.take_back(project, dry_run=True)
        rollback.announce()
        with features.repository.transaction(features.root) as project:
            project.require_writable()
            taken = rollback.take_back(project, dry_run=False)
            keep_given(reader.caller, taken.feature, reader.rules)
        return project, taken


def _kept_turn(
    changes: SourceChanges, project: Project, feature: Feature, sources: ProjectSources
) -> tuple[SourceTurn | None, str | None]:
    """What takes the source back, kept before a file is touched; else why git refuses."""
    if changes.now is None:
        return None, changes.problem
    try:
        files = {path: after for path, (_, after) in changes.back.items()}
        after = sources.trees.replaced(sources.root, changes.now.tree, files)
        sources.keep_trees(project.id, feature, [changes.now.tree, after])
    except FeatureError as error:
        return None, error.reason
    return SourceTurn(changes.now.folder, changes.now.tree, after), None


def said_by(feature: Feature, workflow: Workflow, outputs: ProjectOutputs) -> Iterator[str]:
    """What the feature's records say: its goal, its outputs, also discarded ones, and its notes."""
    yield feature.prompt
    digests: dict[str, None] = {}
    for record in feature.phases.values():
        digests |= dict.fromkeys(each.sha256 for each in record.outputs)
        digests |= dict.fromkeys(_digests_in(record.past))
        notes = record.returned.notes if record.returned else ()
        yield from notes
        for saved in record.saved():
            yield f"{saved.note}\n{json.dumps(saved.data, ensure_ascii=False)}"
    for digest in digests:
        yield (outputs.kept(digest) or b"")[:TEXT_LIMIT_BYTES].decode(errors="replace")
    for phase in workflow.phases:
        for output in phase.outputs:
            with suppress(OutputError, ValidationError):
                content = outputs.read(output.path_for(feature.name), output.id)
                if content is not None and content.sha256 not in digests:
                    yield content.data[:TEXT_LIMIT_BYTES].decode(errors="replace")


def _digests_in(past: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The digests of outputs that were rolled back; a state may come from anywhere."""
    for before in past:
        outputs = before.get("outputs")
        for each in outputs if isinstance(outputs, list) else []:
            digest = each.get("sha256") if isinstance(each, dict) else None
            if isinstance(digest, str):
                yield digest


def rollback_remarks(reply: RollbackReply) -> list[str]:
    """What to know of the source besides the files, for people and agents."""
    remarks = []
    if reply["source_problem"] is not None:
        remarks.append(f"The source is left as it is: {plain(reply['source_problem'])}.")
    mine = sum(row["state"] == "feature" for row in reply["source"])
    if mine and not reply["code"]:
        words = counted(mine, "file of the source is", "files of the source are")
        remarks.append(f"{words} left as the feature changed it; code takes it back.")
    left = [row for row in reply["source"] if row["state"] in {"touched", "unnamed"}]
    if left and not any(row["reason"] for row in left):
        words = "Of what is left, the feature's own is taken back once a saved note names its paths"
        remarks.append(f"{words}; then roll back with code.")
    return remarks
