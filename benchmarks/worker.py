"""A process of the product that does what it is told: ``python -m benchmarks.worker FOLDER``.

Each size of project has a process of its own, so that none pays for the memory of another. A
request is a verb and a number.
"""

from __future__ import annotations

import gc
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from benchmarks.child import Child
from benchmarks.measure import timed
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.observability.logs.setup import log_file, setup_logging
from cde_orchestrator.storage.format.files import StateFiles


class Worker(Child):
    """The process, seen from outside."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", str(root)]
        super().__init__(command, folder=Path(__file__).parents[1])

    def tell(self, verb: str, number: float = 1) -> None:
        """Have it do something, whose result is not waited for."""
        self.send([verb, number])

    def ask(self, verb: str, number: float = 1) -> Any:
        """Have it do something, and wait for the result."""
        self.tell(verb, number)
        return self.receive()

    def doing(self, verb: str) -> Callable[[], float]:
        """What asks for milliseconds."""
        return lambda: float(self.ask(verb))


class Doer:
    """What the process can do in its project; milliseconds, where nothing else is said."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._repository = FilesystemProjectRepository()
        self._application = build_application(root)
        self._numbers = itertools.count()
        self._mark = f"{time.time_ns():x}"

    def change(self, number: float) -> float:
        """Make a small change durable."""
        return timed(self._change)()

    def call(self, number: float) -> float:
        """Do all that an agent's call does, but for the protocol."""
        name = f"line-{self._mark}-{next(self._numbers)}"
        start = StartFeature(prompt="Add a line to the report", name=name)
        return timed(lambda: self._application.handle(start))()

    def open(self, number: float) -> float:
        """Know all features, as a new process has to."""

        def opened() -> None:
            FilesystemProjectRepository().get(self._root).features.summaries()

        gc.collect()
        return timed(opened)()

    def loads(self, number: float) -> float:
        """Parse the bytes of ``state.json``, and keep nothing."""
        data = StateFiles(self._root).state.read_bytes()
        gc.collect()
        return timed(lambda: orjson.loads(data))()

    def line(self, number: float) -> int:
        """Bytes that a small change appends to the journal."""
        journal = StateFiles(self._root).journal
        before = journal.stat().st_size
        self._change()
        return journal.stat().st_size - before

    def write(self, seconds: float) -> dict[str, Any]:
        """Make changes for so long; what each took, and which were refused."""
        taken, refused, end = [], [], time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                taken.append(timed(self._change)())
            except CDEError as error:
                refused.append(error.code)
        return {"ms": taken, "refused": refused}

    def grow(self, features: float) -> dict[str, int]:
        """Start features; bytes that were written, and bytes of what is new in the state."""
        before, names = _written_bytes(), set[str]()
        for number in range(int(features)):
            name = f"grown-{self._mark}-{number}"
            with self._repository.transaction(self._root) as project:
                project.start_feature("Add a column to the report", name=name)
            names.add(name)
        written = _written_bytes() - before
        _, document = self._repository.state_at(self._root)
        features_made = [each for each in document["features"].values() if each["name"] in names]
        return {"written": written, "changed": sum(map(len, map(orjson.dumps, features_made)))}

    def end(self) -> None:
        """Let go of everything."""
        self._repository.close()
        self._application.close()

    def _change(self) -> None:
        with self._repository.transaction(self._root) as project:
            project.metadata = {**project.metadata, "benchmark": next(self._numbers)}


def _written_bytes() -> int:
    """What this process gave to the system to write so far; Linux counts that."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))


def main() -> int:
    """Do what the lines say until there are no more."""
    root = Path(sys.argv[1])
    setup_logging("INFO", log_file(root), stderr_level="CRITICAL")
    doer = Doer(root)
    for line in sys.stdin:
        verb, number = json.loads(line)
        print(json.dumps(getattr(doer, verb)(number)), flush=True)
    doer.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
