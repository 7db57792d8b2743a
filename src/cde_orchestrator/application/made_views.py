"""What a completed feature has made, for its end and wherever it is shown afterwards."""

from __future__ import annotations

from typing import TypedDict

from cde_orchestrator.application.proof_views import DifferenceView, difference_words
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.feature import COMPLETED, Feature, artifacts_from
from cde_orchestrator.domain.records import Difference
from cde_orchestrator.domain.text import counted

OUTPUTS_SHOWN = 10
COMMIT_SHOWN = 7
"""Digits of a commit's id that people are shown, as git does."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


class MadeView(TypedDict):
    """What a completed feature made: how much of the source changed, its outputs, how long it took.

    ``difference`` is None where its workflow asks for no change.
    """

    difference: DifferenceView | None
    outputs: list[str]
    seconds: float


class CommitView(TypedDict):
    """The commit of a completed feature by ``cde finish``, and the branch that it was made on."""

    commit: str
    branch: str


def commit_view(feature: Feature) -> CommitView | None:
    """The commit that has what the feature completed last; None where none is recorded."""
    event = feature.committed
    if event is None:
        return None
    return {"commit": str(event.get("commit")), "branch": str(event.get("branch"))}


def commit_words(commit: CommitView) -> str:
    """The same in words, for people."""
    return f"committed {plain(commit['commit'][:COMMIT_SHOWN])} on {plain(commit['branch'])}"


def last_difference(feature: Feature) -> Difference | None:
    """How much had changed when a phase that asks for it was accepted last."""
    kept = [each for each in feature.phases.values() if each.difference and each.completed_at]
    last = max(kept, key=lambda each: each.completed_at or feature.created_at, default=None)
    return last.difference if last else None


def difference_view(found: Difference | None) -> DifferenceView | None:
    """How much changed, as the contract has it."""
    if found is None:
        return None
    return {"files": found.files, "added": found.added, "removed": found.removed}


def made_view(feature: Feature) -> MadeView | None:
    """What the feature made; None until it is completed."""
    if feature.status != COMPLETED:
        return None
    ends = [each.completed_at for each in feature.phases.values() if each.completed_at]
    ended = max(ends, default=feature.updated_at)
    return {
        "difference": difference_view(last_difference(feature)),
        "outputs": [each.path for each in artifacts_from(feature.phases)],
        "seconds": round(max((ended - feature.created_at).total_seconds(), 0.0), 1),
    }


def made_words(made: MadeView, *, names: bool = True) -> str:
    """The same in a line, for people and agents; the latter know the ``names`` of the outputs."""
    parts = [f"made in {_duration(made['seconds'])}"]
    if made["difference"] is not None:
        parts.append(difference_words(made["difference"]))
    if made["outputs"]:
        parts.append(
            _outputs(made["outputs"]) if names else counted(len(made["outputs"]), "output")
        )
    return "; ".join(parts)


def _outputs(paths: list[str]) -> str:
    shown = ", ".join(map(plain, paths[:OUTPUTS_SHOWN]))
    more = len(paths) - OUTPUTS_SHOWN
    return f"outputs {shown}" + (f" and {more} more" if more > 0 else "")


def _duration(seconds: float) -> str:
    length, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    count = int(seconds // length)
    return f"{count} {unit}{'' if count == 1 else 's'}"
