"""One feature, proven again by its record: what the record says must be what is committed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import SourceTree, TestRunner
from cde_orchestrator.application.proofs.prove_criteria import Claim
from cde_orchestrator.application.proofs.proving import rewritten_words
from cde_orchestrator.application.proofs.read_proofs import parsed
from cde_orchestrator.application.proofs.records import (
    FeatureRecord,
    RecordError,
    digest_of,
    read_record,
    record_path,
)
from cde_orchestrator.application.proofs.required_before import (
    WORKFLOW,
    proofs_path,
    said_in,
    was_only_recorded,
)
from cde_orchestrator.application.proofs.verifying import Verifying
from cde_orchestrator.application.proofs.workflow_runners import command_lines
from cde_orchestrator.domain.criteria import Criterion, criteria_of_file
from cde_orchestrator.domain.demands import UNKNOWN, weaker
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import opening_words

READERS = 20
"""Phases of which a record may say who did them, as far as that is shown."""
Verdict = Literal["proven", "waived", "broken", "unproven"]
"""``waived``: nothing was run, as the record claims that a person waived it."""
PHASE = "verify"
_RAISED = frozenset({"E120", "E137", "E139"})
"""What is no verdict on a feature: nothing of it could be run."""
_SECONDS_LIMIT = 24 * 3600.0
_OF_A_RECORD = (
    "If cde trust does not show it, the feature's record alone names it: review it, then run cde "
    "verify --trust."
)
_PYTHONS = ("python3", "python")
"""Where a project has no environment of its own, whichever is first on ``PATH``."""


@dataclass(slots=True)
class Found:
    """What was found of a criterion."""

    id: str
    proofs: list[str]
    path: str
    line: int
    sees: list[str] = field(default_factory=list)
    verdict: Verdict = "proven"
    reason: str = ""

    def refuse(self, verdict: Verdict, reason: str) -> None:
        """Note what speaks against it; the first reason counts."""
        if not self.reason:
            self.verdict, self.reason = verdict, reason


@dataclass(slots=True, kw_only=True)
class Verification:
    """The verification of one feature.

    Attributes:
        versions: what was committed as its record, the oldest first.
        changed: covered files that changed since it was proven.
        tree: git's id of the source tree that the record's evidence is about.
        covered: SHA-256 of each file that the record is about, as it is committed.
        approved_by: which people approved it, as the record claims.
        notes: what a person should know, whatever the verdict.
        verdict: of the record itself.
        reason: what speaks against it.
        required: whether it had to be proven; False where the committed workflow says so.
    """

    verifying: Verifying
    source: SourceTree
    name: str
    versions: Sequence[bytes]
    trust: bool
    watch: Watch | None
    criteria: dict[str, Found] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    tree: str = ""
    covered: dict[str, str | None] = field(default_factory=dict)
    approved_by: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verdict: Verdict = "proven"
    reason: str = ""
    required: bool = True
    runs: int = 0

    def verify(self) -> None:
        """Compare the record with what is committed, then prove it again.

        Raises:
            FeatureError: E120, a command is not trusted; E136, git cannot; E137, a runner cannot
                run.
        """
        path = record_path(self.name)
        data = self._contents([path])[path]
        if data is None:
            self._refuse("unproven", self._why_no_record(path))
            return
        try:
            record = read_record(data)
        except RecordError as error:
            self._refuse("broken", f"{path} {error}")
            return
        if record.feature != self.name:
            self._refuse("broken", f"{path} is the record of {record.feature!r}")
            return
        if not _is_successor(data, self.versions):
            self._refuse("broken", f"{path} was altered since it was first committed")
        for gone in sorted(_criteria_of(self.versions) - {each.id for each in record.criteria}):
            self.notes.append(f"{gone} was proven by an earlier record, and is not in this one")
        for waived in sorted(_proven_in(self.versions) & set(record.waived)):
            self.notes.append(
                f"{waived} was proven by an earlier record, and is waived in this one"
            )
        self._note_rules(record)
        self.notes += [f"phase {opening_words(each, 200)}" for each in record.readers[:READERS]]
        self._compare(record)
        if not self.criteria:
            self._refuse("unproven", "it has no criteria")
        self._prove(record)

    def _why_no_record(self, path: str) -> str:
        """Why it has none, and whether it needs one: the committed history says that."""
        if self.versions:
            return f"its record was removed: {path}; complete the feature and commit it"
        self.required = not was_only_recorded(self.verifying, self.source.commit, self.name)
        if self.required:
            return (
                f"it has no record in this commit: {path}; complete the feature and commit it "
                f"(cde finish {self.name}), unless its workflow asks for no proof: then none is "
                "written"
            )
        return (
            f"proof was not required: {WORKFLOW} said proof: recorded when "
            f"{proofs_path(self.name)} came, so it has no record"
        )

    def _note_rules(self, record: FeatureRecord) -> None:
        """Say who approved it, as the record claims, and where less was demanded than usual."""
        self.approved_by = record.rules.approved_by() if record.rules else [UNKNOWN]
        packaged = self.verifying.packaged().get(record.workflow)
        if record.rules and packaged and (words := weaker(record.rules.phases, packaged)):
            self.notes.append(words)
        file = self._contents([WORKFLOW])[WORKFLOW]
        runner = said_in(self.verifying, file).get("runner") if file else None
        if runner is not None and _named(runner) != _named(record.runner):
            self.notes.append(f"another runner proves it than {WORKFLOW} names now: see its record")

    def _compare(self, record: FeatureRecord) -> None:
        """What is committed must be what was proven; what differs is no longer asked."""
        files = [record.specification, record.proofs_file]
        contents = self._contents({*files, *record.evidence.covered})
        recorded = record.evidence.covered
        self.tree = record.evidence.tree
        self.covered = {path: _digest(contents[path]) for path in recorded}
        self.changed = [path for path in recorded if self.covered[path] != recorded[path]]
        specification, proofs = (contents[path] for path in files)
        there = criteria_of_file(specification or b"")
        self._compare_criteria(record, there)
        if proofs is None:
            self._refuse("broken", f"there is no file {record.proofs_file}")
            return
        self._compare_proofs(record, there, proofs)

    def _compare_criteria(self, record: FeatureRecord, there: Sequence[Criterion]) -> None:
        by_id = {criterion.id: criterion for criterion in there}
        recorded = {criterion.id: criterion for criterion in record.criteria}
        for criterion in {**recorded, **by_id}.values():
            proofs = [proof.id for proof in record.proofs.get(criterion.id, ())]
            found = Found(criterion.id, proofs, record.specification, max(criterion.line, 1))
            self.criteria[criterion.id] = found
            if criterion.id not in by_id:
                found.refuse("broken", f"is no longer in {record.specification}")
            elif criterion.id not in recorded:
                found.refuse("unproven", "came to the specification after the feature was proven")
            elif not _is_as_recorded(criterion, recorded[criterion.id]):
                words = recorded[criterion.id].text
                found.refuse("broken", f"says something else than when it was proven: {words!r}")

    def _compare_proofs(
        self, record: FeatureRecord, there: Sequence[Criterion], data: bytes
    ) -> None:
        runners = self._runners(record)
        known = [each for each in there if each.id in record.proofs]
        read = parsed(data, record.proofs_file, known, runners, self.verifying.read, record.waived)
        for problem in read.problems:
            if problem.key in self.criteria:
                self.criteria[problem.key].refuse("broken", str(problem))
            elif not problem.key:
                self._refuse("broken", f"{record.proofs_file}: {problem}")
        for criterion, proofs in record.proofs.items():
            there_now = read.proofs.get(criterion)
            if there_now is None or criterion in record.waived or list(there_now) == list(proofs):
                continue
            now, before = (", ".join(each.id for each in some) for some in (there_now, proofs))
            reason = f"its proof points elsewhere: {now}, not {before}"
            self.criteria[criterion].refuse("broken", reason)

    def _prove(self, record: FeatureRecord) -> None:
        open_ones = [each for each in self.criteria.values() if not each.reason]
        for found in open_ones:
            if waived := record.waived.get(found.id):
                found.refuse("waived", f"as the record claims: {waived}")
        claim = self._claim(record, {each.id for each in open_ones})
        self._place(claim)
        if not claim.needed():
            return
        self._require_trust(record, claim)
        try:
            base = self.verifying.trees.at(self.verifying.root, record.evidence.base_commit)
        except FeatureError:
            self._refuse_all(claim, "unproven", self._why_gone(record.evidence.base_commit))
            return
        if self._is_rewritten(base.commit):
            self.notes.append(rewritten_words(base.commit, self.source.commit))
        try:
            prover = self.verifying.prover(record.runner, self.watch)
            evidence = prover.examine(claim, base, self.source)
        except FeatureError as error:
            if error.code in _RAISED:
                raise
            self._refuse_all(claim, "unproven", f"{error.code}: {error.message}")
            return
        self.runs = evidence.runs
        if not all(criterion.is_met for criterion in evidence.criteria):
            self._note_python(self._runners(record))
        self.notes += dict.fromkeys((*evidence.notes, *record.evidence.notes))
        for criterion in evidence.criteria:
            self.criteria[criterion.id].sees = list(criterion.sees)
            if not criterion.is_met:
                against = [f"{each.id} {each.reason}" for each in criterion.proofs if each.reason]
                found = self.criteria[criterion.id]
                if against and all(each.lacks for each in criterion.proofs if each.reason):
                    found.refuse("unproven", "; ".join(against))
                elif against:
                    found.refuse("broken", "; ".join(against))
                else:
                    found.refuse("unproven", "has no proof")

    def _note_python(self, runners: Sequence[TestRunner]) -> None:
        """Say that the Python on ``PATH`` ran the tests, which may lack what they need."""
        for command in (runner.command for runner in runners):
            if command and command[0] in _PYTHONS:
                self.notes.append(
                    f"its tests were run by {' '.join(command)}, with the Python on PATH, since "
                    "the project has no environment here (.venv): packages may be missing"
                )

    def _is_rewritten(self, base: str) -> bool:
        return self.verifying.trees.is_rewritten(self.verifying.root, base, self.source.commit)

    def _why_gone(self, base: str) -> str:
        """Why the commit at which the feature started is not in this clone."""
        if self._is_rewritten(base):
            return rewritten_words(base, self.source.commit)
        return (
            f"the commit {base[:12]} at which the feature started is not in this clone: fetch the "
            "whole history, as with fetch-depth: 0"
        )

    def _claim(self, record: FeatureRecord, criteria: Collection[str]) -> Claim:
        return Claim(
            feature=self.name,
            phase=PHASE,
            criteria=[each for each in record.criteria if each.id in criteria],
            proofs=record.proofs,
            waived=record.waived,
            outputs=record.outputs,
            covered=(record.specification, record.proofs_file),
            proofs_file=record.proofs_file,
            within=record.evidence.covered,
            seconds=min(max(record.seconds, 1.0), _SECONDS_LIMIT),
        )

    def _place(self, claim: Claim) -> None:
        """Say where the first test of each criterion is."""
        tests = {
            criterion: proofs[0].test
            for criterion, proofs in claim.proofs.items()
            if proofs and proofs[0].test and criterion in self.criteria
        }
        contents = self._contents({test.partition("::")[0] for test in tests.values()})
        for criterion, test in tests.items():
            path = test.partition("::")[0]
            if (data := contents[path]) is not None:
                self.criteria[criterion].path = path
                self.criteria[criterion].line = _line_of(test, data)

    def _require_trust(self, record: FeatureRecord, claim: Claim) -> None:
        if self.trust:
            return
        proofs: list[Proof] = list(claim.needed().values())
        for line in command_lines(self._runners(record), proofs):
            if not self.verifying.trust.trusts(self.verifying.root, line):
                error = FeatureError.of("E120", **claim.facts, command=line.shown)
                raise error.also(_OF_A_RECORD)

    def _runners(self, record: FeatureRecord) -> Sequence[TestRunner]:
        return self.verifying.runners.named(self.verifying.root, record.runner)

    def _refuse(self, verdict: Verdict, reason: str) -> None:
        if not self.reason:
            self.verdict, self.reason = verdict, reason

    def _refuse_all(self, claim: Claim, verdict: Verdict, reason: str) -> None:
        for criterion in claim.criteria:
            self.criteria[criterion.id].refuse(verdict, reason)

    def _contents(self, paths: Collection[str]) -> Mapping[str, bytes | None]:
        return self.verifying.trees.contents(self.verifying.root, self.source.id, paths)


def _is_as_recorded(criterion: Criterion, recorded: Criterion) -> bool:
    """Whether a criterion is as a record has it, whose text has no secret."""
    plain = replace(criterion, text=without_secrets(criterion.text))
    return plain.says(recorded.text, recorded.digest)


def _is_successor(data: bytes, versions: Sequence[bytes]) -> bool:
    """Whether a record is the first that was committed, or names that one, maybe by others."""
    if not versions or data == versions[0]:
        return True
    first, waiting, passed = digest_of(versions[0]), [data], set[bytes]()
    known = {digest_of(each): each for each in versions}
    while waiting:
        record = waiting.pop()
        passed.add(record)
        with suppress(RecordError):
            replaces = read_record(record).replaces
            if first in replaces:
                return True
            before = (known[digest] for digest in replaces if digest in known)
            waiting += [each for each in before if each not in passed]
    return False


def _criteria_of(versions: Sequence[bytes]) -> set[str]:
    """Ids of the criteria of all records that were committed."""
    found = set[str]()
    for data in versions:
        with suppress(RecordError):
            found |= {each.id for each in read_record(data).criteria}
    return found


def _proven_in(versions: Sequence[bytes]) -> set[str]:
    """Ids of the criteria that a record which was committed had proofs of."""
    found = set[str]()
    for data in versions:
        with suppress(RecordError):
            found |= {each.id for each in read_record(data).evidence.criteria if each.proofs}
    return found


def _line_of(test: str, data: bytes) -> int:
    """Where a test is in its file, as far as its name says; else 1."""
    name = re.split(r"::|/", test)[-1].partition("[")[0]
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    lines = data.decode("utf-8", "replace").splitlines()
    return next((at for at, line in enumerate(lines, start=1) if pattern.search(line)), 1)


def _named(runner: object) -> str:
    """A runner of a workflow or a record, as text to compare."""
    return json.dumps([runner] if isinstance(runner, str) else runner, sort_keys=True, default=str)


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()
