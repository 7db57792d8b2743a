"""What a project's past is made of."""

from __future__ import annotations

from typing import Any

from cde_orchestrator.domain.value import Value


class HistoryEntry(Value):
    """One committed change.

    Attributes:
        at: ISO 8601, UTC.
        feature: name of the feature that it is about; None where it is the project.
        summary: the fields that changed, in a few words.
        event: what happened, as a sentence; the summary where there are no words for it.
    """

    sequence: int
    at: str
    operation: str
    actor: str
    correlation_id: str
    feature: str | None
    summary: str
    event: str = ""


class OtherSide(Value):
    """A side of a fork that is not followed.

    Attributes:
        after: the last change that both sides share; None if that is not known.
        followed_at: the number of the change that the followed side was at when this one was found.
        found_at: ISO 8601, UTC.
        is_open: whether nobody has decided about it yet.
    """

    after: int | None
    followed_at: int
    found_at: str
    is_open: bool


class Backup(Value):
    """A checkpoint that was kept.

    Attributes:
        size: bytes.
        problem: why it cannot be restored; None when it can.
        fork: of a side of a fork, how it came to be one.
    """

    file: str
    sequence: int
    size: int
    features: int
    problem: str | None
    fork: OtherSide | None = None


class Damage(Value):
    """A state file that is not as it should be."""

    file: str
    reason: str


class Salvaged(Value):
    """What whole records and checkpoints give of a state, wherever they are.

    Attributes:
        document: the state, as plain data.
        sequence: the newest change that is in it.
        at: when that was made, ISO 8601; None where no record says.
        certain: whether it is the state right after a change, without a gap before.
        used: files that it comes from, each with what it gave, in words.
        missing: changes that no file has, in words.
        incomplete: names of features of which some changes are missing.
        unusable: ids of features of which too little is left.
    """

    document: dict[str, Any]
    sequence: int
    at: str | None
    certain: bool
    used: list[tuple[str, str]]
    missing: list[str]
    incomplete: list[str]
    unusable: list[str]


class Move(Value):
    """What it takes to move a state from one place to another; nothing where it is there already.

    Attributes:
        source: where it comes from.
        target: where it goes.
        sequence: the number of its last change at the source.
        features: how many it has.
        project: its name in a database; empty while it has none.
        leaves: the source says from then on where it went.
        brings: it is written at the target.
        revives: the target had it all along, as a move away from there was cut short.
    """

    source: str
    target: str
    sequence: int
    features: int
    project: str
    leaves: bool = False
    brings: bool = False
    revives: bool = False
