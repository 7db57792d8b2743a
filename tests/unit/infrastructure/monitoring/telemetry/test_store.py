"""The history of the figures: added up exactly, shared by processes, and never in the way."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import sqlite3
import stat
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.application.ports.health import AlertEvent, Span
from cde_orchestrator.infrastructure.monitoring.alerts.state import AlertStatus
from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
from cde_orchestrator.infrastructure.monitoring.telemetry.database import (
    KEPT_SECONDS,
    TelemetryDatabase,
)
from cde_orchestrator.infrastructure.monitoring.telemetry.sample import Sample, Tally
from cde_orchestrator.infrastructure.monitoring.telemetry.store import (
    RETRY_SECONDS,
    TelemetryStore,
)
from cde_orchestrator.infrastructure.system import tree
from tests.disks import remount, simulate_disk_full, small_disk

NOON = datetime(2025, 11, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a project in it, as far as the history cares."""
    (tmp_path / ".cde").mkdir()
    return tmp_path


@pytest.fixture
def store(root: Path) -> TelemetryStore:
    """The project's history."""
    return TelemetryStore(root)


def file_of(root: Path) -> Path:
    return root / ".cde" / "telemetry.db"


def tally(*durations_ms: float, errors: int = 0, refusals: int = 0) -> Tally:
    """Calls that took so long, the first ones failed, or were refused."""
    counted = Tally()
    for number, duration in enumerate(durations_ms):
        outcome = "failed" if number < errors else "refused" if refusals else "ok"
        refusals -= outcome == "refused"
        counted.count(outcome, duration)
    return counted


def sample(*durations_ms: float, errors: int = 0, **gauges: float) -> Sample:
    operations = {"submit_work": tally(*durations_ms, errors=errors)} if durations_ms else {}
    return Sample(operations, **gauges)  # type: ignore[arg-type] # a figure is a float here


def calls_of(store: TelemetryStore, span: Span = "hour", now: datetime = NOON) -> int:
    return sum(point["operations"] for point in store.history(span, now)["points"])


def event(state: str = "firing", name: str = "read_only") -> AlertEvent:
    return {
        "at": NOON.isoformat(),
        "name": name,
        "title": "The project is read-only",
        "severity": "critical",
        "state": state,  # type: ignore[typeddict-item] # one of the states
        "figure": 1.0,
        "message": "It is.",
    }


class Monotonic:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("span", "step", "count"),
    [("hour", 60, 60), ("day", 600, 144), ("week", 3_600, 168), ("month", 21_600, 120)],
)
def test_a_span_has_steps_of_equal_length_up_to_now(
    store: TelemetryStore, span: Span, step: int, count: int
) -> None:
    store.add(sample(5.0), NOON)

    history = store.history(span, NOON)

    begins = [datetime.fromisoformat(point["at"]) for point in history["points"]]
    assert (history["step_seconds"], len(begins)) == (step, count)
    assert {later - earlier for earlier, later in pairwise(begins)} == {timedelta(seconds=step)}
    assert begins[-1] <= NOON < begins[-1] + timedelta(seconds=step)
    assert [point["operations"] for point in history["points"]] == [0] * (count - 1) + [1]


def test_a_point_says_what_happened_in_its_step(store: TelemetryStore) -> None:
    store.add(sample(10.0, 20.0, 30.0, errors=1, memory_mb=80, active_features=2, disk_mb=1), NOON)

    *empty, point = store.history("hour", NOON + timedelta(seconds=59))["points"]

    assert (point["operations"], point["errors"], point["error_rate"]) == (3, 1, 1 / 3)
    assert point["operations_per_second"] == pytest.approx(3 / 59)
    assert point["p50_ms"] == pytest.approx(20, rel=0.03)
    assert (point["memory_mb"], point["active_features"], point["disk_mb"]) == (80, 2, 1)
    assert (empty[0]["p50_ms"], empty[0]["memory_mb"]) == (None, None)


