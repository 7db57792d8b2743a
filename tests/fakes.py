"""Stand-ins for the world around the use cases: in memory, and as strict as the real ones."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from cde_orchestrator.adapters.project_files.content_syntax import ParsingContentValidator
from cde_orchestrator.adapters.workflows.yaml_reader import read_document
from cde_orchestrator.application.checks.baselines import Baselines
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.features.submission import SubmissionPorts
from cde_orchestrator.application.ports.breakers import Breakers
from cde_orchestrator.application.ports.core import (
    ErrorReportSummary,
    LogEntry,
    OutputText,
    SettingsCommands,
)
from cde_orchestrator.application.ports.health import Health
from cde_orchestrator.application.projects.trust_commands import ProjectCommands
from cde_orchestrator.application.proofs.proof_commands import ProofCommands
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.condition import StateCondition
from cde_orchestrator.domain.exceptions import (
    CDEError,
    OutputError,
    ProjectError,
    ReadOnlyModeError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.domain.project_facts import NO_RULES, OwnRules, ProjectFacts
from cde_orchestrator.domain.project_paths import attempt_paths, copy_paths
from cde_orchestrator.domain.records import Artifact
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.text import EXCERPT_LIMIT, as_file, excerpt_of
from cde_orchestrator.domain.workflow import (
    Output,
    Phase,
    ProofRule,
    RunnerSetting,
    Workflow,
    WorkflowCatalog,
)
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.testing import ManualClock
from tests.health_fakes import NoHealth
from tests.phase_fakes import (
    FakeCallers,
    FakeGit,
    FakeRuns,
    InMemoryObjects,
    InMemoryTrust,
    NoBreakers,
    ScriptedChecks,
)
from tests.proof_world import ProofWorld
from tests.source_fakes import MemorySources

ROOT = Path("/home/shop")
NOON = datetime(2025, 11, 10, 12, 0, tzinfo=UTC)

Reply = TypeVar("Reply")


class CopiedProjects:
    """Keeps projects as copies, so that only what was committed is seen again.

    Attributes:
        folders: the paths that exist.
        read_only_reason: given to every project that is loaded.
        commit_failure: raised instead of keeping a change.
    """

    backend = "memory"

    def __init__(self, clock: ManualClock, folders: Sequence[Path] = (ROOT,)) -> None:
        self.folders = {str(folder) for folder in folders}
        self.read_only_reason: str | None = None
        self.commit_failure: CDEError | None = None
        self.closed = False
        self._clock = clock
        self._projects: dict[str, Project] = {}

    def get_or_create(
        self, path: Path | str, name: str | None = None, *, new: bool = False
    ) -> Project:
        """The project at ``path``; a new one when there is none."""
        key = self._folder(path)
        if key not in self._projects:
            if self.read_only_reason is not None:
                raise ReadOnlyModeError.of("E206", reason=self.read_only_reason)
            self.put(Project.create(key, name or Path(key).name, self._clock))
        return self._copy(self._projects[key])

    def get(self, path: Path | str) -> Project:
        """The project at ``path``; E004 when there is none."""
        key = self._folder(path)
        if key not in self._projects:
            raise ProjectError.of("E004", path=key)
        return self._copy(self._projects[key])

    def save(self, project: Project, force: bool = False) -> list[str]:
        """Keep the project as it is now."""
        if not force:
            project.require_writable()
        self._commit(project)
        return []

    @contextmanager
    def transaction(self, path: Path | str) -> Iterator[Project]:
        """The project; kept when the block ends well."""
        project = self.get(path)
        yield project
        self._commit(project)

    def condition(self, path: Path | str) -> StateCondition:
        """Nothing is known of it."""
        self._folder(path)
        return StateCondition()

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def put(self, project: Project) -> None:
        """Keep a project as a test wants it."""
        self._projects[project.path] = self._copy(project)

    def _folder(self, path: Path | str) -> str:
        if str(path) not in self.folders:
            raise ProjectError.of("E001", path=str(path))
        return str(path)

    def _copy(self, project: Project) -> Project:
        copied = copy.deepcopy(project, {id(project.clock): project.clock})
        copied.read_only_reason = self.read_only_reason
        return copied

    def _commit(self, project: Project) -> None:
        if self.commit_failure is not None:
            raise self.commit_failure
        self.put(project)


class InMemoryWorkflows:
    """The workflows that a test gives it.

    Attributes:
        own: the project's own; None when it has no file.
        failure: raised instead of loading the project's own.
        check: the test command that was written into the project's file.
    """

    def __init__(self, packaged: WorkflowCatalog) -> None:
        self.packaged = packaged
        self.own: WorkflowCatalog | None = None
        self.failure: CDEError | None = None
        self.check: tuple[str, ...] | None = None

    def load(self, root: Path) -> WorkflowCatalog:
        """The project's own, else the packaged ones."""
        if self.failure is not None:
            raise self.failure
        return self.own or self.packaged

    def digest(self, root: Path) -> str:
        """What each of its workflows says of its file."""
        return next(iter(self.load(root).workflows.values())).file_digest

    def load_packaged(self) -> WorkflowCatalog:
        """The packaged ones."""
        return self.packaged

    def require_usable(self, kept: Mapping[str, Any]) -> None:
        """Every workflow is."""

    def write_default(
        self, root: Path, check: Sequence[str], proof: ProofRule, runners: Sequence[str]
    ) -> bool:
        """Make the packaged ones the project's own, unless it has its own."""
        if self.own is not None or self.failure is not None:
            return False
        self.check = tuple(check)
        runner = RunnerSetting(names=tuple(runners)) if runners else None
        own = [
            replace(each, proof=proof, runner=runner) for each in self.packaged.workflows.values()
        ]
        self.own = catalog(*own, packaged=False)
        return True

    def set_check(
        self,
        root: Path,
        phases: Mapping[str, Collection[str]],
        command: Sequence[str],
        seen: str | None,
    ) -> None:
        """Let the command gate the phases, in workflows of the project's own."""
        present = self.load(root)
        own = [
            workflow.with_check(phases.get(name, ()), tuple(command))
            for name, workflow in present.workflows.items()
        ]
        self.own = replace(catalog(*own, packaged=False), default=present.default)


