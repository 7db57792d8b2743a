"""The past is looked at without changing it, and brought back as one change."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cde_orchestrator.application.state.recover_state import (
    LARGEST_HISTORY,
    CompactState,
    DiffStates,
    ExportState,
    LeaveFork,
    ListBackups,
    ListChanges,
    RestoreState,
    VerifyState,
    difference,
)
from cde_orchestrator.application.state.state_exports import export_of, export_text
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDEError, StateError, ValidationError
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry, OtherSide
from tests.fakes import ROOT, World

Reply = TypeVar("Reply")
State = dict[str, Any]


def state(*names: str, **own: Any) -> State:
    """A state with features of these names."""
    features = {f"id-{name}": feature(name) for name in names}
    named = {"id": "p", "name": "shop", "status": "active", "metadata": {}}
    return {**named, **own, "features": features}


def feature(name: str, **members: Any) -> State:
    """A feature as a state holds it."""
    times = {"created_at": "1", "updated_at": "1"}
    own = {"id": f"id-{name}", "name": name, "prompt": "Do it", "phases": {}}
    return {**own, **times, "status": "defining", **members}


@dataclass
class InMemoryRecovery:
    """A past of states, the first of which has the number 1.

    Attributes:
        asked: what ``history`` was asked for.
        compacted: how often the journal was sealed.
        closed: the sides of forks that somebody decided about.
    """

    states: list[State]
    kept: dict[str, State] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)
    entries: list[HistoryEntry] = field(default_factory=list)
    asked: list[tuple[int, str | None]] = field(default_factory=list)
    since: list[int] = field(default_factory=list)
    compacted: int = 0
    closed: list[str] = field(default_factory=list)

    def history(
        self, path: Path | str, limit: int, feature: str | None = None, after: int = 0
    ) -> list[HistoryEntry]:
        """The newest changes first."""
        self.asked.append((limit, feature))
        self.since.append(after)
        return self.entries[:limit]

    def state_at(self, path: Path | str, sequence: int | None = None) -> tuple[int, State]:
        """A number and the state right after it."""
        number = len(self.states) if sequence is None else sequence
        if not 1 <= number <= len(self.states):
            raise StateError.of("E208", sequence=number, oldest=1, newest=len(self.states))
        return number, copy.deepcopy(self.states[number - 1])

    def verify(self, path: Path | str) -> list[Damage]:
        """What a test says is damaged."""
        return self.damages

    def backups(self, path: Path | str) -> list[Backup]:
        """The states that are kept."""
        side = OtherSide(after=1, followed_at=3, found_at="now", is_open=True)
        return [
            Backup(name, 1, 10, len(kept["features"]), None, side if "fork" in name else None)
            for name, kept in self.kept.items()
        ]

    def backup(self, path: Path | str, name: str) -> State:
        """The state of this name."""
        if name not in self.kept:
            raise StateError.of("E209", name=name, reason="there is no such backup")
        return self.kept[name]

    def fork_base(self, path: Path | str, name: str) -> State | None:
        """The first state, for each side whose base is known."""
        return self.states[0] if name == "fork-1.json" else None

    def close_fork(self, path: Path | str, name: str) -> bool:
        """Remember which side somebody decided about."""
        self.closed.append(name)
        return name in self.kept

    def checked_state(self, document: State) -> State:
        """The document, unless it has no status."""
        if "status" not in document:
            raise StateError.of("E210", where="the project", reason="no status")
        return document

    def restore(
        self, path: Path | str, document: Mapping[str, Any], expected_sequence: int | None = None
    ) -> int:
        """Add the state to the past."""
        assert expected_sequence == len(self.states)
        self.states.append(dict(document))
        return len(self.states)

    def compact(self, path: Path | str) -> list[str]:
        """Remember that it was asked for."""
        self.compacted += 1
        return list(self.kept)


FIRST = state("login")
SECOND = state("login", "logout")
THIRD = state("logout", status="archived")


@pytest.fixture
def recovery() -> InMemoryRecovery:
    """A past of three states, the second of which is kept as a backup."""
    return InMemoryRecovery([FIRST, SECOND, THIRD], {"2.json": SECOND})


def run(recovery: InMemoryRecovery, use_case: UseCase[Reply]) -> Reply:
    """The use case's reply."""
    return World.active().run(use_case, recovery=recovery)


def refused(recovery: InMemoryRecovery, use_case: UseCase[Any]) -> CDEError:
    """The error with which the use case is refused, nothing being restored."""
    before = len(recovery.states)
    with pytest.raises(CDEError) as caught:
        run(recovery, use_case)
    assert len(recovery.states) == before
    return caught.value


def test_a_state_that_is_whole_has_no_findings(recovery: InMemoryRecovery) -> None:
    assert run(recovery, VerifyState()) == {"path": str(ROOT), "whole": True, "findings": []}


def test_damage_is_told_by_file(recovery: InMemoryRecovery) -> None:
    recovery.damages.append(Damage(file="state.json", reason="line 3 is damaged"))
    reply = run(recovery, VerifyState())

    assert reply["whole"] is False
    assert reply["findings"] == [{"file": "state.json", "reason": "line 3 is damaged"}]