def test_refusals_are_counted_apart_and_a_step_of_an_older_release_has_none(
    store: TelemetryStore, root: Path
) -> None:
    for _ in range(2):
        store.add(Sample({"submit_work": tally(1.0, 2.0, 3.0, 4.0, errors=1, refusals=2)}), NOON)

    [point] = store.history("hour", NOON)["points"][-1:]
    assert (point["operations"], point["errors"], point["refusals"]) == (8, 2, 4)
    assert (point["error_rate"], point["refusal_rate"]) == (0.25, 0.5)
    assert store.recent(60, NOON).whole().error_rate() == 0.25
    step = Sample({"submit_work": tally(1.0, errors=1)})
    older = orjson.loads(zlib.decompress(step.encoded()))
    assert older["o"]["submit_work"].pop("r") == 0
    read = Sample.decoded(zlib.compress(orjson.dumps(older)))
    assert (read.whole().errors, read.whole().refusals) == (1, 0)


def test_the_operations_of_a_span_are_told_slowest_first(store: TelemetryStore) -> None:
    store.add(Sample({"start_feature": tally(5.0), "submit_work": tally(900.0, errors=1)}), NOON)
    store.add(Sample({"start_feature": tally(7.0)}), NOON + timedelta(minutes=5))

    operations = store.history("day", NOON + timedelta(minutes=10))["operations"]

    assert [(each["operation"], each["calls"], each["errors"]) for each in operations] == [
        ("submit_work", 1, 1),
        ("start_feature", 2, 0),
    ]
    assert operations[1]["average_ms"] == 6.0
    assert operations[1]["max_ms"] == 7.0


