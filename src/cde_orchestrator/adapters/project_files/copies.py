"""Where a copy of a file is kept next to it: one copy of each content, whatever asks for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.infrastructure.system import file_ops
from cde_orchestrator.infrastructure.system.tree import is_file, kind_of


def place_of_copy(path: Path, names: Iterable[str]) -> tuple[str, Path | None]:
    """The first name that is free, with its place; or whose file holds the same bytes, with None.

    Args:
        path: the file, links followed.
        names: paths of copies in the same folder, without an end.
    """
    digest = ""
    for named in names:
        place = path.with_name(named.rpartition("/")[2])
        if not kind_of(place):
            return named, place
        with suppress(OSError):
            if is_file(place):
                digest = digest or _sha256_of(path)
                if _sha256_of(place) == digest:
                    return named, None
    raise ValueError("the names of copies have no end")


def _sha256_of(path: Path) -> str:
    """The digest of a file, of any size; raises ``OSError``."""
    with file_ops.open_to_read(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
