"""Runs proofs once more on code on which they ran: chance, a clock or a counter decides otherwise.

What is repeated of proofs that prove is drawn by lot, so that no test can know which run it is in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from random import Random

from cde_orchestrator.application.ports.proving import Copies, SourceTree
from cde_orchestrator.application.proofs.examination import Examination, Trial, View
from cde_orchestrator.domain import proof_rules as rules
from cde_orchestrator.domain.value import Value

REPEATED = 4
"""Rounds that are repeated at most."""


class Repetition(Value, frozen=False, kw_only=True):
    """The rounds that are repeated after an examination, each in a copy of its own.

    So nothing is left there of what ran without the change, and no test knows the copy by its name.

    Attributes:
        lots: what is repeated is drawn by it.
        most: how many rounds at most.
    """

    root: Path
    examination: Examination
    copies: Copies
    base: SourceTree
    now: SourceTree
    lots: Random
    most: int

    def repeat(self) -> None:
        """Repeat what decided on each proof; of those that prove only if all of them do."""
        trials = list(self.examination.trials.values())
        refused = [trial for trial in trials if not trial.is_open]
        if refused:
            self._doubt(refused)
        else:
            self._draw(trials)

    def _doubt(self, trials: Sequence[Trial]) -> None:
        """Whether what was refused is refused once more, by the view that decided."""
        for view in _decisive(trials):
            if self._may_go_on:
                self._again(view, [trial for trial in trials if _last(trial) == view])

    def _draw(self, trials: Sequence[Trial]) -> None:
        """What proves must pass and fail as before in views that are drawn by lot."""
        views = list(dict.fromkeys(view for trial in trials for view in trial.results))
        drawn = [view for view in views if view.how is not None]
        while drawn and self._may_go_on and all(trial.is_open for trial in trials):
            view = self.lots.choice(drawn)
            self._again(view, [trial for trial in trials if view in trial.results])

    def _again(self, view: View, trials: Collection[Trial]) -> None:
        self.most -= 1
        tests = [trial.proof.id for trial in trials]
        words, tree = f"{view.words}, once more", self.base if view.is_base else self.now
        with self.copies.copy(self.root, tree.id) as copy:
            self.examination.show(copy, view)
            results = self.examination.rounds.try_out(copy.folder, tests, words)
        for trial in trials:
            before, again = trial.results[view], results[trial.proof.id]
            if before.passed != again.passed:
                trial.flaky, trial.sees = True, ()
                trial.reason = rules.why_flaky(view.words, before, again)

    @property
    def _may_go_on(self) -> bool:
        return self.most > 0 and self.examination.rounds.may_repeat


def _last(trial: Trial) -> View | None:
    """The view that decided, unless there was no such test in it."""
    view = next(reversed(trial.results), None)
    return None if view is None or trial.results[view].outcome == "missing" else view


def _decisive(trials: Sequence[Trial]) -> Iterator[View]:
    """The views that decided, those of most proofs first."""
    views = [view for trial in trials if (view := _last(trial)) is not None]
    yield from sorted(dict.fromkeys(views), key=views.count, reverse=True)
