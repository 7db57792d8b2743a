"""Nothing that a repository names is run by git, whichever key or file names it.

The keys are those that the git of this machine knows. Each is given a program that leaves a mark;
those that git itself does not take for one, as a truth value, are left out as git says so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git.git_process import Git, GitError
from cde_orchestrator.adapters.git.kept_sources import GitKeptSources
from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.git.version_control import GitMergeDriver, GitVersionControl
from cde_orchestrator.adapters.git.worktrees import GitWorktrees
from cde_orchestrator.adapters.proving.copies import FolderCopies
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from tests.integration.test_hostile_repository import IDENTITY, Clone, onboard
from tests.repository import keep_now

MORE_KEYS = (
    *("filter.<driver>.process", "trailer.<token>.cmd", "trailer.<token>.command"),
    *("credential.<url>.helper", "remote.<name>.promisor", "extensions.partialClone"),
    *("hook.<name>.command", "core.virtualFilesystem", "protocol.ext.allow"),
)
HOOKS = (
    *("applypatch-msg", "commit-msg", "fsmonitor-watchman", "post-applypatch"),
    *("post-checkout", "post-commit", "post-index-change", "post-merge"),
    *("post-receive", "post-rewrite", "post-update", "pre-applypatch"),
    *("pre-auto-gc", "pre-commit", "pre-merge-commit", "pre-push"),
    *("pre-rebase", "pre-receive", "prepare-commit-msg", "proc-receive"),
    *("push-to-checkout", "reference-transaction", "sendemail-validate", "update"),
)
NAMES = {
    "<driver>": "evil",
    "<name>": "origin",
    "<cmd>": "status",
    "<url>": "https://example.org",
    "<base>": "https://example.org/",
    "<format>": "openpgp",
    "<tool>": "evil",
    "<token>": "evil",
    "<condition>": "gitdir:/",
}
"""What the parts of keys are called that may be anything."""
LEADS_ELSEWHERE = {"core.worktree", "core.attributesfile", "core.excludesfile", "include.path"}
"""Keys that name a file or a folder; each has a test of its own."""
_BAD_LINE = re.compile(r"bad config line (\d+)")
_MARKED = re.compile(r"/marks/([\w.]+)")
_REFUSED = re.compile(r"'([a-z0-9-]+\.[^']+)'")


def known_keys() -> list[str]:
    """Each key that git knows, with a name in the place of what may be any."""
    listed = subprocess.run(["git", "help", "-c"], capture_output=True, text=True, check=True)
    found = []
    for key in (*listed.stdout.split(), *MORE_KEYS):
        section, dot, _ = key.partition(".")
        if dot and section.isalnum() and key.lower() not in LEADS_ELSEWHERE:
            named = re.sub(r"<[^>]*>", lambda part: NAMES.get(part[0], "status"), key)
            found.append(named.replace("*", "status"))
    return found


def _mark(key: str) -> str:
    """The file that the program of a key leaves."""
    return re.sub("[^a-zA-Z0-9.]", "_", key)


class Trap:
    """A repository that names a program wherever it can.

    Attributes:
        marks: a folder in which each program that is run leaves a file.
        keys: the keys that name one.
    """

    def __init__(self, folder: Path, keys: list[str]) -> None:
        self.clone, self.marks, self.keys = made_in(folder), folder / "marks", keys
        self.marks.mkdir()
        self._config = self.clone.top / ".git" / "config"
        self._before = self._config.read_text()
        self.write()
        hooks = self.clone.top / ".git" / "hooks"
        hooks.mkdir(exist_ok=True)
        for name in HOOKS:
            (hooks / name).write_text(f"#!/bin/sh\ntouch {self.marks}/hook-{name}\n")
            (hooks / name).chmod(0o755)

    def write(self) -> None:
        """Give each key a program; the files have to be read again."""
        self._config.write_text(self._before + "".join(map(self._entry, self.keys)))
        for each in self.clone.top.glob("*.txt"):
            os.utime(each, (2, 2))

    def run(self, *words: str) -> None:
        """Run git as it is, without the keys that it says it takes for no program."""
        while True:
            done = subprocess.run(
                ["git", *words],
                check=False,
                cwd=self.clone.top,
                env=self.clone.environment | IDENTITY,
                capture_output=True,
                text=True,
            )
            named = {each.lower() for each in _REFUSED.findall(done.stderr)}
            if line := _BAD_LINE.search(done.stderr):
                at = int(line[1]) - 1 - self._before.count("\n")
                named.add(self.keys[at // 2].lower())
            marked = set(_MARKED.findall(done.stderr))
            left = [
                key for key in self.keys if key.lower() not in named and _mark(key) not in marked
            ]
            if not done.returncode or len(left) == len(self.keys):
                return
            self.keys = left
            self.write()

    @property
    def ran(self) -> list[str]:
        """Whose program was run."""
        return sorted(each.name for each in self.marks.iterdir())

    def _entry(self, key: str) -> str:
        section, _, rest = key.partition(".")
        inner, _, name = rest.rpartition(".")
        program = f"touch {self.marks}/{_mark(key)} #"
        if section in {"alias", "submodule"}:
            program = f"!{program}"
        if key.endswith((".url", "pushurl", ".uri")):
            program = f"ext::{program}"
        if section == "trace2":
            program = f"{self.marks}/{_mark(key)}"
        head = f'[{section} "{inner}"]' if inner else f"[{section}]"
        return f"{head}\n\t{name} = {json.dumps(program)}\n"


def made_in(folder: Path) -> Clone:
    """A repository whose files have attributes that lead to programs."""
    made = Clone(folder)
    for name in ("a.txt", "b.txt"):
        (made.top / name).write_text("words\n")
        os.utime(made.top / name, (1, 1))  # so that git need not read it
    (made.top / ".gitattributes").write_text("*.txt filter=evil diff=evil merge=evil\n")
    onboard(made, made.top)
    (made.top / ".gitignore").write_text(".cde/\n")
    made.commit()
    return made


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return made_in(tmp_path)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Trap:
    """A trap in which git itself was run, as it is."""
    trap = Trap(tmp_path_factory.mktemp("tried"), known_keys())
    linked = str(trap.clone.home / "linked")
    for words in (
        *(("status",), ("rev-parse", "HEAD"), ("diff",), ("branch", "--list"), ("ls-files",)),
        *(("config", "--list"), ("log", "-p", "--show-signature"), ("switch", "-c", "other")),
        *(("update-ref", "refs/heads/x", "HEAD"), ("reset", "--hard")),
        *(("worktree", "add", "--no-checkout", "-b", "y", linked), ("worktree", "prune")),
        *(("commit", "--allow-empty", "--message", "x"), ("fetch",)),
        *(("add", "--all"), ("update-index", "--add", "a.txt"), ("write-tree",)),
        *(("read-tree", "HEAD"), ("checkout-index", "--all", "--force"), ("ls-tree", "HEAD")),
        *(("update-ref", "refs/cde/x", "HEAD"), ("update-ref", "-d", "refs/cde/x")),
        *(("cat-file", "-p", "HEAD"), ("diff-tree", "-r", "HEAD", "HEAD")),
    ):
        trap.run(*words)
        if "filter.evil.process" in trap.keys and trap.ran:
            trap.keys.remove("filter.evil.process")  # the others come after it
            trap.keys.remove("core.hooksPath")
            trap.write()
            trap.run(*words)
    trap.keys += ["filter.evil.process", "core.hooksPath"]
    return trap


@pytest.fixture
def trap(tried: Trap, tmp_path: Path) -> Trap:
    return Trap(tmp_path, tried.keys)


def test_the_trap_works(tried: Trap) -> None:
    """What git itself runs there, so that nothing else is proved by a trap that is broken."""
    assert len(tried.keys) > 300
    assert {"core.fsmonitor", "filter.evil.clean", "hook-post-checkout"} <= set(tried.ran)
    assert len(tried.ran) >= 8, tried.ran


def test_no_command_of_the_product_runs_what_a_key_or_a_hook_names(trap: Trap) -> None:
    top, breakers = trap.clone.top, BreakerRegistry()
    commit = trap.clone.git(top, "-c", "core.fsmonitor=", "rev-parse", "HEAD")
    control, worktrees = GitVersionControl(breakers), GitWorktrees(top, breakers)

    assert control.problem(top) is None
    assert control.head(top) == commit
    baseline = control.baseline(top)
    assert baseline is not None
    (top / "a.txt").write_text("other words\n")
    assert control.changed_since(top, baseline) == ["a.txt"]
    assert control.changes(top) == ["a.txt"]
    assert control.changed_between(top, commit, "HEAD~0") == frozenset()
    control.start_branch(top, "feature/thing")
    folder = worktrees.folder_for("other")
    assert folder is not None
    assert (folder / "a.txt").read_text() == "words\n"
    assert worktrees.has("other")
    GitMergeDriver().install(top)
    Git(top, breakers).run("worktree", "remove", "--force", str(folder))
    assert trap.ran == []


def test_no_source_tree_or_copy_runs_what_a_key_or_a_hook_names(
    trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    top = trap.clone.top
    trees = GitSourceTrees(BreakerRegistry())
    copies = FolderCopies(trees, trees.ignored)
    (top / ".gitattributes").write_text(
        "* filter=evil diff=evil merge=evil text eol=crlf ident working-tree-encoding=UTF-16\n"
    )
    (top / "a.txt").write_text("other words\n")
    (top / "new.txt").write_text("$Id$\n")
    trap.write()

    first = keep_now(trees, top, "thing")
    (top / "b.txt").unlink()
    second = trees.now(top)
    assert [each.path for each in trees.changed(top, first.id, second.id)] == ["b.txt"]
    committed = trees.at(top, "HEAD")
    changed = {each.path: each.after for each in trees.changed(top, committed.id, second.id)}
    assert changed["a.txt"] == b"other words\n"
    assert trees.contents(top, second.id, ["new.txt"]) == {"new.txt": b"$Id$\n"}
    for tree in (first.id, second.id, committed.id):
        with copies.copy(top, tree) as copy:
            copy.put({"a.txt": b"put\n"})
    keep_now(trees, top, "next")
    kept = GitKeptSources(BreakerRegistry())
    kept.pin(top, "project", "thing", [first.id, second.id])
    assert kept.pinned(top, "project", "thing") == {first.id, second.id}
    turns = kept.differing(top, second.id, first.id)
    files = {path: after for path, (_, after) in turns.items()}
    assert kept.replaced(top, second.id, files) == first.id
    assert list(kept.blobs(top, [each.id for each in files.values() if each])) != []
    kept.let_go(top, "project", ["thing"])
    assert trap.ran == []


@pytest.mark.parametrize(
    "words",
    [("doctor",), ("status",), ("start", "a thing", "--name", "thing"), ("init",), ("list",)],
    ids=lambda words: words[0],
)
def test_no_command_line_runs_what_a_key_or_a_hook_names(
    trap: Trap, words: tuple[str, ...]
) -> None:
    code, said = trap.clone.cde(trap.clone.top, *words)

    assert code == 0, said
    assert trap.ran == []


def test_a_program_on_a_path_that_depends_on_the_folder_is_not_run(clone: Clone) -> None:
    for name in ("git", "sh", "python3", "xdg-open", "www-browser"):
        (clone.top / name).write_text(f"#!/bin/sh\ntouch {clone.ran}\n")
        (clone.top / name).chmod(0o755)
    clone.commit()
    path = f".{os.pathsep}{os.pathsep}{os.environ['PATH']}"
    for words in (("doctor",), ("start", "a thing"), ("dashboard",), ("dashboard", "--stop")):
        code, said = clone.cde(clone.top, *words, PATH=path)
        assert code == 0, said

    assert not clone.ran.exists()


def make_pipe(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


PIPES = [
    *(".gitignore", ".gitattributes", ".gitmodules", ".git/HEAD", ".git/config", ".git/index"),
    *(".git/packed-refs", ".git/info/exclude", ".git/info/attributes", ".git/info/grafts"),
    *(".git/objects/info/alternates", ".git/objects/info/commit-graph", ".git/shallow"),
    *(".git/refs/heads/main", ".git/logs/HEAD", ".git/refs/replace/x", ".git/commondir"),
    *(".git/objects/pack/pack-0000000000000000000000000000000000000000.idx",),
]


@pytest.mark.parametrize("name", PIPES)
def test_git_is_not_started_where_it_would_wait_for_a_pipe(clone: Clone, name: str) -> None:
    make_pipe(clone.top / name)
    with pytest.raises(GitError) as raised:
        Git(clone.top, BreakerRegistry()).run("status")

    if name not in {".git/HEAD", ".git/commondir"}:
        assert name in str(raised.value)
        assert "a named pipe" in str(raised.value)


def test_a_command_that_takes_too_long_is_the_last_one_for_a_while(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "git"
    script.write_text(f"#!/bin/sh\necho x >> {tmp_path}/runs\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    git = Git(clone.top, BreakerRegistry())
    for _ in range(3):
        with pytest.raises(Exception, match="git"):
            git.complete("branch", timeout_seconds=5.0)

    assert (tmp_path / "runs").read_text() == "x\n"


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def link_the_log(git: Path, theirs: Path) -> None:
    link(git / "logs" / "HEAD", theirs / "profile")


def link_the_log_of_the_branch(git: Path, theirs: Path) -> None:
    link(git / "logs" / "refs" / "heads" / "feature", theirs)


def link_the_branches(git: Path, theirs: Path) -> None:
    link(git / "refs" / "heads" / "feature", theirs)


def share_another_repository(git: Path, theirs: Path) -> None:
    (git / "commondir").write_text(f"{theirs}/mine/.git\n")


def lead_to_another_repository(git: Path, theirs: Path) -> None:
    git.rename(git.with_name("left"))
    git.write_text(f"gitdir: {theirs}/mine/.git\n")


def keep_the_files_elsewhere(git: Path, theirs: Path) -> None:
    with (git / "config").open("a") as config:
        config.write(f"[core]\n\tworktree = {theirs}/mine\n")


DEEDS = [
    *(link_the_log, link_the_log_of_the_branch, link_the_branches),
    *(share_another_repository, lead_to_another_repository, keep_the_files_elsewhere),
]


class Theirs:
    """A folder of the person outside the clone, with a repository of theirs."""

    def __init__(self, clone: Clone) -> None:
        self.folder = clone.home / "theirs"
        mine = self.folder / "mine"
        mine.mkdir(parents=True)
        clone.git(mine, "init", "--quiet", "--initial-branch", "main")
        (mine / "a.txt").write_text("mine\n")
        clone.git(mine, "add", "a.txt")
        clone.git(mine, "commit", "--quiet", "--message", "All")
        (self.folder / "profile").write_text("# mine\n")
        with (clone.top / ".git" / "config").open("a") as config:
            config.write('[user]\n\tname = "$(touch PWNED)"\n\temail = a@example.org\n')

    def content(self) -> dict[str, bytes]:
        """What is in its files."""
        files = [each for each in self.folder.rglob("*") if each.is_file()]
        return {str(each): each.read_bytes() for each in files}


@pytest.mark.parametrize("deed", DEEDS)
def test_git_itself_would_write_elsewhere(clone: Clone, deed: Callable[[Path, Path], None]) -> None:
    """So that nothing else is proved by a deed that leads nowhere."""
    theirs = Theirs(clone)
    deed(clone.top / ".git", theirs.folder)
    before = theirs.content()

    for words in (("branch", "feature/thing"), ("reset", "--hard", "--quiet", "HEAD")):
        subprocess.run(
            ["git", *words], cwd=clone.top, env=clone.environment | IDENTITY, check=False
        )

    assert theirs.content() != before


@pytest.mark.parametrize("deed", DEEDS)
def test_what_git_writes_stays_in_the_repository(
    clone: Clone, deed: Callable[[Path, Path], None]
) -> None:
    theirs = Theirs(clone)
    deed(clone.top / ".git", theirs.folder)
    before = theirs.content()
    with pytest.raises(FeatureError) as raised:
        GitVersionControl().start_branch(clone.top, "feature/thing")
    GitWorktrees(clone.top, BreakerRegistry()).folder_for("other")
    clone.cde(clone.top, "start", "a thing", "--name", "thing")

    assert raised.value.code == "E125"
    assert theirs.content() == before
    assert {each.name for each in theirs.folder.iterdir()} == {"mine", "profile"}


def test_a_commit_is_never_taken_for_another_one(clone: Clone) -> None:
    control = GitVersionControl()
    baseline = control.baseline(clone.top)
    assert baseline is not None
    (clone.top / "a.txt").write_text("other\n")
    clone.git(clone.top, "commit", "--quiet", "--all", "--message", "Other")
    other = clone.git(clone.top, "rev-parse", "HEAD")
    clone.git(clone.top, "reset", "--quiet", "--hard", "HEAD~")
    clone.git(clone.top, "replace", baseline.commit, other)

    assert control.changed_since(clone.top, baseline) == []
    assert control.changed_between(clone.top, baseline.commit, other) == frozenset({"a.txt"})
