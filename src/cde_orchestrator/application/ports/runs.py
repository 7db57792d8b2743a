"""What a run of a feature does, as other processes see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict, get_args

from cde_orchestrator.domain.lease import Process

Event = Literal["phase", "attempt", "line", "used", "failed", "waits", "refused", "accepted"]
End = Literal["done", "stopped", "broke"]
Kind = Event | End
"""What a line is about."""
ENDS = frozenset(get_args(End))
KINDS = ENDS | frozenset(get_args(Event))

Where = Literal["here", "elsewhere", "gone"]
"""Of a process: on this machine; on another, as far as is known; nowhere any more."""

Note = Callable[[Kind, str], None]
"""Takes the lines of a run; never fails."""


class RunLine(TypedDict):
    """A line of a run: its number from 1, when it came, ISO 8601, and a text in one line."""

    n: int
    at: str
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """The last run of a feature, as far as it is kept.

    Attributes:
        id: distinguishes it from other runs of the feature.
        process: runs it.
        since: when it began, ISO 8601.
        phase: the phase that is, or was last, worked on, in words; empty for none.
        attempt: by whom, and which attempt it is, in words; empty for none.
        lines: the newest, oldest first.
    """

    id: str
    process: Process
    since: str
    phase: str
    attempt: str
    lines: Sequence[RunLine]

    @property
    def end(self) -> RunLine | None:
        """How it ended; None where it runs, or ended without a word."""
        last = self.lines[-1] if self.lines else None
        return last if last is not None and last["kind"] in ENDS else None


class Runs(Protocol):
    """Knows the runs of features on this machine."""

    def kept(self, feature_id: str) -> KeptRun | None:
        """The last run of the feature; None where nothing is kept of one."""

    def alongside(self, run: KeptRun) -> Sequence[str]:
        """The ids of other features that the same process runs, as with ``--all``."""

    def start(self, feature_id: str, words: Sequence[str]) -> str:
        """Run the feature in a process of its own, which outlives this one.

        Args:
            feature_id: the feature's.
            words: options of ``cde run``.

        Returns:
            Why it did not begin; empty where it did.
        """

    def stop(self, feature_id: str, run: KeptRun) -> str:
        """End the feature's run as Ctrl-C does, with all that it started; why not, or empty."""

    def where(self, run: KeptRun) -> Where:
        """Where the run's process runs, by what the run says of it, which may be anybody's word."""

    def stamps(self) -> Mapping[str, str]:
        """For features that ran lately, by id, a word that is another one after each line."""
