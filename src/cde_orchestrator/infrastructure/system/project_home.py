"""Which folder has what the worktrees of a repository share of a project.

The project's files are those of the worktree at hand. Its state, and all else that is about the
project and not about its files, is in ``.cde`` of one of them, its home. The project's vault
(``storage.format.vault``), a folder outside all worktrees, says which.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

import orjson

from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.paths import FOLDER, JOURNAL, STATE
from cde_orchestrator.infrastructure.system.file_ops import (
    READ_LIMIT_BYTES,
    read_bounded,
    read_regular_file,
)
from cde_orchestrator.infrastructure.system.git_folder import (
    Repository,
    repository_of,
    worktrees_of,
)
from cde_orchestrator.infrastructure.system.tree import names_in
from cde_orchestrator.infrastructure.system.viewing import takes_byproducts

PASSPORT = "project.json"
"""In a vault: whose it is."""
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
STATED = pattern(rb'^  "id": "(' + ID.encode() + rb')"', re.MULTILINE)
"""In a checkpoint: whose it is."""
SMALL_BYTES = 64 * 1024
_SEGMENT = pattern(r"journal-.*\.jsonl", re.DOTALL)
_BY_PATH = "by-path"
_NAME = pattern(ID + "(-[0-9a-f]{8})?")


class Passport(Value):
    """Whose vault it is.

    Attributes:
        id: the project's.
        home: the folder whose ``.cde`` has the project's state.
        inode: of that folder; 0 in a repository. Outside of one, another folder at its path is
            no sign of the project.
    """

    id: str
    home: str
    inode: int = 0


class Shelf(Value):
    """A folder that vaults are in.

    Attributes:
        folder: made with the first vault; its parents too, where they belong to the user.
        key: what the project at hand is called here, wherever its repository lies.
        common: what all worktrees of the repository share; None outside one.
    """

    folder: Path
    key: str
    common: Path | None = None

    @property
    def note(self) -> Path:
        """The file with the name of the vault of the project at hand."""
        return self.folder / _BY_PATH / digest(self.key)

    def noted(self) -> str | None:
        """The name of the vault that a project at this path has; None where there is none."""
        with suppress(OSError, ValueError):
            name = read_bounded(self.note, SMALL_BYTES).decode().strip()
            return name if _NAME.fullmatch(name) else None
        return None

    def passport(self, name: str | None) -> Passport | None:
        """Whose the vault of this name is; None where there is none or it does not say."""
        if name is None:
            return None
        with suppress(OSError, ValueError, TypeError):
            found = orjson.loads(read_bounded(self.folder / name / PASSPORT, SMALL_BYTES))
            passport = Passport(**found)
            _ = Path(passport.home), passport.id + ""
            return passport
        return None

    def is_home(self, home: Path) -> bool:
        """Whether the folder is at the project's place in one of the repository's worktrees."""
        if not os.path.isdir(home):  # noqa: PTH112 - False too where nobody may look
            return False
        there = repository_at(home)
        return there is not None and (there.common, there.inner) == (self.common, self.key)

    def has_more(self, passport: Passport, root: Path) -> bool:
        """Whether the state in the folder is an earlier one of the project that is elsewhere."""
        if checkpoint_id(Path(passport.home)) not in (None, passport.id):
            return False  # where it is gone, it is restored
        with suppress(OSError):
            last = _lines_of(root / FOLDER / JOURNAL)[-1]
            vault = self.folder / str(self.noted())
            segments = (vault / name for name in names_in(vault) if _SEGMENT.fullmatch(name))
            return bool(last) and any(last in _lines_of(each) for each in segments)
        return False


def home_of(root: Path) -> Path:
    """The folder whose ``.cde`` has the state: another worktree's, where the project is there.

    A worktree that was moved may have what the state was before another one went on with it.
    """
    shelf = repository_shelf(root)
    passport = None if shelf is None else shelf.passport(shelf.noted())
    if shelf is None or shelf.common is None or passport is None or passport.home == str(root):
        return root
    home = Path(passport.home)
    if has_state(root):
        is_elsewhere = shelf.is_home(home) and not is_same(home, root)
        return home if is_elsewhere and shelf.has_more(passport, root) else root
    if shelf.is_home(home):
        return home
    # It was moved, or restored by another worktree that has changed nothing since.
    places = (top / shelf.key for top in worktrees_of(shelf.common))
    found = (each for each in places if checkpoint_id(each) == passport.id and shelf.is_home(each))
    return next(found, root)


def local_folder(root: Path) -> Path:
    """The ``.cde`` with what is local to the machine and about the project, such as its logs."""
    return home_of(root) / FOLDER


def byproducts_folder(root: Path, home: Path | None = None) -> Path | None:
    """The same where what work leaves in passing may be written there; else None.

    Where it is was asked of what is at the root, which has to be what was judged as well.
    """
    if not takes_byproducts(root):
        return None
    folder = (home or home_of(root)) / FOLDER
    is_there = os.path.isdir(folder)  # noqa: PTH112 - False too where nobody may look
    return folder if is_there and takes_byproducts(folder) else None


def shared_file(root: Path, name: str, home: Path | None = None) -> Path:
    """Where in ``.cde`` is what git keeps by this name: the worktree's own, else its home's."""
    own = root / FOLDER / name
    return own if os.path.lexists(own) else (home or home_of(root)) / FOLDER / name


def has_state(home: Path) -> bool:
    """Whether any of the files that have the present state is in the folder's ``.cde``."""
    return any(os.path.lexists(home / FOLDER / name) for name in (STATE, JOURNAL))


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same project, as through a bind mount."""
    with suppress(OSError):
        return one == other or (one / FOLDER).samefile(other / FOLDER)
    return False


def checkpoint_id(home: Path) -> str | None:
    """The project's id as the checkpoint in the folder says; None where it does not."""
    with suppress(OSError, ValueError):
        found = STATED.search(beginning(home / FOLDER / STATE))
        return None if found is None else found[1].decode()
    return None


def beginning(path: Path) -> bytes:
    """The first part of a file that is no link, pipe or folder."""
    return read_regular_file(path, SMALL_BYTES)[0]


def _lines_of(path: Path) -> list[bytes]:
    """The whole lines of a segment; none of a link or a pipe."""
    return read_bounded(path, READ_LIMIT_BYTES).rpartition(b"\n")[0].split(b"\n")


def repository_shelf(root: Path) -> Shelf | None:
    """Where the repository of the folder keeps vaults; None outside one."""
    repository = repository_at(root)
    if repository is None:
        return None
    return Shelf(repository.common / "cde", repository.inner, repository.common)


def repository_at(root: Path) -> Repository | None:
    """The repository of the folder; None as well where ``.git`` is not to be followed."""
    with suppress(OSError, ValueError):
        return repository_of(root)
    return None


def digest(text: str) -> str:
    """A name for a file that is about the path."""
    return hashlib.blake2b(os.fsencode(text), digest_size=16).hexdigest()