def test_changes_are_told_with_who_made_them(recovery: InMemoryRecovery) -> None:
    entry = HistoryEntry(
        sequence=3,
        at="2025-11-10T12:00:00+00:00",
        operation="start_feature",
        actor="cli",
        correlation_id="c",
        feature="logout",
        summary="started",
    )
    recovery.entries.append(entry)
    reply = run(recovery, ListChanges(feature="logout"))

    assert recovery.asked == [(50, "logout")]
    assert reply["changes"] == [
        {
            "sequence": 3,
            "at": "2025-11-10T12:00:00+00:00",
            "operation": "start_feature",
            "actor": "cli",
            "correlation_id": "c",
            "feature": "logout",
            "summary": "started",
            "event": "",
        }
    ]


@pytest.mark.parametrize("limit", [1, LARGEST_HISTORY])
def test_as_many_changes_are_told_as_are_asked_for(recovery: InMemoryRecovery, limit: int) -> None:
    run(recovery, ListChanges(limit=limit))

    assert recovery.asked == [(limit, None)]


@pytest.mark.parametrize("limit", [-1, 0, LARGEST_HISTORY + 1])
def test_no_other_number_of_changes_is_told(recovery: InMemoryRecovery, limit: int) -> None:
    error = refused(recovery, ListChanges(limit=limit))

    assert isinstance(error, ValidationError)
    assert error.code == "E305"
    assert error.context["argument"] == "limit"
    assert recovery.asked == []


KEPT = {
    "file": "2.json",
    "sequence": 1,
    "size": 10,
    "features": 2,
    "problem": None,
    "fork": None,
}


def test_the_states_that_are_kept_are_listed(recovery: InMemoryRecovery) -> None:
    assert run(recovery, ListBackups()) == {"backups": [KEPT]}


def test_compacting_answers_with_what_is_kept_then(recovery: InMemoryRecovery) -> None:
    assert run(recovery, CompactState()) == {"backups": [KEPT]}
    assert recovery.compacted == 1


@pytest.mark.parametrize("side", ["fork-1.json", "fork-2.json"])
def test_a_side_of_a_fork_is_merged_into_the_present_state(
    recovery: InMemoryRecovery, side: str
) -> None:
    recovery.kept = {side: state("login", "signup")}
    tried = run(recovery, RestoreState(merged=side, dry_run=True))
    assert (recovery.closed, len(recovery.states)) == ([], 3)
    done = run(recovery, RestoreState(merged=side, token=tried["token"]))

    assert done["source"] == side
    assert recovery.closed == [side]
    # Without the state that both grew from, nothing shows that login was removed here.
    added = ["signup"] if side == "fork-1.json" else ["login", "signup"]
    assert sorted(done["difference"]["added"]) == added
    assert recovery.states[3]["status"] == "archived"
    assert done["conflicts"] == ([] if side == "fork-1.json" else ["the project"])


def test_only_a_source_that_is_a_backup_decides_about_a_fork(recovery: InMemoryRecovery) -> None:
    run(recovery, RestoreState(at=2))
    run(recovery, RestoreState(backup="2.json", dry_run=True))
    assert recovery.closed == []
    run(recovery, RestoreState(backup="2.json"))
    assert recovery.closed == ["2.json"]


def test_a_side_that_is_left_is_listed_with_what_differs(recovery: InMemoryRecovery) -> None:
    recovery.kept["fork-1.json"] = state("login", "logout", "signup")
    reply = run(recovery, LeaveFork(side="fork-1.json"))

    side = reply["backups"][1]["fork"]
    assert side == {
        "after": 1,
        "followed_at": 3,
        "found_at": "now",
        "is_open": True,
        "differing": 2,
    }
    error = refused(recovery, LeaveFork(side="fork-9.json"))
    assert (error.code, error.context["backups"]) == ("E209", "fork-1.json")
    recovery.kept.clear()
    error = refused(recovery, LeaveFork(side="fork-9.json"))
    assert error.context["backups"] == "none"


@pytest.mark.parametrize(("after", "number"), [(3, 3), (None, 3), (2, 2)])
def test_two_states_are_compared(
    recovery: InMemoryRecovery, after: int | None, number: int
) -> None:
    reply = run(recovery, DiffStates(before=1, after=after))

    assert (reply["before"], reply["after"]) == (1, number)
    assert reply["difference"]["added"] == ["logout"]
    assert reply["difference"]["removed"] == (["login"] if number == 3 else [])


@pytest.mark.parametrize("use_case", [DiffStates(before=4), DiffStates(before=1, after=0)])
def test_a_state_that_the_history_does_not_reach_is_refused(
    recovery: InMemoryRecovery, use_case: DiffStates
) -> None:
    assert refused(recovery, use_case).code == "E208"


