"""Names of files as git lists them."""

from __future__ import annotations

from collections.abc import Iterable

from cde_orchestrator.infrastructure.paths import FOLDER


def is_own(path: str) -> bool:
    """Whether it is one of the product's own files."""
    return FOLDER in path and FOLDER in path.split("/")


def without_own(paths: Iterable[str]) -> list[str]:
    """Without the product's own."""
    return [path for path in paths if not is_own(path)]
