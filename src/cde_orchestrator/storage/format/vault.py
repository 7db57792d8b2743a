"""Where a project's backups are, outside its work tree, and how they are found again.

No command on a work tree reaches them: they are in the folder that git keeps a repository's own
files in, which all its worktrees share, or in the user's state folder. Each project has a folder
there, its vault, by its id; a small file names the vault by the project's path, so that it is
found as well where nothing is left in the project.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import orjson

from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.infrastructure.paths import FOLDER, JOURNAL, STATE, user_state_folder
from cde_orchestrator.infrastructure.system import project_home
from cde_orchestrator.infrastructure.system.file_ops import (
    READ_LIMIT_BYTES,
    FileOps,
    make_private,
    open_regular,
    read_bounded,
    replace_file,
)
from cde_orchestrator.infrastructure.system.project_home import (
    ID,
    PASSPORT,
    SMALL_BYTES,
    STATED,
    Passport,
    beginning,
    checkpoint_id,
    digest,
    is_same,
    repository_at,
    repository_shelf,
)
from cde_orchestrator.infrastructure.system.tree import (
    guard,
    is_folder,
    is_no_folder,
)
from cde_orchestrator.storage.format import checkpoint, journal

_NAMED = pattern(rb'^  "name": (".*"),?\r?$', re.MULTILINE)


class Shelf(project_home.Shelf):
    """A folder that vaults are in, as whoever has a project to keep uses it."""

    def found(self) -> Passport | None:
        """Whose vault a project at this path has, where nothing but its path is known."""
        passport = self.passport(self.noted())
        if passport is not None and self.common is None and passport.inode != inode_of(self.key):
            return None
        return passport

    def signed(self, project_id: str, home: Path) -> Passport:
        """What the vault of the project is to say."""
        return Passport(project_id, str(home), 0 if self.common else inode_of(home))

    def holds(self, home: Path, project_id: str) -> bool:
        """Whether the state of the project is in another folder, which belongs to this shelf."""
        there = repository_at(home)
        return (there.common if there else None) == self.common and stated_id(home) == project_id

    def name_for(self, project_id: str, home: Path) -> str | None:
        """The name of the project's vault; a copy of a project has one of its own."""
        if not re.fullmatch(ID, project_id):
            return None
        noted = self.noted()
        passport = self.passport(noted)
        if passport and passport.id == project_id and is_same(Path(passport.home), home):
            return noted
        passport = self.passport(project_id)
        if passport is None or is_same(Path(passport.home), home):
            return project_id
        if not self.holds(Path(passport.home), project_id):
            return project_id
        return f"{project_id}-{digest(str(home))[:8]}"

    def open(self, ops: FileOps, name: str, passport: Passport) -> Path:
        """The vault's folder, which can be written; made and signed where it was not.

        Raises:
            OSError: it cannot be written.
        """
        vault = self.folder / name
        if self.is_signed(name, passport):
            os.close(open_regular(vault / PASSPORT, os.O_WRONLY))
            return vault
        if self.common is None:
            above = self.folder.parent
            missing = [each for each in (above, *above.parents) if not each.exists()]
            above.mkdir(mode=0o700, parents=True, exist_ok=True)
            for each in missing:
                ops.sync_folder(each.parent)
        for folder in (self.folder, self.note.parent, vault):
            if folder == self.note.parent and is_no_folder(folder):
                ops.replace(folder, folder.with_name(f"{folder.name}-{os.urandom(4).hex()}.aside"))
            if not is_folder(folder):
                ops.make_folder(folder)
                make_private(folder)
                ops.sync_folder(folder.parent)
        data = orjson.dumps(asdict(passport), option=orjson.OPT_INDENT_2)
        replace_file(ops, vault / PASSPORT, data + b"\n", 0o600)
        if not self.is_signed(name, passport):
            replace_file(ops, self.note, f"{name}\n".encode(), 0o600)
        return vault

    def is_signed(self, name: str, passport: Passport) -> bool:
        """Whether the vault says what it should, and is found by the project's path.

        The path may also be another worktree's, which has a project of its own.
        """
        if self.passport(name) != passport:
            return False
        noted = self.noted()
        other = self.passport(noted)
        if noted == name or other is None:
            return noted == name
        home = Path(other.home)
        return not is_same(home, Path(passport.home)) and self.holds(home, other.id)


def shelves_for(root: Path) -> Iterator[Shelf]:
    """Where the vault of the project at ``root`` may be, the best place first."""
    shelf = repository_shelf(root)
    if shelf is not None:
        yield Shelf(shelf.folder, shelf.key, shelf.common)
    folder = user_state_folder()
    if folder is not None:
        guard(folder)
        yield Shelf(folder / "projects", str(root))


def is_known(root: Path) -> bool:
    """Whether there is a vault of a project at the path, whatever is left in it."""
    return any(shelf.found() is not None for shelf in shelves_for(root))


def stated_id(home: Path) -> str | None:
    """The project's id as the state in the folder says; None where it does not."""
    stated = checkpoint_id(home)
    if stated is not None:
        return stated
    with suppress(OSError, KeyError, TypeError, IndexError):
        lines = beginning(home / FOLDER / JOURNAL).splitlines(keepends=True)
        first = journal.scan(b"".join(lines[:2])).records[0]
        made = first.change.changes[0]
        return str(made["value"]["id"]) if made["path"] == "" else None
    return None


def stated_name(home: Path) -> str | None:
    """The project's name as the checkpoint in the folder says; None where it does not."""
    with suppress(OSError, ValueError):
        found = _NAMED.search(beginning(home / FOLDER / STATE))
        return str(orjson.loads(found[1])) if found is not None else None
    return None


def inode_of(home: Path | str) -> int:
    """The number of the folder; -1 where there is none."""
    with suppress(OSError):
        return os.stat(home).st_ino
    return -1


def surely_states(home: Path, project_id: str) -> bool:
    """Whether what ``stated_id`` found is in a whole file."""
    with suppress(OSError):
        data = read_bounded(home / FOLDER / STATE, READ_LIMIT_BYTES)
        found = checkpoint.decode(data)
        if isinstance(found, checkpoint.Checkpoint):
            return bool(found.document.get("id") == project_id)
        return STATED.search(data[:SMALL_BYTES]) is None
    return True
