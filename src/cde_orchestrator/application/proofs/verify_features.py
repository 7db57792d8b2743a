"""Prove again what features were completed with, from what is committed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.application.proofs.records import RECORD_FILE, record_path
from cde_orchestrator.application.proofs.required_before import PROOFS_FILE
from cde_orchestrator.application.proofs.verdicts import digest_of_files, proof_of
from cde_orchestrator.application.proofs.verification import Verdict, Verification
from cde_orchestrator.application.proofs.verifying import Verifying
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.errors.fixes import fix
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.feature import COMPLETED
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.proofs import Verified

log = get_logger(__name__)

RECORDS = "specs"


class VerifiedCriterion(TypedDict):
    """A criterion, as it was found.

    ``sees`` are the places that were knocked out when its proofs turned red, ``path:name``.
    ``waived`` is one of which nothing was run, as the record claims that a person waived it: who
    and why is in ``reason``. ``path`` and ``line`` are where its first proof is, or the criterion
    itself.
    """

    id: str
    verdict: Verdict
    proofs: list[str]
    sees: list[str]
    reason: str
    path: str
    line: int


class VerifiedFeature(TypedDict):
    """A feature, as it was found.

    ``required`` is False for one without a record of which the workflow file, as it was committed
    then, required no proof. ``changed`` are the files that changed since it was proven,
    ``approved_by`` says which people approved it, as its record claims, ``notes`` what a person
    should know, whatever the verdict.
    """

    name: str
    verdict: Verdict
    required: bool
    reason: str
    criteria: list[VerifiedCriterion]
    changed: list[str]
    approved_by: list[str]
    notes: list[str]
    runs: int


class VerifyReply(TypedDict):
    """What was verified, and at which commit; ``folder`` is the project's in the repository."""

    commit: str
    folder: str
    features: list[VerifiedFeature]


class VerifyFeatures(UseCase[VerifyReply], operation="verify_features", tolerant=True):
    """Prove features again; no file of the work folder and nothing of the state is needed.

    Where there is a state, the verdict on what is checked out is kept with the feature.

    Attributes:
        features: names; all that have a record, or had one, or name proofs, where there are none.
        at: the commit, by any name that git has for it.
        trust: run the commands of this checkout, whether or not a person trusts them.
        watch: gets a line for each run, and what the runs print.
    """

    features: tuple[str, ...] = ()
    at: str = "HEAD"
    trust: bool = False
    watch: Watch | None = field(default=None, compare=False)

    def __call__(self, *, verifying: Verifying) -> VerifyReply:
        """Verify each.

        Raises:
            FeatureError: E120, a command is not trusted; E136, git cannot; E137, a runner cannot
                run; E143, there is nothing to verify; E144, there is no such commit.
            ValidationError: E325 to E327, the folder is not trusted.
        """
        if not self.trust and not verifying.standing.acts:
            raise verifying.standing.refusal()
        folder = verifying.committed.folder(verifying.root)
        source = _commit(verifying, self.at)
        recorded = _recorded(verifying, source)
        names = list(dict.fromkeys(self.features)) or recorded
        if not recorded:
            _require_here(verifying, source, any_name=not names)
        work = _Work(verifying, source, trust=self.trust, watch=self.watch)
        return {
            "commit": source.commit,
            "folder": folder,
            "features": [work.verify(name) for name in names],
        }


def _require_here(verifying: Verifying, source: SourceTree, *, any_name: bool) -> None:
    """Refuse to verify where nothing is recorded, if the records are below, or none is named.

    Raises:
        FeatureError: E143.
    """
    root = verifying.root
    paths = verifying.committed.ever(root, source.commit, RECORD_FILE)
    there = verifying.trees.contents(root, source.id, paths)
    ends = tuple(path.split("/") for path in paths if there[path] is not None)
    below = sorted({"/".join(each[:-3]) for each in ends if each[-3:-2] == [RECORDS]} - {""})
    if not (below or any_name):
        return
    elsewhere = f"; projects with records are in {', '.join(below)}" if below else ""
    error = FeatureError.of(
        "E143",
        commit=source.commit[:12],
        path=str(root),
        elsewhere=elsewhere,
        folder=str(root / below[0]) if below else "",
    )
    raise error.fixed_by([fix("verify --project {folder}")] if below else [])


def _commit(verifying: Verifying, name: str) -> SourceTree:
    try:
        return verifying.trees.at(verifying.root, name)
    except FeatureError as error:
        reason = error.context.get("reason", "")
        raise FeatureError.of("E144", commit=name, reason=reason) from error


def _recorded(verifying: Verifying, source: SourceTree) -> list[str]:
    """Names of the features that there are, or were."""
    listed = verifying.committed.listed(verifying.root, source.id, RECORDS)
    removed = verifying.committed.ever(verifying.root, source.commit, RECORD_FILE)
    names = {
        parts[1]
        for path in (*listed, *removed)
        if len(parts := path.split("/")) == 3 and parts[0] == RECORDS
        if parts[2] in {RECORD_FILE, PROOFS_FILE}
    }
    return sorted(names)


@dataclass(frozen=True, slots=True)
class _Work:
    """The work on all features at one commit."""

    verifying: Verifying
    source: SourceTree
    trust: bool
    watch: Watch | None

    def verify(self, name: str) -> VerifiedFeature:
        """One feature."""
        versions = self.verifying.committed.versions(
            self.verifying.root, self.source.commit, record_path(name)
        )
        found = Verification(
            verifying=self.verifying,
            source=self.source,
            name=name,
            versions=versions,
            trust=self.trust,
            watch=self.watch,
        )
        found.verify()
        criteria: list[VerifiedCriterion] = [
            {
                "id": each.id,
                "verdict": each.verdict,
                "proofs": each.proofs,
                "sees": each.sees,
                "reason": each.reason,
                "path": each.path,
                "line": each.line,
            }
            for each in found.criteria.values()
        ]
        verdict = _worst([found.verdict, *(each["verdict"] for each in criteria)])
        red = tuple(each["id"] for each in criteria if each["verdict"] == "broken")
        if found.runs and (red or verdict == "proven"):
            self._keep(found, red)
        return {
            "name": name,
            "verdict": verdict,
            "required": found.required,
            "reason": found.reason,
            "criteria": criteria,
            "changed": found.changed,
            "approved_by": found.approved_by,
            "notes": found.notes,
            "runs": found.runs,
        }

    def _keep(self, found: Verification, red: tuple[str, ...]) -> None:
        """Keep the verdict with the feature, if it is one of the state's, and can be written.

        What is said of another commit than the one that is checked out is not kept.
        """
        verifying = self.verifying
        if verifying.repository is None or not verifying.standing.acts:
            return
        try:
            if verifying.trees.at(verifying.root, "HEAD").commit != self.source.commit:
                return
            with verifying.repository().transaction(verifying.root) as project:
                project.require_writable()
                feature = project.feature(found.name)
                proof = proof_of(feature) if feature.status == COMPLETED else None
                if proof is None or (feature.name, proof.tree) != (found.name, found.tree):
                    return
                feature.verified = Verified(
                    at=verifying.clock(),
                    commit=self.source.commit,
                    criteria=red,
                    covered=digest_of_files(found.covered),
                )
        except CDEError as error:  # it is kept for convenience: the answer is the same without
            log.info("verdict_not_kept", feature=found.name, error_code=error.code)


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    order: tuple[Verdict, ...] = ("broken", "unproven", "waived", "proven")
    return next(each for each in order if each in verdicts)
