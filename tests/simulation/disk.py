"""A disk as the fault model has it: what is durable, and what a power cut may make of the rest.

It follows a log of operations and can be asked at any time for contents of the folder that a
power cut at that moment may leave.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from random import Random
from typing import Literal

Kind = Literal["open", "write", "truncate", "sync", "sync failed", "close"]
EntryKind = Literal["add", "move", "remove", "folder"]
Image = dict[PurePath, bytes]
"""The files of a folder by their paths in it."""
REPOSITORY: Image = {PurePath(".git/HEAD"): b"ref: refs/heads/main\n"}
"""What makes the folder a repository, from the beginning."""


@dataclass(frozen=True, slots=True)
class OnFile:
    """An operation on an open file, or its opening."""

    kind: Kind
    descriptor: int
    path: PurePath | None = None
    data: bytes = b""
    size: int = 0


@dataclass(frozen=True, slots=True)
class OnFolder:
    """An operation on the entries of a folder."""

    kind: EntryKind | Literal["sync"]
    path: PurePath
    target: PurePath | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A call returned; the state is at the record with this checksum."""

    checksum: str


Event = OnFile | OnFolder | Acknowledged


@dataclass(slots=True)
class _Piece:
    """A write at an offset, or a cut to a size, that is not durable yet."""

    offset: int
    data: bytes | None
    dropped: bool = False


@dataclass(slots=True, eq=False)
class Inode:
    """A file's content: what is durable, and what came since."""

    durable: bytes = b""
    pieces: list[_Piece] = field(default_factory=list)

    @property
    def current(self) -> bytes:
        """What a read shows."""
        return _content(self.durable, self.pieces)

    def write(self, data: bytes) -> None:
        """Append."""
        self.pieces.append(_Piece(len(self.current), data))

    def truncate(self, size: int) -> None:
        """Cut; a later sync then says nothing about what stood behind."""
        self.pieces.append(_Piece(size, None))

    def sync(self) -> None:
        """Everything is durable, but for what a failed sync may have dropped."""
        cuts = [piece.offset for piece in self.pieces if piece.data is None]
        lowest = min(cuts, default=None)
        doubtful = [
            piece
            for piece in self.pieces
            if piece.dropped and (lowest is None or piece.offset < lowest)
        ]
        if not doubtful:
            self.durable, self.pieces = self.current, []

    def sync_failed(self) -> None:
        """What was not durable may be lost for good, whatever a later sync says."""
        for piece in self.pieces:
            piece.dropped = True

    def after_power_cut(self, random: Random) -> bytes:
        """A content that a power cut may leave."""
        if not self.pieces:
            return self.durable
        kept = [
            _Piece(piece.offset, piece.data)
            for piece in self.pieces[: random.randint(0, len(self.pieces))]
        ]
        if not kept:
            return self.durable
        harm = random.choice(["none", "none", "part", "zeros", "half zeros", "hole"])
        victim = kept[random.randrange(len(kept))] if harm == "hole" else kept[-1]
        if victim.data is not None:
            victim.data = _harmed(victim.data, harm, random)
        return _content(self.durable, kept)


def _harmed(data: bytes, harm: str, random: Random) -> bytes:
    if harm == "part":
        return data[: random.randint(0, len(data))]
    if harm in {"zeros", "hole"}:
        return bytes(len(data))
    if harm == "half zeros":
        half = random.randint(0, len(data))
        return bytes(half) + data[half:]
    return data


def _content(durable: bytes, pieces: list[_Piece]) -> bytes:
    content = bytearray(durable)
    for piece in pieces:
        if piece.data is None:
            del content[piece.offset :]
        else:
            content.extend(bytes(max(0, piece.offset - len(content))))
            content[piece.offset : piece.offset + len(piece.data)] = piece.data
    return bytes(content)


@dataclass(slots=True, eq=False)
class _Entry:
    """A change of a folder's entries that is not durable yet."""

    kind: EntryKind
    path: PurePath
    target: PurePath | None
    inode: Inode | None

    @property
    def names(self) -> set[PurePath]:
        """The names that it touches."""
        return {self.path} if self.target is None else {self.path, self.target}

    def needs(self, earlier: _Entry) -> bool:
        """Whether this cannot be there without ``earlier``."""
        parents = {name.parent for name in self.names}
        return bool(self.names & earlier.names) or (
            earlier.kind == "folder" and earlier.path in parents
        )


_Names = dict[PurePath, Inode | None]


