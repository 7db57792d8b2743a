"""What ``package.json`` says of a project's tests, and of an installed package."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cde_orchestrator.infrastructure.system.file_ops import read_regular_file

MANIFEST_BYTES = 1024 * 1024
_DEPENDENCIES = ("devDependencies", "dependencies", "optionalDependencies", "peerDependencies")
_TAKE_A_VALUE = frozenset(
    {
        *("--import", "--require", "-r", "--loader", "--experimental-loader"),
        *("--conditions", "-C", "--env-file", "--env-file-if-exists", "--test-global-setup"),
    }
)
_ALONE = frozenset({"--expose-gc", "--expose_gc"})
_NOT_TAKEN = ("--experimental-test-isolation", "--experimental-test-coverage")
"""Tests run in processes of their own, and nothing is measured."""


def manifest(folder: Path) -> Mapping[str, Any]:
    """What a folder's ``package.json`` says; nothing where there is none that can be read."""
    try:
        data, _ = read_regular_file(folder / "package.json", MANIFEST_BYTES, follow=True)
        found = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def installed(root: Path, package: str) -> str | None:
    """Where a package is, relative to the project: in it, or above it in its repository."""
    above = ""
    for folder in (root, *root.parents):
        if (folder / "node_modules" / package / "package.json").is_file():
            return f"{above}node_modules/{package}"
        if (folder / ".git").exists():
            break
        above += "../"
    return None


def depends_on(root: Path, package: str) -> bool:
    """Whether the project needs the package, or what it is a part of does, and it is installed."""
    place = installed(root, package)
    if place is None:
        return False
    owner = os.path.normpath(root / place / "../..")  # node_modules may be a link
    stated = [manifest(folder) for folder in (root, Path(owner))]
    tables = [each.get(name) for each in stated for name in _DEPENDENCIES]
    return any(isinstance(table, dict) and package in table for table in tables)


def node_options(root: Path) -> tuple[str, ...] | None:
    """Options of Node.js with which a script of the project runs ``node --test``; None: none does.

    Those alone without which tests may not run, as ``--import tsx``.
    """
    for words in _scripts(root):
        if "node" in words and "--test" in words[words.index("node") :]:
            return tuple(_loading(words[words.index("node") + 1 :]))
    return None


def needs_vm_modules(root: Path) -> bool:
    """Whether a script of the project lets jest load ES modules."""
    option = "--experimental-vm-modules"
    return any(
        option in word.split("=") or word == option for each in _scripts(root) for word in each
    )


def _scripts(root: Path) -> Iterator[list[str]]:
    """The words of the project's scripts, that for tests first."""
    scripts = manifest(root).get("scripts")
    if isinstance(scripts, dict):
        for name in sorted(scripts, key=lambda name: name != "test"):
            try:
                yield shlex.split(str(scripts[name]))
            except ValueError:
                continue


def _loading(words: list[str]) -> Iterator[str]:
    """Of the options before the first argument, those without which tests may not run."""
    while words and words[0].startswith("-"):
        word, *words = words
        if word in _TAKE_A_VALUE and words:
            yield word
            yield words.pop(0)
        elif _is_taken(word):
            yield word


def _is_taken(word: str) -> bool:
    if word.startswith("--experimental-"):
        return not word.startswith(_NOT_TAKEN)
    return word in _ALONE or word.partition("=")[0] in _TAKE_A_VALUE
