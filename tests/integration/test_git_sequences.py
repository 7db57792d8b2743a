"""Random commands on the work tree, between random changes, lose no acknowledged change.

The project is in a repository of its own, in a folder of one, in a linked worktree, in a worktree
of a bare repository or in a submodule.

Each sequence comes from one seed, printed with a failure: ``CDE_SIMULATION_SEED=N`` replays it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.storage.retention import DEFAULT_RETENTION
from tests.repository import git
from tests.simulation.oracle import SEED, case, quiet
from tests.simulation.server import Server
from tests.soak import SOAK

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7_200)]

SEQUENCES = 300 if SOAK else 6
SERVED = 30 if SOAK else 1
STEPS = 25
KINDS = ("own", "folder", "linked", "bare", "submodule")
FROM_FOLDERS = ("-c", "protocol.file.allow=always")


class Sequence:
    """A repository with a project, and what was acknowledged of it.

    Args:
        folder: where the repository and its worktrees are.
        random: where choices come from.
        kind: where the project is, one of ``KINDS``.
    """

    def __init__(self, folder: Path, random: Random, kind: str) -> None:
        self.random = random
        self.kind = kind
        self.top = folder / ("outer/libs/top" if kind == "submodule" else "top")
        self.inner = "packages/shop" if kind == "folder" else "."
        self.linked: list[Path] = []
        self.done: list[str] = []
        self.acknowledged: list[str] = []
        self.server: Any = None
        self.sealed = 0
        self._places = 0
        self._folder = folder
        self._begin()

    @property
    def root(self) -> Path:
        """The project's folder in the main worktree."""
        return self.top / self.inner

    def _begin(self) -> None:
        source = self.top if self.kind in ("own", "folder", "linked") else self._folder / "source"
        (source / self.inner).mkdir(parents=True)
        (source / self.inner / "code.txt").write_text("words\n")
        git(source, "init", "--initial-branch=main")
        git(source, "add", "--all")
        git(source, "commit", "--message=Begin")
        if self.kind == "bare":
            bare = self._folder / "bare.git"
            git(source, "clone", "--bare", str(source), str(bare))
            git(bare, "worktree", "add", str(self.top))
        if self.kind == "submodule":
            outer = self._folder / "outer"
            outer.mkdir()
            git(outer, "init", "--initial-branch=main")
            git(outer, *FROM_FOLDERS, "submodule", "add", str(source), "libs/top")
            git(outer, "commit", "--message=Begin")
        git(self.top, "branch", "old")
        if self.kind == "linked" or self.random.random() < 0.3:
            self.add_worktree()
        place = self.linked[0] if self.kind == "linked" else self.place()
        repository = FilesystemProjectRepository()
        repository.get_or_create(place)
        with repository.transaction(place) as project:
            project.activate()
        (place / ".cde" / "config.toml").write_text("")
        if self.random.random() < 0.5:
            self.commit()

    def git(self, *words: str, at: Path | None = None) -> bool:
        """Whether git did it; what it refuses is everyday life as well."""
        try:
            git(at or self.top, *words)
        except subprocess.CalledProcessError:
            return False
        return True

    # What is done to the work tree

    def commit(self) -> None:
        (self.root / f"file-{self.random.randrange(3)}.txt").write_text(str(self.random.random()))
        self.git("add", "--all")
        self.git("commit", "--message=Work")

    def checkout(self) -> None:
        self.git("checkout", self.random.choice(["main", "old"]))

    def switch(self) -> None:
        if not self.git("switch", "--create", f"topic-{self.random.randrange(4)}"):
            self.git("switch", self.random.choice(["main", "old"]))

    def merge(self) -> None:
        if not self.git("merge", "--no-edit", self.random.choice(["main", "old"])):
            self.git("merge", "--abort")

    def rebase(self) -> None:
        if not self.git("rebase", self.random.choice(["main", "old"])):
            self.git("rebase", "--abort")

    def stash(self) -> None:
        self.git("stash", self.random.choice(["--include-untracked", "--all"]))

    def pop(self) -> None:
        self.git("stash", "pop")

    def clean(self) -> None:
        self.git("clean", "-f", "-d")

    def clean_ignored(self) -> None:
        self.git("clean", "-f", "-d", "-x")

    def reset(self) -> None:
        self.git("reset", "--hard", self.random.choice(["HEAD", "main", "old"]))

    def add(self) -> None:
        self.git("add", "--all")

    def add_worktree(self) -> None:
        place = self._new_place()
        if self.git("worktree", "add", "--detach", str(place)):
            self.linked.append(place)

    def remove_worktree(self) -> None:
        if self.linked:
            place = self.linked.pop(self.random.randrange(len(self.linked)))
            self.git("worktree", "remove", "--force", str(place))

    def move_worktree(self) -> None:
        if self.linked:
            number, place = self.random.randrange(len(self.linked)), self._new_place()
            if self.git("worktree", "move", "--force", str(self.linked[number]), str(place)):
                self.linked[number] = place

    def move_by_hand(self) -> None:
        """Move a worktree as people do who do not know the command, and go on elsewhere."""
        if self.linked:
            place = self.linked.pop().rename(self._new_place())
            self.change()
            self.git("worktree", "repair", str(place))
            self.linked.append(place)

    def _new_place(self) -> Path:
        self._places += 1
        return self._folder / f"linked-{self._places}"

    def lose_worktree(self) -> None:
        """Remove a worktree as people do who do not know the command."""
        if self.linked:
            shutil.rmtree(self.linked.pop())
            self.git("worktree", "prune")

    def amend(self) -> None:
        self.git("commit", "--amend", "--all", "--no-edit", "--allow-empty")

    def revert(self) -> None:
        if not self.git("revert", "--no-edit", "HEAD"):
            self.git("revert", "--abort")

    def pick(self) -> None:
        if not self.git("cherry-pick", self.random.choice(["main", "old"])):
            self.git("cherry-pick", "--abort")

    def restore(self) -> None:
        self.git("restore", "--source", self.random.choice(["HEAD", "old"]), "--", ".")

    def sparse(self) -> None:
        """Have no file of the project for a moment."""
        self.git("sparse-checkout", "set", "elsewhere")
        self.git("sparse-checkout", "disable")

    def track(self) -> None:
        """Commit the state, as somebody may who forces git to, or did with an early release."""
        self.git("add", "--all", "--force")
        self.git("commit", "--message=State")

    def collect(self) -> None:
        self.git("gc", "--quiet", "--prune=now")

    def check_out_submodule(self) -> None:
        """Remove the whole work tree and check it out, where the project is in a submodule."""
        if self.kind == "submodule":
            outer = self._folder / "outer"
            self.git("submodule", "deinit", "--force", "--all", at=outer)
            self.git(*FROM_FOLDERS, "submodule", "update", "--init", "--force", at=outer)

    def remove_folder(self) -> None:
        shutil.rmtree(self.root / ".cde", ignore_errors=True)

    def step(self) -> None:
        """One command, and sometimes one change or more; then everything has to be there."""
        deeds: list[Callable[[], None]] = [
            *(self.commit, self.checkout, self.switch, self.merge, self.rebase, self.stash),
            *(self.pop, self.clean, self.clean_ignored, self.reset, self.add, self.add_worktree),
            *(self.remove_worktree, self.move_worktree, self.lose_worktree, self.amend),
            *(self.revert, self.pick, self.restore, self.sparse, self.collect, self.track),
            *(self.move_by_hand, self.check_out_submodule, self.remove_folder),
        ]
        deed = self.random.choice(deeds)
        self.done.append(deed.__name__)
        deed()
        self.root.mkdir(parents=True, exist_ok=True)
        for _ in range(self.random.choice([0, 1, 1, 2])):
            self.change()
        if self.random.random() < 0.7:
            self.check()

    # What is done to the project

    def place(self) -> Path:
        """The project's folder in one of the worktrees."""
        places = [self.root, *(each / self.inner for each in self.linked)]
        return self.random.choice([each for each in places if each.is_dir()])

    def change(self) -> None:
        name = f"feature-{len(self.acknowledged)}"
        if self.server is not None and self.random.random() < 0.6:
            self.done.append("server")
            self.server(name)
        else:
            place = self.place()
            self.done.append(f"change at {place.relative_to(self._folder)}")
            repository = FilesystemProjectRepository()
            with repository.transaction(place) as project:
                project.start_feature("Do it", name=name)
            if self.random.random() < 0.2:
                repository.compact(place)
                self.sealed += 1
            if self.random.random() < 0.5:
                repository.close()
        self.acknowledged.append(name)

    def check(self) -> None:
        """Whoever comes next, in whichever worktree, finds every change."""
        found = FilesystemProjectRepository().get(self.place()).features
        assert [feature.name for feature in found] == self.acknowledged

    def run(self) -> None:
        for _ in range(STEPS):
            self.step()
        self.check()
        assert FilesystemProjectRepository().verify(self.root) == []
        if self.sealed < DEFAULT_RETENTION.count:  # nothing of the history was let go of
            history = FilesystemProjectRepository().history(self.root, 1_000)
            assert len(history) >= len(self.acknowledged)


@pytest.mark.parametrize("number", range(SEQUENCES))
def test_no_command_on_the_work_tree_loses_an_acknowledged_change(
    tmp_path: Path, number: int
) -> None:
    random = Random(f"{SEED}/git {number}")
    with quiet():
        sequence = Sequence(tmp_path, random, KINDS[number % len(KINDS)])
        if number % 2:  # a process that goes on all the time, and has the state in memory
            lasting = FilesystemProjectRepository()

            def change(name: str) -> None:
                with lasting.transaction(sequence.root) as project:
                    project.start_feature("Do it", name=name)

            sequence.server = change
        with case(number=number, done=sequence.done):
            sequence.run()


@pytest.mark.parametrize("number", range(SERVED))
def test_no_command_loses_a_change_of_a_running_server(tmp_path: Path, number: int) -> None:
    random = Random(f"{SEED}/served {number}")
    with quiet(), ExitStack() as running:
        sequence = Sequence(tmp_path, random, KINDS[number % len(KINDS)])
        server = running.enter_context(Server(sequence.root))
        sequence.server = lambda name: server.call("cde_startFeature", prompt="Do it", name=name)
        with case(number=number, done=sequence.done):
            sequence.run()
