"""Proves the criteria of a feature: shows of each proof that it sees what was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path, PurePosixPath
from random import Random, SystemRandom
from typing import Any

from cde_orchestrator import __version__
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import (
    ChangedFile,
    Copies,
    KnockOuts,
    SourceTree,
    SourceTrees,
    TestRunner,
    TestRunners,
)
from cde_orchestrator.application.proofs.change import Change
from cde_orchestrator.application.proofs.examination import Examination, Trial
from cde_orchestrator.application.proofs.repetition import REPEATED, Repetition
from cde_orchestrator.application.proofs.rounds import Group, Rounds
from cde_orchestrator.application.proofs.workflow_runners import command_lines
from cde_orchestrator.domain import proof_rules as rules
from cde_orchestrator.domain.clock import Clock, Stopwatch
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.project_paths import RECORDS
from cde_orchestrator.domain.proofs import CriterionSeen, Proof, ProofEvidence
from cde_orchestrator.domain.value import Value

log = get_logger(__name__)

PRODUCT = "cde-orchestrator"
_WITH_TESTS = (".rs",)
"""Files of languages in which code and its tests are in one file."""
PLACES_LIMIT = 200
COVERED_LIMIT = 2_000
_UNCHANGED_LIMIT = 1_000


class Claim(Value, kw_only=True):
    """What is to be proven of a feature.

    Attributes:
        phase: the one that proves, for errors.
        proofs: by the criterion's id.
        waived: why a person waived a criterion, and who, by its id.
        outputs: paths of the outputs of the feature's workflow, which are no code.
        covered: paths of the files with criteria and proofs.
        proofs_file: that of the one with the proofs, for errors.
        within: paths outside which nothing is taken for the feature's code; empty for all.
        seconds: how long all runs together may take.
    """

    feature: str
    phase: str
    criteria: Sequence[Criterion]
    proofs: Mapping[str, Sequence[Proof]]
    waived: Mapping[str, str] = field(default_factory=dict)
    outputs: Collection[str] = ()
    covered: Collection[str] = ()
    within: Collection[str] = ()
    proofs_file: str = "proofs.yml"
    seconds: float

    @property
    def facts(self) -> dict[str, str]:
        """What errors say of it."""
        return {"feature": self.feature, "phase": self.phase}

    def is_source(self, path: str) -> bool:
        """Whether a file may be code of the feature, or a test."""
        return not path.startswith(("../", RECORDS, ".cde/")) and path not in self.outputs

    def needed(self) -> dict[str, Proof]:
        """The proofs by their ids, each once; of criteria that nobody waived."""
        asked = (
            proof
            for criterion in self.criteria
            if criterion.id not in self.waived
            for proof in self.proofs.get(criterion.id, ())
        )
        return {proof.id: proof for proof in asked}


class Prover(Value, kw_only=True):
    """Proves claims about a project.

    Attributes:
        runner: as in the workflow.
        watch: gets a line for each run, and what the runs print.
        lots: draws what is repeated.
        repeated: how many runs are repeated at most.
    """

    root: Path
    trees: SourceTrees
    copies: Copies
    knock_outs: KnockOuts
    runners: TestRunners
    runner: object
    clock: Clock
    watch: Watch | None = field(default=None, compare=False)
    lots: Random = field(default_factory=SystemRandom, compare=False)
    repeated: int = REPEATED

    def require(self, claim: Claim, base: SourceTree, now: SourceTree) -> ProofEvidence:
        """The evidence, where each criterion is proven.

        Raises:
            FeatureError: E119, it took too long; E121, E137 and E139, a runner or a command cannot
                run; E135, a criterion is not proven; E136, git cannot; E138, the copy is not what
                is run.
        """
        if not claim.criteria:
            raise not_proven(claim, [], NO_CRITERIA)
        evidence = self.examine(claim, base, now)
        if not evidence.is_proof:
            raise not_proven(claim, evidence.criteria)
        return evidence

    def examine(self, claim: Claim, base: SourceTree, now: SourceTree) -> ProofEvidence:
        """What is seen of each proof, whether it proves or not.

        Raises:
            FeatureError: E119, E121 and E136 to E139, as ``require``.
        """
        at, timer, needed = self.clock(), Stopwatch(), claim.needed()
        runners = self.runners.named(self.root, self.runner)
        groups = self._groups(runners, needed)
        used = [group.runner for group in groups if group.runner.command]
        changed = self.trees.changed(self.root, base.id, now.id)
        files = {proof.test.partition("::")[0] for proof in needed.values() if proof.test}

        def is_test(path: str) -> bool:
            named = path in files and not path.endswith(_WITH_TESTS)
            return named or any(runner.is_test(path) for runner in runners)

        change = Change.of(changed, self.knock_outs, is_test, claim.is_source, claim.within)
        asked = sorted({*files, *claim.covered})
        contents = self.trees.contents(self.root, now.id, asked)
        trials = {test: Trial(proof) for test, proof in needed.items()}
        rounds = Rounds(
            root=self.root,
            phase=claim.phase,
            groups=groups,
            seconds=claim.seconds,
            watch=self.watch,
        )
        examination = Examination(
            change=change,
            trials=trials,
            groups=groups,
            rounds=rounds,
            knock_outs=self.knock_outs,
            contents=contents,
            facts=claim.facts,
            unchanged=lambda wanted: self._unchanged(
                now, change, lambda path: claim.is_source(path) and not is_test(path), wanted
            ),
            kept_back=min(1, self.repeated),
        )
        with _naming_criteria(claim):
            self._look(examination, base, now)
        criteria = tuple(_seen(criterion, claim, trials) for criterion in claim.criteria)
        versions = {runner.name: runner.version(self.root) for runner in used}  # known from a run
        return ProofEvidence(
            at=at,
            tree=now.id,
            base_commit=base.commit,
            base_tree=base.id,
            commands=tuple(line.words for line in command_lines(used, ())),
            versions={**versions, PRODUCT: __version__},
            criteria=criteria,
            places=tuple(place.id for place in change.all_places)[:PLACES_LIMIT],
            covered=_covered(changed, change, contents),
            runs=rounds.taken,
            duration_ms=timer.elapsed_ms,
            notes=(*rules.shared_tests(criteria), *rules.unrun(_unrun(trials.values()))),
            runner=json.dumps(self.runner),
        )

    def _look(self, examination: Examination, base: SourceTree, now: SourceTree) -> None:
        change, trials = examination.change, examination.trials
        known = {test for group in examination.groups for test in group.tests}
        for test, trial in trials.items():
            if test not in known:
                trial.reason = "is no test of a runner of the workflow: name one that is"
            elif not change.places:
                trial.reason = rules.nothing_to_see(change.ignored)
        if not examination.is_open:
            return
        with self.copies.copy(self.root, now.id) as copy:
            examination.look_now(copy)
            if examination.is_open:
                with self.copies.copy(self.root, base.id) as before:
                    examination.look_at_base(before)
                examination.look_whether_seen(copy)
            if examination.is_open:
                examination.look_at_control(copy)
            if examination.is_open:
                examination.look_without_change(copy)
        Repetition(
            root=self.root,
            examination=examination,
            copies=self.copies,
            base=base,
            now=now,
            lots=self.lots,
            most=self.repeated,
        ).repeat()
        log.info("proofs_examined", proofs=len(trials), runs=examination.rounds.taken)

    def _unchanged(
        self, now: SourceTree, change: Change, *wanted: Callable[[str], bool]
    ) -> list[ChangedFile]:
        """Source files that did not change, of the kinds that did."""
        kinds = {PurePosixPath(path).suffix for path in change.places}
        paths = [
            path
            for path in self.trees.listed(self.root, now.id)
            if PurePosixPath(path).suffix in kinds and path not in change.places
            if all(is_so(path) for is_so in wanted)
        ][:_UNCHANGED_LIMIT]
        contents = self.trees.contents(self.root, now.id, paths)
        return [ChangedFile(path, data, data) for path, data in contents.items() if data]

    def _groups(self, runners: Sequence[TestRunner], needed: Mapping[str, Proof]) -> list[Group]:
        tests: dict[int, list[str]] = {}
        for proof in needed.values():
            fits = (n for n, each in enumerate(runners) if not each.problem(proof.test))
            if proof.test and (number := next(fits, None)) is not None:
                tests.setdefault(number, []).append(proof.id)
        groups = [Group(runners[number], ids) for number, ids in sorted(tests.items())]
        if commands := [proof for proof in needed.values() if proof.command]:
            ids = [proof.id for proof in commands]
            groups.append(Group(self.runners.of_commands(commands), ids))
        return groups


@contextmanager
def _naming_criteria(claim: Claim) -> Iterator[None]:
    """Say whose proof it is where a command is one, and cannot be run: E139 in place of E137."""
    try:
        yield
    except FeatureError as error:
        proof, said = error.context.get("proof"), error.context
        ids = [key for key, offered in claim.proofs.items() if proof in {p.id for p in offered}]
        if error.code != "E137" or not ids:
            raise
        what = {"criteria": ", ".join(ids), "path": claim.proofs_file}
        how = {"command": said["command"], "reason": said["reason"]}
        raise FeatureError.of("E139", **claim.facts, **what, **how) from error


NO_CRITERIA = (
    "the specification has no criterion: begin list items with AC1, AC2 and so on, each with "
    "something that a test can show"
)


def not_proven(claim: Claim, criteria: Sequence[CriterionSeen], reason: str = "") -> FeatureError:
    """The error E135, with what was seen of each criterion that is not proven."""
    unmet = [criterion for criterion in criteria if not criterion.is_met]
    problems = [reason] if reason else []
    for criterion in unmet:
        against = [f"{proof.id} {proof.reason}" for proof in criterion.proofs if proof.reason]
        problems.append(f"{criterion.id}: {'; '.join(against) or 'has no proof'}")
    flaky = [proof.id for criterion in unmet for proof in criterion.proofs if proof.flaky]
    if flaky:
        problems.append(rules.ATTEMPT_USED)
    return FeatureError.of(
        "E135",
        **claim.facts,
        problems=". ".join(problems),
        criteria=[_as_dict(criterion) for criterion in unmet],
        flaky=flaky,
    )


def _as_dict(criterion: CriterionSeen) -> dict[str, Any]:
    proofs = [
        {
            "id": proof.id,
            "now": proof.now,
            "base": proof.base,
            "control": proof.control,
            "knocked_out": proof.knocked_out,
            "reason": proof.reason,
        }
        for proof in criterion.proofs
        if proof.reason
    ]
    return {"id": criterion.id, "text": criterion.text, "proofs": proofs}


def _seen(criterion: Criterion, claim: Claim, trials: Mapping[str, Trial]) -> CriterionSeen:
    waived = claim.waived.get(criterion.id, "")
    proofs = () if waived else tuple(claim.proofs.get(criterion.id, ()))
    seen = tuple(trials[proof.id].seen() for proof in proofs)
    words = {"text": criterion.text, "digest": criterion.digest}
    return CriterionSeen(id=criterion.id, **words, proofs=seen, waived=waived)


def _unrun(trials: Iterable[Trial]) -> dict[str, str]:
    """Why proofs that prove did not run on the base, by their ids."""
    return {each.proof.id: each.unrun for each in trials if each.is_open and each.unrun}


def _covered(
    changed: Iterable[ChangedFile], change: Change, contents: Mapping[str, bytes | None]
) -> dict[str, str | None]:
    """Digests of what the evidence is about; what decides most first, where not all fits."""
    after = {file.path: file.after for file in changed}
    found: dict[str, bytes | None]
    found = {path: data for path, data in contents.items() if data is not None}
    for path in (*change.tests, *change.places, *change.ignored):
        found.setdefault(path, after[path])
    return {path: _digest(found[path]) for path in sorted(list(found)[:COVERED_LIMIT])}


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()
