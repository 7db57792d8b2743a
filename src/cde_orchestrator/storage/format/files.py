"""Where the files of a project's state are: in its folder ``.cde``, and outside its work tree."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.paths import FOLDER, JOURNAL, STATE
from cde_orchestrator.infrastructure.system.file_ops import (
    FileOps,
    in_the_way,
    open_regular,
    read_file,
    remove_folder,
    replace_file,
    unlink,
)
from cde_orchestrator.infrastructure.system.project_home import (
    PASSPORT,
    Passport,
    has_state,
    home_of,
)
from cde_orchestrator.infrastructure.system.tree import (
    is_folder,
    list_folder,
    names_in,
    status_of,
)
from cde_orchestrator.infrastructure.system.viewing import is_only_viewed
from cde_orchestrator.storage.format import vault

log = get_logger(__name__)

Marks = list[tuple[str, int, int, int]]
_NUMBERED = pattern(r"(state|journal)-(\d{12})\.jsonl?")
_SIDE = pattern(r"(fork|side)-(\d{12})-([0-9a-f]{8})\.json")
_UNNUMBERED = "state-versionless.json"


class SideName(Value):
    """What the name of a file says that has another side of a fork.

    Attributes:
        sequence: the number of its newest change.
        mark: how the checksum of that change begins.
        is_open: whether nobody has decided about it yet.
    """

    sequence: int
    mark: str
    is_open: bool


class StateFiles:
    """The paths of one project's state.

    Attributes:
        root: the project's own files.
        home: the folder whose ``.cde`` has the state; another worktree's, if the project is there.
        folder: everything of the product in the project.
        state: the newest checkpoint.
        journal: the active segment of the journal.
        lock: the lock between processes.
        quarantine: damaged files, moved aside.
        objects: recorded outputs by content hash.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = home_of(root)
        self.folder = self.home / FOLDER
        self.state = self.folder / STATE
        self.journal = self.folder / JOURNAL
        self.lock = self.folder / "lock"
        self.quarantine = self.folder / "quarantine"
        self.objects = self.folder / "objects"
        self.local_backups = self.folder / "backups"
        self._vaults: list[Path] = []
        self._shelved: list[tuple[vault.Shelf, str, Passport]] = []
        self._backups: Path | None = None

    @property
    def backups(self) -> Path:
        """Older checkpoints, sealed segments and the active segment's second copy."""
        return self._backups or self.resolve()

    @property
    def judged(self) -> Path:
        """Which backups were judged as whole, to judge each once; it can be deleted."""
        return (self.folder if self.is_local else self.backups) / "judged.json"

    @property
    def is_local(self) -> bool:
        """Whether the backups are in ``.cde``, as there is no other place, or none yet."""
        return self.backups == self.local_backups

    @property
    def outside(self) -> Path | None:
        """The project's folder outside the work tree, whether it can be written or not."""
        _ = self.backups
        return next(filter(is_folder, self._vaults), None)

    @property
    def wanted(self) -> Path | None:
        """The best place for the backups, whether it exists or not; None without an id."""
        _ = self.backups
        return next(iter(self._vaults), None)

    @property
    def is_unsettled(self) -> bool:
        """Whether there are backups in another place than that for them."""
        _ = self.backups
        if not self._shelved:  # there may be a project by now
            self.resolve()
        if not self._shelved:
            return False
        shelf, name, passport = self._shelved[0]
        is_best = shelf.folder / name == self.backups and shelf.is_signed(name, passport)
        return not is_best or any(map(_is_used, self._others()))

    def resolve(self) -> Path:
        """Find where the backups are; nothing is written."""
        self._shelved = self._named(None)
        self._vaults = [shelf.folder / name for shelf, name, _ in self._shelved]
        usable = (each for each in self._vaults if _can_be_written(each / PASSPORT))
        self._backups = next(usable, self.local_backups)
        return self._backups

    def settle(self, ops: FileOps, project_id: str | None = None) -> bool:
        """Have the backups in the best place that can be written; only under the lock.

        What is in other places is moved there, each file whole before the other one goes, so
        that either is readable whenever this is cut short.

        Args:
            ops: the file operations.
            project_id: whose they are, where no file says that yet.

        Returns:
            Whether anything is in another place now.
        """
        before, places, vaults = self._backups, list[Path](), list[Path]()
        self._shelved = self._named(project_id)
        for shelf, name, passport in self._shelved:
            vaults.append(shelf.folder / name)
            if not places:
                try:
                    places.append(shelf.open(ops, name, passport))
                except OSError as error:
                    log.info("vault_not_written", path=str(shelf.folder), reason=str(error))
        self._vaults, self._backups = vaults, next(iter(places), self.local_backups)
        if not places:
            ops.make_folder(self.local_backups)
        order = [*vaults, self.local_backups]
        worse = [each for each in order[order.index(self._backups) + 1 :] if each in self._others()]
        changed = [self._move(ops, each) for each in worse if _is_used(each)]
        changed.append(self._copy_newest(ops))
        if places:
            self._remove_local()
        return any(changed) or before != self._backups

    def forget(self, ops: FileOps) -> None:
        """Let a new project take this path; the vault of the earlier one stays as it is."""
        for shelf in vault.shelves_for(self.home):
            if os.path.lexists(shelf.note):
                ops.unlink(shelf.note)
                ops.sync_folder(shelf.note.parent)
        self._backups = None

    def backups_in_folder(self) -> list[Path]:
        """The backups that are in ``.cde``, as no other place could be written."""
        names = _names_in(self.local_backups)
        return [self.local_backups / name for name in names if _is_backup(name)]

    def mirror(self, first: int) -> Path:
        """The second copy of the segment that begins with the sequence ``first``."""
        return self.backups / f"journal-{first:012d}.jsonl"

    def backup(self, sequence: int) -> Path:
        """The checkpoint that was kept when the segment up to ``sequence`` was sealed."""
        return self.backups / f"state-{sequence:012d}.json"

    def side(self, sequence: int, mark: str, *, is_open: bool = True) -> Path:
        """The checkpoint of another side of a fork; its name changes with the decision."""
        return self.backups / f"{'fork' if is_open else 'side'}-{sequence:012d}-{mark}.json"

    def sides(self) -> dict[Path, SideName]:
        """The other sides of forks wherever they are, by number."""
        found: dict[Path, SideName] = {}
        for place in (self.backups, *self._others()):
            for name in _names_in(place):
                if match := _SIDE.fullmatch(name):
                    found[place / name] = SideName(int(match[2]), match[3], match[1] == "fork")
        return dict(sorted(found.items(), key=lambda each: (each[1].sequence, each[0])))

    def segments(self) -> dict[int, Path]:
        """Copies of segments wherever they are, oldest first, by the sequence they begin with."""
        return self._numbered("journal")

    def checkpoints(self) -> dict[int, Path]:
        """Checkpoints wherever they are, oldest first, by sequence."""
        return self._numbered("state")

    def exist(self) -> bool:
        """Whether there is any file of a state, whole or not."""
        return self.are_in_folder() or bool(self._all_backups())

    def are_in_folder(self) -> bool:
        """Whether any of those that have the present state is in ``.cde``."""
        return has_state(self.home)

    def stated_id(self) -> str | None:
        """The project's id as the files in ``.cde`` say; None where they do not."""
        return vault.stated_id(self.home)

    def shown(self, path: Path) -> str:
        """What a person reads of one of the paths: relative to the project, if it is inside."""
        return str(path.relative_to(self.home) if path.is_relative_to(self.home) else path)

    def marks(self) -> Marks:
        """What changes when any of the files was changed or exchanged meanwhile."""
        found: Marks = []
        for path in (self.state, self.journal, self.backups, *self._all_backups()):
            with suppress(OSError):  # who reads them next is refused by its code
                stat = path.stat()
                found.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return found

    @property
    def project_id(self) -> str | None:
        """The project's id, as far as a file here or outside says."""
        _ = self.backups
        return self._shelved[0][2].id if self._shelved else vault.stated_id(self.home)

    def everywhere(self) -> list[Path]:
        """Every backup in every place, also one that another place has more of."""
        return [
            place / name
            for place in (self.backups, *self._others())
            for name in sorted(_names_in(place))
            if _NUMBERED.fullmatch(name)
        ]

    def _named(self, project_id: str | None) -> list[tuple[vault.Shelf, str, Passport]]:
        """The project's vault on each shelf and what it is to say, the best one first."""
        shelves = list(vault.shelves_for(self.home))
        noted = next((found for each in shelves if (found := each.found())), None)
        stated = project_id or vault.stated_id(self.home)
        doubtful = stated is None or (project_id is None and noted and stated != noted.id)
        if noted and (stated is None or (doubtful and not vault.surely_states(self.home, stated))):
            stated = noted.id
        if stated is None:
            return []
        names = ((shelf, shelf.name_for(stated, self.home)) for shelf in shelves)
        return [
            (shelf, name, shelf.signed(stated, self.home))
            for shelf, name in names
            if name is not None
        ]

    def _others(self) -> list[Path]:
        """The places that backups may be in, but for the one that they are written to."""
        places = (*self._vaults, self.local_backups)
        return [each for each in places if each != self.backups]

    def _move(self, ops: FileOps, source: Path) -> bool:
        """Move what is in another place; whether that could be done."""
        try:
            for name in sorted(list_folder(source)):
                if _is_backup(name) or name == _UNNUMBERED:
                    self._take(ops, source / name)
            ops.sync_folder(source)
        except OSError as error:
            log.info("backups_not_moved", path=str(source), reason=str(error))
            return False
        log.info("backups_moved", source=str(source), target=str(self.backups))
        return True

    def _copy_newest(self, ops: FileOps) -> bool:
        """Have the newest segment where it is appended to; it may be where nobody may write."""
        path = next(reversed(self.segments().values()), None)
        if path is None or path.parent == self.backups:
            return False
        try:
            replace_file(ops, self.backups / path.name, ops.read(path))
        except OSError as error:
            log.info("backups_not_moved", path=str(path.parent), reason=str(error))
            return False
        return True

    def _remove_local(self) -> None:
        """Remove the folder in ``.cde`` where nothing is left in it."""
        with suppress(OSError):
            if names_in(self.local_backups) == [".gitignore"]:
                unlink(self.local_backups / ".gitignore")
                unlink(self.folder / "judged.json", missing_ok=True)
            remove_folder(self.local_backups)

    def _take(self, ops: FileOps, path: Path) -> None:
        """Move one file, unless there is one of the name that has all of it already."""
        target = self.backups / path.name
        data, present = read_file(ops, path), read_file(ops, target)
        if data and (present is None or not present.startswith(data)):
            if present is not None and len(present) >= len(data):
                return  # neither has what the other one has
            replace_file(ops, target, data)
            if ops.read(target) != data:
                return
        ops.unlink(path)

    def _all_backups(self) -> list[Path]:
        return [*self.segments().values(), *self.checkpoints().values()]

    def _numbered(self, kind: str) -> dict[int, Path]:
        """Of files with one name in several places, the longest."""
        found: dict[int, Path] = {}
        for place in (self.backups, *self._others()):
            for name in _names_in(place):
                match = _NUMBERED.fullmatch(name)
                if match is None or match[1] != kind:
                    continue
                number, path = int(match[2]), place / name
                if number not in found or _size(path) > _size(found[number]):
                    found[number] = path
        return dict(sorted(found.items()))


def _names_in(place: Path) -> list[str]:
    try:
        return list_folder(place)
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # or another user's
        return []
    except OSError as error:
        if error.errno != errno.ELOOP:  # a link leads to what is none of the project's
            raise
        return []


def _is_backup(name: str) -> bool:
    return bool(_NUMBERED.fullmatch(name) or _SIDE.fullmatch(name))


def _is_used(place: Path) -> bool:
    """Whether there are backups in the place, as far as this user may look."""
    with suppress(OSError):
        return any(map(_is_backup, _names_in(place)))
    return False


def _size(path: Path) -> int:
    with suppress(OSError):
        return status_of(path).st_size
    return -1


def _can_be_written(path: Path) -> bool:
    """Whether the system lets this process write to the file, which it does not.

    In a folder that is only viewed, it is enough that it is there.
    """
    if is_only_viewed(path):
        return path.is_file()
    try:
        os.close(open_regular(path, os.O_WRONLY))
    except OSError:
        return False
    return True


def reason_at(path: Path, reason: str) -> str:
    """What is wrong with a file; anything else that is in its place says more than ``reason``."""
    thing = in_the_way(path)
    return f"{thing} is in its place" if thing else reason
