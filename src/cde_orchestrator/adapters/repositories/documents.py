"""What is read of stored features without making objects of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cde_orchestrator.domain.clock import parse_utc
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.lease import Process
from cde_orchestrator.domain.records import PATHS_KEPT
from cde_orchestrator.domain.related import GOAL_LIMIT, Touched
from cde_orchestrator.storage.format.feature_texts import HEAD, FeatureTexts
from cde_orchestrator.storage.format.json_patch import Document

WORK = "work"
"""The member that keeps the work on a feature or a phase; it is omitted where there is none.

State from before it was kept reads as well, and an object's small entries change one by one.
"""
OUTPUT = b'"outputs":[{'
"""What the text of a feature has that recorded an output."""
NOT_IN_HEAD = (b'"claim":{', b'"idempotency_key":"')
"""What the text of a feature has whose head does not say all that it is found by. A quote within
a text of JSON is escaped, so that this is never part of one."""


def work_of(document: Document) -> Document:
    """What is kept of the work on a feature or a phase; nothing where it is no object."""
    work = document.get(WORK)
    return work if isinstance(work, dict) else {}


def touched_of(document: Document) -> Touched:
    """What a stored feature is about, and the files that it touched."""
    paths: dict[str, None] = {}
    outputs: dict[str, str] = {}
    for record in document["phases"].values():
        work = work_of(record)
        paths |= dict.fromkeys((work.get("difference") or {}).get("paths", ()))
        paths |= dict.fromkeys((work.get("proof") or {}).get("covered", ()))
        outputs |= {each["id"]: each["path"] for each in record["outputs"]}
    records = {*outputs.values()}
    return Touched(
        id=document["id"],
        name=document["name"],
        status=document["status"],
        goal=document["prompt"][:GOAL_LIMIT],
        workflow_digest=document.get("workflow_digest"),
        paths=tuple(path for path in paths if path not in records)[:PATHS_KEPT],
        outputs=outputs,
    )


class TouchedFeatures:
    """What stored features are about, found out once for each document, which stays as it is.

    Only those that were asked for last are kept.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, int, Touched]] = {}

    def of(self, keys: Iterable[str], documents: Mapping[str, Document]) -> dict[str, Touched]:
        """What the features with these ids are about, as the documents have them."""
        known: dict[str, tuple[object, int, Touched]] = {}
        for key in keys:
            if isinstance(documents, FeatureTexts):
                origin, place = documents.origin(key)
            else:
                origin, place = documents[key], 0
            last = self._known.get(key)
            if last is None or last[0] is not origin or last[1] != place:
                last = origin, place, touched_of(documents[key])
            known[key] = last
        self._known = known
        return {key: touched for key, (_, _, touched) in known.items()}


def summary_of(document: Document) -> FeatureSummary:
    """The summary of a stored feature."""
    claim = work_of(document).get("claim")
    process = claim.get("process") if claim else None
    return FeatureSummary(
        id=document["id"],
        name=document["name"],
        status=document["status"],
        current_phase=document["current_phase"],
        created_at=parse_utc(document["created_at"]),
        updated_at=parse_utc(document["updated_at"]),
        claimed_by=claim["agent"] if claim else None,
        claimed_until=parse_utc(claim["until"]) if claim else None,
        workflow_digest=document.get("workflow_digest"),
        claimed_in=claim.get("place", "") if claim else "",
        claimed_for=Process(**process) if process else None,
    )


def summary_in(texts: bytes, place: int) -> FeatureSummary | None:
    """The summary of the feature whose text, with nothing of ``NOT_IN_HEAD``, is at the place.

    It is not decoded. None where it does not begin as this release writes it.
    """
    found = HEAD.match(texts, place)
    if found is None:
        return None
    key, name, status, phase, digest, created, updated = found.groups()
    return FeatureSummary(
        id=key.decode(),
        name=name.decode(),
        status=status.decode(),
        current_phase=None if phase is None else phase.decode(),
        created_at=parse_utc(created.decode()),
        updated_at=parse_utc(updated.decode()),
        workflow_digest=None if digest is None else digest.decode(),
    )
