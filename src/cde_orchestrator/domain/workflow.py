"""Workflows as code: named sequences of phases and what each must produce."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, field, replace
from typing import Any, Literal

from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.executed_places import executed_by
from cde_orchestrator.domain.text import did_you_mean
from cde_orchestrator.domain.value import Value

Handler = Literal["agent", "human_input"]
OutputType = Literal["markdown", "json", "yaml", "toml", "text"]
Changes = Literal["required"]
ProofRule = Literal["required", "recorded"]
RUNNERS = ("pytest", "unittest", "node", "vitest", "jest", "go", "cargo")
"""Runners of tests that are known by name."""
PROOFS = "proofs"
"""The id of the output in which a phase names the proofs of criteria."""
OTHER_AGENT = "other"
"""In place of an agent's name: another one than did the phase that is judged."""

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

WAITS_FOR_PERSON = "waits_for_person"
"""A feature's status while a person has to answer, where the phase names no other."""

STANDARD = "standard"
FEATURE = "{feature}"
"""The placeholder of the feature's name in an output's path."""
DEFAULT_CHECK_TIMEOUT_SECONDS = 600.0


class Output(Value, kw_only=True):
    """A declared result of a phase.

    Attributes:
        path: relative to the project; ``{feature}`` stands for the feature's name.
        min_bytes: smallest size that passes the gate.
        must_contain: headings, or regular expressions that begin with ``re:``.
        verdict: what its line ``Verdict: ...`` may say; empty where no verdict is asked for.
        covers: id of the output whose criteria its tasks must name, each of them; the tasks
            that it lists are those of the feature.
    """

    id: str
    path: str
    type: OutputType = "markdown"
    required: bool = True
    min_bytes: int = 1
    must_contain: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    covers: str | None = None

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


class Phase(Value, kw_only=True):
    """One step of a workflow.

    Attributes:
        prompt: name of the prompt template, under ``.cde/prompts`` or packaged.
        inputs: ids of outputs of earlier phases that this one builds on.
        changes: whether files of the project must differ from the feature's beginning.
        change_paths: patterns of the files that count as changes; empty for all.
        change_exclude: patterns of those that do not.
        proves: id of the output of an earlier phase whose criteria are proven here.
        check: arguments of the command whose exit code gates the phase; empty for none.
        status: the feature's status during the phase, where it is not the canonical one.
        agent: name of the agent that does it, or ``other``: another one than did the phase
            that this one judges.
    """

    id: str
    description: str = ""
    handler: Handler = "agent"
    prompt: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()
    changes: Changes | None = None
    change_paths: tuple[str, ...] = ()
    change_exclude: tuple[str, ...] = ()
    proves: str | None = None
    check: tuple[str, ...] = ()
    check_timeout_seconds: float = DEFAULT_CHECK_TIMEOUT_SECONDS
    check_directory: str = "."
    status: str | None = None
    agent: str | None = None

    @property
    def gate_check(self) -> Check | None:
        """The command that gates the phase."""
        if not self.check:
            return None
        return Check(self.check, self.check_directory, self.check_timeout_seconds)

    @property
    def may_change(self) -> bool:
        """Whether work in the phase changes the source code, as far as its workflow says."""
        return bool(self.changes or self.proves)

    @property
    def feature_status(self) -> str:
        """The feature's status while it is in this phase."""
        if self.handler == "human_input":
            return self.status or WAITS_FOR_PERSON
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


class RunnerSetting(Value, kw_only=True):
    """What runs the tests that are proofs: runners that are known, or a command of the project.

    Attributes:
        names: of runners that are known.
        command: words of a command that writes a JUnit file.
        junit: where it writes it, relative to the project.
        tests: patterns of the files that hold tests.
    """

    names: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    junit: str = ""
    tests: tuple[str, ...] = ()

    def plain(self) -> str | list[str] | dict[str, Any]:
        """As a workflow file has it."""
        if not self.names:
            command, tests = list(self.command), list(self.tests)
            return {"command": command, "junit": self.junit, "tests": tests}
        return self.names[0] if len(self.names) == 1 else list(self.names)

    @classmethod
    def of(cls, value: Any) -> RunnerSetting:
        """From what ``plain`` gave."""
        if isinstance(value, Mapping):
            return cls(**{key: _unlisted(item) for key, item in value.items()})
        return cls(names=(value,) if isinstance(value, str) else tuple(value))


