"""The newest lines of each feature's last run, in a file that other processes read meanwhile.

The file is bounded and is nobody's truth: where it cannot be written the run goes on, and what is
read of it may be anybody's, for agents may write in the project.
"""

from __future__ import annotations

import os
import re
import secrets
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, cast

import orjson

from cde_orchestrator.adapters.runners.callers import current_process, whereabouts
from cde_orchestrator.application.ports.runs import KINDS, KeptRun, Kind, Note, RunLine, Where
from cde_orchestrator.domain.clock import parse_utc, utc_now
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.lease import Process
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.infrastructure.paths import RUNS
from cde_orchestrator.infrastructure.system.file_ops import (
    make_own_folder,
    read_bounded,
    replace_file,
    unlink,
    write_all,
)
from cde_orchestrator.infrastructure.system.project_home import local_folder
from cde_orchestrator.infrastructure.system.tree import entries_of
from cde_orchestrator.infrastructure.system.unsynced import UnsyncedFileOps

LIVE = "live"
"""In ``runs``: a file for each feature that ran lately."""
TEXT_LIMIT = 400
"""Characters of a line."""
FILE_BYTES = 256 * 1024
"""Of a file; one that would become larger begins anew with its newest lines."""
CARRIED_BYTES = 96 * 1024
FILES_KEPT = 50
STAMPS = 20
_NAME = re.compile(r"([0-9a-f-]{36})\.jsonl")


def notes_folder(root: Path) -> Path:
    """The folder of the files."""
    return local_folder(root) / RUNS / LIVE


def run_lock(root: Path, feature_id: str) -> Path:
    """The file that the run of a feature holds locked."""
    return local_folder(root) / RUNS / f"{feature_id}.lock"


@contextmanager
def noted(folder: Path, feature_id: str) -> Iterator[Note]:
    """Keep the lines of a run that begins; yields what takes them, from any thread."""
    notes = _Notes(folder / f"{feature_id}.jsonl")
    try:
        yield notes.add
    finally:
        notes.close()


class _Notes:
    """The file of one run, open to append to."""

    def __init__(self, path: Path) -> None:
        self._path, self._ops, self._mutex = path, UnsyncedFileOps(), Lock()
        self._descriptor: int | None = None
        process = current_process()
        self._head: dict[str, Any] = {
            "run": secrets.token_hex(8),
            "pid": process.pid,
            "started": process.started,
            "host": process.host,
            "since": utc_now().isoformat(),
            "phase": "",
            "attempt": "",
        }
        self._carried: deque[bytes] = deque()
        self._carried_bytes = self._size = self._number = 0
        with suppress(OSError):
            make_own_folder(path.parents[1])
            self._ops.make_folder(path.parent)
            self._remove_old()
            self._begin_file()

    def add(self, kind: Kind, text: str) -> None:
        """Append a line, without what may be a secret."""
        text = plain(without_secrets(text, strict=True), TEXT_LIMIT)
        with self._mutex:
            if kind in {"phase", "attempt"}:
                self._head[kind] = text
            self._number += 1
            at = utc_now().isoformat(timespec="milliseconds")
            line = _json({"n": self._number, "at": at, "kind": kind, "text": text})
            self._carry(line)
            if self._descriptor is None:
                return
            with suppress(OSError):
                if self._size + len(line) > FILE_BYTES:
                    self._begin_file()
                    return
                self._size += len(line)
                write_all(self._ops, self._descriptor, line)

    def close(self) -> None:
        """Let go of the file, which stays."""
        with self._mutex, suppress(OSError):
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _carry(self, line: bytes) -> None:
        self._carried.append(line)
        self._carried_bytes += len(line)
        while self._carried_bytes > CARRIED_BYTES:
            self._carried_bytes -= len(self._carried.popleft())

    def _begin_file(self) -> None:
        """Put a file with the newest lines in the place of what is there; readers see either."""
        data = _json(self._head) + b"".join(self._carried)
        before, self._descriptor = self._descriptor, None
        if before is not None:
            os.close(before)
        replace_file(self._ops, self._path, data)
        self._descriptor, self._size = self._ops.open_append(self._path), len(data)

    def _remove_old(self) -> None:
        folder = self._path.parent
        for feature_id, _ in _newest(entries_of(folder))[FILES_KEPT - 1 :]:
            unlink(folder / f"{feature_id}.jsonl", missing_ok=True)


class RunNotes:
    """Reads what runs on this machine keep of the features of a project."""

    def __init__(self, root: Path) -> None:
        self._folder = notes_folder(root)

    def kept(self, feature_id: str) -> KeptRun | None:
        """The last run of the feature; None where nothing that can be read is kept of one."""
        try:
            data = read_bounded(self._folder / f"{feature_id}.jsonl", 2 * FILE_BYTES)
        except OSError:
            return None
        head, *lines = map(_object, data.split(b"\n"))
        with suppress(KeyError, ValueError, TypeError):
            found = [line for each in lines if (line := _line(each)) is not None]
            pid = head["pid"]
            if type(pid) is not int or not 0 < pid < 2**31:
                return None
            process = Process(pid, str(head["started"]), str(head["host"]))
            places = {each["kind"]: each["text"] for each in found}
            return KeptRun(
                id=plain(head["run"], TEXT_LIMIT),
                process=process,
                since=parse_utc(head["since"]).isoformat(),
                phase=places.get("phase", plain(head["phase"], TEXT_LIMIT)),
                attempt=places.get("attempt", plain(head["attempt"], TEXT_LIMIT)),
                lines=found,
            )
        return None

    def where(self, run: KeptRun) -> Where:
        """Where its process runs; after a restart of this machine it does not any more."""
        return whereabouts(run.process)

    def alongside(self, run: KeptRun) -> Sequence[str]:
        """The ids of other features that the same process runs."""
        found = []
        for feature_id in self.stamps():
            other = self.kept(feature_id)
            if other and other.id != run.id and other.process == run.process and other.end is None:
                found.append(feature_id)
        return found

    def stamps(self) -> Mapping[str, str]:
        """For features that ran lately, by id, a word that is another one after each line."""
        found = {}
        with suppress(OSError):
            newest = _newest(entries_of(self._folder, 2 * FILES_KEPT))
            for feature_id, status in newest[:STAMPS]:
                found[feature_id] = f"{status.st_size:x}.{status.st_mtime_ns:x}"
        return found


def _newest(entries: Mapping[str, os.stat_result]) -> list[tuple[str, os.stat_result]]:
    """The features of the files of runs, by id, the newest first."""
    found = [(match[1], entries[name]) for name in entries if (match := _NAME.fullmatch(name))]
    return sorted(found, key=lambda each: -each[1].st_mtime_ns)


def _json(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value) + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        found = orjson.loads(line)
        return found if isinstance(found, dict) else {}
    return {}


def _line(found: Mapping[str, Any]) -> RunLine | None:
    """A line as it was written, or as somebody else wrote it into the file; None for no line."""
    number, kind = found.get("n"), found.get("kind")
    if type(number) is not int or not 0 < number < 2**53:
        return None
    if not isinstance(kind, str) or kind not in KINDS:
        return None
    with suppress(KeyError, ValueError, TypeError):
        at = parse_utc(found["at"]).isoformat()
        text = plain(found["text"], TEXT_LIMIT)
        return {"n": number, "at": at, "kind": cast("Kind", kind), "text": text}
    return None
