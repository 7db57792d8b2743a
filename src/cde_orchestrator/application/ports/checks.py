"""What the work on phases needs of the world; adapters provide it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cde_orchestrator.application.checks.running import RunningView
from cde_orchestrator.domain.approval import Channel, Person
from cde_orchestrator.domain.briefings import Briefings
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.command_line import CommandLine, Grant
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import Caller, Process
from cde_orchestrator.domain.records import Baseline, Evidence
from cde_orchestrator.domain.standing import Standing

Watch = Callable[[str], None]
"""Gets what a command prints, piece by piece."""


class ContentValidator(Protocol):
    """Knows the formats of outputs, and searches them."""

    def error_in(self, kind: str, text: str) -> str | None:
        """Why a text is not valid ``json``, ``yaml`` or ``toml``, or None."""

    def search(self, expression: str, text: str) -> bool | None:
        """Whether a regular expression matches in a text; None when that takes too long."""


class CheckRunner(Protocol):
    """Runs checks; whether they may run is not its business."""

    def lock_check(self, root: Path, feature: Feature) -> AbstractContextManager[Watch]:
        """Be the only one on this machine to check the current phase; ends with the process.

        What is printed is given to what it yields, so that others see how far it is.

        Raises:
            FeatureError: E129, another one does.
            StateError: E203 or E204, that cannot be made sure of.
        """

    def running(self, root: Path, feature: Feature) -> RunningView | None:
        """What is checked for a submission just now; None where nothing is."""

    def problem(self, root: Path, check: Check) -> str | None:
        """Why it cannot be run, as far as that is seen without a run; None where nothing is."""

    def run(self, root: Path, check: Check, at: datetime, watch: Watch | None) -> Evidence:
        """Run it to its end, or end it when its time is over.

        Raises:
            FeatureError: E121, it cannot be run.
        """


class TrustStore(Protocol):
    """Remembers, outside the project, which of its commands a person trusts.

    What changes that raises ``StateError`` E203, E204 or E205 where it could not be written down.
    """

    def digest(self, root: Path, command: CommandLine) -> str:
        """What stands for exactly this command in this project."""

    def trusts(self, root: Path, command: CommandLine) -> bool:
        """Whether a person granted exactly this command to this project."""

    def granted(self, root: Path) -> list[Grant]:
        """The commands that are trusted in this project, the oldest grant first."""

    def grant(self, root: Path, commands: Sequence[CommandLine], at: datetime) -> None:
        """Trust these commands too from now on."""

    def accept(self, root: Path, shown: Mapping[str, str]) -> None:
        """Trust the folder with the files that act, by digest, as a person was shown them.

        Raises:
            FeatureError: E128, they are others by now.
        """

    def revoke(self, root: Path, digests: Collection[str], *, folder: bool = False) -> Standing:
        """Trust the commands of these digests no longer, nor the folder itself; its standing."""

    def differences(self, root: Path, judged: Mapping[str, str]) -> dict[str, str]:
        """What would come into force by files that act, as lines of unified differences.

        Of a file that has another digest than when the folder was ``judged``, only that it has.
        """


class ObjectStore(Protocol):
    """Keeps contents by their digest; bounded, so the oldest may be gone."""

    def put(self, root: Path, data: bytes, sha256: str | None = None) -> str:
        """Keep the content, durably, unless it is too large; gives its SHA-256, known or not.

        Raises:
            StateError: E203 or E204, not written.
        """

    def get(self, root: Path, digest: str) -> bytes | None:
        """The content, or None when it is not kept, or no longer intact."""


class VersionControl(Protocol):
    """Looks into git; nothing is ever pushed, forced or thrown away."""

    def head(self, root: Path) -> str | None:
        """The commit that is checked out; None without repository or commit."""

    def changed_between(self, root: Path, before: str, after: str) -> frozenset[str] | None:
        """Files of the project's folder that differ between two commits; None: unknown."""

    def lines_between(
        self, root: Path, before: str, after: str
    ) -> Mapping[str, tuple[int, int]] | None:
        """Lines added and removed between two commits or trees by path, as ``changed_between``."""

    def changes(self, root: Path) -> list[str] | None:
        """Paths that are not committed, without the product's own; None without repository."""

    def problem(self, root: Path) -> str | None:
        """Why git refuses to work in the repository; None where it works, or there is none."""

    def baseline(self, root: Path) -> Baseline | None:
        """The work tree as it is; None where there is no commit, or too much changed."""

    def changed_since(self, root: Path, baseline: Baseline) -> list[str] | None:
        """Paths, relative to the project, whose bytes are others than then; None: unknown."""

    def ignored_since(self, root: Path, moment: datetime) -> Sequence[str]:
        """Files of the project that git ignores and that were written after a moment."""

    def start_branch(self, root: Path, name: str) -> None:
        """Create a branch here and switch to it; one that stands here already is taken.

        Raises:
            FeatureError: E125, git refuses.
        """


class Callers(Protocol):
    """Knows who calls, which processes run, and who was given what of a feature."""

    @property
    def briefings(self) -> Briefings:
        """What callers were given since this process began."""

    def caller(self, root: Path, agent: str | None) -> Caller:
        """Who calls now, with the name that the call gives the agent."""

    def person(self, channel: Channel, place: str) -> Person:
        """The user of this process, as a person who was asked by this channel."""

    def runs(self, process: Process) -> bool:
        """Whether the process runs; true of one on another machine, which cannot be seen."""