class Workflow(Value, kw_only=True):
    """A named sequence of phases; a feature keeps the one that it started with.

    Attributes:
        max_attempts: failed attempts at one phase that fail the feature.
        branch: in a git repository, start each feature on a branch of its own.
        proof: whether criteria must be proven, or it is only recorded that they are not; None in
            a workflow file that says nothing of it.
        runner: what runs the tests; None: what the project's files speak of.
        file_digest: of the file that it was read from, and of the release that read it; empty
            where it was read from none.
    """

    id: str
    description: str = ""
    max_attempts: int = 3
    branch: bool = False
    proof: ProofRule | None = None
    runner: RunnerSetting | None = None
    phases: tuple[Phase, ...]
    file_digest: str = field(default="", compare=False)

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

    def no_phase(self, feature: str, phase_id: str) -> FeatureError:
        """E107, of the feature with this name: there is no such phase."""
        ids = [phase.id for phase in self.phases]
        near = did_you_mean(phase_id, ids)
        facts = {"feature": feature, "phase": phase_id, "near": near, "phases": ", ".join(ids)}
        return FeatureError.of("E107", **facts)

    def waits_for_person(self, phase_id: str | None) -> bool:
        """Whether it is a person who answers in this phase."""
        phase = self.find(phase_id or "")
        return phase is not None and phase.handler == "human_input"

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

    def judges_source(self, phase: Phase) -> bool:
        """Whether a verdict or a yes of the phase is about files that a phase until it changes."""
        judges = phase.handler == "human_input" or any(each.verdict for each in phase.outputs)
        until = self.phases[: self.phases.index(phase) + 1]
        return judges and any(each.changes for each in until)

    def named_agents(self) -> list[str]:
        """The agents that phases name."""
        names = (phase.agent for phase in self.phases)
        return list(dict.fromkeys(name for name in names if name and name != OTHER_AGENT))

    def must_prove(self, phase: Phase) -> bool:
        """Whether the phase ends with its criteria proven."""
        return phase.proves is not None and self.proof == "required"

    def asked_of(self, phase: Phase) -> list[Output]:
        """The outputs that a phase asks for: no proofs where none are read."""
        read = self.must_prove(phase)
        return [each for each in phase.outputs if read or each.id != PROOFS or not phase.proves]

    def proven_outputs(self) -> frozenset[str]:
        """Ids of the outputs whose criteria have to be proven."""
        return frozenset(phase.proves or "" for phase in self.phases if self.must_prove(phase))

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

    def differs_only_in_checks(self, other: Workflow) -> bool:
        """Whether the other one has the same phases, proofs and outputs, but for what is run.

        What is run are checks and the runner of tests. No phase that has a check loses it.
        """
        loses = any(
            phase.check and not (found and found.check)
            for phase in self.phases
            for found in [other.find(phase.id)]
        )
        return not loses and self._without_checks() == other._without_checks()

    def _without_checks(self) -> Workflow:
        phases = tuple(
            replace(phase, check=(), check_directory=".", check_timeout_seconds=0.0)
            for phase in self.phases
        )
        return replace(self, phases=phases, runner=None)

    def with_check(self, phase_ids: Collection[str], command: tuple[str, ...]) -> Workflow:
        """The workflow, in which this command gates these phases."""
        phases = tuple(
            replace(phase, check=command) if phase.id in phase_ids else phase
            for phase in self.phases
        )
        return replace(self, phases=phases)

    def to_dict(self) -> dict[str, Any]:
        """The workflow as plain data, as a file has it; ``from_dict`` reads it back."""
        data = asdict(self)
        del data["file_digest"]
        data["runner"] = self.runner and self.runner.plain()
        for phase in data["phases"]:
            paths, exclude = phase.pop("change_paths"), phase.pop("change_exclude")
            if paths or exclude:
                phase["changes"] = {"required": True, "paths": paths, "exclude": exclude}
        return data

    def to_kept(self) -> dict[str, Any]:
        """The same for the state, in which releases without a rule read a workflow without it."""
        data = self.to_dict()
        _omit_unsaid(data, "proof", "runner")
        for phase in data["phases"]:
            _omit_unsaid(phase, "changes", "proves", "agent")
            for output in phase["outputs"]:
                _omit_unsaid(output, "verdict", "covers")
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Workflow:
        """The workflow from what ``to_dict`` gave, possibly by way of JSON."""
        phases = tuple(_phase_from_dict(phase) for phase in data["phases"])
        runner = data.get("runner")
        said = {"runner": RunnerSetting.of(runner) if runner else None, "phases": phases}
        return cls(**{**data, **said})


class WorkflowCatalog(Value, kw_only=True):
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
            near = did_you_mean(wanted, self.workflows)
            raise ValidationError.of("E306", workflow=wanted, near=near, workflows=names)
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
    changes = data.get("changes")
    if isinstance(changes, Mapping):
        sequences["change_paths"] = tuple(changes["paths"])
        sequences["change_exclude"] = tuple(changes["exclude"])
        changes = "required"
    return Phase(**{**data, **sequences, "changes": changes, "outputs": outputs})


def _omit_unsaid(data: dict[str, Any], *names: str) -> None:
    for name in names:
        if not data[name]:
            del data[name]


def _unlisted(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
