"""Threads of a server that take turns."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from threading import Barrier, Event, Thread

import pytest

from cde_orchestrator.infrastructure.system import gc_tuning
from cde_orchestrator.infrastructure.system.compute_slot import ComputeSlot
from cde_orchestrator.infrastructure.system.gc_tuning import (
    collections_paused,
    resume_collections,
    tune_garbage_collector,
)


def test_one_thread_computes_at_a_time() -> None:
    turns, begin, at_work, most = ComputeSlot(patience_seconds=60), Barrier(4), [], []

    def compute() -> None:
        begin.wait()
        for _ in range(50):
            with turns.held():
                at_work.append(1)
                most.append(len(at_work))
                sum(range(2_000))
                at_work.pop()

    threads = [Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(most) == 200
    assert max(most) == 1


@pytest.mark.parametrize("leaves", [True, False])
def test_who_waits_for_long_gives_the_turn_away_and_who_does_not_delays_for_a_while_only(
    leaves: bool,
) -> None:
    turns, waits, over, ran = ComputeSlot(patience_seconds=0.05), Event(), Event(), Event()

    def wait_for_long() -> None:
        with turns.held():
            if leaves:
                turns.leave()
            waits.set()
            over.wait(60)

    def compute() -> None:
        with turns.held():
            ran.set()

    waiting = Thread(target=wait_for_long)
    waiting.start()
    assert waits.wait(60)
    computing = Thread(target=compute)
    computing.start()
    assert ran.wait(60)
    over.set()
    for thread in (waiting, computing):
        thread.join(60)
    with turns.held():  # and the next one finds it free
        pass


def test_to_leave_without_a_turn_is_nothing() -> None:
    turns = ComputeSlot(patience_seconds=0)
    turns.leave()
    with turns.held():
        turns.leave()
        turns.leave()


def test_who_has_the_turn_goes_on_with_it_and_keeps_it_to_the_end() -> None:
    turns, tried = ComputeSlot(patience_seconds=0), []

    def somebody_else() -> bool:
        def try_it() -> None:
            with turns.held():
                tried.append(turns._own.held)

        thread = Thread(target=try_it)
        thread.start()
        thread.join(60)
        return bool(tried.pop())

    with turns.held():
        with turns.held():
            pass
        assert not somebody_else()
    assert somebody_else()


def test_whatever_is_raised_the_turn_is_given_back() -> None:
    turns = ComputeSlot(patience_seconds=0)
    with pytest.raises(KeyboardInterrupt), turns.held():
        raise KeyboardInterrupt
    with turns.held():
        assert turns._own.held


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    interval, threshold, callbacks = sys.getswitchinterval(), gc.get_threshold(), [*gc.callbacks]
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.callbacks[:] = callbacks
    gc.unfreeze()


@pytest.mark.usefixtures("_as_it_was")
def test_what_survived_a_long_collection_is_not_looked_through_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tune_garbage_collector()
    before = gc.get_freeze_count()
    monkeypatch.setattr(gc_tuning, "LONG_PAUSE_SECONDS", 60.0)
    gc.collect()
    assert gc.get_freeze_count() == before
    monkeypatch.setattr(gc_tuning, "LONG_PAUSE_SECONDS", 0.0)
    gc.collect(1)
    assert gc.get_freeze_count() == before
    gc.collect()
    assert gc.get_freeze_count() > before


@pytest.mark.usefixtures("_as_it_was")
def test_imports_are_not_interrupted_and_what_they_leave_is_not_looked_through() -> None:
    before = gc.get_freeze_count()
    with collections_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > before


@pytest.mark.usefixtures("_as_it_was")
def test_collections_that_go_on_already_are_left_as_they_are() -> None:
    before = gc.get_freeze_count()
    resume_collections()
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, before)