class RecordingPrompts:
    """Renders a prompt as its name and the feature's goal, and remembers what it was given.

    Attributes:
        missing: templates that do not exist.
        broken: templates that cannot be filled in.
        rendered: template and variables of every call.
    """

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.broken: set[str] = set()
        self.rendered: list[tuple[str, Mapping[str, Any]]] = []
        self.own_rules = NO_RULES

    def rules(self, root: Path) -> OwnRules:
        """The project's own rules."""
        return self.own_rules

    def render(self, root: Path, template: str, variables: Mapping[str, Any]) -> str:
        """The prompt; E312 or E313 for the templates that a test named so."""
        phase = variables["phase"]["id"]
        if template in self.missing:
            raise ValidationError.of("E312", template=template, phase=phase)
        if template in self.broken:
            raise ValidationError.of("E313", template=template, reason="'goal' is undefined")
        self.rendered.append((template, variables))
        return f"{template}: {variables['feature']['goal']}"

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables of the last call."""
        return self.rendered[-1][1]


class InMemoryFiles:
    """A project's files.

    Attributes:
        contents: bytes by relative path.
        full: paths that can no longer be written.
        looks: how often a digest was asked for.
    """

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.full: set[str] = set()
        self.links: set[str] = set()
        self.looks = 0

    def folder(self, root: Path) -> Path:
        """The project's."""
        return root

    def read(self, root: Path, relative: str, output_id: str) -> bytes | None:
        """The file's content, None when it is missing; E112 outside the project."""
        self._require_place(relative, output_id)
        return self.contents.get(relative)

    def lacks(self, root: Path, folder: str) -> bool:
        """Whether no content and no link is below the folder."""
        if {"", "..", ".cde", ".git"}.intersection(folder.split("/")):
            return False
        return not any(path.startswith(f"{folder}/") for path in {*self.contents, *self.links})

    def stamp(self, root: Path, relative: str, output_id: str) -> tuple[int, ...] | None:
        """Another one for another content."""
        self._require_place(relative, output_id)
        data = self.contents.get(relative)
        return None if data is None else (hash(data),)

    def folders(self, root: Path, relative: str, most: int) -> list[str]:
        """Names of the folders in a folder."""
        inner = [path.removeprefix(f"{relative}/") for path in self.contents]
        return sorted({path.split("/")[0] for path in inner if "/" in path})[:most]

    def digest(self, root: Path, relative: str) -> str | None:
        """That of the content; each look is counted."""
        self.looks += 1
        data = self.contents.get(relative)
        return None if data is None else hashlib.sha256(data).hexdigest()

    def write(self, root: Path, outputs: Sequence[OutputText]) -> None:
        """Replace all files or none; last lines get their ends, as the real one does it."""
        for each in outputs:
            self._require_place(each.path, each.output_id)
        for each in outputs:
            if each.path in self.full:
                raise StateError.of("E204", path=each.path)
        for each in outputs:
            self.contents[each.path] = as_file(each.text)

    def is_plain(self, root: Path, relative: str) -> bool:
        """Every file is plain but the links."""
        return relative not in self.links

    def restore(self, root: Path, relative: str, output_id: str, data: bytes | None) -> None:
        """Put the bytes there, or remove the file."""
        if relative in self.full:
            raise StateError.of("E204", path=relative)
        self.contents.pop(relative, None)
        if data is not None:
            self.contents[relative] = data

    def set_aside(self, root: Path, relative: str, output_id: str) -> str:
        """Keep a copy beside it, under a further number where there is another one already."""
        aside = self.copy_path(root, relative, output_id)
        self.contents[aside] = self.contents[relative]
        return aside

    def keep_attempt(self, root: Path, relative: str, output_id: str, attempt: int) -> str:
        """The same, with the number of the attempt."""
        named = self.copy_path(root, relative, output_id, attempt)
        self.contents[named] = self.contents[relative]
        return named

    def copy_path(
        self, root: Path, relative: str, output_id: str, attempt: int | None = None
    ) -> str:
        """The first name that is free, or has the same content."""
        data = self.contents[relative]
        names = copy_paths(relative) if attempt is None else attempt_paths(relative, attempt)
        return next(each for each in names if self.contents.get(each, data) == data)

    def keep_changed(
        self,
        root: Path,
        relative: str,
        output_id: str,
        known: Collection[str],
        stamp: tuple[int, ...] | None = None,
    ) -> str | None:
        """Keep a copy beside it, unless its digest is known."""
        data = self.contents.get(relative)
        if data is None or stamp == (hash(data),) or hashlib.sha256(data).hexdigest() in known:
            return None
        self.contents[f"{relative}.before-submit"] = data
        return f"{relative}.before-submit"

    def record(
        self, root: Path, relative: str, output_id: str, data: bytes, sha256: str | None = None
    ) -> Artifact:
        """What is recorded of an output."""
        digest = sha256 or hashlib.sha256(data).hexdigest()
        return Artifact(id=output_id, path=relative, sha256=digest, size=len(data))

    def excerpt(self, root: Path, relative: str, limit: int = EXCERPT_LIMIT) -> str:
        """The beginning of the file; empty when it is missing."""
        data = self.contents.get(relative, b"")
        return excerpt_of(data, len(data), limit)

    def _require_place(self, relative: str, output_id: str) -> None:
        parts = relative.split("/")
        if {"", "..", ".cde", ".git"}.intersection(parts):
            reason = "it leaves the project"
            raise OutputError.of("E112", output=output_id, path=relative, reason=reason)


