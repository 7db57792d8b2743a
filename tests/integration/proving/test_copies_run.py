"""Programs run in a scratch copy as in the project, with its dependencies and the copy's code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.proving.copies import FolderCopies
from tests.programs import program
from tests.repository import repository_at


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    made = repository_at(tmp_path / "project")
    (made / ".gitignore").write_text("node_modules/\n.venv/\n")
    return made


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def said_by(folder: Path, *words: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent)}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_node_finds_installed_packages_and_the_copy_s_own(root: Path) -> None:
    node = program("node")
    write(
        root,
        {
            "package.json": '{"workspaces": ["packages/*"]}',
            "packages/own/package.json": '{"name": "own", "main": "index.js"}',
            "packages/own/index.js": "module.exports = 'before'",
            "node_modules/dep/index.js": "module.exports = require('peer')",
            "node_modules/@scope/peer/index.js": "module.exports = 'peer'",
            "node_modules/peer/index.js": "module.exports = require('@scope/peer')",
            "main.js": "console.log(require('own'), require('dep'), __dirname)",
        },
    )
    (root / "node_modules" / "own").symlink_to("../packages/own")
    trees = GitSourceTrees()
    with FolderCopies(trees, trees.ignored).copy(root, trees.now(root).id) as copy:
        copy.put({"packages/own/index.js": b"module.exports = 'after'"})
        assert said_by(copy.folder, node, "main.js") == f"after peer {copy.folder}"
    assert said_by(root, node, "main.js") == f"before peer {root}"


def test_python_finds_installed_packages(root: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    (packages,) = (root / ".venv" / "lib").glob("python3*/site-packages")
    (packages / "installed.py").write_text("value = 'installed'\n")
    write(root, {"own.py": "value = 'before'\n"})
    trees = GitSourceTrees()
    with FolderCopies(trees, trees.ignored).copy(root, trees.now(root).id) as copy:
        copy.put({"own.py": b"value = 'after'\n"})
        code = "import installed, own; print(installed.value, own.value)"
        assert said_by(copy.folder, ".venv/bin/python", "-c", code) == "installed after"


def test_no_program_finds_the_repository_from_a_copy(root: Path) -> None:
    trees = GitSourceTrees()
    with FolderCopies(trees, trees.ignored).copy(root, trees.now(root).id) as copy:
        done = subprocess.run(
            ["git", "rev-parse", "--git-dir"],
            cwd=copy.folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 128
