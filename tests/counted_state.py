"""Projects of many features, and what is done with their files, in counts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from cde_orchestrator.adapters.repositories.filesystem import (
    FilesystemProjectRepository,
    FolderStore,
)
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.storage.format import checkpoint, feature_texts, journal
from tests.state_stores import change

LONG_AGO = "2025-01-01T00:00:00+00:00"
"""No start is taken for one of these that was sent twice, and none is decoded to find out."""


class Counted:
    """What was done since it was asked last."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    def taken(self) -> dict[str, int]:
        counts, self.counts = self.counts, {}
        return counts


def counted_from_now_on(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """What is decoded, encoded, read and written in this process, as long as the test runs."""
    found = Counted()

    def noted(work: Callable[..., Any], what: str) -> Callable[..., Any]:
        def noting(*arguments: Any, **named: Any) -> Any:
            found.add(what)
            return work(*arguments, **named)

        return noting

    def noting(module: Any, name: str, what: str) -> None:
        monkeypatch.setattr(module, name, noted(getattr(module, name), what))

    noting(feature_texts, "decode_text", "features")
    noting(checkpoint, "decode", "checkpoints")
    noting(journal, "_decode", "lines")
    noting(checkpoint, "encode", "checkpoints encoded")
    noting(journal, "_seal", "lines encoded")
    encoding = SimpleNamespace(**vars(orjson))
    encoding.dumps = noted(orjson.dumps, "features encoded")
    monkeypatch.setattr(feature_texts, "orjson", encoding)
    read, write = OsFileOps.read, OsFileOps.write

    def noted_read(self: OsFileOps, path: Path, offset: int = 0) -> bytes:
        data = read(self, path, offset)
        found.add("read", len(data))
        return data

    def noted_write(self: OsFileOps, descriptor: int, data: bytes) -> int:
        written = write(self, descriptor, data)
        found.add("written", written)
        return written

    monkeypatch.setattr(OsFileOps, "read", noted_read)
    monkeypatch.setattr(OsFileOps, "write", noted_write)
    return found


def project(root: Path, count: int) -> Path:
    """A project of so many features, all but the newest completed."""
    root.mkdir()
    served = ServedProject(root, pinned=True)
    served.handle(OnboardProject())
    served.handle(StartFeature(prompt="Make the report faster", name="first"))
    served.close()
    store = FolderStore(root)
    store.refresh()
    (one,) = store.document["features"].values()
    copies = []
    for number in range(count - 1):
        key = str(uuid.UUID(int=number))
        closed = {"status": "completed", "current_phase": None, "created_at": LONG_AGO}
        value = {**one, "id": key, "name": f"feature-{number}", **closed}
        copies.append({"op": "add", "path": f"/features/{key}", "value": value})
    change(store, copies)
    with store.exclusive():
        store.compact()
    store.close()
    FilesystemProjectRepository().get(root)
    with FolderStore(root).exclusive():  # so that the backups are judged
        pass
    return root
