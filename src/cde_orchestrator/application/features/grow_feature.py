"""Let a feature continue in a larger workflow, with what it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TypedDict

from cde_orchestrator.application.features.feature_tasks import covered_outputs, keep_tasks
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import ONLOOKER, PhasePrompts
from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.features.project_sources import Present, ProjectSources
from cde_orchestrator.application.features.submission import Found
from cde_orchestrator.application.ports.checks import ContentValidator
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureReply
from cde_orchestrator.domain.briefings import keep_given
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature_tasks import TaskState, keep_ticks, tasks_of
from cde_orchestrator.domain.gate import Gate
from cde_orchestrator.domain.growth import carried_phases, require_change, text_for
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.records import Artifact, Progress
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import STANDARD, Phase, Workflow

OFFERED_LIMIT = 1_500
"""Characters of the old text that the note for the first phase to do repeats."""


class GrownView(TypedDict):
    """How a feature changed its workflow; ``before`` is the one that it followed.

    ``phases`` count as done with what was accepted before, at the paths of ``files``.
    """

    before: str
    phases: list[str]
    files: list[str]


class GrowReply(FeatureReply):
    """A feature in its workflow; ``grown`` is None where it followed that already."""

    grown: GrownView | None


def grown_words(reply: GrowReply) -> str:
    """What became of a feature's workflow, for people and agents."""
    name, workflow = reply["feature"]["name"], reply["feature"]["workflow"]
    grown = reply["grown"]
    if grown is None:
        return f"Feature {name} follows {workflow} already."
    phases, files = ", ".join(grown["phases"]), ", ".join(grown["files"])
    kept = f" Done with what was accepted: {phases} ({files})." if phases else ""
    return f"Feature {name} follows {workflow} now, no longer {grown['before']}.{kept}"


class GrowFeature(UseCase[GrowReply], operation="grow_feature"):
    """Continue in a larger workflow; in any, as long as nothing was submitted.

    A phase of texts counts as done where what was accepted meets its gate; the feature is then
    in the first phase that it does not.

    Attributes:
        workflow: its name.
        to_work: whether somebody works by the prompt, as of ``GetFeatureStatus``.
    """

    feature_id: str
    workflow: str = STANDARD
    agent: str | None = None
    takeover: bool = False
    to_work: bool = field(default=True, compare=False)

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        content: ContentValidator,
        sources: ProjectSources,
    ) -> GrowReply:
        """Raises E004, E102, E103, E105, E122, E151, E206, E302 to E306, E310 to E313, E325."""
        leases, root = features.leases(self.agent), features.root
        wanted = features.workflows.load(root).get(self.workflow)
        rendering.try_first(features.repository.get(root), wanted)
        grown: GrownView | None = None
        source = sources.keep_of(self.feature_id, features)
        reader = rendering.reader(self.agent) if self.to_work else ONLOOKER
        with features.change(self.feature_id) as (project, feature, present):
            leases.require_free(feature, takeover=self.takeover)
            if wanted.id != present.id:
                require_change(feature, present, wanted)
                grown = {"before": present.id, "phases": [], "files": []}
                found = Found(project, feature, wanted)
                _Growth(found, present, outputs, content, source, leases).grow(grown)
            if feature.is_open:
                leases.take(feature, deliberate=False)
                keep_given(reader.caller, feature, reader.rules)
        followed = wanted if grown else present
        shown = rendering.committed_view(project, feature, followed, reader)
        return {**features.reply(project, feature, shown), "grown": grown}


