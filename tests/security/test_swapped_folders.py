"""A folder of the project that is exchanged for a link while it is used leads nowhere.

An agent that may write in the project alone could so have a server that may write anywhere
write, read and remove for it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.repositories.objects import FilesystemObjectStore
from cde_orchestrator.adapters.workflows import prompts as prompt_templates
from cde_orchestrator.application.ports.core import OutputText
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.breakers.file import BreakerFile
from cde_orchestrator.infrastructure.monitoring.telemetry import spool
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from cde_orchestrator.infrastructure.observability.logs.reader import JsonLogReader
from cde_orchestrator.infrastructure.observability.logs.retention import LogRetention, tidy
from cde_orchestrator.infrastructure.observability.logs.rotating_file import RotatingLogFile
from cde_orchestrator.infrastructure.reports.store import FileErrorReports
from tests.security.swap import contents, swapped
from tests.soak import SOAK

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(
        sys.platform != "linux", reason="folders are exchanged at once by a call of Linux"
    ),
]
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
SWAPS = 10_000
SECRET = "the secret of somebody else"


def race(folder: Path, elsewhere: Path, *works: Callable[[], object], rounds: int = 500) -> None:
    """Do the work while the folder is exchanged, and find nothing changed and nothing shown."""
    before = contents(elsewhere)
    done = [0] * len(works)
    least = rounds * (20 if SOAK else 1)
    with swapped(folder, elsewhere, SWAPS):
        for turn in range(20 * least):
            if turn >= least and 0 not in done:
                break
            for number, work in enumerate(works):
                with suppress(CDEError, OSError):
                    assert SECRET not in str(work())
                    done[number] += 1
    assert contents(elsewhere) == before
    assert 0 not in done, "work that never gets as far as its file races with nothing"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder out of the project, with files of the names that are used in it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("a.md", "own.md", "telemetry.db-pending", ".gitignore"):
        (folder / name).write_text(SECRET)
    line = {"timestamp": "2025-11-10T12:00:00.000000Z", "event": SECRET}
    (folder / "cde.log").write_text(f"{json.dumps(line)}\n")
    theirs = BreakerFile(folder, "one", time.monotonic)
    theirs.update(lambda record: replace(record, failures=1, reason=SECRET))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder."""
    root = tmp_path / "project"
    (root / ".cde").mkdir(parents=True)
    return root


def test_outputs_are_written_read_and_removed_in_the_project_alone(
    root: Path, elsewhere: Path
) -> None:
    (root / "docs").mkdir()
    (root / "docs" / "a.md").write_text("ours")
    files = FilesystemProjectFiles()
    texts = [OutputText("docs/a.md", "ours", "a"), OutputText("docs/new/b.md", "ours", "b")]
    known = {hashlib.sha256(text).hexdigest() for text in (b"ours", b"ours\n")}
    race(
        root / "docs",
        elsewhere,
        lambda: files.write(root, texts),
        lambda: files.write(root, texts[:1]),
        lambda: files.read(root, "docs/a.md", "a"),
        lambda: files.excerpt(root, "docs/a.md"),
        lambda: files.keep_changed(root, "docs/a.md", "a", known),
        lambda: files.restore(root, "docs/a.md", "a", None),
        lambda: files.restore(root, "docs/a.md", "a", b"ours"),
    )
    files.restore(root, "docs/a.md", "a", b"ours")
    assert files.read(root, "docs/a.md", "a") == b"ours"


def log_lines(root: Path) -> list[Callable[[], object]]:
    """Lines that make the file be rotated, compressed, and removed, and that are read."""
    kept = LogRetention(files=2)
    path = root / ".cde" / "logs" / "cde.log"
    file = RotatingLogFile(path, max_bytes=100, kept=kept, on_failure=lambda *_: None)
    entry = f'{{"timestamp":"2025-11-10T12:00:00.000000Z","event":"{"x" * 60}"}}'
    return [
        partial(file.append, entry),
        lambda: tidy(path, kept, time.time()),
        lambda: list(JsonLogReader().entries(root)),
    ]


def reports(root: Path) -> list[Callable[[], object]]:
    """Reports of failures and refusals, which are replaced, listed and removed."""
    kept = FileErrorReports(kept=2, refusals_kept=1)

    def capture(code: str, **context: str) -> None:
        error = CDEError.of(code, **context)
        kept.capture(root, error, error, operation="drill", arguments={})

    return [
        partial(capture, "E203", path="x", reason="y"),
        partial(capture, "E102", reference="x"),
        lambda: [kept.load(root, each.id) for each in kept.summaries(root, 10)],
    ]


def breakers(root: Path) -> list[Callable[[], object]]:
    """A breaker's record, which is read and replaced."""
    file = BreakerFile(root / ".cde" / "breakers", "one", time.monotonic)
    return [
        lambda: file.update(lambda record: replace(record, failures=record.failures + 1)),
        file.read,
    ]


def objects(root: Path) -> list[Callable[[], object]]:
    """Contents that are kept, found and removed."""
    store, numbers = FilesystemObjectStore(total_limit_bytes=4_000), count()
    return [lambda: store.get(root, store.put(root, b"x" * 500 + str(next(numbers)).encode()))]


def prompts(root: Path) -> list[Callable[[], object]]:
    """A prompt of the project."""
    path = root / ".cde" / "prompts" / "own.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("ours")
    # What is raced is the reading: each rendering is a process, which takes longer than all of it.
    return [lambda: prompt_templates._Templates(root).all()]


@pytest.mark.parametrize(
    ("name", "works"),
    [
        ("logs", log_lines),
        ("errors", reports),
        ("breakers", breakers),
        ("objects", objects),
        ("prompts", prompts),
    ],
)
def test_a_folder_of_the_product_leads_nowhere(
    root: Path,
    elsewhere: Path,
    name: str,
    works: Callable[[Path], list[Callable[[], object]]],
) -> None:
    folder = root / ".cde" / name
    folder.mkdir()
    race(folder, elsewhere, *works(root))


def test_the_product_s_own_folder_leads_nowhere(root: Path, elsewhere: Path) -> None:
    repository = FilesystemProjectRepository()
    names = count()

    def change() -> None:
        with repository.transaction(root) as project:
            if project.status != "active":
                project.activate()
            project.start_feature("Do it", name=f"feature-{next(names)}")

    repository.get_or_create(root)
    TelemetryStore(root).add(Sample({}), NOON)
    shutil.copy(root / ".cde" / "telemetry.db", elsewhere)
    race(
        root / ".cde",
        elsewhere,
        change,
        lambda: FilesystemProjectRepository().get(root),
        lambda: spool.leave(root / ".cde", 1.0, {}),
        lambda: spool.take(root / ".cde"),
        lambda: TelemetryStore(root).add(Sample({}), NOON),
        *log_lines(root),
        *reports(root),
        rounds=40,
    )
