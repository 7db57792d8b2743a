"""Let git merge exports of the state by feature instead of by line."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.ports.core import MergeDriver
from cde_orchestrator.application.use_case import UseCase


class MergeDriverReply(TypedDict):
    """The files that the driver merges, and what was written for it."""

    pattern: str
    changed: list[str]


class InstallMergeDriver(UseCase[MergeDriverReply], operation="install_merge_driver"):
    """Name the driver in ``.gitattributes`` and in the repository's own settings.

    Done twice, it changes nothing.
    """

    def __call__(self, *, root: Path, merge_driver: MergeDriver) -> MergeDriverReply:
        """Raises E203 or E204 where it is not written, E922 where there is no git repository."""
        pattern, changed = merge_driver.install(root)
        return {"pattern": pattern, "changed": changed}
