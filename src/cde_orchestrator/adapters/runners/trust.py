"""The commands that a person trusts, in the user's configuration and never in a project."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from cde_orchestrator.domain.command_line import CommandLine, Grant
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.infrastructure.system.project_home import home_of
from cde_orchestrator.infrastructure.system.viewing import is_only_viewed
from cde_orchestrator.infrastructure.trust.judge import FolderTrust
from cde_orchestrator.infrastructure.trust.records import USER_FILE, Entry, Records, TrustFile


class UserTrustStore:
    """Keeps trust in ``trust.json``: by project, each trusted command with its digest.

    The digest alone decides; the words next to it are for people.
    """

    def __init__(self, folder: Path | None = None, packaged: Path = Path()) -> None:
        self._file = USER_FILE if folder is None else TrustFile(folder)
        self._folders = FolderTrust(self._file)
        self._packaged = packaged

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def digest(self, root: Path, command: CommandLine) -> str:
        """The digest of exactly this command in this project."""
        return command.digest(_place(root))

    def trusts(self, root: Path, command: CommandLine) -> bool:
        """Whether a person granted exactly this command to this project, and trusts its folder."""
        granted = {each["digest"] for each in self._entries(root)}
        return self.digest(root, command) in granted and not is_only_viewed(root)

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
        """Trust these commands too from now on, and watch the files that they execute.

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
        self._folders.note_programs(root, [*commands])

    def accept(self, root: Path, shown: Mapping[str, str]) -> None:
        """Trust the folder with the files that act, by digest, as a person was shown them.

        Raises:
            FeatureError: E128, they are others by now.
            StateError: as ``grant``.
        """
        self._folders.accept(root, shown)

    def revoke(self, root: Path, digests: Collection[str], *, folder: bool = False) -> Standing:
        """Trust the commands of these digests no longer, nor the folder; raises as ``grant``.

        Returns:
            The folder's standing from now on.
        """
        self._change(root, digests, added=[])
        if folder:
            self._folders.forget(root)
        return self._folders.judge(root)

    def differences(self, root: Path, judged: Mapping[str, str]) -> dict[str, str]:
        """What would come into force by files that act, as lines of unified differences."""
        return self._folders.differences(root, self._packaged, judged)

    def _entries(self, root: Path) -> list[Entry]:
        return self._file.read().grants.get(_place(root), [])

    def _change(self, root: Path, dropped: Collection[str], added: list[Entry]) -> None:
        where = _place(root)

        def change(records: Records) -> None:
            granted = records.grants.get(where, [])
            left = [each for each in granted if each["digest"] not in dropped]
            records.grants[where] = left + added

        self._file.change(change)


def _place(root: Path) -> str:
    """The folder that trust is for: what all worktrees of the project have in common."""
    return os.path.realpath(home_of(root))
