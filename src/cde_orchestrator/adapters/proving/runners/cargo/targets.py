"""Which target of which package a test in Rust belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

_LIBRARY = frozenset({"lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"})


@dataclass(frozen=True, slots=True)
class Target:
    """What cargo builds one library or program from.

    Attributes:
        options: those by which ``cargo test`` selects its tests; none where it has none.
        source: its first file.
    """

    options: tuple[str, ...]
    source: PurePosixPath


def targets_in(metadata: str, folder: Path) -> list[Target]:
    """The targets that ``cargo metadata`` states, whose files are in the folder.

    Raises:
        ValueError: it is not what cargo prints.
    """
    stated = json.loads(metadata)
    return [target for package in stated["packages"] for target in _targets(package, folder)]


def targets_of(path: str, targets: Sequence[Target]) -> list[Target]:
    """Those with tests that a file may belong to: its own, else of the nearest folder above."""
    file = PurePosixPath(path)
    tested = [target for target in targets if target.options]
    own = [target for target in tested if target.source == file]
    if own:
        return own
    around = [each for each in tested if file.is_relative_to(each.source.parent)]
    most = max((len(each.source.parts) for each in around), default=0)
    return [each for each in around if len(each.source.parts) == most]


def _targets(package: dict[str, Any], folder: Path) -> Iterator[Target]:
    for target in package["targets"]:
        source, kinds = Path(target["src_path"]), set(target["kind"])
        if not source.is_relative_to(folder) or "custom-build" in kinds:
            continue
        selected: tuple[str, ...] = ()
        if kinds & _LIBRARY:
            selected = ("--lib",)
        elif kinds & {"bin", "test"}:
            selected = ("--bin" if "bin" in kinds else "--test", target["name"])
        is_tested = selected and target.get("test", True)
        options = ("--package", package["name"], *selected) if is_tested else ()
        yield Target(options, PurePosixPath(source.relative_to(folder)))
