"""Judges whether a person trusts a folder: by its owner, its place, and what acts in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.exceptions import FeatureError, StateError
from cde_orchestrator.domain.standing import NOT_SHOWN, Kind, Standing
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system import acting_files as acting
from cde_orchestrator.infrastructure.system import viewing
from cde_orchestrator.infrastructure.system.acting_files import Stamp
from cde_orchestrator.infrastructure.system.file_ops import read_bounded
from cde_orchestrator.infrastructure.system.project_home import (
    home_of,
    repository_at,
    repository_shelf,
)
from cde_orchestrator.infrastructure.trust.records import (
    USER_FILE,
    FolderRecord,
    Records,
    TrustFile,
)

VARIABLE = "CDE_TRUSTED_FOLDERS"
"""Folders at or below which a person trusts everything, as in a container; never a setting.

Where something was trusted at a path otherwise, the variable allows no other contents there.
"""

_LEADS_ELSEWHERE = "the way to the folder, which is a link now,"
_KEPT_BYTES = 256 * 1024


class FolderTrust:
    """What a person said to folders. Nothing is asked for, and only ``trust.json`` is written.

    Args:
        file: what was said.
        place: where the one folder is that is judged, no link in it; any when None.
    """

    def __init__(self, file: TrustFile = USER_FILE, place: str | None = None) -> None:
        self.file = file
        self._place = place

    def judge(self, root: Path) -> Standing:
        """The folder's standing, registered: from now on it is only viewed, or not.

        What is the same by its stamp is not read.
        """
        if not root.is_absolute():
            try:
                root = Path.cwd() / root
            except FileNotFoundError:  # the current folder was removed
                return Standing(kind="unset")
        home = home_of(root)
        standing = self.standing(root, home)
        if standing.kind == "changed" and self._note_gone(root):
            standing = self.standing(root, home)
        if self._place not in {None, os.path.realpath(root)}:
            # A person trusted what was there, and perhaps what the link leads to, but not by it.
            standing = Standing(kind="changed", path=str(root), changed=(_LEADS_ELSEWHERE,))
        if standing.acts:
            viewing.act_in(root, home)
        else:
            folders = [root, home]
            repository = repository_at(root)
            if repository is not None:
                folders.append(repository.common)
            viewing.view_only(root, standing.kind, folders)
        return standing

    def accept(self, root: Path, shown: Mapping[str, str], at: int | None = None) -> None:
        """Trust the folder with these files, as a person was shown them.

        Raises:
            FeatureError: E128, they are others by now.
            StateError: E203 to E205, it could not be written down.
        """
        began = time.time_ns()
        home = home_of(root)
        places = _places(root, home)
        files = self._files(root, home, places, self.file.read())
        found = {name: acting.digest_of(path) for name, path in files.items()}
        unknown = [name for name, digest in found.items() if digest == acting.UNKNOWN]
        if unknown or found != dict(shown):
            reasons = [f"{name} {acting.why_unknown(files[name])}" for name in unknown]
            other = {name for name, _ in {*found.items()} ^ {*shown.items()}} - {*unknown}
            reasons += [f"{name} changed while it was read" for name in sorted(other)]
            reason = "; ".join(reasons)
            raise FeatureError.of("E128", path=str(root), reason=reason)
        stamped = {
            name: (found[name], acting.settled_stamp(path, at or began))
            for name, path in files.items()
        }
        record = FolderRecord(_inode(root), _owner(root, home), at or began, stamped)

        def add(records: Records) -> None:
            earlier = records.folders.get(places[0])
            if earlier is not None and (earlier.inode, earlier.uid) == (record.inode, record.uid):
                record.follow(earlier)
            records.put(places[0], record)

        self.file.change(add, _contents(files.values()))

    def require_writable(self) -> None:
        """Raise E203 to E205 where no yes could be written down."""
        self.file.change(lambda _: None)

    def note_own(self, root: Path, standing: Standing) -> None:
        """Record what the product itself wrote to files that act, so that it is no change."""
        records, home = self.file.read(), home_of(root)
        places = _places(root, home)
        where, files = places[0], self._files(root, home, places, records)
        own = acting.own_writes(root, files)
        is_new = standing.kind == "unset" and os.path.lexists(root / FOLDER)
        record: FolderRecord | None = None
        if is_new and not under_trusted(root):
            # With no time, as no person said yes. What somebody else puts there meanwhile is not
            # ours, and will be a change.
            record = FolderRecord(_inode(root), _owner(root, home), 0)
        elif not own or where not in records.folders:
            return

        def add(records: Records) -> None:
            current = record or records.folders.get(where)
            if current is None:
                return  # revoked meanwhile
            for name, digest in own.items():
                current.put(name, digest, ())
            records.put(where, current)

        self.file.change(add, _contents([files[name] for name in own]))

    def note_programs(self, root: Path, commands: list[CommandLine]) -> None:
        """Watch from now on the programs of these commands, as they are now."""
        records, where, began = self.file.read(), os.path.realpath(root), time.time_ns()
        files = {n: p for each in commands for n, p in acting.program_of(root, each).items()}
        if where not in records.folders or not files:
            return
        found = {n: (acting.digest_of(p), acting.settled_stamp(p, began)) for n, p in files.items()}

        def add(kept: Records) -> None:
            if (record := kept.folders.get(where)) is not None:  # not revoked meanwhile
                for name, (digest, stamp) in found.items():
                    record.put(name, digest, stamp)

        self.file.change(add)

    def forget(self, root: Path) -> None:
        """Trust the folder no longer, nor the home of the project it belongs to.

        One that the environment alone trusts stays so with what acts there now: what comes later
        is a person's to trust.
        """
        known, home = self.file.read(), home_of(root)
        places, own = _places(root, home), None
        if _is_below_trusted(places[0]) and _said_of(places, known) is None:
            files = self._files(root, home, places, known)
            now: dict[str, tuple[str, Stamp]] = {
                name: (acting.digest_of(path), ()) for name, path in files.items()
            }
            own = FolderRecord(_inode(root), _owner(root, home), 0, now)

        def forget(records: Records) -> None:
            for each in places:
                records.revoke(each)
            if own is not None:
                records.revoked.setdefault(places[0], own)

        if own is not None or any(each in known.folders for each in places):
            self.file.change(forget)

    def differences(
        self, root: Path, packaged: Path, judged: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """What would come into force by each file, as lines of a unified difference.

        A file that was trusted once is compared with its content then, and any other one with
        what the product has in its place, in the folder ``packaged``. Of one that has another
        digest than when the folder was ``judged`` nothing is shown: a yes is for the digest.
        """
        import difflib

        records, home = self.file.read(), home_of(root)
        places = _places(root, home)
        record = self._record(root, home, places, records)
        files = self._files(root, home, places, records)
        before = record.files if record else {}
        digests = self.standing(root, home).files if judged is None else judged
        found = {}
        for name in sorted({*files, *before, *digests}):
            path, digest = files.get(name), digests.get(name)
            if record is not None and record.knows(name, digest):
                continue
            now = "" if digest is None else None
            if path is not None:
                now = acting.text_of(path, digest)
            if name not in before:
                inner = name.removeprefix(f"{FOLDER}/")
                then = acting.text_of(packaged / inner) if inner != name else None
            else:
                then = self.file.copy(before[name][0])
            if now is None:
                found[name] = f"{NOT_SHOWN}: it {_why_not_shown(path, digest)})"
                continue
            pages = ((then or "").splitlines(), now.splitlines())
            lines = [*difflib.unified_diff(*pages, lineterm="", n=2)][2:]
            if record is not None and not lines:  # it is another one all the same
                lines = [_in_words(name in before, name in files, is_known=then is not None)]
            found[name] = "\n".join(lines)
        return found

    def standing(self, root: Path, home: Path | None = None) -> Standing:
        """The folder's standing; nothing is registered."""
        home = home or home_of(root)
        path, places, records = str(root), _places(root, home), self.file.read()
        is_listed, said = _is_below_trusted(places[0]), _said_of(places, records)
        if is_listed and said is None:
            return Standing(kind="trusted", path=path)
        record = self._record(root, home, places, records)
        files, uid = self._files(root, home, places, records), _stranger(root, home)
        if record is None:
            digests = {name: acting.known_digest(each) for name, each in files.items()}
        else:
            digests = {name: _digest(name, each, record) for name, each in files.items()}
        # Of what was at this path before another folder was, nothing that is gone acts.
        names = sorted({*digests, *(record.files if record else ())})
        changed = [n for n in names if said is not None and not said.knows(n, digests.get(n))]
        kind: Kind = "changed" if changed else "trusted"
        owner = ""
        if not is_listed and uid is not None and (record is None or record.uid != uid):
            kind, owner = "foreign_owner", acting.owner_name(uid)
        elif not is_listed and record is None:
            is_here = bool(files) or (_is_set_up(root, home) and not acting.was_set_up(root))
            kind = "not_yet" if is_here else "unset"
        return Standing(
            kind=kind,
            path=path,
            files=digests,
            changed=tuple(changed) if kind == "changed" else (),
            owner=owner,
            was_trusted=bool(changed) or any(each in records.revoked for each in places),
            is_remembered=said is not None,
            is_listed=is_listed,
        )

    def _note_gone(self, root: Path) -> bool:
        """Remember as no change that the whole ``.cde`` is gone; whether that is so.

        Nothing is left that could act: what is packaged applies. The state is restored, and so
        may be the files, as they were.
        """
        where = os.path.realpath(root)
        if os.path.lexists(root / FOLDER) or where not in self.file.read().folders:
            return False

        def note(records: Records) -> None:
            if (record := records.folders.get(where)) is not None:
                record.note_gone(name for name in record.files if name.startswith(f"{FOLDER}/"))

        with suppress(StateError):
            self.file.change(note)
            return True
        return False

    def _record(
        self, root: Path, home: Path, places: list[str], records: Records
    ) -> FolderRecord | None:
        """What was said to the folder itself, else to the home of the project it belongs to."""
        own = records.folders.get(places[0])
        if own is not None:
            return own if own.inode == _inode(root) else None
        kept = records.folders.get(places[-1]) if home != root else None
        if kept is not None and kept.inode == _inode(home):
            return kept
        return None

    def _files(
        self, root: Path, home: Path, places: list[str], records: Records
    ) -> dict[str, Path]:
        record, granted = records.folders.get(places[-1]), records.grants.get(places[-1], [])
        if record is not None and record.inode != _inode(home):
            granted = []  # they were for another folder at this path
        commands = [
            CommandLine(
                kind=each["kind"], words=tuple(each["command"]), directory=each["directory"]
            )
            for each in granted
            if each["command"]
        ]
        return acting.acting_files(root, home, commands)


