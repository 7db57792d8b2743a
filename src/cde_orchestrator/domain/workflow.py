"""Workflows as code: named sequences of phases and what each must produce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.executed_places import executed_by

Handler = Literal["agent", "human_input"]
OutputType = Literal["markdown", "json", "yaml", "toml", "text"]
Changes = Literal["required"]

CANONICAL_STATUS: dict[str, str] = {
    "define": "defining",
    "decompose": "decomposing",
    "design": "designing",
    "implement": "implementing",
    "test": "testing",
    "review": "reviewing",
}
"""A feature's status while it is in one of the six canonical phases."""
IN_PROGRESS = "in_progress"
"""A feature's status while it is in a phase that has none of its own."""

STANDARD = "standard"
FEATURE = "{feature}"
"""The placeholder of the feature's name in an output's path."""
DEFAULT_CHECK_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A declared result of a phase.

    Attributes:
        path: relative to the project; ``{feature}`` stands for the feature's name.
        min_bytes: smallest size that passes the gate.
        must_contain: headings, or regular expressions that begin with ``re:``.
        verdict: what its line ``Verdict: ...`` may say; empty where no verdict is asked for.
    """

    id: str
    path: str
    type: OutputType = "markdown"
    required: bool = True
    min_bytes: int = 1
    must_contain: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()

    @property
    def is_shared(self) -> bool:
        """Whether every feature writes the same file."""
        return FEATURE not in self.path

    def path_for(self, feature_name: str) -> str:
        """The path with the feature's name in it."""
        return self.path.replace(FEATURE, feature_name)

    def permission(self, feature_name: str = FEATURE) -> CommandLine | None:
        """What a person must allow first, where others execute what the output is.

        It is for the declared path; for the feature's own one where only its name makes it so.
        """
        for path in dict.fromkeys((self.path, self.path_for(feature_name))):
            if executed_by(path):
                return CommandLine(kind="output", words=("write", path))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One step of a workflow.

    Attributes:
        prompt: name of the prompt template, under ``.cde/prompts`` or packaged.
        inputs: ids of outputs of earlier phases that this one builds on.
        changes: whether files of the project must differ from the feature's beginning.
        check: arguments of the command whose exit code gates the phase; empty for none.
        status: the feature's status during the phase, where it is not the canonical one.
    """

    id: str
    description: str = ""
    handler: Handler = "agent"
    prompt: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()
    changes: Changes | None = None
    check: tuple[str, ...] = ()
    check_timeout_seconds: float = DEFAULT_CHECK_TIMEOUT_SECONDS
    check_directory: str = "."
    status: str | None = None

    @property
    def gate_check(self) -> Check | None:
        """The command that gates the phase."""
        if not self.check:
            return None
        return Check(self.check, self.check_directory, self.check_timeout_seconds)

    @property
    def feature_status(self) -> str:
        """The feature's status while it is in this phase."""
        return self.status or CANONICAL_STATUS.get(self.id, IN_PROGRESS)

    def output(self, output_id: str, feature_name: str) -> Output:
        """The declared output with this id, asked for on behalf of a feature.

        Raises:
            FeatureError: E113, the phase declares no such output.
        """
        for output in self.outputs:
            if output.id == output_id:
                return output
        declared = ", ".join(output.id for output in self.outputs) or "none"
        raise FeatureError.of(
            "E113", feature=feature_name, phase=self.id, output=output_id, outputs=declared
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A named sequence of phases; a feature keeps the one that it started with.

    Attributes:
        max_attempts: failed attempts at one phase that fail the feature.
        branch: in a git repository, start each feature on a branch of its own.
    """

    id: str
    description: str = ""
    max_attempts: int = 3
    branch: bool = False
    phases: tuple[Phase, ...]

    @classmethod
    def canonical(cls, workflow_id: str = STANDARD) -> Workflow:
        """The six canonical phases without gates, for use without a workflow file."""
        phases = tuple(Phase(id=phase_id) for phase_id in CANONICAL_STATUS)
        return cls(id=workflow_id, phases=phases)

    @property
    def first(self) -> Phase:
        """The phase that a feature begins with."""
        return self.phases[0]

    def find(self, phase_id: str) -> Phase | None:
        """The phase with this id, or None."""
        return next((phase for phase in self.phases if phase.id == phase_id), None)

    def after(self, phase_id: str) -> Phase | None:
        """The phase that follows, or None after the last one."""
        ids = [phase.id for phase in self.phases]
        following = ids.index(phase_id) + 1
        return self.phases[following] if following < len(ids) else None

    def judged_phase(self, phase_id: str) -> Phase:
        """The phase to go back to when this one finds the work wanting.

        It is the last one before it that must change files, else the one before it, else itself.
        """
        ids = [phase.id for phase in self.phases]
        index = ids.index(phase_id)
        working = [phase for phase in self.phases[:index] if phase.changes]
        return working[-1] if working else self.phases[max(index - 1, 0)]

    def output_owner(self, output_id: str) -> tuple[Phase, Output] | None:
        """The phase that declares an output, with the output."""
        declared = ((phase, output) for phase in self.phases for output in phase.outputs)
        return next((found for found in declared if found[1].id == output_id), None)

    def shared_paths(self) -> list[str]:
        """The outputs' paths that are the same for every feature."""
        outputs = [output for phase in self.phases for output in phase.outputs]
        return list(dict.fromkeys(output.path for output in outputs if output.is_shared))

    def paths_for(self, feature_name: str) -> set[str]:
        """The paths of a feature's outputs."""
        return {output.path_for(feature_name) for phase in self.phases for output in phase.outputs}

    def to_dict(self) -> dict[str, Any]:
        """The workflow as plain data; ``from_dict`` reads it back."""
        return asdict(self)

    def to_kept(self) -> dict[str, Any]:
        """The same for the state, in which releases without verdicts and changes read it too."""
        data = self.to_dict()
        for phase in data["phases"]:
            if phase["changes"] is None:
                del phase["changes"]
            for output in phase["outputs"]:
                if not output["verdict"]:
                    del output["verdict"]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Workflow:
        """The workflow from what ``to_dict`` gave, possibly by way of JSON."""
        phases = tuple(_phase_from_dict(phase) for phase in data["phases"])
        return cls(**{**data, "phases": phases})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowCatalog:
    """The workflows of a project.

    Attributes:
        source: the file that they come from.
        packaged: whether that file is the product's own, the project having none.
    """

    default: str
    workflows: Mapping[str, Workflow]
    source: str
    packaged: bool

    def get(self, workflow_id: str | None = None) -> Workflow:
        """The named workflow, or the default one.

        Raises:
            ValidationError: E306, there is no workflow of that name.
        """
        wanted = self.default if workflow_id is None else workflow_id
        found = self.workflows.get(wanted)
        if found is None:
            names = ", ".join(self.workflows)
            raise ValidationError.of("E306", workflow=wanted, workflows=names)
        return found

    def get_or_default(self, workflow_id: str) -> Workflow:
        """The named workflow; a name that no workflow bears means the default one."""
        return self.workflows.get(workflow_id) or self.get()


def _phase_from_dict(data: Mapping[str, Any]) -> Phase:
    outputs = tuple(
        Output(**{key: _unlisted(value) for key, value in output.items()})
        for output in data["outputs"]
    )
    sequences = {key: tuple(data[key]) for key in ("inputs", "check")}
    return Phase(**{**data, **sequences, "outputs": outputs})


def _unlisted(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
