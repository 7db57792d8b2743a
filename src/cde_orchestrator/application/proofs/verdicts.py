"""The verdict on a completed feature: whether what was proven of it is still so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from cde_orchestrator.application.ports.core import ProjectFiles
from cde_orchestrator.application.proofs.records import record_path
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.feature import COMPLETED, Feature
from cde_orchestrator.domain.phase_record import state_words
from cde_orchestrator.domain.proofs import ProofEvidence, Verified

Verdict = Literal["proven", "stale", "broken", "unproven"]
CHANGED_SHOWN = 20


class VerifiedView(TypedDict):
    """How it ended when a feature was proven again: ``criteria`` are those that were red."""

    at: str
    commit: str
    criteria: list[str]


class VerdictView(TypedDict):
    """What is known of a completed feature's criteria.

    ``verdict`` is ``proven``, ``stale`` where a file that it is about changed since, ``broken``
    where it was proven again with the files as they are, and was red, or ``unproven``;
    ``changed`` are the first of those files, ``record`` is the feature's record, ``verified`` how
    it ended when it was proven again with these files. ``waived`` is how many of the criteria a
    person waived.
    """

    verdict: Verdict
    waived: int
    changed: list[str]
    record: str | None
    verified: VerifiedView | None


def proof_of(feature: Feature) -> ProofEvidence | None:
    """What was seen last of the feature's criteria."""
    seen = [record.proof for record in feature.phases.values() if record.proof is not None]
    return max(seen, key=lambda each: each.at) if seen else None


def digest_of_files(covered: Mapping[str, str | None]) -> str:
    """One digest for files, by the digest of each."""
    return hashlib.sha256(json.dumps(sorted(covered.items())).encode()).hexdigest()


def changed_since(feature: Feature, files: ProjectFiles, root: Path) -> list[str]:
    """Files of what a feature has proven that are others now; none where nothing was proven."""
    proof = proof_of(feature)
    covered = proof.covered if proof is not None and proof.is_proof else {}
    return [path for path, digest in covered.items() if files.digest(root, path) != digest]


def verdict_of(feature: Feature, files: ProjectFiles, root: Path) -> VerdictView | None:
    """The verdict on a completed feature; None for one that is not completed.

    Only the files that it is about are looked at, each once for all features.
    """
    if feature.status != COMPLETED:
        return None
    proof = proof_of(feature)
    if proof is None or not proof.is_proof:
        nothing: VerdictView = {
            "verdict": "unproven",
            "waived": 0,
            "changed": [],
            "record": None,
            "verified": None,
        }
        return nothing
    now = {path: files.digest(root, path) for path in proof.covered}
    changed = [path for path, digest in proof.covered.items() if now[path] != digest]
    again = feature.verified
    if again is not None and (again.at < proof.at or again.covered != digest_of_files(now)):
        again = None
    if again is None:
        verdict: Verdict = "stale" if changed else "proven"
    else:
        verdict = "broken" if again.criteria else "proven"
    return {
        "verdict": verdict,
        "waived": len(proof.waived),
        "changed": [] if verdict == "proven" else changed[:CHANGED_SHOWN],
        "record": record_path(feature.name),
        "verified": _verified_view(again) if again is not None else None,
    }


def _verified_view(again: Verified) -> VerifiedView:
    return {
        "at": again.at.isoformat(),
        "commit": again.commit,
        "criteria": [*again.criteria],
    }


def verdict_line(verdict: VerdictView) -> str:
    """The verdict in a line, for people and agents."""
    if verdict["verdict"] == "stale":
        changed = ", ".join(map(plain, verdict["changed"]))
        said = with_waived("stale", verdict["waived"])
        return f"{said}: {changed} changed since it was proven"
    if verdict["verdict"] == "broken" and (again := verdict["verified"]) is not None:
        red = ", ".join(map(plain, again["criteria"]))
        at = to_the_second(again["at"])
        when = f"proven again at {at} with commit {plain(again['commit'][:12])}"
        return f"broken: {red} failed when {when}; 'cde verify' says why"
    return with_waived(verdict["verdict"], verdict["waived"])


def with_waived(verdict: str, waived: int) -> str:
    """The verdict, and how many criteria it says nothing of."""
    return f"{verdict}, {waived} waived" if waived else verdict


def verdict_words(row: Mapping[str, Any]) -> str:
    """The verdict on a completed feature in a list; empty for others."""
    return with_waived(row.get("standing") or "", row.get("waived") or 0)


def status_words(row: Mapping[str, Any]) -> str:
    """A feature's status in a list, with the verdict on one that is completed."""
    verdict = verdict_words(row)
    said = state_words(row["status"])
    return f"{said}, {verdict}" if verdict else said