def under_trusted(root: Path) -> bool:
    """Whether the environment says that everything there is trusted."""
    return _is_below_trusted(os.path.realpath(root))


def _is_below_trusted(where: str) -> bool:
    listed = filter(os.path.isabs, os.environ.get(VARIABLE, "").split(os.pathsep))
    return any(Path(where).is_relative_to(os.path.realpath(each)) for each in listed)


def _places(root: Path, home: Path) -> list[str]:
    """Where the folder is, and the project that it belongs to, without links."""
    return [os.path.realpath(each) for each in ([root] if home == root else [root, home])]


def _said_of(places: Iterable[str], records: Records) -> FolderRecord | None:
    """What was trusted last at the first of these places where anything was."""
    return next(filter(None, map(records.said_of, places)), None)


def _is_set_up(root: Path, home: Path) -> bool:
    if home != root or os.path.lexists(root / FOLDER):
        return True
    shelf = repository_shelf(root)  # a folder from elsewhere may bring one
    return shelf is not None and shelf.noted() is not None


def _why_not_shown(path: Path | None, digest: str | None) -> str:
    if path is None:
        return acting.CHANGED
    is_same = acting.digest_of(path) == digest != acting.UNKNOWN
    return "is a link, no plain text, or long" if is_same else acting.why_unknown(path)


