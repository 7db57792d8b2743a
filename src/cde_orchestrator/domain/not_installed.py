"""What tests could not load because it is not installed, by what runners print; never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from cde_orchestrator.domain.proofs import TestResult

NAME_LIMIT = 200

_ABSENT = re.compile(
    r"No module named '(?P<python>[\w.]+)'"
    r"|Cannot find (?:package|module) '(?P<node>[^'./\\][^'\\:]*)'"  # jest and vitest too
    r'|Failed to resolve import "(?P<vite>[^"./\\][^"\\:]*)"'
    r"|no required module provides package (?P<go>[\w./~-]+)"
    r"|cannot find module providing package (?P<module>[\w./~-]+)"
    r"|can't find crate for `(?P<crate>\w+)`"
    r"|no matching package named `(?P<cargo>[\w-]+)` found"
)


def absent_in(result: TestResult, removed: Iterable[str], changed: Iterable[str] = ()) -> str:
    """What was not there when a test's file was loaded, if it is not one of the project's files.

    Args:
        result: of a test that was red.
        removed: paths of the project's own files that are gone since the feature started.
        changed: paths of its files that changed. A package of theirs was found where Python
            lacks a part of it, as ``shop.refunds``.
    """
    found = _ABSENT.search(result.detail) if result.at_load else None
    name = found[found.lastgroup or 0].rstrip(".")[:NAME_LIMIT] if found else ""
    first = re.split(r"[./]", name)[0]
    own = _names(removed)
    if found is not None and found["python"] not in {None, first}:
        own |= _names(changed)
    return "" if first in own else name


def _names(paths: Iterable[str]) -> set[str]:
    return {part for path in paths for part in PurePosixPath(path).with_suffix("").parts}
