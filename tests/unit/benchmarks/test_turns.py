"""What is measured with whole processes is run in turns with its yardstick, after a warm-up."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pytest

from benchmarks import commands, writers
from benchmarks.launcher import Ran
from benchmarks.measure import QUICK


class Recorded:
    """Stands for the processes, and notes what they are told to do."""

    def __init__(self, *_: object) -> None:
        self.order = ORDER

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""

    def run(self, words: list[str], root: Path) -> Ran:
        self.order.append(words[-1])
        return Ran(len(self.order), 1.0)

    def ask(self, verb: str, number: float = 1) -> Any:
        self.order.append(verb)
        return float(len(self.order))

    def tell(self, verb: str, number: float = 1) -> None:
        self.order.append(verb)

    def receive(self) -> dict[str, Any]:
        return {"ms": [1.0], "refused": ["E205"]}


ORDER: list[str] = []


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUICK, "1")
    ORDER.clear()


def test_commands_alternate_with_the_parsing_of_the_state() -> None:
    own: Any = Recorded()
    time, _ = commands._seldom(own, own, "doctor", ("doctor",), Path())

    assert ORDER == ["loads", "doctor", "doctor", "loads"]
    assert (time.samples, time.yardstick_samples) == ([3], [4.0])


def test_one_writer_alternates_with_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "Worker", Recorded)
    monkeypatch.setattr(writers, "build", lambda root, features: root)
    rate, waits, refused = writers.measure()

    assert ORDER == ["write"] * (1 + 8 + 8 + 1)
    assert (rate.samples, rate.yardstick_samples) == ([8.0], [1.0])
    assert (len(waits.samples), refused.samples) == (8, [8.0])
