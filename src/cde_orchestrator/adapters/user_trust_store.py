"""The commands that a person trusts, in the user's configuration and never in a project."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from cde_orchestrator.adapters.project_files import read_regular_file
from cde_orchestrator.domain.check import Check
from cde_orchestrator.infrastructure.file_ops import FileOps, OsFileOps, replace_file
from cde_orchestrator.infrastructure.refusals import write_failure

log = structlog.get_logger(__name__)

_LIMIT_BYTES = 4 * 1024 * 1024


class UserTrustStore:
    """Keeps trust in ``trust.json``.

    Args:
        folder: where; the user's configuration folder by default.
        ops: the file operations; the operating system's own by default.
    """

    def __init__(self, folder: Path | None = None, ops: FileOps | None = None) -> None:
        self._folder = folder
        self._ops = ops or OsFileOps()

    @property
    def path(self) -> Path:
        """The file."""
        return (self._folder or _user_folder()) / "trust.json"

    def trusts(self, root: Path, check: Check) -> bool:
        """Whether a person granted exactly this command to this project."""
        where = os.path.realpath(root)
        granted = self._read().get(where, [])
        return check.digest(where) in {each.get("digest") for each in granted}

    def grant(self, root: Path, checks: Sequence[Check], at: datetime) -> None:
        """Trust the commands from now on, and no other one of this project.

        Raises:
            StateError: E204, the disk is full; E203, writing failed otherwise.
        """
        where = os.path.realpath(root)
        projects = self._read()
        projects[where] = [
            {
                "digest": check.digest(where),
                "command": list(check.command),
                "directory": check.directory,
                "granted_at": at.isoformat(),
            }
            for check in checks
        ]
        path = self.path
        content = json.dumps({"version": 1, "projects": projects}, indent=2).encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._ops, path, content + b"\n")
        except OSError as error:
            raise write_failure(path, error) from error

    def _read(self) -> dict[str, list[dict[str, Any]]]:
        """Commands by project; a file that cannot be understood grants nothing."""
        try:
            data, size = read_regular_file(self.path, _LIMIT_BYTES, follow=True)
            projects = json.loads(data)["projects"] if size <= _LIMIT_BYTES else {}
            return {
                str(where): [each for each in granted if isinstance(each, dict)]
                for where, granted in projects.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("trust_unreadable", path=str(self.path), reason=str(error))
            return {}


def _user_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_config_dir("cde-orchestrator", appauthor=False))
