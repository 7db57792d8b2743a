"""The commands that a person trusts, in the user's configuration and never in a project."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.command_line import COMMAND_KINDS, CommandLine, Grant
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    read_regular_file,
    replace_file,
)
from cde_orchestrator.infrastructure.system.os_errors import write_failure
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.infrastructure.system.project_home import home_of

log = get_logger(__name__)

_LIMIT_BYTES = 4 * 1024 * 1024
_LOCK_SECONDS = 5.0

_Entry = dict[str, Any]


class UserTrustStore:
    """Keeps trust in ``trust.json``: by project, each trusted command with its digest.

    The digest alone decides; the words next to it are for people. The file is replaced whole,
    under a lock, so that several processes lose nothing of each other. It is in the user's
    configuration folder, unless another one is given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def path(self) -> Path:
        """The file."""
        if self._folder is not None:
            return self._folder / "trust.json"
        import platformdirs

        folder = platformdirs.user_config_dir("cde-orchestrator", appauthor=False)
        return Path(folder, "trust.json")

    def digest(self, root: Path, command: CommandLine) -> str:
        """The digest of exactly this command in this project."""
        return command.digest(_place(root))

    def trusts(self, root: Path, command: CommandLine) -> bool:
        """Whether a person granted exactly this command to this project."""
        return self.digest(root, command) in {each["digest"] for each in self._entries(root)}

    def granted(self, root: Path) -> list[Grant]:
        """The commands that are trusted in this project, the oldest grant first."""
        return [
            Grant(
                digest=each["digest"],
                kind=each["kind"],
                name=each["name"],
                words=tuple(each["command"]),
                directory=each["directory"],
                granted_at=datetime.fromisoformat(each["granted_at"]),
            )
            for each in self._entries(root)
        ]

    def grant(self, root: Path, commands: Sequence[CommandLine], at: datetime) -> None:
        """Trust these commands too from now on.

        Raises:
            StateError: E204 the disk is full, E203 writing failed otherwise, E205 another process
                did not let go of the file.
        """
        new = {
            (digest := self.digest(root, command)): {
                "digest": digest,
                "kind": command.kind,
                "name": command.name,
                "command": list(command.words),
                "directory": command.directory,
                "granted_at": at.isoformat(),
            }
            for command in commands
        }
        self._change(root, new, added=list(new.values()))

    def revoke(self, root: Path, digests: Collection[str]) -> None:
        """Trust the commands of these digests no longer; raises as ``grant``."""
        self._change(root, digests, added=[])

    def _entries(self, root: Path) -> list[_Entry]:
        return self._read().get(_place(root), [])

    def _change(self, root: Path, dropped: Collection[str], added: list[_Entry]) -> None:
        path, where = self.path, _place(root)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with ProcessLock(path.with_suffix(".lock"), _LOCK_SECONDS).exclusive():
                projects = self._read()
                left = [each for each in projects.get(where, []) if each["digest"] not in dropped]
                projects[where] = left + added
                kept = {each: grants for each, grants in projects.items() if grants}
                content = json.dumps({"version": 1, "projects": kept}, indent=2).encode()
                replace_file(OsFileOps(), path, content + b"\n")
        except OSError as error:
            raise write_failure(path, error) from error

    def _read(self) -> dict[str, list[_Entry]]:
        """Commands by project; a file that cannot be understood grants nothing."""
        try:
            data, size = read_regular_file(self.path, _LIMIT_BYTES, follow=True)
            projects = json.loads(data)["projects"] if size <= _LIMIT_BYTES else {}
            return {
                str(where): [each for each in granted if _is_grant(each)]
                for where, granted in projects.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.warning("trust_unreadable", path=str(self.path), reason=str(error))
            return {}


def _place(root: Path) -> str:
    """The folder that trust is for: what all worktrees of the project have in common."""
    return os.path.realpath(home_of(root))


def _is_grant(entry: Any) -> bool:
    """Whether somebody who edited the file left the entry whole."""
    try:
        texts = [entry[key] for key in ("digest", "name", "directory")]
        datetime.fromisoformat(entry["granted_at"])
        known = entry["kind"] in COMMAND_KINDS and isinstance(entry["command"], list)
        return known and all(isinstance(each, str) for each in (*texts, *entry["command"]))
    except (TypeError, ValueError, KeyError):
        return False
