"""The file with what a person trusts, in the user's configuration and never in a project."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.command_line import COMMAND_KINDS
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.text import counted, why_unreadable
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.paths import user_folder
from cde_orchestrator.infrastructure.system.acting_files import UNKNOWN, Stamp, acting_stamp
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    read_regular_file,
    rename,
    replace_file,
)
from cde_orchestrator.infrastructure.system.os_errors import write_failure
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock

log = get_logger(__name__)

Entry = dict[str, Any]

_LIMIT_BYTES = 64 * 1024 * 1024
_COPIES_BYTES = 16 * 1024 * 1024
_VERSION = 2
_LOCK_SECONDS = 5.0
_EARLIER = 20
_NO_FILE = "none"


class FolderRecord(Value, frozen=False):
    """That a person said yes to a folder.

    Attributes:
        inode: of the folder; another one at its path was never shown to anybody.
        uid: the owner of the folder.
        at: when, in nanoseconds since the epoch; 0 of a folder that the product made.
        files: the acting files by name, each with the digest of its content and its stamp then;
            without one where the file was so new that it could change within its stamp.
        earlier: digests of other contents that a person said yes to before, the latest last.
    """

    inode: int
    uid: int
    at: int
    files: dict[str, tuple[str, Stamp]] = field(default_factory=dict)
    earlier: dict[str, list[str]] = field(default_factory=dict)

    def knows(self, name: str, digest: str | None) -> bool:
        """Whether a person said yes to this content of the file; to None, that there is none."""
        if digest == UNKNOWN:
            return False
        then, _ = self.files.get(name, (None, ()))
        return digest == then or (digest or _NO_FILE) in self.earlier.get(name, [])

    def put(self, name: str, digest: str, stamp: Stamp) -> None:
        """Trust this content of the file as well from now on."""
        if name in self.files:
            self._remember(name, self.files[name][0], digest)
        self.files[name] = digest, stamp

    def follow(self, before: FolderRecord) -> None:
        """Go on trusting what the record before this one did."""
        self.earlier = {name: [*digests] for name, digests in before.earlier.items()}
        for name in {*self.files, *before.files}:
            then, _ = before.files.get(name, (_NO_FILE, ()))
            now, _ = self.files.get(name, (_NO_FILE, ()))
            self._remember(name, then, now)

    def note_gone(self, names: Iterable[str]) -> None:
        """Trust that there are no such files as well from now on."""
        for name in [*names]:
            self._remember(name, _NO_FILE, self.files[name][0])

    def _remember(self, name: str, then: str, now: str) -> None:
        if then not in {now, UNKNOWN}:
            others = [each for each in self.earlier.get(name, []) if each != then]
            self.earlier[name] = [*others, then][-_EARLIER:]


class Records(Value, frozen=False):
    """What the file says: commands that are trusted by project, and folders.

    Attributes:
        revoked: what was trusted at a path before a person revoked it, to know it again.
    """

    grants: dict[str, list[Entry]] = field(default_factory=dict)
    folders: dict[str, FolderRecord] = field(default_factory=dict)
    revoked: dict[str, FolderRecord] = field(default_factory=dict)

    def put(self, where: str, record: FolderRecord) -> None:
        """Trust the folder; what was granted to another one at its path is not for it."""
        earlier = self.folders.get(where)
        if earlier is not None and earlier.inode != record.inode:
            self.grants.pop(where, None)
        self.folders[where] = record
        self.revoked.pop(where, None)

    def revoke(self, where: str) -> None:
        """Trust the folder no longer."""
        if (record := self.folders.pop(where, None)) is not None:
            self.revoked[where] = record

    def said_of(self, where: str) -> FolderRecord | None:
        """What was trusted last at this path, whatever is there now."""
        return self.folders.get(where) or self.revoked.get(where)


class TrustFile:
    """Reads and replaces ``trust.json``; the contents of trusted files are next to it.

    The file is replaced whole, under a lock, so that several processes lose nothing of each
    other. It is in the user's configuration folder, unless another one is given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: tuple[Path, Stamp | None, Records] | None = None

    @property
    def path(self) -> Path:
        """The file."""
        folder = self._folder or user_folder("config", "~/.config") or Path(os.devnull)
        return folder / "trust.json"

    def read(self) -> Records:
        """What it says, not to be changed; a file that cannot be understood grants nothing."""
        path = self.path
        stamp, known = acting_stamp(path), self._known  # which another thread may replace
        if known is None or known[:2] != (path, stamp):
            known = self._known = path, stamp, self._parsed()
        return known[2]

    def change(self, change: Callable[[Records], object], copies: Iterable[bytes] = ()) -> None:
        """Change what it says, alone, and keep the contents of files in addition.

        Raises:
            StateError: E204 the disk is full, E203 writing failed otherwise, E205 another process
                did not let go of the file.
        """
        path = self.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with ProcessLock(path.with_suffix(".lock"), _LOCK_SECONDS).exclusive():
                records = self._loaded_or_moved()
                change(records)
                content = {
                    "version": _VERSION,
                    "projects": {where: kept for where, kept in records.grants.items() if kept},
                    "folders": {where: asdict(kept) for where, kept in records.folders.items()},
                    "revoked": {where: asdict(kept) for where, kept in records.revoked.items()},
                }
                self._keep(copies, records)
                data = json.dumps(content, indent=2).encode() + b"\n"
                replace_file(OsFileOps(), path, data)
                self._known = None
        except OSError as error:
            raise write_failure(path, error) from error

    def copy(self, digest: str) -> str | None:
        """The content of a trusted file, as far as it was kept and is text."""
        with suppress(OSError, UnicodeDecodeError):
            if digest.isalnum():
                data, _ = read_regular_file(self._copies / digest, _LIMIT_BYTES, follow=False)
                return data.decode("utf-8-sig")
        return None

    @property
    def _copies(self) -> Path:
        return self.path.with_name("trusted")

    def _keep(self, copies: Iterable[bytes], records: Records) -> None:
        """Keep these contents, and drop those that no record names any more."""
        import hashlib

        folder, left = self._copies, _COPIES_BYTES
        folder.mkdir(exist_ok=True, mode=0o700)
        named = {digest for each in records.folders.values() for digest, _ in each.files.values()}
        for path in folder.iterdir():
            if path.name in named:
                left -= path.lstat().st_size
            else:
                path.unlink(missing_ok=True)
        for data in copies:
            path = folder / hashlib.sha256(data).hexdigest()
            if path.name in named and len(data) <= left and not path.exists():
                replace_file(OsFileOps(), path, data)
                left -= len(data)

    def _parsed(self) -> Records:
        try:
            return self._loaded()
        except OSError as error:
            log.warning("trust_unreadable", path=str(self.path), reason=str(error))
            return Records()

    def _loaded_or_moved(self) -> Records:
        """What it says; what cannot be understood is moved aside, but for a newer release's."""
        try:
            return self._loaded()
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            rename(self.path, self.path.with_name(f"{self.path.name}.unreadable"))
            return Records()

    def _loaded(self) -> Records:
        """What it says; OSError where it cannot be understood, or is a newer release's."""
        try:
            data, size = read_regular_file(self.path, _LIMIT_BYTES, follow=True)
            if size > _LIMIT_BYTES:
                raise ValueError(f"it has {counted(size, 'byte')}")
            content = json.loads(data)
            if (version := content.get("version", 1)) > _VERSION:
                raise OSError(errno.ENOTSUP, f"version {version} is a newer release's")
            grants = {
                str(where): [each for each in granted if _is_grant(each)]
                for where, granted in content["projects"].items()
            }
            folders, revoked = (_folders(content.get(key, {})) for key in ("folders", "revoked"))
        except (FileNotFoundError, NotADirectoryError):
            return Records()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"it cannot be understood ({why_unreadable(error)})"
            raise OSError(errno.EINVAL, reason, str(self.path)) from error
        return Records(grants, folders, revoked)


USER_FILE = TrustFile()
"""The one in the user's configuration, which the whole process reads once."""


def _folders(stored: Entry) -> dict[str, FolderRecord]:
    found = {}
    for where, each in stored.items():
        with suppress(TypeError, ValueError, KeyError, AttributeError):
            found[str(where)] = _folder(each)
    return found


def _folder(stored: Entry) -> FolderRecord:
    files = {
        str(name): (str(digest), tuple(map(int, stamp)))
        for name, (digest, stamp) in stored["files"].items()
    }
    earlier = {
        str(name): [str(each) for each in digests][-_EARLIER:]
        for name, digests in stored.get("earlier", {}).items()
    }
    return FolderRecord(int(stored["inode"]), int(stored["uid"]), int(stored["at"]), files, earlier)


def _is_grant(entry: Any) -> bool:
    """Whether somebody who edited the file left the entry whole."""
    try:
        texts = [entry[key] for key in ("digest", "name", "directory")]
        datetime.fromisoformat(entry["granted_at"])
        known = entry["kind"] in COMMAND_KINDS and isinstance(entry["command"], list)
        return known and all(isinstance(each, str) for each in (*texts, *entry["command"]))
    except (TypeError, ValueError, KeyError):
        return False