class _Growth(Value):
    """The feature on its way into the workflow that was found with it."""

    found: Found
    present: Workflow
    outputs: ProjectOutputs
    content: ContentValidator
    source: Present
    leases: CallerLeases

    def grow(self, view: GrownView) -> None:
        """Begin the workflow, and complete the phases whose gates are met."""
        feature, workflow, now = self.found.feature, self.found.workflow, self.leases.now
        accepted, before = self._accepted(), tasks_of(feature, self.present)
        self.found.project.give_workflow(feature, workflow)
        notes = feature.change_workflow(workflow, self.leases.caller.name, now)
        enter_phase(feature, workflow, self.outputs, self.source)
        for phase in carried_phases(workflow):
            contents = self._contents(phase, accepted)
            if contents is None:
                break
            kept = {key: content for key, (_, content) in contents.items()}
            keep_tasks(feature, workflow, phase, kept)
            artifacts = [self._placed(key, *content) for key, content in contents.items()]
            feature.complete_phase(phase.id, artifacts, workflow, now)
            enter_phase(feature, workflow, self.outputs, self.source)
            view["phases"].append(phase.id)
            view["files"] += [artifact.path for artifact in artifacts]
        record = feature.phases[feature.current_phase or ""]
        keep_ticks(before, feature, workflow)
        if accepted:
            notes.append(self._note(view, accepted, before))
        for note in notes:
            record.save(note)

    def _accepted(self) -> list[tuple[str, bytes]]:
        """What was accepted so far, by path, as far as it is kept."""
        kept = (
            (artifact.path, self.outputs.kept(artifact.sha256))
            for record in self.found.feature.phases.values()
            if record.status is PhaseStatus.COMPLETED
            for artifact in record.outputs
        )
        return [(path, data) for path, data in kept if data is not None]

    def _contents(
        self, phase: Phase, accepted: Sequence[tuple[str, bytes]]
    ) -> Mapping[str, tuple[str, Content]] | None:
        """The phase's outputs, by id with their paths, where what was accepted meets its gate."""
        feature, workflow = self.found.feature, self.found.workflow
        found: dict[str, tuple[str, Content]] = {}
        for output in phase.outputs:
            path = output.path_for(feature.name)
            data = dict(accepted).get(path)
            if data is None:
                text, is_whole = text_for(output, feature.name, accepted)
                data = text.encode() if is_whole else None
            if data is not None and output.permission(feature.name) is None:
                found[output.id] = path, Content.of(data)
        gate = Gate(
            phase=phase,
            feature_name=feature.name,
            syntax=self.content.error_in,
            search=self.content.search,
            skeleton="",  # what repeats a prompt was not accepted
            back_to=phase.id,
            proven=workflow.proven_outputs(),
            covered=covered_outputs(feature, workflow, phase, self.outputs),
            are_tasks_listed=bool(tasks_of(feature, workflow)),
        )
        if gate.problems({key: content.data for key, (_, content) in found.items()}):
            return None
        return found if all(self._is_free(key, *each) for key, each in found.items()) else None

    def _is_free(self, output_id: str, path: str, content: Content) -> bool:
        """Whether the place has no other content: nobody's file is replaced."""
        try:
            present = self.outputs.read(path, output_id)
        except (OutputError, ValidationError):
            return False
        return present is None or present.sha256 == content.sha256

    def _placed(self, output_id: str, path: str, content: Content) -> Artifact:
        root, files = self.outputs.root, self.outputs.files
        self.outputs.keep(content)
        files.restore(root, path, output_id, content.data)
        return files.record(root, path, output_id, content.data, content.sha256)

    def _note(
        self,
        view: GrownView,
        accepted: Sequence[tuple[str, bytes]],
        before: Sequence[TaskState],
    ) -> Progress:
        """What whoever does the phase should know of the time before."""
        feature, workflow = self.found.feature, self.found.workflow
        phase = feature.require_current(feature.current_phase or "", workflow)
        paths = ", ".join(f"`{path}`" for path, _ in accepted)
        texts = [text_for(output, feature.name, accepted)[0] for output in phase.outputs]
        if not view["phases"] or not any(texts):
            texts = [data.decode("utf-8-sig", "replace") for _, data in accepted]
        offered = "\n\n".join(filter(None, texts)).replace("\x00", "")
        done = ", ".join(each.task.id for each in before if each.done)
        words = [
            f"This feature followed {view['before']} until now. Accepted there: {paths}.",
            f"Done with that: {', '.join(view['phases']) or 'no phase'}.",
            *([f"Of its tasks are done: {done}."] if done else []),
            "Source that was changed already counts as changed since the start.",
            shortened(offered, OFFERED_LIMIT),
        ]
        return Progress.checked(
            self.leases.now, self.leases.caller.name, "\n\n".join(words), {"grown": {**view}}
        )
