"""The work on features and phases as stored documents, and back.

It is under one member, ``work``, that is omitted where there is nothing to keep: state
from before it was kept reads as well, and an object's small entries change one by one.
"""

from __future__ import annotations

import copy
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cde_orchestrator.domain.clock import parse_utc
from cde_orchestrator.domain.feature import Feature, PhaseRecord
from cde_orchestrator.domain.lease import Claim, Process
from cde_orchestrator.domain.records import Baseline, Evidence, Failure, Progress
from cde_orchestrator.storage.format.json_patch import Document

WORK = "work"


def encode_feature_work(feature: Feature) -> Document:
    """The member ``work`` of a feature, or nothing."""
    return _member(
        claim=asdict(feature.claim) if feature.claim else None,
        closing=feature.closing,
        idempotency_key=feature.idempotency_key,
        branch=feature.branch,
        baseline=asdict(feature.baseline) if feature.baseline else None,
        events=feature.events,
    )


def decode_feature_work(feature: Feature, document: Document) -> None:
    """Give a feature what its document keeps of the work."""
    work = copy.deepcopy(_work(document))
    feature.claim = _claim(work["claim"]) if "claim" in work else None
    feature.closing = work.get("closing")
    feature.idempotency_key = work.get("idempotency_key")
    feature.branch = work.get("branch")
    feature.baseline = Baseline(**work["baseline"]) if "baseline" in work else None
    feature.events = work.get("events", [])


def encode_record_work(record: PhaseRecord) -> Document:
    """The member ``work`` of a phase record, or nothing."""
    return _member(
        attempts_before=record.attempts_before,
        failures=[_given(asdict(failure)) for failure in record.failures],
        evidence=asdict(record.evidence) if record.evidence else None,
        progress={key: asdict(saved) for key, saved in record.progress.items()},
        entered=record.entered,
        start_commit=record.start_commit,
        start_tree=record.start_tree,
        end_commit=record.end_commit,
        past=record.past,
    )


def decode_record_work(record: PhaseRecord, document: Document) -> None:
    """Give a phase record what its document keeps of the work."""
    work = copy.deepcopy(_work(document))
    evidence = work.get("evidence")
    record.attempts_before = work.get("attempts_before", 0)
    record.failures = [Failure(**_timed(each)) for each in work.get("failures", [])]
    if evidence:
        record.evidence = Evidence(**{**_timed(evidence), "command": tuple(evidence["command"])})
    record.progress = {
        key: Progress(**_timed(saved)) for key, saved in work.get("progress", {}).items()
    }
    record.entered = work.get("entered", {})
    record.start_commit = work.get("start_commit")
    record.start_tree = work.get("start_tree")
    record.end_commit = work.get("end_commit")
    record.past = work.get("past", [])


def idempotency_key_of(document: Document) -> str | None:
    """The key of the call that started a stored feature."""
    key = _work(document).get("idempotency_key")
    return key if isinstance(key, str) else None


def claim_of(document: Document) -> tuple[str | None, datetime | None]:
    """Who has the lease on a stored feature, and until when."""
    claim = _work(document).get("claim")
    return (claim["agent"], parse_utc(claim["until"])) if claim else (None, None)


def _work(document: Document) -> Document:
    work = document.get(WORK)
    return work if isinstance(work, dict) else {}


def _member(**members: Any) -> Document:
    kept = {key: _plain(value) for key, value in members.items() if value}
    return {WORK: kept} if kept else {}


def _given(document: Document) -> Document:
    return {key: value for key, value in document.items() if value is not None}


def _plain(value: Any) -> Any:
    """A copy as JSON has it: moments as text, tuples as lists."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _claim(document: Document) -> Claim:
    process = document["process"]
    return Claim(
        **{
            **document,
            "process": Process(**process) if process else None,
            "since": parse_utc(document["since"]),
            "until": parse_utc(document["until"]),
        }
    )


def _timed(document: Document) -> Document:
    return {**document, "at": parse_utc(document["at"])}