class Disk:
    """The files of one folder, current and durable.

    Args:
        content: files that are durable from the beginning, with the folders that they are in.
    """

    def __init__(self, content: Mapping[PurePath, bytes] = REPOSITORY) -> None:
        folders = {folder for path in content for folder in path.parents} - {PurePath()}
        self._durable: _Names = dict.fromkeys(sorted(folders))
        self._durable |= {path: Inode(data) for path, data in content.items()}
        self._current: _Names = dict(self._durable)
        self._pending: list[_Entry] = []
        self._open: dict[int, Inode] = {}

    def apply(self, event: Event) -> None:
        """Follow one operation."""
        if isinstance(event, OnFile):
            self._on_file(event)
        elif isinstance(event, OnFolder):
            self._on_folder(event)

    def _on_file(self, event: OnFile) -> None:
        if event.kind == "open":
            assert event.path is not None
            inode = self._current.get(event.path)
            if inode is None:
                inode = Inode()
                self._change(_Entry("add", event.path, None, inode))
            self._open[event.descriptor] = inode
            return
        inode = self._open[event.descriptor]
        if event.kind == "write":
            inode.write(event.data)
        elif event.kind == "truncate":
            inode.truncate(event.size)
        elif event.kind == "sync":
            inode.sync()
        elif event.kind == "sync failed":
            inode.sync_failed()
        else:
            del self._open[event.descriptor]

    def _on_folder(self, event: OnFolder) -> None:
        if event.kind == "sync":
            self._sync_folder(event.path)
        elif event.kind == "folder":
            if event.path not in self._current:
                self._change(_Entry("folder", event.path, None, None))
        else:
            self._change(
                _Entry(event.kind, event.path, event.target, self._current.get(event.path))
            )

    def _change(self, entry: _Entry) -> None:
        _enter(self._current, entry)
        self._pending.append(entry)

    def _sync_folder(self, folder: PurePath) -> None:
        needed: list[_Entry] = []
        for entry in reversed(self._pending):
            here = any(name.parent == folder for name in entry.names)
            if here or any(later.names & entry.names for later in needed):
                needed.append(entry)
        for entry in reversed(needed):
            _enter(self._durable, entry)
        self._pending = [entry for entry in self._pending if entry not in needed]

    # What a crash leaves

    def after_kill(self) -> Image:
        """The folder when only the process died."""
        return {path: inode.current for path, inode in self._current.items() if inode}

    def after_power_cut(self, random: Random, wanted: int) -> Iterator[Image]:
        """Contents that a power cut may leave: the extreme ones, then random ones.

        Args:
            random: where choices come from.
            wanted: how many random ones.
        """
        unsynced = any(inode.pieces for inode in self._current.values() if inode)
        yield _image(self._durable, lambda inode: inode.durable)
        if self._pending:
            yield _image(self._durable, lambda inode: inode.current)
            yield _image(self._current, lambda inode: inode.durable)
        if self._pending or unsynced:
            for _ in itertools.repeat(None, wanted):
                yield _image(self._names(random), lambda inode: inode.after_power_cut(random))

    def _names(self, random: Random) -> _Names:
        """Entries that a power cut may leave."""
        names = dict(self._durable)
        missing: list[_Entry] = []
        likely = random.choice([0.2, 0.5, 0.8])
        for entry in self._pending:
            if any(entry.needs(lost) for lost in missing) or random.random() > likely:
                missing.append(entry)
                continue
            source = names.get(entry.path)
            _enter(names, entry)
            if entry.kind == "move" and random.random() < 0.2:
                names[entry.path] = source
        return names


def _enter(names: _Names, entry: _Entry) -> None:
    if entry.kind in {"remove", "move"}:
        names.pop(entry.path, None)
    if entry.kind in {"add", "folder"}:
        names[entry.path] = entry.inode
    elif entry.target is not None:
        names[entry.target] = entry.inode


def _image(names: _Names, content: Callable[[Inode], bytes]) -> Image:
    return {
        path: content(inode)
        for path, inode in names.items()
        if inode is not None and all(_stands(folder, names) for folder in path.parents)
    }


def _stands(folder: PurePath, names: _Names) -> bool:
    return folder == PurePath() or folder in names


def write_image(image: Image, root: Path) -> None:
    """Put the files of an image into a real folder."""
    for path, data in image.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def read_image(root: Path) -> Image:
    """The files of a real folder."""
    return {
        PurePath(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