class FixedInspector:
    """Finds what it was told to find."""

    def __init__(self, facts: ProjectFacts) -> None:
        self.facts = facts

    def packaging_problem(self, root: Path) -> str:
        """None."""
        return ""

    def inspect(self, root: Path) -> ProjectFacts:
        """The facts."""
        return self.facts


@dataclass
class FixedReports:
    """Error reports as a test wants them, by id."""

    reports: dict[str, dict[str, Any]] = field(default_factory=dict)

    def summaries(self, root: Path, limit: int) -> list[ErrorReportSummary]:
        """The reports with the last ids first."""
        return [
            ErrorReportSummary(key, "", str(report.get("code")), "", "", "")
            for key, report in sorted(self.reports.items(), reverse=True)[:limit]
        ]

    def load(self, root: Path, report_id: str) -> dict[str, Any] | None:
        """The report with this id."""
        return self.reports.get(report_id)


class InMemoryLogs:
    """A log as a list.

    Attributes:
        lines: what was logged, oldest first.
        coming: what is logged while it is followed.
    """

    def __init__(self) -> None:
        self.lines: list[LogEntry] = []
        self.coming: list[LogEntry] = []

    def add(self, event: str, second: float = 0, **details: Any) -> LogEntry:
        """Log something, so many seconds after noon."""
        moment = (NOON + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
        entry = {"timestamp": moment, "level": "info", "event": event, **details}
        self.lines.append(entry)
        return entry

    def entries(
        self, root: Path, since: datetime | None = None, containing: Sequence[str] = ()
    ) -> Iterator[LogEntry]:
        """The entries in which all the texts stand."""
        for entry in self.lines:
            line = json.dumps(entry, separators=(",", ":"))
            if all(text in line for text in containing) and (
                since is None or datetime.fromisoformat(entry["timestamp"]) >= since
            ):
                yield entry

    def follow(self, root: Path) -> Iterator[LogEntry]:
        """What comes."""
        return iter(self.coming)


def call(use_case: UseCase[Reply], **fakes: Any) -> Reply:
    """The use case's reply, given those of the fakes that it names."""
    return use_case(**{name: fakes[name] for name in use_case.needs()})


@dataclass(kw_only=True)
class World:
    """What the use cases of features need, for one project at ``ROOT``."""

    root: Path = ROOT
    home: Path = ROOT
    clock: ManualClock
    repository: CopiedProjects
    workflows: InMemoryWorkflows
    prompts: RecordingPrompts = field(default_factory=RecordingPrompts)
    files: InMemoryFiles = field(default_factory=InMemoryFiles)
    inspector: FixedInspector
    reports: FixedReports = field(default_factory=FixedReports)
    content: ParsingContentValidator = field(default_factory=ParsingContentValidator)
    checks: ScriptedChecks = field(default_factory=ScriptedChecks)
    trust: InMemoryTrust = field(default_factory=InMemoryTrust)
    objects: InMemoryObjects = field(default_factory=InMemoryObjects)
    git: FakeGit = field(default_factory=FakeGit)
    callers: FakeCallers = field(default_factory=FakeCallers)
    logs: InMemoryLogs = field(default_factory=InMemoryLogs)
    runs: FakeRuns = field(default_factory=FakeRuns)
    breakers: Breakers = field(default_factory=NoBreakers)
    health: Health = field(default_factory=NoHealth)
    settings_commands: SettingsCommands = tuple
    baseline_seconds: float = 0.0
    proofs: ProofWorld = field(init=False)
    source: MemorySources = field(init=False)

    def __post_init__(self) -> None:
        """Let proofs be about the same files."""
        self.proofs = ProofWorld(self.files.contents, self.clock)
        self.source = MemorySources(self.proofs.trees, lambda: self.git.commit)

    @classmethod
    def empty(cls) -> World:
        """A folder that holds no project yet."""
        clock = ManualClock()
        return cls(
            clock=clock,
            repository=CopiedProjects(clock),
            workflows=InMemoryWorkflows(catalog(writing_workflow(), packaged=True)),
            inspector=FixedInspector(python_facts()),
        )

    @classmethod
    def active(cls) -> World:
        """A folder with an active project."""
        world = cls.empty()
        world.repository.put(active_project(world.clock))
        return world

    @property
    def project(self) -> Project:
        """The project as it was committed."""
        return self.repository.get(ROOT)

    @property
    def outputs(self) -> ProjectOutputs:
        """The project's outputs."""
        return ProjectOutputs(self.root, self.files, self.objects)

    @property
    def rendering(self) -> PhasePrompts:
        """The prompts of the project's phases."""
        later = (lambda: self.callers, lambda: self.git, lambda: self.proofs.proving)
        return PhasePrompts(self.root, self.prompts, self.files, *later)

    @property
    def features(self) -> ProjectFeatures:
        """The project's features, as a call has them."""
        world = (self.repository, self.workflows, self.trust, self.callers, self.clock)
        return ProjectFeatures(self.root, *world, lambda: self.proofs.runners)

    @property
    def baselines(self) -> Baselines:
        """What tries the project's checks."""
        return Baselines(
            root=self.root,
            checks=self.checks,
            trust=self.trust,
            runners=lambda: self.proofs.runners,
            proving=lambda: self.proofs.proving,
            clock=self.clock,
            seconds=self.baseline_seconds,
        )

    def leases(self, agent: str | None = None) -> CallerLeases:
        """The caller in front of the project's features."""
        return CallerLeases.of(self.callers, self.root, self.clock(), agent)

    def run(self, use_case: UseCase[Reply], **others: Any) -> Reply:
        """The use case's reply, with other fakes than these where a test gives them."""
        stores = (self.repository, self.workflows)
        sources = ProjectSources(
            self.root, self.root, self.source, self.source, self.git, self.clock
        )
        composed = {
            "baselines": self.baselines,
            "commands": ProjectCommands(
                self.root,
                *stores,
                self.trust,
                self.settings_commands,
                Standing(kind="trusted"),
                ProofCommands(self.root, self.files, self.proofs.runners, read_document),
            ),
            "features": self.features,
            "outputs": self.outputs,
            "proving": self.proofs.proving,
            "rendering": self.rendering,
            "places": lambda feature: (self.outputs, sources),
            "standing": Standing(kind="trusted"),
            "sources": sources,
        }
        fakes = {**vars(self), **composed, **others}
        submission = SubmissionPorts.of(lambda names: {each: fakes[each] for each in names})
        return call(use_case, submission=submission, **fakes)


def active_project(clock: ManualClock) -> Project:
    """A project that takes features."""
    project = Project.create(str(ROOT), "shop", clock)
    project.status = ProjectStatus.ACTIVE
    return project


def older_feature(project: Project, **changes: Any) -> Feature:
    """A feature as releases without phase records kept it, added to the project."""
    members: dict[str, Any] = {
        "id": "0b5c8c52-1111-4000-8000-000000000001",
        "name": "older",
        "prompt": "An older wish",
        "status": "designing",
        "current_phase": "design",
        "workflow_type": "default",
    }
    feature = Feature(
        **{**members, **changes}, project_id=project.id, created_at=NOON, updated_at=NOON
    )
    project.features.add(feature)
    return feature


def writing_workflow(workflow_id: str = "standard") -> Workflow:
    """Two phases: one writes a specification, the other builds on it."""
    return Workflow(
        id=workflow_id,
        description="Write, then build.",
        phases=(
            Phase(
                id="define",
                description="Say what is wanted.",
                prompt="standard/define.md",
                outputs=(
                    Output(
                        id="spec",
                        path="specs/{feature}/spec.md",
                        min_bytes=10,
                        must_contain=("## Goal",),
                    ),
                    Output(
                        id="notes", path="specs/{feature}/notes.txt", type="text", required=False
                    ),
                ),
            ),
            Phase(
                id="build",
                description="Build it.",
                handler="human_input",
                prompt="standard/build.md",
                inputs=("spec",),
                outputs=(Output(id="report", path="specs/{feature}/report.md"),),
                check=("make", "test"),
                status="building",
            ),
        ),
    )


def catalog(*workflows: Workflow, packaged: bool) -> WorkflowCatalog:
    """The workflows of one file; the first one is the default."""
    return WorkflowCatalog(
        default=workflows[0].id,
        workflows={workflow.id: workflow for workflow in workflows},
        source="workflow.yml" if packaged else ".cde/workflow.yml",
        packaged=packaged,
    )


def python_facts() -> ProjectFacts:
    """What is found in a small Python project."""
    return ProjectFacts(
        languages=("Python", "TypeScript"),
        package_manager="uv",
        test_command=("uv", "run", "pytest", "-q"),
        git=True,
        evidence=("pyproject.toml", "uv.lock"),
    )


class HealthyDoctor:
    """Finds nothing."""

    def examine(self, root: Path) -> list[CDEError]:
        """Nothing is wrong."""
        return []

    def plan(self, root: Path) -> list[str]:
        """Nothing is to be mended."""
        return []

    def repair(self, root: Path) -> list[str]:
        """Nothing is mended."""
        return []


class WithoutQuarantine(OsFileOps):
    """A file system on which no quarantine can be made, while it refuses."""

    refuses = True

    def make_folder(self, path: Path) -> None:
        """Refuse the quarantine with its path."""
        if self.refuses and path.name == "quarantine":
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        super().make_folder(path)
