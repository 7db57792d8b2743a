"""What the use cases need of the world; adapters provide it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.condition import StateCondition
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry, Move, Salvaged
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.project_facts import OwnRules, ProjectFacts
from cde_orchestrator.domain.records import Artifact
from cde_orchestrator.domain.text import EXCERPT_LIMIT
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import ProofRule, WorkflowCatalog


class ProjectRepository(Protocol):
    """Keeps projects; what it acknowledges is durable.

    Every method may raise ``StateError`` (E201, E202 the state cannot be read; E205 locked)
    and ``ProjectError`` (E001, E002, E003 the path is no usable folder).
    """

    backend: str
    """Short name of where the state is kept, as ``filesystem``."""

    def get_or_create(
        self, path: Path | str, name: str | None = None, *, new: bool = False
    ) -> Project:
        """The project at ``path``; a new one, in status onboarding, when there is none.

        Its name is the folder's when None. ``new`` begins one also where the state of an earlier
        one is gone.

        Raises:
            ProjectError: E007, the state of an earlier one is gone.
        """

    def get(self, path: Path | str) -> Project:
        """The project at ``path``.

        Raises:
            ProjectError: E004, there is none.
        """

    def save(self, project: Project, force: bool = False) -> list[str]:
        """Keep what was changed in a project since it was loaded; a new one is kept whole.

        With ``force``, the disk is tried at once, even in read-only mode, and what somebody else
        changed as well is overridden; what that was is returned, in words.

        Raises:
            ProjectError: E007, it is new, and the state of an earlier one is gone.
            StateError: E203 or E204 not written, E207 somebody else changed the same, E219
                another project is stored there.
        """

    def transaction(self, path: Path | str) -> AbstractContextManager[Project]:
        """The project, alone and up to date; committed on success, as it was on an error.

        Raises:
            ProjectError: E004, there is none.
            StateError: E203 or E204, not written.
        """

    def condition(self, path: Path | str) -> StateCondition:
        """How what is stored is, however broken; nothing is changed, and nobody waited for.

        Raises:
            ProjectError: E001 to E003 alone.
        """

    def close(self) -> None:
        """Finish what can be finished cheaply; the repository is not used afterwards."""


class StateRecovery(Protocol):
    """Knows a project's past, and brings it back."""

    def history(
        self, path: Path | str, limit: int, feature: str | None = None, after: int = 0
    ) -> list[HistoryEntry]:
        """The newest changes first, back to ``after``; of one feature if its reference is given.

        Works on a state that is broken, as far as its journal can be read.
        """

    def state_at(self, path: Path | str, sequence: int | None = None) -> tuple[int, dict[str, Any]]:
        """A sequence, the present one when None, and the state right after it as plain data.

        Raises:
            StateError: E208, the history does not reach there.
        """

    def verify(self, path: Path | str) -> list[Damage]:
        """Judge everything that is stored; works on any state, however broken."""

    def backups(self, path: Path | str) -> list[Backup]:
        """The states that were kept, oldest first; works on a state that is broken."""

    def backup(self, path: Path | str, name: str) -> dict[str, Any]:
        """The state in a backup, as plain data.

        Raises:
            StateError: E209, there is no such backup, or it is damaged.
        """

    def fork_base(self, path: Path | str, name: str) -> dict[str, Any] | None:
        """The state that another side of a fork and the present one grew from; None if unknown."""

    def fork_notice(self, path: Path | str) -> str | None:
        """What a person has to decide about a fork, in a line; cheap, and it never fails."""

    def close_fork(self, path: Path | str, name: str) -> bool:
        """Report another side of a fork no more; whether there is one of this name."""

    def salvage(self, path: Path | str) -> Salvaged:
        """The best state that can be put together of what is whole; nothing is changed.

        Raises:
            StateError: E202, the state is from a newer release; E224, nothing is whole.
        """

    def checked_state(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document, if it is a whole and valid state.

        Raises:
            StateError: E210, it is not.
        """

    def restore(
        self, path: Path | str, document: dict[str, Any], expected_sequence: int | None = None
    ) -> int:
        """Make ``document``, as ``state_at`` gives it, the present state; the change's sequence.

        What was there before is kept as a backup, so that the change can itself be undone.

        Raises:
            StateError: E203 or E204 not written, E210 not valid, E211 another sequence
                than the expected one by now.
        """

    def compact(self, path: Path | str) -> None:
        """Seal the journal's active part, and drop what retention does not keep."""


class KeptState(ProjectRepository, StateRecovery, Protocol):
    """Where a project is kept, with its past."""


class MovableState(ProjectRepository, Protocol):
    """Where a project is kept, until it is moved elsewhere."""

    def move_to(
        self, other: Any, path: Path | str, *, force: bool = False, dry_run: bool = False
    ) -> Move:
        """Move the state into a store of another kind; a move that was cut short is completed.

        With ``force``, what went elsewhere as well, and in place of another state of the project.

        Raises:
            ProjectError: E004, there is none.
            StateError: E211, it was changed meanwhile; E219, another project is there; E228, it
                went elsewhere.
            ValidationError: E305, both places have one; E314, the settings cannot be changed.
        """


class MergeDriver(Protocol):
    """Lets version control merge exports of the state."""

    def install(self, root: Path) -> tuple[str, list[str]]:
        """Write what is missing; the files it is for, and what was written.

        Raises:
            CDESystemError: E922, the project is no repository.
        """


class Doctor(Protocol):
    """Examines a project, however broken it is."""

    def examine(self, root: Path) -> list[CDEError]:
        """What is wrong, as the errors that it would lead to; nothing is changed."""

    def plan(self, root: Path) -> list[str]:
        """What ``repair`` would do, in words; nothing is changed."""

    def repair(self, root: Path) -> list[str]:
        """Repair what is safe to repair; what was done, in words."""


class WorkflowRepository(Protocol):
    """Knows the workflows of a project."""

    def load(self, root: Path) -> WorkflowCatalog:
        """The project's workflows, or the packaged ones.

        Raises:
            ValidationError: E310 or E311, the project's file is not valid.
        """

    def digest(self, root: Path) -> str:
        """``Workflow.file_digest`` of what ``load`` gives, without parsing it.

        Raises:
            ValidationError: E311, the project's file cannot be read.
        """

    def load_packaged(self) -> WorkflowCatalog:
        """The workflows that come with the product."""

    def require_usable(self, kept: Mapping[str, Any]) -> None:
        """Refuse a workflow, as a state from elsewhere keeps it, that no file could have brought.

        Raises:
            ValidationError: E311.
        """

    def write_default(
        self, root: Path, check: Sequence[str], proof: ProofRule, runners: Sequence[str]
    ) -> bool:
        """Write the packaged workflows, unless the project has a file; whether it was written.

        ``check`` is the project's test command in words, empty where it has none; ``proof`` is
        whether criteria must be proven, and ``runners`` what runs the tests that prove them.
        """

    def set_check(
        self,
        root: Path,
        phases: Mapping[str, Collection[str]],
        command: Sequence[str],
        seen: str | None,
    ) -> None:
        """Let a command gate these phases, by workflow, in the project's file, made if missing.

        Comments and everything else stay. ``seen`` is the SHA-256 of the file as a person trusts
        it; None where nobody said it.

        Raises:
            FeatureError: E147, it is another file by now, or cannot be changed in place.
            StateError: E203 or E204, not written.
            ValidationError: E310 or E311, the file or the command is not valid.
        """


class PromptRenderer(Protocol):
    """Fills in the prompt of a phase."""

    def rules(self, root: Path) -> OwnRules:
        """The rules of the project's own; none where its folder is not trusted."""

    def render(self, root: Path, template: str, variables: Mapping[str, Any]) -> str:
        """The prompt as Markdown.

        Raises:
            ValidationError: E312 no such template, E313 it cannot be filled in, E325 it is the
                project's own, whose folder is not trusted.
        """


class OutputText(Value):
    """The text of an output that is to be written, and its path in the project."""

    path: str
    text: str
    output_id: str


class ProjectFiles(Protocol):
    """Reads and writes the files of a project, and nothing outside it.

    Every method but ``excerpt`` and ``lacks`` raises ``OutputError`` E112 for a path that is not
    a place for an output, and ``ValidationError`` E315 for too much data. Those that write raise
    ``StateError`` E203 or E204 where it is not written.
    """

    def folder(self, root: Path) -> Path:
        """The folder that the files are made in: the project's, or a feature's own."""

    def read(self, root: Path, relative: str, output_id: str) -> bytes | None:
        """The file's content, None when it is missing."""

    def lacks(self, root: Path, folder: str) -> bool:
        """Whether nothing is in the place of a folder, so that ``read`` finds no file below it."""

    def stamp(self, root: Path, relative: str, output_id: str) -> tuple[int, ...] | None:
        """What changes whenever the file does, None when it is missing."""

    def digest(self, root: Path, relative: str) -> str | None:
        """SHA-256 of a file of the project; None where there is none that can be read."""

    def write(self, root: Path, outputs: Sequence[OutputText]) -> None:
        """Replace files, durably: all of them, or none."""

    def is_plain(self, root: Path, relative: str) -> bool:
        """Whether a file stands or may stand there, reached by no symbolic link."""

    def restore(self, root: Path, relative: str, output_id: str, data: bytes | None) -> None:
        """Put the bytes there, durably; None removes the file."""

    def set_aside(self, root: Path, relative: str, output_id: str) -> str:
        """Keep a copy of the file next to it; the copy's path, relative to the project."""

    def keep_attempt(self, root: Path, relative: str, output_id: str, attempt: int) -> str:
        """Keep what an attempt left, under the next free number; the copy's path in the project."""

    def copy_path(
        self, root: Path, relative: str, output_id: str, attempt: int | None = None
    ) -> str:
        """Where ``set_aside``, or ``keep_attempt``, keeps a copy, or has it of this content."""

    def keep_changed(
        self,
        root: Path,
        relative: str,
        output_id: str,
        known: Collection[str],
        stamp: tuple[int, ...] | None = None,
    ) -> str | None:
        """The same, unless its digest is ``known`` or its stamp is this: None then."""

    def record(
        self, root: Path, relative: str, output_id: str, data: bytes, sha256: str | None = None
    ) -> Artifact:
        """What is recorded of an output with this content, whose SHA-256 may be known already."""

    def folders(self, root: Path, relative: str, most: int) -> list[str]:
        """Names of the folders in a folder, those that changed last first; never fails."""

    def excerpt(self, root: Path, relative: str, limit: int = EXCERPT_LIMIT) -> str:
        """The file's first lines, at most ``limit`` characters; never fails."""


class ProjectInspector(Protocol):
    """Finds out what a project is made of."""

    def inspect(self, root: Path) -> ProjectFacts:
        """Languages, package manager, test command and git; broken manifests are skipped."""

    def packaging_problem(self, root: Path) -> str:
        """Why installing the project fails once features have records, and what prevents it.

        Empty where nothing does.
        """


class ErrorReportSummary(Value):
    """An error report in a list; ``at`` is ISO 8601, UTC, or empty where it cannot be read.

    A refusal that came ``count`` times has one report; ``at`` is the last time.
    """

    id: str
    at: str
    code: str
    operation: str
    message: str
    correlation_id: str
    count: int = 1


class ErrorReports(Protocol):
    """Reports that errors have left; none of the methods fails."""

    def summaries(self, root: Path, limit: int) -> list[ErrorReportSummary]:
        """The newest reports, newest first."""

    def load(self, root: Path, report_id: str) -> dict[str, Any] | None:
        """A whole report; None when there is none with this id, or it cannot be read."""


SettingsCommands = Callable[[], Sequence[tuple[Check, str]]]
"""Gives what the settings set off that has to be trusted first, each with what does: ``state``
or ``alerts``."""

LogEntry = dict[str, Any]
"""One line of the log: ``timestamp``, ``level``, ``logger``, ``event`` and what came with it."""


class LogReader(Protocol):
    """Reads the log of a project; what is no line of a log is passed over, and nothing fails."""

    def entries(
        self, root: Path, since: datetime | None = None, containing: Sequence[str] = ()
    ) -> Iterator[LogEntry]:
        """The entries from ``since`` on, oldest first, rotated and compressed files included.

        Only lines that contain all the texts are parsed, as a quick first choice.
        """

    def follow(self, root: Path) -> Iterator[LogEntry]:
        """Entries that are written from now on, as they come; it does not end by itself."""
