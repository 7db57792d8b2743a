"""Git's settings for merging exports of the state."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.adapters.git.command import git_output
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors

PATTERN = "*.cde.json"
"""Files that the driver merges: exports of the state."""

_ATTRIBUTE = f"{PATTERN} merge=cde-state"
_SETTINGS = {
    "merge.cde-state.name": "state of CDE Orchestrator, by feature",
    "merge.cde-state.driver": "cde state merge %O %A %B",
}


class GitMergeDriver:
    """Installs the driver in the repository that a project lies in."""

    def install(self, root: Path) -> tuple[str, list[str]]:
        """Write what is missing; the files it is for, and what was written.

        Raises:
            CDESystemError: E922, the project is no git repository, or git refuses.
            StateError: E203 or E204, ``.gitattributes`` cannot be written.
        """
        git_output(root, "rev-parse", "--git-dir")
        changed = [
            key
            for key, value in _SETTINGS.items()
            if git_output(root, "config", "--local", "--default", "", "--get", key) != value
        ]
        for key in changed:
            git_output(root, "config", "--local", key, _SETTINGS[key])
        attributes = root / ".gitattributes"
        with translate_os_errors(attributes):
            present = attributes.read_bytes() if attributes.exists() else b""
            if _ATTRIBUTE.encode() not in present.splitlines():
                separator = b"\n" if present and not present.endswith(b"\n") else b""
                content = present + separator + _ATTRIBUTE.encode() + b"\n"
                replace_file(OsFileOps(), attributes, content)
                changed.append(attributes.name)
        return PATTERN, changed
