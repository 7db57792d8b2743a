"""Breakers by name, shared by the processes of one project."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import CDESystemError, CircuitBreakerOpenError
from cde_orchestrator.infrastructure.breakers.breaker import CircuitBreaker
from cde_orchestrator.infrastructure.breakers.file import BreakerFile
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry


class Seconds:
    """A clock that goes on only when told to."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def failing() -> NoReturn:
    raise OSError("broken")


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="broken"):
            breaker.call(failing)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a project's folder in it."""
    (tmp_path / ".cde").mkdir()
    return tmp_path


def test_failures_of_several_processes_add_up(root: Path) -> None:
    one, other = (BreakerRegistry(root).get("git") for _ in range(2))
    fail(one, 3)
    fail(other, 2)
    assert (one.state, other.state) == ("open", "open")
    one.reset()
    assert other.state == "closed"


def test_what_is_left_of_the_time_out_survives_a_clock_that_is_set_back(root: Path) -> None:
    folder = root / ".cde" / "breakers"
    clock, wall = Seconds(5.0), Seconds(1_000_000.0)
    breaker = CircuitBreaker(1, 60, clock=clock, shared=BreakerFile(folder, "git", clock, wall))
    fail(breaker, 1)
    for later, left in ((1_000_020.0, 40.0), (900_000.0, 60.0), (2_000_000.0, 0.0)):
        other = BreakerFile(folder, "git", Seconds(77.0), Seconds(later))
        assert other.read().until == 77.0 + left
        assert other.read().failed_at == 77.0 - (60.0 - left if left else 1_000_000.0)


def record_of(**values: object) -> bytes:
    return json.dumps({"record": values, "written_at": 1_000_000.0}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"record": {"x": 1}}',
        b"\xff",
        record_of(failures="many"),
        record_of(failures=-1),
        record_of(failures=4, openings=None),
        record_of(failures=4, generation=0.5),
        record_of(failures=5, reason=["broken"]),
        record_of(failures=5, until="soon"),
        b'{"record": {}, "failed_ago": "long", "written_at": 0}',
    ],
)
def test_a_broken_record_counts_as_none(root: Path, content: bytes) -> None:
    folder = root / ".cde" / "breakers"
    folder.mkdir()
    (folder / "git.json").write_bytes(content)
    with capture_logs() as logs:
        breaker = BreakerRegistry(root).get("git")
        assert breaker.state == "closed"
    assert [each["event"] for each in logs] == ["breaker_record_unreadable"]
    fail(breaker, 1)
    assert breaker.failure_count == 1


def test_a_pipe_in_the_place_of_a_record_blocks_nobody(root: Path) -> None:
    folder = root / ".cde" / "breakers"
    folder.mkdir()
    os.mkfifo(folder / "git.json")
    breaker = BreakerRegistry(root).get("git")
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.failure_count == 1


def test_no_record_keeps_a_breaker_open_for_longer_than_the_longest_time_out(root: Path) -> None:
    folder = root / ".cde" / "breakers"
    folder.mkdir()
    content = {"failures": 5, "openings": 1, "generation": 1, "until": 1e300, "reason": "OSError"}
    record = {"record": content, "written_at": time.time()}
    (folder / "git.json").write_bytes(json.dumps(record).encode())
    assert BreakerRegistry(root).get("git").view()["retry_after_seconds"] <= 600


def test_a_folder_that_cannot_be_written_leaves_the_breaker_to_its_process(root: Path) -> None:
    (root / ".cde" / "breakers").write_text("in the way")
    breaker = BreakerRegistry(root).get("git", timeout=0)
    with capture_logs() as logs:
        fail(breaker, 5)
    assert breaker.state == "half_open"
    assert breaker.call(str) == ""
    assert breaker.state == "closed"
    assert {each["event"] for each in logs} == {
        "circuit_breaker_not_shared",
        "circuit_breaker_changed",
    }


def test_nothing_is_written_where_there_is_no_project(tmp_path: Path) -> None:
    fail(BreakerRegistry(tmp_path).get("git"), 5)
    assert list(tmp_path.iterdir()) == []


def test_a_success_on_a_closed_breaker_writes_nothing(root: Path) -> None:
    BreakerRegistry(root).get("git").call(str)
    assert list((root / ".cde").iterdir()) == []


def test_a_registry_gives_the_same_breaker_for_the_same_name() -> None:
    registry = BreakerRegistry()
    assert registry.get("git") is registry.get("git")
    assert registry.get("git") is not registry.get("postgres")


@pytest.mark.parametrize("name", ["", "A", "../git", "a b", "-", "x" * 65])
def test_a_name_must_be_fit_for_a_file(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid name"):
        BreakerRegistry().get(name)


def test_breakers_of_other_processes_are_seen_and_closed_by_hand(root: Path) -> None:
    fail(BreakerRegistry(root).get("agent-claude"), 5)
    registry = BreakerRegistry(root)
    (view,) = registry.views()
    assert (view["name"], view["state"], view["failures"]) == ("agent-claude", "open", 5)
    assert view["last_failure"] == "OSError"
    assert registry.reset("agent-claude")["state"] == "closed"
    assert BreakerRegistry(root).get("agent-claude").state == "closed"


def test_a_breaker_that_is_not_known_cannot_be_closed(root: Path) -> None:
    with pytest.raises(CDESystemError) as refusal:
        BreakerRegistry(root).reset("nothing")
    assert refusal.value.code == "E904"


def test_a_breaker_that_another_process_opened_refuses_the_very_next_call(root: Path) -> None:
    one, other = (BreakerRegistry(root).get("git") for _ in range(2))
    assert other.call(str) == ""
    fail(one, 5)

    with pytest.raises(CircuitBreakerOpenError) as caught:
        other.call(str)
    assert caught.value.code == "E903"


def test_a_trial_is_ended_for_other_processes_too(root: Path) -> None:
    one, other = (BreakerRegistry(root).get("git", timeout=0) for _ in range(2))
    fail(one, 5)
    for breaker in (one, other, one):
        fail(breaker, 1)
    assert other.call(str) == ""
    assert (one.state, other.state) == ("closed", "closed")


def test_a_trial_that_is_interrupted_before_it_began_leaves_room_for_another(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(file: BreakerFile) -> NoReturn:
        raise KeyboardInterrupt

    breaker = BreakerRegistry(root).get("git", timeout=0)
    fail(breaker, 5)
    with monkeypatch.context() as patch:
        patch.setattr(BreakerFile, "begin_trial", interrupted)
        with pytest.raises(KeyboardInterrupt):
            breaker.call(str)
    assert breaker.call(str) == ""


def test_a_trial_that_cannot_be_shared_is_logged_and_made_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(file: BreakerFile) -> NoReturn:
        raise OSError("no room")

    breaker = BreakerRegistry(root).get("git", timeout=0)
    fail(breaker, 5)
    monkeypatch.setattr(BreakerFile, "begin_trial", refused)
    with capture_logs() as logs:
        assert breaker.call(str) == ""
    told = [each for each in logs if each["event"] == "circuit_breaker_not_shared"]
    assert [(each["breaker"], each["reason"]) for each in told] == [("git", "no room")]
    assert breaker.state == "closed"
