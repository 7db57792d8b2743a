"""A world for proofs in memory: files of a tiny language, its tests, copies and knock-outs.

A source file has a line ``name = value`` for each function, and gives the value; a test is a
function of the values that raises what is wrong. A line that begins with ``!`` cannot be loaded,
and neither can one that begins with ``@name`` where that function gives nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import (
    ChangedFile,
    Place,
    SourceTree,
    TestRun,
    TestRunner,
)
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import HowKnockedOut, Proof, TestResult

Files = Mapping[str, bytes | None]
Values = Mapping[str, str]


class SkippedError(Exception):
    """The test skipped itself."""


class NotLoadedError(Exception):
    """A file cannot be loaded."""


def values_of(data: bytes) -> dict[str, str]:
    """The functions of a file with what they give."""
    lines = [line for line in data.decode().splitlines() if line and not line.startswith("#")]
    if any(line.startswith("!") for line in lines):
        raise NotLoadedError("broken")
    found = dict(line.split(" = ", 1) for line in lines if not line.startswith("@"))
    for line in lines:
        if line.startswith("@") and found.get(line[1:], "nothing") == "nothing":
            raise NotLoadedError(f"TypeError at @{line[1:]}")
    return found


@dataclass
class MemoryCopy:
    """A copy of files."""

    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, files: Files) -> None:
        """Write or remove files."""
        for path, data in files.items():
            assert not path.startswith(("/", "../"))
            if data is None:
                self.files.pop(path, None)
            else:
                self.files[path] = data

    def values(self) -> dict[str, str]:
        """What all functions of the sources give."""
        found: dict[str, str] = {}
        for path, data in sorted(self.files.items()):
            if path.startswith("src/"):
                found |= values_of(data)
        return found


class MemoryTrees:
    """Source trees by their ids."""

    def __init__(self) -> None:
        self.trees: dict[str, dict[str, bytes]] = {}
        self.names: dict[str, str] = {}
        self.rewritten: set[str] = set()

    def add(self, files: Mapping[str, str]) -> SourceTree:
        """Keep a tree."""
        kept = {path: text.encode() for path, text in files.items()}
        name = hashlib.sha1(repr(sorted(kept.items())).encode()).hexdigest()
        self.trees[name] = kept
        return SourceTree(id=name, commit=name)

    def keep(self, root: Path, place: str, name: str, tree: str, among: Collection[str]) -> None:
        raise NotImplementedError

    def now(self, root: Path) -> SourceTree:
        raise NotImplementedError

    def at(self, root: Path, commit: str) -> SourceTree:
        named = self.names.get(commit, commit)
        if named not in self.trees:
            raise FeatureError.of("E136", path=str(root), reason=f"{commit!r} is not there")
        return SourceTree(id=named, commit=named)

    def is_rewritten(self, root: Path, before: str, after: str) -> bool:
        return before in self.rewritten

    def check_out(self, root: Path, tree: str, folder: Path) -> Path:
        raise NotImplementedError

    def changed(self, root: Path, before: str, after: str) -> Sequence[ChangedFile]:
        if gone := {before, after} - {*self.trees}:
            raise FeatureError.of("E136", path=str(root), reason=f"{min(gone)} is gone")
        old, new = self.trees[before], self.trees[after]
        return [
            ChangedFile(path, old.get(path), new.get(path))
            for path in sorted({*old, *new})
            if old.get(path) != new.get(path)
        ]

    def listed(self, root: Path, tree: str) -> Sequence[str]:
        return sorted(self.trees[tree])

    def contents(self, root: Path, tree: str, paths: Collection[str]) -> Mapping[str, bytes | None]:
        return {path: self.trees[tree].get(path) for path in paths}


@dataclass
class MemoryCommits:
    """A history of these trees, the oldest first."""

    trees: MemoryTrees
    history: list[str] = field(default_factory=list)

    def commit(self, files: Mapping[str, str]) -> SourceTree:
        """Add a commit, and have HEAD mean it."""
        tree = self.trees.add(files)
        self.history.append(tree.id)
        self.trees.names["HEAD"] = tree.id
        return tree

    def folder(self, root: Path) -> str:
        return "."

    def listed(self, root: Path, tree: str, folder: str) -> Sequence[str]:
        return [path for path in self.trees.trees[tree] if path.startswith(f"{folder}/")]

    def versions(
        self, root: Path, commit: str, path: str, *, not_after: str | None = None
    ) -> Sequence[bytes]:
        found: list[bytes] = []
        last = min(self.history.index(each) for each in (commit, not_after or commit))
        for tree in self.history[: last + 1]:
            data = self.trees.trees[tree].get(path)
            if data is not None and [data] != found[-1:]:
                found.append(data)
        return found

    def came(self, root: Path, commit: str, path: str) -> Sequence[str]:
        trees = self.history[: self.history.index(commit) + 1]
        return [tree for tree in trees if path in self.trees.trees[tree]][:1]

    def ever(self, root: Path, commit: str, name: str) -> Sequence[str]:
        trees = self.history[: self.history.index(commit) + 1]
        paths = {path for tree in trees for path in self.trees.trees[tree]}
        return sorted(path for path in paths if path.rpartition("/")[2] == name)


class MemoryCopies:
    """Copies of these trees; what is open can be looked up by its folder."""

    def __init__(self, trees: MemoryTrees) -> None:
        self.trees = trees
        self.open: dict[Path, MemoryCopy] = {}
        self.made = 0

    @contextmanager
    def copy(self, root: Path, tree: str) -> Iterator[MemoryCopy]:
        """A copy of a tree."""
        self.made += 1
        copy = MemoryCopy(Path(f"/copies/{self.made}"), dict(self.trees.trees[tree]))
        self.open[copy.folder] = copy
        try:
            yield copy
        finally:
            del self.open[copy.folder]


class TinyKnockOuts:
    """Knocks out functions of the tiny language.

    Attributes:
        supplies: whether new functions can be added to the base.
    """

    supplies = True

    def places(self, file: ChangedFile) -> Sequence[Place]:
        assert file.after is not None
        before = values_of(file.before or b"")
        changed = {
            name: value
            for name, value in values_of(file.after).items()
            if before.get(name) != value
        }
        kind: Literal["function", "hunk"] = "hunk" if file.path.endswith(".ini") else "function"
        return [Place(file.path, name, kind) for name in changed]

    def knocked_out(
        self, file: ChangedFile, places: Collection[Place], how: HowKnockedOut
    ) -> bytes:
        assert file.after is not None
        lines = file.after.decode().splitlines()
        names = {place.name for place in places}
        if how == "control":
            return "\n".join(["# nothing", *lines]).encode()
        values: dict[str, str] = dict.fromkeys(names, how)
        if how == "before":
            before = values_of(file.before or b"")
            values = {name: before[name] for name in names if name in before}
            if not values:
                return file.after
        return "\n".join(
            f"{name} = {values[name]}" if (name := line.partition(" = ")[0]) in values else line
            for line in lines
        ).encode()

    def broken(self, file: ChangedFile) -> bytes:
        return b"!\n" + (file.after or b"")

    def supplied(
        self, file: ChangedFile, places: Collection[Place], how: HowKnockedOut
    ) -> bytes | None:
        known = values_of(file.before or b"")
        new = [place.name for place in places if place.name not in known]
        added = "".join(f"{name} = {how}\n" for name in new).encode()
        return (file.before or b"") + added if new and self.supplies else None


Test = Callable[[MemoryCopy], object]


@dataclass
class TinyRunner:
    """Runs tests, which are functions of a copy, by their ids.

    Attributes:
        loads: whether it loads the sources before a test, as what is built in does not.
        fails: raised instead of running, by the number of the run.
        asked: the tests of each run.
    """

    __test__: ClassVar[bool] = False

    copies: MemoryCopies
    tests: dict[str, Test]
    name: str = "tiny"
    command: tuple[str, ...] = ("tiny", "test")
    suffix: str = ".t"
    loads: bool = True
    fails: dict[int, FeatureError] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    reads: tuple[str, ...] = ()

    def problem(self, test: str) -> str | None:
        return None if f"{self.suffix}::" in test else f"it is not a file of {self.name}"

    def is_test(self, path: str) -> bool:
        return path.startswith("tests/") and path.endswith((self.suffix, ".conf"))

    def version(self, root: Path) -> str:
        return "1.0"

    def run(
        self, root: Path, copy: Path, tests: Sequence[str], seconds: float, watch: Watch | None
    ) -> TestRun:
        assert seconds > 0
        self.asked.append(list(tests))
        if error := self.fails.get(len(self.asked)):
            raise error
        seen = self.copies.open[copy]
        results = {test: self._result(seen, test) for test in tests}
        return TestRun(results, "", [each for each in self.tests if "::" in each])

    def _result(self, copy: MemoryCopy, test: str) -> TestResult:
        path = test.partition("::")[0]
        if test not in self.tests or ("::" in test and path not in copy.files):
            return TestResult(outcome="missing")
        try:
            if self.loads:
                copy.values()
        except NotLoadedError as error:
            if b"unloaded" not in copy.files.get(path, b""):
                return TestResult(outcome="error", detail=str(error), at_load=True)
        try:
            self.tests[test](copy)
        except NotLoadedError as error:
            return TestResult(outcome="error", detail=str(error), at_load=True)
        except SkippedError as skipped:
            return TestResult(outcome="skipped", detail=str(skipped))
        except AssertionError as error:
            return TestResult(outcome="failed", detail=str(error))
        return TestResult(outcome="passed")


@dataclass
class TinyRunners:
    """The runners of the tiny language."""

    __test__: ClassVar[bool] = False

    runners: Sequence[TinyRunner]
    commands: TinyRunner

    def detect(self, root: Path) -> Sequence[str]:
        return [each.name for each in self.runners]

    def named(self, root: Path, runner: object) -> Sequence[TestRunner]:
        return self.runners

    def of_commands(self, proofs: Sequence[Proof]) -> TestRunner:
        return self.commands
