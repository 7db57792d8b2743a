"""The demo's project: a copy of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = {
    *(".git", ".cde", ".venv", ".hypothesis"),
    *("venv", "node_modules", "__pycache__", "build", "dist", "htmlcov"),
}


def copy_checkout(target: Path) -> int:
    """Copy what belongs to this checkout into the folder ``target``; how many files."""
    copied = 0
    for relative in _listed_by_git() or list(_found()):
        source, copy = ROOT / relative, target / relative
        if NOT_COPIED.intersection(relative.parts) or not (source.is_file() or source.is_symlink()):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)
        copied += 1
    return copied


def prepare(project: Path) -> str:
    """Make a repository of the copy, with one commit, and an environment of Python in it.

    Returns:
        The commit.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    name = ("-c", "user.name=Demo", "-c", "user.email=demo@example.org")
    venv = [sys.executable, "-m", "venv", "--without-pip", str(project / ".venv")]
    git = ["git", "-C", str(project), *name]
    for words in (
        venv,
        [*git, "init", "--quiet"],
        [*git, "add", "--all"],
        [*git, "commit", "--quiet", "--no-verify", "--message", "A copy of the checkout"],
    ):
        subprocess.run(words, capture_output=True, check=True, env=kept)
    told = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"],
        capture_output=True,
        check=True,
        env=kept,
        text=True,
    )
    return told.stdout.strip()


def _listed_by_git() -> list[Path]:
    """Tracked files and new ones that are not ignored; none where git cannot tell."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others"]
    try:
        listed = subprocess.run(
            [*command, "--exclude-standard"], capture_output=True, check=True, env=environment
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return [Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name]


def _found() -> Iterator[Path]:
    """Every file but those of environments and caches."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in NOT_COPIED and not (name.startswith(".") and "cache" in name)
        ]
        for name in names:
            yield (Path(folder) / name).relative_to(ROOT)
