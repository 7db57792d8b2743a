"""Show what a run of a feature does just now, or did last."""

from __future__ import annotations

from typing import Literal, TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.ports.runs import KeptRun, RunLine, Runs
from cde_orchestrator.application.use_case import UseCase

LINES = 300
"""Lines of an answer, the newest."""


State = Literal["running", "ended", "lost"]


class RunView(TypedDict):
    """A run: by which process, since when, and its lines after those that the asker has.

    ``state`` is ``lost`` where the run's process ended without a word, as one that was killed.
    ``missed`` are lines that are not kept, or too many for one answer; ``last`` is the number of
    the newest. ``by`` is the agent that is, or was last, started, and its attempt.
    """

    id: str
    state: State
    end: RunLine | None
    pid: int
    since: str
    phase: str
    by: str
    lines: list[RunLine]
    last: int
    missed: int


class RunReply(TypedDict):
    """The last run of a feature on this machine; None where nothing is kept of one."""

    at: str
    run: RunView | None


class ShowRun(UseCase[RunReply], operation="show_run", tolerant=True, routine=True):
    """What ``cde run`` does for a feature, line by line.

    Attributes:
        run: the id of the run that the asker knows.
        after: the number of the last line of it that the asker has.
    """

    feature_id: str
    run: str = ""
    after: int = 0

    def __call__(self, *, features: ProjectFeatures, runs: Runs) -> RunReply:
        """Raises E004, E102, E103."""
        _, feature, _ = features.read(self.feature_id)
        at, kept = features.clock().isoformat(), runs.kept(feature.id)
        if kept is None:
            return {"at": at, "run": None}
        after = self.after if kept.id == self.run else 0
        lines = [each for each in kept.lines if each["n"] > after]
        last = kept.lines[-1]["n"] if kept.lines else 0
        shown = lines[-LINES:]
        return {
            "at": at,
            "run": {
                "id": kept.id,
                "state": _state(kept, runs),
                "end": kept.end,
                "pid": kept.process.pid,
                "since": kept.since,
                "phase": kept.phase,
                "by": kept.attempt,
                "lines": shown,
                "last": last,
                "missed": max(last - after, 0) - len(shown),
            },
        }


def _state(kept: KeptRun, runs: Runs) -> State:
    if kept.end is not None:
        return "ended"
    return "lost" if runs.where(kept) == "gone" else "running"
