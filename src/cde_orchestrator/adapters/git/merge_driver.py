"""Git's settings for merging exports of the state."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.adapters.git.command import Git, GitError
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors

PATTERN = "*.cde.json"
"""Files that the driver merges: exports of the state."""

_ATTRIBUTE = f"{PATTERN} merge=cde-state"
_SETTINGS = {
    "merge.cde-state.name": "state of CDE Orchestrator, by feature",
    "merge.cde-state.driver": "cde state merge %O %A %B",
}
_TIMEOUT_SECONDS = 10.0


class GitMergeDriver:
    """Installs the driver in the repository that a project lies in."""

    def install(self, root: Path) -> tuple[str, list[str]]:
        """Write what is missing; the files it is for, and what was written.

        Raises:
            CDESystemError: E922, the project is no git repository, or git refuses.
            StateError: E203 or E204, ``.gitattributes`` cannot be written.
        """
        _git(root, "rev-parse", "--git-dir")
        changed = [
            key
            for key, value in _SETTINGS.items()
            if _git(root, "config", "--local", "--default", "", "--get", key) != value
        ]
        for key in changed:
            _git(root, "config", "--local", key, _SETTINGS[key])
        attributes = root / ".gitattributes"
        with translate_os_errors(attributes):
            present = attributes.read_bytes() if attributes.exists() else b""
            if _ATTRIBUTE.encode() not in present.splitlines():
                separator = b"\n" if present and not present.endswith(b"\n") else b""
                content = present + separator + _ATTRIBUTE.encode() + b"\n"
                replace_file(OsFileOps(), attributes, content)
                changed.append(attributes.name)
        return PATTERN, changed


def _git(root: Path, *words: str) -> str:
    try:
        return Git(root, BreakerRegistry()).run(*words, timeout_seconds=_TIMEOUT_SECONDS)
    except GitError as error:
        raise CDESystemError.of("E922", path=str(root), reason=str(error)) from error
