"""A copy is what the tree is, has what the project needs to run, and leads nowhere else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.proving import untracked
from cde_orchestrator.adapters.proving.copies import FolderCopies
from cde_orchestrator.adapters.proving.scratch import remove_tree
from cde_orchestrator.domain.exceptions import FeatureError
from tests.nobody import as_nobody, give_to_nobody
from tests.repository import git, repository_at

IGNORED = (
    "node_modules\n.venv\nvenv\nvendor\n.env\n*.local\n__pycache__\ngenerated/\nbuild/\n*.so\n"
)


class Project:
    """A repository with a project, and what copies are made of it."""

    def __init__(self, folder: Path) -> None:
        self.root = repository_at(folder)
        (self.root / ".gitignore").write_text(IGNORED)
        self.trees = GitSourceTrees()
        self.copies = FolderCopies(self.trees, self.trees.ignored)

    def write(self, *names: str, text: str = "") -> None:
        for name in names:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text or name)

    @property
    def tree(self) -> str:
        return self.trees.now(self.root).id


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Project(tmp_path / "project")


def test_it_has_the_files_and_goes(project: Project, temporary: Path) -> None:
    project.write("src/a.py")
    with project.copies.copy(project.root, project.tree) as copy:
        assert (copy.folder / "src" / "a.py").read_text() == "src/a.py"
        assert copy.folder.is_relative_to(temporary)
        assert stat.S_IMODE(copy.folder.parent.stat().st_mode) == 0o700
        assert not any((each / ".git").exists() for each in copy.folder.parents)
        (copy.folder / "src").chmod(0o500)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_it_goes_however_its_use_ends(
    project: Project, temporary: Path, error: type[BaseException]
) -> None:
    def use() -> None:
        with project.copies.copy(project.root, project.tree):
            assert list(temporary.iterdir()) != []
            raise error

    with pytest.raises(error):
        use()
    assert list(temporary.iterdir()) == []


def test_folders_that_cannot_be_written_to_go_too(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o755)
    made = tmp_path / "made"
    (made / "inner" / "deep").mkdir(parents=True)
    (made / "inner" / "deep" / "file").write_text("")
    (made / "inner" / "link").symlink_to(theirs)
    give_to_nobody(made)
    for folder in (made / "inner" / "deep", made / "inner"):
        folder.chmod(0o500)
    tmp_path.chmod(0o777)
    with as_nobody(tmp_path):
        remove_tree(made)
    assert not made.exists()
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o755


def test_without_its_tree_there_is_none(project: Project, temporary: Path) -> None:
    with pytest.raises(FeatureError) as raised, project.copies.copy(project.root, "0" * 40):
        pass
    assert raised.value.code == "E136"
    assert list(temporary.iterdir()) == []


def test_none_is_made_in_the_repository(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "inside").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(project.root / "inside"))
    with pytest.raises(FeatureError) as raised, project.copies.copy(project.root, project.tree):
        pass
    assert "TMPDIR" in raised.value.context["reason"]


@pytest.mark.parametrize(
    ("module", "made"),
    [("scratch", "scratch_folder()"), ("runners.execution", "scratch_environment()")],
)
def test_what_a_killed_process_left_is_removed_by_the_next(
    project: Project, temporary: Path, module: str, made: str
) -> None:
    script = (
        f"import sys; from cde_orchestrator.adapters.proving.{module} import *\n"
        f"with {made} as made:\n"
        "    print(made['TMPDIR'] if isinstance(made, dict) else made, flush=True)\n"
        "    sys.stdin.read()"
    )
    left = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
        text=True,
    )
    assert left.stdout is not None
    folder = Path(left.stdout.readline().strip()).parent
    (folder / "files" / "out").symlink_to(project.root)
    for name in ("cde-copy-new", "cde-copy-file", "other"):
        (temporary / name).mkdir()
    (temporary / "cde-copy-file").rmdir()
    (temporary / "cde-copy-file").write_text("")
    for each in temporary.iterdir():
        if each.name != "cde-copy-new":
            os.utime(each, (1, 1))
    with project.copies.copy(project.root, project.tree):
        assert folder.exists()
    left.kill()
    left.communicate()
    os.utime(folder, (1, 1))
    with project.copies.copy(project.root, project.tree):
        assert not folder.exists()
    names = {each.name for each in temporary.iterdir()}
    assert names == {"cde-copy-new", "cde-copy-file", "other"}
    assert (project.root / "README.md").exists()


def test_dependencies_are_the_person_s(project: Project) -> None:
    project.write("package.json", "packages/app/package.json", "packages/util/package.json")
    project.write("node_modules/react/index.js", "node_modules/@types/node/index.d.ts")
    project.write("node_modules/.cache/x", "packages/app/node_modules/own/index.js")
    project.write("packages/util/index.js", ".venv/pyvenv.cfg", "vendor/lib/a.go")
    project.write("stray/node_modules/x/index.js", "node_modules/.pnpm/a/node_modules/b/index.js")
    modules = project.root / "node_modules"
    (modules / "util").symlink_to("../packages/util")
    (modules / "b").symlink_to(".pnpm/a/node_modules/b")
    (modules / "elsewhere").symlink_to("/")

    with project.copies.copy(project.root, project.tree) as copy:
        there = copy.folder / "node_modules"
        assert not there.is_symlink()
        assert (there / "react").resolve() == modules / "react"
        assert (there / "@types" / "node").resolve() == modules / "@types" / "node"
        assert (there / "util").resolve() == copy.folder / "packages" / "util"
        assert (there / "b" / "index.js").resolve() == (modules / "b" / "index.js").resolve()
        assert (there / "elsewhere").resolve() == Path("/")
        assert not (there / ".cache").exists()
        inner = copy.folder / "packages" / "app" / "node_modules" / "own"
        assert inner.resolve() == project.root / "packages" / "app" / "node_modules" / "own"
        assert (copy.folder / ".venv").readlink() == project.root / ".venv"
        assert (copy.folder / "vendor").readlink() == project.root / "vendor"
        assert not (copy.folder / "stray" / "node_modules").exists()
    assert (modules / "react" / "index.js").exists()


def test_other_ignored_files_are_copied_for_their_owner(project: Project) -> None:
    project.write(".env", "conf/a.local", "fast.so", "generated/sub/code.py")
    (project.root / "generated" / "empty").mkdir()
    project.write("__pycache__/a.pyc", "build/x", "generated/__pycache__/b", "generated/c.pyc")
    (project.root / "fast.so").chmod(0o755)
    (project.root / "link.local").symlink_to("README.md")
    (project.root / "out.local").symlink_to("/etc")
    os.mkfifo(project.root / "pipe.local")

    with project.copies.copy(project.root, project.tree) as copy:
        found = {
            str(path.relative_to(copy.folder))
            for path in copy.folder.rglob("*")
            if path.is_symlink() or path.is_file()
        }
        expected = {".env", "conf/a.local", "fast.so", "generated/sub/code.py", "link.local"}
        assert found == expected | {".gitignore", "README.md", "out.local"}
        assert (copy.folder / "generated" / "empty").is_dir()
        assert stat.S_IMODE((copy.folder / ".env").stat().st_mode) == 0o600
        assert stat.S_IMODE((copy.folder / "fast.so").stat().st_mode) == 0o700
        assert (copy.folder / "link.local").resolve() == copy.folder / "README.md"


def test_what_is_copied_has_bounds(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untracked, "FILES_LIMIT", 5)
    monkeypatch.setattr(untracked, "BYTES_LIMIT", 100)
    project.write("a.local", "b.local")
    project.write("large.local", text="x" * 101)
    project.write(*(f"generated/{number}" for number in range(50)))
    project.write("other/generated/1", "other/generated/2", "third/generated/1")

    with project.copies.copy(project.root, project.tree) as copy:
        assert {each.name for each in copy.folder.glob("*.local")} == {"a.local", "b.local"}
        assert not (copy.folder / "generated").exists()
        assert len([*(copy.folder / "other" / "generated").iterdir()]) == 2
        assert not (copy.folder / "third").exists()


def test_a_worktree_has_the_dependencies_of_the_project(project: Project, tmp_path: Path) -> None:
    project.write("package.json", "node_modules/a/index.js", ".env", ".venv/pyvenv.cfg")
    git(project.root, "add", ".")
    git(project.root, "commit", "--message", "All")
    there = tmp_path / "worktree"
    git(project.root, "worktree", "add", "-q", str(there))
    (there / ".venv").mkdir()
    (there / ".venv" / "pyvenv.cfg").write_text("")
    trees = GitSourceTrees(worktree=there)
    copies = FolderCopies(trees, trees.ignored, there)

    with copies.copy(project.root, trees.now(project.root).id) as copy:
        modules = copy.folder / "node_modules" / "a"
        assert modules.resolve() == project.root / "node_modules" / "a"
        assert (copy.folder / ".venv").resolve() == there / ".venv"
        assert not (copy.folder / ".env").exists()


def test_a_project_that_the_tree_has_not_yet(project: Project) -> None:
    project.write("app/a.py", "README.md")
    with project.copies.copy(
        project.root / "app", project.trees.at(project.root, "HEAD").id
    ) as copy:
        assert list(copy.folder.iterdir()) == []
        copy.put({"a.py": b"new", "../README.md": b"other"})
        assert (copy.folder / "a.py").read_bytes() == b"new"
        assert (copy.folder.parent / "README.md").read_bytes() == b"other"
        for path in ("../../x", "/etc/x", "..", "."):
            with pytest.raises(OSError, match="out of the copy"):
                copy.put({path: b""})
        assert not (copy.folder.parents[1] / "x").exists()


def test_what_is_put_never_goes_through_a_link(project: Project, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "a").write_text("theirs")
    for name in ("folder", "file", "gone"):
        (project.root / name).symlink_to(theirs / ("a" if name == "file" else "."))
    project.write("package.json", "node_modules/x/index.js", "plain", "deep/a/b")
    with project.copies.copy(project.root, project.tree) as copy:
        copy.put(
            {
                "folder/a": b"1",
                "file": b"2",
                "gone": None,
                "gone/a": None,
                "node_modules/x/index.js": b"3",
                "plain/below": b"4",
                "deep": b"5",
                "none": None,
            }
        )
        put = {"folder/a": "1", "file": "2", "plain/below": "4", "deep": "5"}
        for name, text in {**put, "node_modules/x/index.js": "3"}.items():
            assert (copy.folder / name).read_text() == text
            assert not (copy.folder / name).is_symlink()
        assert not (copy.folder / "gone").exists()
    assert [(each.name, each.read_text()) for each in theirs.iterdir()] == [("a", "theirs")]
    assert (project.root / "node_modules" / "x" / "index.js").read_text() != "3"


def test_what_git_ignores_is_not_brought_through_a_link_either(
    project: Project, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("conf", "app"):
        (project.root / name).symlink_to(theirs)
    before = project.tree
    for name in ("conf", "app"):
        (project.root / name).unlink()
    project.write("conf/a.local", "app/package.json", "app/node_modules/x/index.js")
    project.write("conf/sub/b.local", "app/.venv/pyvenv.cfg", "app/kept")
    (project.root / "conf" / "link.local").symlink_to("a.local")

    with project.copies.copy(project.root, before) as copy:
        assert (copy.folder / "conf").readlink() == theirs
    assert list(theirs.iterdir()) == []


def test_what_is_put_is_a_program_still_and_newer_by_seconds(project: Project) -> None:
    project.write("run.sh", "a.py")
    (project.root / "run.sh").chmod(0o755)
    with project.copies.copy(project.root, project.tree) as copy:
        stamps = []
        for text in (b"1", b"2", None, b"3"):
            copy.put({"a.py": text, "run.sh": b"true"})
            if text:
                stamps.append(int((copy.folder / "a.py").stat().st_mtime))
        assert stamps == sorted(set(stamps))
        assert (copy.folder / "run.sh").stat().st_mode & 0o111


def test_compiled_python_is_never_that_of_another_content(project: Project) -> None:
    project.write("a.py", text="value = 1\n")
    with project.copies.copy(project.root, project.tree) as copy:
        seen = []
        for number in range(1, 4):
            copy.put({"a.py": f"value = {number}\n".encode()})
            said = subprocess.run(
                [sys.executable, "-c", "import a; print(a.value)"],
                cwd=copy.folder,
                env={key: os.environ[key] for key in ("PATH",)},
                capture_output=True,
                text=True,
                check=True,
            )
            seen.append(int(said.stdout))
        assert (copy.folder / "__pycache__").exists()
    assert seen == [1, 2, 3]