@given(
    st.lists(st.tuples(st.integers(0, 7_200), st.floats(0.01, 10_000)), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_adding_up_is_exact_whatever_the_order(
    calls: list[tuple[int, float]], chance: random.Random
) -> None:
    def added(ordered: list[tuple[int, float]]) -> dict[int, dict[int, Sample]]:
        database = TelemetryDatabase(None)
        for second, duration in ordered:
            database.add(
                sample(duration, gauged_at=NOON.timestamp() + second, disk_mb=second + 1),
                NOON.timestamp() + second,
            )
        return {length: database.steps(length, 0) for length in KEPT_SECONDS}

    steps = added(calls)
    shuffled = added(chance.sample(calls, len(calls)))

    for length, rows in steps.items():
        for (begin, step), (other_begin, other) in zip(
            rows.items(), shuffled[length].items(), strict=True
        ):
            mine = [
                duration
                for second, duration in calls
                if begin <= NOON.timestamp() + second < begin + length
            ]
            assert begin == other_begin
            assert step.whole().calls == other.whole().calls == len(mine)
            whole = step.whole()
            assert whole.buckets == other.whole().buckets
            assert whole.longest_ms == max(mine)
            assert whole.total_ms == pytest.approx(sum(mine))
            assert step.disk_mb == other.disk_mb


def test_short_steps_are_forgotten_and_long_ones_stay(root: Path) -> None:
    clock = Monotonic()
    store = TelemetryStore(root, monotonic=clock)
    for days in (0, 2, 10, 40):
        store.add(sample(1.0), NOON - timedelta(days=days))
    clock.now += 600
    store.add(sample(1.0), NOON)

    database = TelemetryDatabase(file_of(root))
    kept = {
        length: sorted(round((NOON.timestamp() - at) / 86_400) for at in database.steps(length, 0))
        for length in KEPT_SECONDS
    }
    database.close()

    assert kept == {10: [0], 60: [0, 2], 600: [0, 2], 3_600: [0, 2, 10], 21_600: [0, 2, 10]}


def test_what_happened_yesterday_is_known_after_a_restart(root: Path) -> None:
    before = TelemetryStore(root)
    before.add(sample(5.0, 6.0), NOON - timedelta(days=1))

    after = TelemetryStore(root)

    assert calls_of(after, "hour") == 0
    assert calls_of(after, "week") == 2


def test_the_size_is_bounded_and_the_oldest_goes_first(root: Path) -> None:
    clock, chance = Monotonic(), random.Random(1)
    store = TelemetryStore(root, 200_000, clock)
    names = [f"operation_{number}" for number in range(20)]
    for minute in range(120):
        operations = {name: tally(*(chance.uniform(1, 900) for _ in range(20))) for name in names}
        store.add(Sample(operations), NOON + timedelta(minutes=minute))
        clock.now += 300

    assert file_of(root).stat().st_size < 300_000
    database = TelemetryDatabase(file_of(root))
    newest = max(database.steps(10, 0))
    assert newest == (NOON + timedelta(minutes=119)).timestamp()
    assert len(database.steps(10, 0)) < 120
    database.close()


def add_many(root: Path, times: int) -> None:
    store = TelemetryStore(root)
    for _ in range(times):
        store.add(sample(5.0), NOON)
    for _ in range(100):  # what another one's writing kept back
        if not store._unsaved:
            break
        store.add(sample(), NOON)


def test_processes_that_add_at_once_lose_nothing(root: Path) -> None:
    TelemetryStore(root).add(sample(5.0), NOON)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=add_many, args=(root, 50)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert calls_of(TelemetryStore(root)) == 201


def test_a_process_that_is_killed_while_it_adds_costs_nothing_that_was_added(root: Path) -> None:
    TelemetryStore(root).add(sample(5.0), NOON - timedelta(days=1))
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        process = context.Process(target=add_many, args=(root, 100_000))
        process.start()
        calls = calls_of(TelemetryStore(root))
        while calls_of(TelemetryStore(root)) < calls + 3:
            pass
        calls = calls_of(TelemetryStore(root))
        process.kill()
        process.join()

        after = TelemetryStore(root)
        assert calls_of(after) >= calls
        assert calls_of(after, "week") == calls_of(after) + 1, "yesterday is forgotten"


def test_a_sample_waits_while_another_process_writes(root: Path, store: TelemetryStore) -> None:
    store.add(sample(1.0), NOON)
    other = sqlite3.connect(file_of(root), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.add(sample(2.0), NOON)
    assert calls_of(store) == 1
    other.execute("COMMIT")
    other.close()

    store.add(sample(3.0), NOON)

    assert calls_of(store) == 3


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database" * 1_000)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def scribble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for position in range(4_096, len(data)):
        data[position] ^= 0x5A
    path.write_bytes(data)


def replace_by_other_tables(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE steps (other TEXT)")
    other.close()


def replace_step(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("UPDATE steps SET content = 'x'")
    other.close()


@pytest.mark.parametrize(
    "damage", [overwrite, truncate, scribble, replace_by_other_tables, replace_step, Path.unlink]
)
def test_a_damaged_file_is_made_anew(root: Path, damage: Callable[[Path], None]) -> None:
    before = TelemetryStore(root)
    before.add(sample(1.0, memory_mb=1), NOON)
    damage(file_of(root))

    store = TelemetryStore(root)
    store.history("hour", NOON)
    store.add(sample(2.0), NOON)

    assert calls_of(TelemetryStore(root)) == 1


def test_whatever_byte_is_damaged_a_new_server_can_add_and_judge(root: Path) -> None:
    store, chance = TelemetryStore(root), random.Random(7)
    alerts = AlertStore(store)
    store.add(sample(1.0, memory_mb=1), NOON)
    alerts.transition(lambda _: ({"read_only": AlertStatus("firing", 5.0)}, [event()]))
    whole = file_of(root).read_bytes()
    for number in range(150):
        damaged = bytearray(whole)
        if number % 3 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        else:
            for _ in range(chance.choice([1, 1, 50])):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        file_of(root).write_bytes(damaged)

        store = TelemetryStore(root)
        alerts = AlertStore(store)
        alerts.transition(
            lambda _: ({"read_only": AlertStatus("resolved", 6.0)}, [event("resolved")])
        )
        store.add(sample(2.0), NOON)

        assert calls_of(store) >= 1, number
        alerts.states()
        alerts.events()


def test_a_file_that_is_removed_under_a_server_is_made_anew(
    root: Path, store: TelemetryStore
) -> None:
    store.add(sample(1.0), NOON)
    for path in (root / ".cde").iterdir():
        path.unlink()

    store.add(sample(2.0), NOON)

    assert file_of(root).is_file()
    assert calls_of(TelemetryStore(root)) == 1


@pytest.mark.parametrize("name", ["telemetry.db", "telemetry.db-journal"])
def test_a_link_out_of_the_folder_is_not_followed(root: Path, name: str) -> None:
    victim = root / "victim"
    victim.write_bytes(b"")
    (root / ".cde" / name).symlink_to(victim)

    store = TelemetryStore(root)
    store.add(sample(1.0), NOON)

    assert victim.read_bytes() == b""
    assert stat.S_ISREG(file_of(root).lstat().st_mode)
    assert calls_of(store) == 1


def test_a_pipe_at_its_place_does_not_block(root: Path, store: TelemetryStore) -> None:
    os.mkfifo(file_of(root))

    store.add(sample(1.0), NOON)

    assert stat.S_ISREG(file_of(root).lstat().st_mode)


def test_a_folder_at_its_place_is_left_alone_and_the_history_stays_in_memory(
    root: Path, store: TelemetryStore
) -> None:
    file_of(root).mkdir()
    (file_of(root) / "mine").touch()

    store.add(sample(1.0), NOON)

    assert calls_of(store) == 1
    assert (file_of(root) / "mine").is_file()


def test_a_file_of_a_later_version_is_left_alone(root: Path, store: TelemetryStore) -> None:
    with sqlite3.connect(file_of(root)) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    content = file_of(root).read_bytes()

    store.add(sample(1.0), NOON)

    assert calls_of(store) == 1
    assert file_of(root).read_bytes() == content


def test_outside_of_a_project_nothing_is_written_until_there_is_one(tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path)
    store.add(sample(1.0), NOON)
    assert list(tmp_path.iterdir()) == []
    assert calls_of(store) == 1

    (tmp_path / ".cde").mkdir()
    store.add(sample(2.0), NOON)

    assert calls_of(TelemetryStore(tmp_path)) == 2


@pytest.mark.own_disk
def test_on_a_disk_that_refuses_it_goes_on_in_memory_and_comes_back(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk / ".cde").mkdir()
        clock = Monotonic()
        store = TelemetryStore(disk, monotonic=clock)
        alerts = AlertStore(store)
        store.add(sample(1.0), NOON)
        remount(disk, "ro")

        store.add(sample(2.0), NOON)
        alerts.transition(lambda _: ({"read_only": AlertStatus("firing", 5.0)}, [event()]))
        assert calls_of(store) == 2
        assert alerts.states() == {"read_only": AlertStatus("firing", 5.0)}

        remount(disk, "rw")
        clock.now += RETRY_SECONDS
        store.add(sample(3.0), NOON)
        again = TelemetryStore(disk)
        assert calls_of(again) == 3
        assert AlertStore(again).states() == {"read_only": AlertStatus("firing", 5.0)}
        assert AlertStore(again).events() == [event()]


@pytest.mark.own_disk
def test_a_full_disk_costs_nothing_but_the_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk / ".cde").mkdir()
        store = TelemetryStore(disk)
        store.add(sample(1.0), NOON)
        with simulate_disk_full(disk):
            for second in range(2_000):
                store.add(sample(2.0), NOON + timedelta(seconds=second))


def test_lately_counts_what_all_processes_did(root: Path, store: TelemetryStore) -> None:
    for _ in range(2):
        TelemetryStore(root).add(sample(5.0, 1_500.0, errors=1), NOON)
    store.add(sample(9_000.0), NOON - timedelta(minutes=10))

    recent = store.recent(300, NOON + timedelta(seconds=20))

    whole = recent.whole()
    assert (whole.calls, whole.errors, [*recent.operations]) == (4, 2, ["submit_work"])
    assert whole.longest_ms == 1_500.0
    assert whole.error_rate() == 0.5
    assert whole.error_rate(least_calls=20) == 0.0
    later = store.recent(300, NOON + timedelta(hours=1)).whole()
    assert (later.longest_ms, later.error_rate(), later.refusal_rate()) == (0.0, 0.0, 0.0)


def _list_nothing(_: str) -> list[str]:
    raise OSError(errno.EMFILE, "too many open files")


def test_a_file_that_cannot_be_seen_to_be_open_is_not_used(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "listdir", _list_nothing)
    with pytest.raises(OSError, match="another file") as refused:
        TelemetryDatabase(file_of(root))
    assert refused.value.errno == errno.ELOOP


def test_a_system_without_descriptors_of_folders_uses_the_file_at_the_path(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "HAS_DESCRIPTORS", False)
    monkeypatch.setattr(os, "listdir", _list_nothing)
    TelemetryDatabase(file_of(root)).close()
    assert file_of(root).is_file()
