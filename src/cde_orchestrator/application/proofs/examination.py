"""Looks at proofs from all sides: now, on the base, at edits without effect, without the change.

Each side is a round of runs; of a proof that failed on one side nothing more is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import PurePosixPath

from cde_orchestrator.application.ports.proving import ChangedFile, Copy, KnockOuts, Place
from cde_orchestrator.application.proofs.change import Change
from cde_orchestrator.application.proofs.rounds import Group, Rounds
from cde_orchestrator.domain import proof_rules as rules
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.not_installed import absent_in
from cde_orchestrator.domain.proofs import HowKnockedOut, Proof, ProofSeen, TestResult
from cde_orchestrator.domain.value import Value

_MOCKS = re.compile(rb"sys\.modules|\b(?:jest|vi|mock|td|proxyquire)\b|\bmonkeypatch\b|\bpatch\(")
"""What replaces modules by others: such a test may not load what it names."""
_LOADS = rb"\b(?:import|from|require|use|include|load)\b[^\n]{0,200}?"
"""What a line says before the name of what it loads."""
_HOW: Mapping[HowKnockedOut, str] = {
    "nothing": "doing nothing",
    "other": "giving something else",
    "before": "doing what they did before",
}
_GENERAL_STEMS = frozenset({"index", "main", "mod", "lib", "__init__", "__main__"})
"""Names of files that say nothing; their folder's name does."""


class View(Value):
    """A state of the source code in which proofs were run.

    Attributes:
        words: the state, as whoever watches reads it.
        is_base: whether it is that of the feature's base.
        new: how what is new is knocked out that is added to it; None: nothing is added.
        how, places: what was knocked out, or edited as in the control; None: nothing.
    """

    words: str
    is_base: bool = False
    new: HowKnockedOut | None = None
    how: HowKnockedOut | None = None
    places: tuple[Place, ...] = ()


NOW = View("as the work is")
BASE = View("on the feature's base", is_base=True)
WITH_NAMES = (
    View("on the feature's base, where new names do nothing", is_base=True, new="nothing"),
    View("on the feature's base, where new names give something else", is_base=True, new="other"),
)


