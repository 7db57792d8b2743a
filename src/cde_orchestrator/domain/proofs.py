"""Proofs of criteria: what is offered as one, and what was seen of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from cde_orchestrator.domain.value import Value

Outcome = Literal["passed", "failed", "error", "skipped", "expected_failure", "missing"]
"""How a test ended: ``error`` before it ran, as when its file cannot be loaded; ``missing``:
there is none of this name, or it was not selected."""

HowKnockedOut = Literal["nothing", "other", "before", "control"]
"""A changed function gives nothing back, or a value like no other, or does what it did before the
change, or is as it is but for code that has no effect."""


class Proof(Value, kw_only=True):
    """What is offered as a proof of a criterion: a test, or a command.

    Attributes:
        test: ``path::name`` as the runner has it, the path relative to the project; empty for a
            command.
        command: its words; empty for a test.
        contains: what the command's output must contain.
    """

    test: str = ""
    command: tuple[str, ...] = ()
    contains: str = ""

    @property
    def id(self) -> str:
        """What it is called: the test's id, or ``$``, the command and what its output contains.

        Words of the command are quoted as in a shell, which never begins one with a double quote,
        and what is contained in double quotes: no two proofs have the same id.
        """
        if self.test:
            return self.test
        wanted = json.dumps(self.contains, ensure_ascii=False)
        return f"$ {shlex.join(self.command)}" + (f" contains {wanted}" if self.contains else "")


class TestResult(Value, kw_only=True):
    """How one test ended in one run.

    Attributes:
        detail: why it did not pass, without secrets, at most 2,000 characters.
        at_load: whether it was red before any of it ran, so that its whole file is.
    """

    __test__: ClassVar[bool] = False

    outcome: Outcome
    detail: str = ""
    at_load: bool = False

    @property
    def passed(self) -> bool:
        """Whether it ran and passed, as nobody expected otherwise."""
        return self.outcome == "passed"


class ProofSeen(Value, kw_only=True):
    """What was seen of one proof.

    Attributes:
        now: as the work is.
        base: on the base, with the new tests brought along, and with new names that do nothing
            where it cannot be loaded without.
        control: with an edit without effect.
        knocked_out: with the changed functions knocked out.
        sees: names of the places whose knock-out turned it red, at most 20.
        reason: why it proves nothing; empty where it proves.
        lacks: what is not installed that it has to load; never in evidence that is kept.
        flaky: whether that is because its results contradict each other; never in evidence that
            is kept.
    """

    id: str
    now: Outcome
    base: Outcome | None = None
    control: Outcome | None = None
    knocked_out: Outcome | None = None
    sees: tuple[str, ...] = ()
    reason: str = ""
    flaky: bool = False
    lacks: str = ""

    @property
    def proves(self) -> bool:
        """Whether it holds in all four respects."""
        return not self.reason


class CriterionSeen(Value, kw_only=True):
    """A criterion, and what was seen of its proofs.

    Attributes:
        text: what the criterion says, in one line.
        waived: why a person waived it, and who; empty where nobody did.
        digest: of all its words; empty in what was seen before it was kept.
    """

    id: str
    text: str
    proofs: tuple[ProofSeen, ...] = ()
    waived: str = ""
    digest: str = ""

    @property
    def sees(self) -> tuple[str, ...]:
        """Names of the places that its proofs see."""
        return tuple(dict.fromkeys(place for proof in self.proofs for place in proof.sees))

    @property
    def is_met(self) -> bool:
        """Whether each of its proofs proves, and there is one, or a person waived it."""
        return bool(self.waived) or (
            bool(self.proofs) and all(proof.proves for proof in self.proofs)
        )


class ProofEvidence(Value, kw_only=True):
    """What the orchestrator saw when a phase's criteria were proven.

    Attributes:
        tree: git's id of the source tree that it ran on.
        base_commit: the commit at which the feature started.
        base_tree: git's id of the source tree then.
        commands: the runners' command lines.
        versions: of each runner and of this product, by name.
        places: names of the places that were knocked out, ``path:name``; at most 200.
        covered: SHA-256 by path of each file that it is about: changed code, tests, proofs and
            criteria; None where the file was deleted.
        runs: how many runs of tests it took.
        notes: what a person should know of it: what proves, or was counted, more than once.
        runner: what the workflow said of runners, as JSON; empty where that was not kept.
    """

    at: datetime
    tree: str
    base_commit: str
    base_tree: str
    commands: tuple[tuple[str, ...], ...]
    versions: Mapping[str, str]
    criteria: tuple[CriterionSeen, ...]
    places: tuple[str, ...]
    covered: Mapping[str, str | None]
    runs: int
    duration_ms: float
    notes: tuple[str, ...] = ()
    runner: str = ""

    def contains(self, other: ProofEvidence) -> bool:
        """Whether what another evidence knocked out is a part of this one, in equal files."""
        paths = {place.rpartition(":")[0] for place in other.places}
        same = all(self.covered.get(path) == other.covered.get(path) for path in paths)
        return bool(other.places) and same and set(other.places) <= set(self.places)

    @property
    def waived(self) -> dict[str, str]:
        """Why a person waived a criterion, and who, by its id."""
        return {each.id: each.waived for each in self.criteria if each.waived}

    @property
    def is_proof(self) -> bool:
        """Whether there are criteria, and each is met."""
        return bool(self.criteria) and all(criterion.is_met for criterion in self.criteria)


class Verified(Value, kw_only=True):
    """How it ended when a completed feature was last proven again.

    Attributes:
        commit: what was verified.
        criteria: ids of those that were red.
        covered: digest of the files that the feature's evidence is about, as they were there.
    """

    at: datetime
    commit: str
    criteria: tuple[str, ...]
    covered: str