def _in_words(was: bool, is_here: bool, *, is_known: bool) -> str:
    """What is different where no line is."""
    if not is_here:
        return "(it was empty, or its content was not kept)"
    if not was:
        return "(it is new, and as the product has it)" if is_known else "(it is new, and empty)"
    if not is_known:
        return "(it is empty now; its earlier content was not kept)"
    return "(the same lines: only their ends differ, or it is a link now)"


def _digest(name: str, path: Path, record: FolderRecord) -> str:
    """The file's digest; it is read only where its stamp does not say that it is the same."""
    digest, stamp = record.files.get(name, (acting.UNKNOWN, ()))
    return digest if stamp and acting.acting_stamp(path) == stamp else acting.known_digest(path)


def _contents(paths: Iterable[Path]) -> Iterator[bytes]:
    """What is kept to show later what changed since."""
    for path in paths:
        with suppress(OSError):
            yield read_bounded(path, _KEPT_BYTES)


def _stranger(root: Path, home: Path) -> int | None:
    """The owner of the folder, or of what is in it, who is somebody else; None for nobody."""
    return acting.foreign_owner(root, root / FOLDER, home / FOLDER)


def _owner(root: Path, home: Path) -> int:
    """Whom a person says yes to."""
    stranger = _stranger(root, home)
    return os.stat(root).st_uid if stranger is None else stranger


def _inode(folder: Path) -> int:
    try:
        return os.stat(folder).st_ino
    except OSError:
        return -1