class Trial(Value, frozen=False):
    """What was seen of one proof so far.

    Attributes:
        results: by the view, the latest last.
        flaky: whether two results of one view contradict each other.
        lacks: what is not installed that it has to load.
        unrun: why the base alone says nothing of it, since it did not run there.
    """

    proof: Proof
    now: TestResult | None = None
    base: TestResult | None = None
    control: TestResult | None = None
    knocked_out: TestResult | None = None
    sees: tuple[str, ...] = ()
    reason: str = ""
    flaky: bool = False
    lacks: str = ""
    unrun: str = ""
    results: dict[View, TestResult] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether nothing speaks against it so far."""
        return not self.reason

    def seen(self) -> ProofSeen:
        """What was seen, as evidence."""
        sides = (self.now, self.base, self.control, self.knocked_out)
        now, base, control, knocked_out = (side.outcome if side else None for side in sides)
        return ProofSeen(
            id=self.proof.id,
            now=now or "missing",
            base=base,
            control=control,
            knocked_out=knocked_out,
            sees=self.sees,
            reason=self.reason,
            flaky=self.flaky,
            lacks=self.lacks,
        )


class Examination(Value, frozen=False, kw_only=True):
    """The rounds of one attempt to prove.

    Attributes:
        contents: of the files that the tests are in.
        facts: the feature and its phase, for errors.
        unchanged: other source files of the project, as far as their paths are wanted.
        kept_back: how many rounds are left for what comes after.
    """

    change: Change
    trials: Mapping[str, Trial]
    groups: Sequence[Group]
    rounds: Rounds
    knock_outs: KnockOuts
    contents: Mapping[str, bytes | None]
    facts: Mapping[str, str]
    unchanged: Callable[[Callable[[str], bool]], Sequence[ChangedFile]]
    kept_back: int = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a proof that nothing speaks against so far."""
        return bool(self._open())

    def look_now(self, copy: Copy) -> None:
        """Each must be there and pass."""
        results = self.rounds.run(copy.folder, self._open(), NOW.words)
        for trial, result in self._each(results, NOW):
            trial.now = result
            if not result.passed:
                trial.reason = self._why_not_now(trial, result)

    def _why_not_now(self, trial: Trial, result: TestResult) -> str:
        trial.lacks = absent_in(
            result, self.change.removed, [*self.change.places, *self.change.tests]
        )
        if trial.lacks:
            return rules.why_not_loaded(trial.lacks)
        collected = list(dict.fromkeys(self.rounds.collected))
        return rules.why_not_now(trial.proof, result, collected)

    def look_at_base(self, copy: Copy) -> None:
        """On the base, with the new tests, none must pass."""
        self.show(copy, BASE)
        results = self.rounds.try_out(copy.folder, self._open(), BASE.words)
        for trial, result in self._each(results, BASE):
            trial.base = result
            trial.reason = rules.why_not_base(result)
        unrun = [test for test, result in results.items() if rules.is_unclear(result)]
        if unrun:
            self._look_at_base_with_names(copy, unrun)

    def _look_at_base_with_names(self, copy: Copy, tests: Sequence[str]) -> None:
        """What did not run there for lack of a new name is asked once more, with such names.

        It passes if it does whatever they give, since nothing may be what they should.
        """
        asked = tests if self._supplied("nothing") else ()
        for view in WITH_NAMES:
            if asked:
                self.show(copy, view)
                results = self.rounds.try_out(copy.folder, asked, view.words)
                for trial, result in self._each(results, view):
                    trial.base = trial.base if rules.is_unclear(result) else result
            asked = [test for test in asked if self.trials[test].results[view].passed]
        for trial in (self.trials[test] for test in tests):
            if trial.base and rules.is_unclear(trial.base):
                trial.unrun = rules.why_unrun(trial.base)
            elif trial.base:
                trial.reason = rules.why_not_base(trial.base, is_named=True)

    def look_whether_seen(self, copy: Copy) -> None:
        """Where all proofs of a runner pass on the base, its copy may not be what they run.

        Raises:
            FeatureError: E138, they pass when no changed file can be loaded, and name one.
        """
        doubtful: dict[str, list[Trial]] = {}
        for group in self.groups:
            trials = [self.trials[test] for test in group.tests if self.trials[test].base]
            if trials and all(each.base and each.base.passed for each in trials):
                doubtful[group.runner.name] = trials
        changed = [file for file, _ in self.change.places.values()]
        still = self._green_without(copy, doubtful, changed)
        naming = {
            runner: self._naming(trials, list(self.change.places)) for runner, trials in still
        }
        still = [(runner, trials) for runner, trials in still if naming[runner]]
        named = [each for _, trials in still for each in trials]
        others = self.unchanged(lambda path: bool(self._naming(named, [path]))) if named else ()
        blind = self._green_without(copy, dict(still), [*changed, *others]) if others else still
        paths = rules.named(list(self.change.places))
        for runner, _ in blind:
            test = naming[runner][0].proof.id
            raise FeatureError.of("E138", **self.facts, runner=runner, test=test, paths=paths)
        for trial in named:  # they run the copy, but nothing of what changed
            trial.reason = rules.why_unused(paths)

    def look_at_control(self, copy: Copy) -> None:
        """With edits that have no effect, all must pass."""
        view = self.control
        self.show(copy, view)
        results = self.rounds.try_out(copy.folder, self._open(), view.words)
        for trial, result in self._each(results, view):
            trial.control = result
            trial.reason = rules.why_not_control(result, list(self.change.places))

    @property
    def control(self) -> View:
        """The view with edits that have no effect."""
        places = tuple(self.change.all_places)
        return View("with edits that have no effect", how="control", places=places)

    def show(self, copy: Copy, view: View) -> None:
        """Put a view's source code into a copy."""
        if view.is_base:
            copy.put({**self.change.tests, **(self._supplied(view.new) if view.new else {})})
        elif view.how is not None:
            self._knock_out(copy, view.places, view.how)

    def look_without_change(self, copy: Copy) -> None:
        """With what was changed knocked out, each must turn red by running."""
        places, unclear = self.change.code or self.change.all_places, set[str]()
        for how, words in _HOW.items():
            blind = self._blind()
            if blind and any(self._edited(places, how)):
                said = f"with the changed functions {words}"
                results = self._try(copy, blind, places, how, said)
                unclear |= {test for test in blind if rules.is_unclear(results[test])}
        prose = self.change.prose if self.change.code and self.rounds.left else ()
        if prose and (blind := self._blind()):
            self._try(copy, blind, prose, "nothing", "with the changed texts as they were")
        if tests := [test for test in self._blind() if test in unclear]:
            self._split(copy, tests)
        for test in self._blind():
            trial = self.trials[test]
            why = rules.why_unloaded if self._is_unclear(test) else rules.why_blind
            trial.reason = why([place.id for place in places])

    def _split(self, copy: Copy, tests: Sequence[str]) -> None:
        """Look for places without which the tests can be loaded; first those that seem so."""
        places = self.change.all_places
        said = " ".join(result.detail for test in tests if (result := self._knocked(test)))
        suspects = [place for place in places if _may_keep_from_loading(place, said)]
        parts = [suspects, [place for place in places if place not in suspects]]
        waiting = parts if all(parts) else _halves(places)
        while waiting and self.rounds.left > self.kept_back and (blind := self._still(tests)):
            part = waiting.pop()
            words = f"with {len(part)} of {len(places)} changed functions doing nothing"
            results = self._try(copy, blind, part, "nothing", words)
            if all(rules.is_unclear(result) for result in results.values()):
                waiting = sorted([*waiting, *_halves(part)], key=len)

    def _try(
        self,
        copy: Copy,
        tests: Collection[str],
        places: Sequence[Place],
        how: HowKnockedOut,
        words: str,
    ) -> Mapping[str, TestResult]:
        view = View(words, how=how, places=tuple(places))
        self.show(copy, view)
        results = self.rounds.try_out(copy.folder, tests, words)
        for trial, result in self._each(results, view):
            if rules.is_red(result):
                trial.knocked_out = result
                trial.sees = tuple(place.id for place in places)[: rules.SEES_LIMIT]
            elif how != "before" and (not trial.knocked_out or rules.is_unclear(trial.knocked_out)):
                trial.knocked_out = result
        return results

    def _knock_out(self, copy: Copy, places: Collection[Place], how: HowKnockedOut) -> None:
        unchanged = {path: file.after for path, (file, _) in self.change.places.items()}
        copy.put({**unchanged, **dict(self._edited(places, how))})

    def _supplied(self, how: HowKnockedOut) -> dict[str, bytes]:
        """Files of the base, with what is new in them added, but knocked out."""
        found = dict[str, bytes]()
        for file in self.change.sources:
            places = [
                place
                for place in self.knock_outs.places(file)
                if file.path in self.change.places or not place.is_last_resort
            ]
            if (text := self.knock_outs.supplied(file, places, how)) is not None:
                found[file.path] = text
        return found

    def _edited(self, places: Collection[Place], how: HowKnockedOut) -> Iterator[tuple[str, bytes]]:
        """Files that differ with these places knocked out."""
        for path, (file, there) in self.change.places.items():
            meant = [place for place in there if place in places]
            if meant and (text := self.knock_outs.knocked_out(file, meant, how)) != file.after:
                yield path, text

    def _green_without(
        self, copy: Copy, trials: Mapping[str, Sequence[Trial]], files: Sequence[ChangedFile]
    ) -> list[tuple[str, Sequence[Trial]]]:
        """The runners all of whose proofs pass when none of these files can be loaded."""
        tests = [each.proof.id for group in trials.values() for each in group]
        if not tests:
            return []
        copy.put({file.path: self.knock_outs.broken(file) for file in files})
        which = "the changed files" if len(files) == len(self.change.places) else "all files"
        words = f"with {which} failing at once"
        results = self.rounds.try_out(copy.folder, tests, words)
        copy.put({file.path: file.after for file in files})
        return [
            (runner, group)
            for runner, group in trials.items()
            if all(results[each.proof.id].passed for each in group)
        ]

    def _naming(self, trials: Iterable[Trial], paths: Collection[str]) -> list[Trial]:
        """Those whose proofs load one of these files by its name."""
        return [trial for trial in trials if self._loads(trial.proof, paths)]

    def _loads(self, proof: Proof, paths: Collection[str]) -> bool:
        """Whether a proof loads a file by its name, and replaces nothing by a mock."""
        if proof.command:
            text, loads = " ".join(proof.command).encode(), rb""
        else:
            path = proof.test.partition("::")[0]
            text, loads = self.contents.get(path) or b"", _LOADS
        return not _MOCKS.search(text) and any(
            re.search(rb"%s(?<!\w)%s(?!\w)" % (loads, re.escape(name.encode())), text)
            for path in paths
            for name in _names(path)
        )

    def _open(self) -> list[str]:
        return [test for test, trial in self.trials.items() if trial.is_open]

    def _each(
        self, results: Mapping[str, TestResult], view: View
    ) -> list[tuple[Trial, TestResult]]:
        """The trials with their results, which are kept."""
        for test, result in results.items():
            self.trials[test].results[view] = result
        return [(self.trials[test], result) for test, result in results.items()]

    def _blind(self) -> list[str]:
        return self._still(self._open())

    def _still(self, tests: Iterable[str]) -> list[str]:
        return [test for test in tests if not self.trials[test].sees]

    def _knocked(self, test: str) -> TestResult | None:
        return self.trials[test].knocked_out

    def _is_unclear(self, test: str) -> bool:
        result = self._knocked(test)
        return result is not None and rules.is_unclear(result)


def _may_keep_from_loading(place: Place, said: str) -> bool:
    """Whether a place is of no function, as in settings, or named where it failed."""
    return place.kind == "hunk" or place.name.rpartition(".")[2] in said


def _halves(places: Sequence[Place]) -> list[list[Place]]:
    middle = len(places) // 2
    return [list(half) for half in (places[:middle], places[middle:]) if middle > 0]


def _names(path: str) -> set[str]:
    """What a test may call a file: its name without ending, and its innermost folder's."""
    file = PurePosixPath(path)
    stem = file.name.partition(".")[0]
    return {name for name in (stem, file.parent.name) if name and name not in _GENERAL_STEMS}
