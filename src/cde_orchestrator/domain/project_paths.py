"""Paths of files in a project: which ones an output, a template or a check may have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from pathlib import PureWindowsPath

from cde_orchestrator.domain.executed_places import known_part
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.text import UNSAFE

RECORDS = "specs/"
"""Where features' records are, and nothing that is executed."""
SHARED = (".gitignore", "config.toml", "workflow.yml", "rules.md", "prompts/")
"""What in the product's folder is for version control: the project's own."""
ASIDE = ".before-rollback"
"""What follows a file's name in that of its copy, made where the file had been changed since."""
REPLACED = ".before-submit"
"""The same, of what a submission replaced."""
_ATTEMPT = ".attempt-"
"""What is before the number in the name of a copy of an output that was discarded."""
_STEM_BYTES, _ENDING_BYTES = 190, 20
"""Of the name of a copy: a file's name has at most 255 bytes, also while it is written."""
_COPY = pattern(
    rf"({re.escape(ASIDE)}|{re.escape(REPLACED)}|{re.escape(_ATTEMPT)}[0-9]+)"
    r"(-[0-9]+)?(?P<ending>\.[^./]+)?\Z"
)
"""What is in the name of a copy of an output, and no more than that."""
_FORBIDDEN_FOLDERS = frozenset({".cde", ".git", "cde~1", "git~1"})
"""As some file system knows them; the last two are their short names on Windows."""


def path_problem(relative: str) -> str | None:
    """Why no project file may be named so, or None; the disk is not looked at."""
    if not relative or relative.endswith("/"):
        return "it names no file"
    is_plain = relative.isascii() and relative.isprintable()  # as nearly all are
    if not is_plain and any(unicodedata.category(each) in UNSAFE for each in relative):
        return "it has control characters"
    if "\\" in relative:
        return "it has a backslash; separate folders with /"
    if (relative[0] == "/" or ":" in relative) and PureWindowsPath(relative).anchor:
        return "it is absolute"
    return parts_problem(relative.split("/"))


def parts_problem(parts: Sequence[str]) -> str | None:
    """Why no project file may have a path of these parts, or None."""
    if ".." in parts:
        return "it has the part '..'"
    if "" in parts or "." in parts:
        return "it has an empty part or the part '.'"
    for part in parts:
        known = known_part(part)
        if not known:
            return f"it has the part {part!r}, which some systems take for none"
        if known in _FORBIDDEN_FOLDERS:
            return f"it is in {part}"
    return None


def attempt_path(path: str, attempt: int, copy: int = 1) -> str:
    """Where the output of an attempt is kept once it is discarded, next to the output.

    Among records its ending stays; elsewhere it does not: a file of that ending may be executed.
    A further ``copy`` has its number after that of the attempt. Of a very long name the first
    part is kept.
    """
    number = f"{attempt}" + (f"-{copy}" if copy > 1 else "")
    folder, slash, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    if not path.startswith(RECORDS) or not stem or len(ending.encode()) > _ENDING_BYTES:
        stem, dot, ending = name, "", ""
    kept = stem.encode()[:_STEM_BYTES].decode(errors="ignore")
    return f"{folder}{slash}{kept}{_ATTEMPT}{number}{dot}{ending}"


def copy_paths(path: str, ending: str = ASIDE) -> Iterator[str]:
    """Where copies of a file are kept, without an end: the first one has no number."""
    yield f"{path}{ending}"
    yield from (f"{path}{ending}-{number}" for number in count(2))


def attempt_paths(path: str, attempt: int) -> Iterator[str]:
    """The same of the output of an attempt, as of ``attempt_path``."""
    return (attempt_path(path, attempt, copy) for copy in count(1))


def is_copy(path: str, outputs: Collection[str]) -> bool:
    """Whether a file has exactly the name of a copy that is kept of one of the outputs.

    What is merely named like one, as ``login.attempt-limit.py``, is a file of the project.
    """
    found = _COPY.search(path)
    if found is None or (found["ending"] and not path.startswith(RECORDS)):
        return False
    return f"{path[: found.start()]}{found['ending'] or ''}" in outputs


def named_in(texts: Iterable[str], paths: Collection[str]) -> frozenset[str]:
    """Those of the paths that a text names.

    A text that names one of the paths names none that is the end of it: ``odd name.py`` does not
    name ``name.py``.
    """
    named: set[str] = set()
    longest_first = sorted(paths, key=len, reverse=True)
    for text in texts:
        left = text
        for path in longest_first:
            if path in left:
                name = rf"(?<![\w./-])(?<!\w['\"`])(\./)?{re.escape(path)}(?![\w/-]|\.\w)"
                left, found = re.subn(name, "\0", left)
                if found:
                    named.add(path)
    return frozenset(named)