def test_a_difference_names_fields_and_features() -> None:
    before = state("gone", "same", "changed", status="active", theme="dark")
    after = state("same", "changed", "new", status="archived", extra=None, colour="red")
    after["features"]["id-changed"] = feature("changed", status="testing", priority=1)

    assert difference(before, after) == {
        "project": ["status", "theme", "colour"],
        "added": ["new"],
        "removed": ["gone"],
        "changed": [{"id": "id-changed", "name": "changed", "fields": ["status", "priority"]}],
    }


def test_between_equal_states_there_is_no_difference() -> None:
    assert not any(difference(FIRST, copy.deepcopy(FIRST)).values())


@pytest.mark.parametrize(("at", "number", "exported"), [(1, 1, FIRST), (None, 3, THIRD)])
def test_a_whole_state_is_exported(
    recovery: InMemoryRecovery, at: int | None, number: int, exported: State
) -> None:
    reply = run(recovery, ExportState(at=at))

    assert reply == {"sequence": number, "state": export_of(exported)}


SOURCES = [
    (RestoreState(at=2), "change 2"),
    (RestoreState(backup="2.json"), "2.json"),
    (RestoreState(export=export_text(export_of(SECOND))), "export"),
]


@pytest.mark.parametrize(("use_case", "source"), SOURCES, ids=["change", "backup", "export"])
def test_an_earlier_state_becomes_the_present_one(
    recovery: InMemoryRecovery, use_case: RestoreState, source: str
) -> None:
    reply = run(recovery, use_case)

    assert recovery.states[3:] == [SECOND]
    assert reply["source"] == source
    assert reply["dry_run"] is False
    assert reply["sequence"] == 4
    assert reply["difference"]["added"] == ["login"]
    assert reply["difference"]["removed"] == []


@pytest.mark.parametrize(("use_case", "source"), SOURCES, ids=["change", "backup", "export"])
def test_a_dry_run_tells_the_same_and_restores_nothing(
    recovery: InMemoryRecovery, use_case: RestoreState, source: str
) -> None:
    tried = run(recovery, replace(use_case, dry_run=True))
    assert recovery.states == [FIRST, SECOND, THIRD]
    assert tried["dry_run"] is True
    assert tried["sequence"] == 3

    done = run(recovery, replace(use_case, token=tried["token"]))
    assert done == {**tried, "dry_run": False, "sequence": 4}


def test_a_restore_can_itself_be_undone(recovery: InMemoryRecovery) -> None:
    run(recovery, RestoreState(at=1))
    run(recovery, RestoreState(at=3))

    assert recovery.states[-1] == THIRD


def test_the_history_is_read_once_for_a_preview_and_its_restore(
    recovery: InMemoryRecovery,
) -> None:
    wanted = RestoreState(at=1)
    tried = run(recovery, replace(wanted, dry_run=True))
    done = run(recovery, replace(wanted, token=tried["token"], shown=tried["taken_back"]))

    assert recovery.since == [1]
    assert done["taken_back"] == tried["taken_back"] != []


def test_what_was_shown_counts_with_a_token_alone(recovery: InMemoryRecovery) -> None:
    assert run(recovery, RestoreState(at=1, shown=[]))["taken_back"] != []


def test_a_restore_is_refused_when_the_present_state_is_another_by_now(
    recovery: InMemoryRecovery,
) -> None:
    token = run(recovery, RestoreState(at=1, dry_run=True))["token"]
    recovery.states.append(SECOND)

    assert refused(recovery, RestoreState(at=1, token=token)).code == "E211"


def test_a_restore_is_refused_when_the_source_is_another_by_now(recovery: InMemoryRecovery) -> None:
    token = run(recovery, RestoreState(backup="2.json", dry_run=True))["token"]
    recovery.kept["2.json"] = FIRST

    assert refused(recovery, RestoreState(backup="2.json", token=token)).code == "E211"


@pytest.mark.parametrize(
    "use_case",
    [
        RestoreState(),
        RestoreState(at=1, backup="2.json"),
        RestoreState(at=1, export="{}"),
        RestoreState(at=1, backup="2.json", export="{}"),
    ],
)
def test_a_restore_without_exactly_one_source_is_refused(
    recovery: InMemoryRecovery, use_case: RestoreState
) -> None:
    error = refused(recovery, use_case)

    assert error.code == "E305"
    assert error.context["argument"] == "source"


@pytest.mark.parametrize(
    ("use_case", "code"),
    [
        (RestoreState(at=0), "E208"),
        (RestoreState(at=9), "E208"),
        (RestoreState(backup="9.json"), "E209"),
        (RestoreState(export=""), "E210"),
        (RestoreState(export="{}"), "E210"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_source_that_is_not_there_or_not_whole_is_refused(
    recovery: InMemoryRecovery, use_case: RestoreState, code: str, dry_run: bool
) -> None:
    assert refused(recovery, replace(use_case, dry_run=dry_run)).code == code


def test_a_source_that_is_no_valid_state_is_refused(recovery: InMemoryRecovery) -> None:
    recovery.kept["2.json"] = {"id": "p", "features": {}}

    assert refused(recovery, RestoreState(backup="2.json")).code == "E210"
