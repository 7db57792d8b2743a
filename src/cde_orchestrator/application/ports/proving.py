"""What proving criteria needs of the world; adapters provide it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.domain.proofs import HowKnockedOut, Proof, TestResult
from cde_orchestrator.domain.proofs_file import Written
from cde_orchestrator.domain.value import Value

ProofsReader = Callable[[str, bytes], Written]
"""Reads a YAML file, which errors call by the text: ``ValidationError`` E310, E311."""


class SourceTree(Value):
    """All files of the work folder at one moment, as git keeps them.

    Attributes:
        id: git's id of the tree, of the whole repository.
        commit: the commit that was checked out.
    """

    id: str
    commit: str


class ChangedFile(Value):
    """A file that differs between two source trees, by its bytes; its path relative to the project.

    A file of the repository outside the project begins with ``../``.
    """

    path: str
    before: bytes | None
    after: bytes | None


class SourceTrees(Protocol):
    """Source trees of a project's repository; the person's index and files are not touched.

    Methods raise ``FeatureError`` E136 where git cannot do it, and say why.
    """

    def keep(self, root: Path, place: str, name: str, tree: str, among: Collection[str]) -> None:
        """Keep a tree from git's garbage collection; let go in the place what is not ``among``."""

    def now(self, root: Path) -> SourceTree:
        """The source tree now."""

    def at(self, root: Path, commit: str) -> SourceTree:
        """The source tree of a commit, by any name that git has for it."""

    def is_rewritten(self, root: Path, before: str, after: str) -> bool:
        """Whether a commit is no ancestor of another one; False where history is cut off."""

    def changed(self, root: Path, before: str, after: str) -> Sequence[ChangedFile]:
        """Files that differ between two trees, in order of their paths; none of the product's."""

    def listed(self, root: Path, tree: str) -> Sequence[str]:
        """Paths of the project's files in a tree."""

    def contents(self, root: Path, tree: str, paths: Collection[str]) -> Mapping[str, bytes | None]:
        """Contents of files in a tree by path, relative to the project; None: there is none."""

    def check_out(self, root: Path, tree: str, folder: Path) -> Path:
        """Write all files of a tree into an empty folder; the project's folder in it."""


class CommittedFiles(Protocol):
    """What is committed in a project's repository; the work folder is not looked at.

    Methods raise ``FeatureError`` E136 where git cannot do it, and say why.
    """

    def folder(self, root: Path) -> str:
        """The project's folder in the repository; ``.`` where it is the whole of it."""

    def listed(self, root: Path, tree: str, folder: str) -> Sequence[str]:
        """Paths of the files below a folder of the project in a tree."""

    def versions(
        self, root: Path, commit: str, path: str, *, not_after: str | None = None
    ) -> Sequence[bytes]:
        """What was committed of a file up to a commit, the oldest first, as far as it is known.

        Without what was committed on top of ``not_after``; then empty where not all is known.
        """

    def came(self, root: Path, commit: str, path: str) -> Sequence[str]:
        """Commits at which a file first came, in each line of history; none where unknown."""

    def ever(self, root: Path, commit: str, name: str) -> Sequence[str]:
        """Paths of files of this name that were committed in the project up to a commit."""


class Copy(Protocol):
    """A scratch copy of a source tree.

    Attributes:
        folder: the project's folder in it.
    """

    folder: Path

    def put(self, files: Mapping[str, bytes | None]) -> None:
        """Write files, by paths relative to the project; None removes one."""


class Copies(Protocol):
    """Makes scratch copies, and removes them."""

    def copy(self, root: Path, tree: str) -> AbstractContextManager[Copy]:
        """A copy of the tree; what dependencies the project has, it has too."""


class Place(Value):
    """A place that can be knocked out.

    Attributes:
        name: of the function, as ``Signer.load``; of a hunk ``lines 3-9`` or ``line 3``.
        is_last_resort: whether it is a name alone, as an import or a field: a test without it may
            turn red whatever it asserts. So it says something only where all places are such.
    """

    path: str
    name: str
    kind: Literal["function", "hunk"]
    is_last_resort: bool = False

    @property
    def id(self) -> str:
        """Path and name."""
        return f"{self.path}:{self.name}"


class KnockOuts(Protocol):
    """Finds what changed in source code, and lets it do nothing."""

    def places(self, file: ChangedFile) -> Sequence[Place]:
        """What changed in the file beyond comments and blank lines, functions where possible.

        None where nothing did, or the file is gone.
        """

    def knocked_out(
        self, file: ChangedFile, places: Collection[Place], how: HowKnockedOut
    ) -> bytes:
        """The file as it is now, with these of its places knocked out."""

    def broken(self, file: ChangedFile) -> bytes:
        """The file as it is now, but failing as soon as it is loaded."""

    def supplied(
        self, file: ChangedFile, places: Collection[Place], how: HowKnockedOut
    ) -> bytes | None:
        """The file as it was, with what is new in it added, these of its places knocked out.

        None where nothing is new, or it is not known how to add it.
        """


class TestRun(Value):
    """One run of tests.

    Attributes:
        results: by the tests' ids; each that was asked for is in it.
        tail: the end of what was printed, without secrets.
        collected: ids that the runner found in the files that were asked for, where it lists them.
    """

    __test__: ClassVar[bool] = False

    results: Mapping[str, TestResult]
    tail: str
    collected: Sequence[str] = field(default_factory=tuple)


UNKNOWN_VERSION = "unknown version"
"""Of a command of the project's own, of which nothing is known before it is run."""


class TestRunner(Protocol):
    """Runs tests of one kind in a copy."""

    __test__: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """As in ``runner:`` of a workflow file."""

    @property
    def command(self) -> tuple[str, ...]:
        """What is started, as a person sees it in ``cde trust``: its fixed words."""

    @property
    def reads(self) -> tuple[str, ...]:
        """What a workflow says of its results and its tests, which a person trusts with it."""

    def problem(self, test: str) -> str | None:
        """Why this is no test id of the runner; None where it may be one."""

    def is_test(self, path: str) -> bool:
        """Whether a file holds tests or what only they need, and no code that is proven."""

    def version(self, root: Path) -> str:
        """The runner's version; FeatureError E137 where it cannot be run in the project."""

    def run(
        self, root: Path, copy: Path, tests: Sequence[str], seconds: float, watch: Watch | None
    ) -> TestRun:
        """Run these tests in the copy of the project in ``root``, and no others.

        Of a command of the project's own, which runs whatever it runs, none that are asked for
        mean all that it finds; then a report that cannot be read, or that has no test that a
        proof could name, is E137.

        Raises:
            FeatureError: E137, it cannot be started; E119, it took too long.
        """


class TestRunners(Protocol):
    """The runners that there are."""

    __test__: ClassVar[bool] = False

    def detect(self, root: Path) -> Sequence[str]:
        """Names of the runners that the project's files speak of and that can run here."""

    def named(self, root: Path, runner: object) -> Sequence[TestRunner]:
        """The runners that a workflow's ``runner`` means: a name, names, or a table."""

    def of_commands(self, proofs: Sequence[Proof]) -> TestRunner:
        """What runs proofs that are commands, as tests by the proofs' ids."""
