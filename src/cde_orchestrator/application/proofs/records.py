"""A feature's record: what was proven when it was completed, as a file of the project.

It is for whoever has the repository alone: it names the base, the criteria with their proofs and
the files that they are about, so that all of it can be proven again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, get_args

from cde_orchestrator.application.proofs.record_rules import plain_rules, read_rules
from cde_orchestrator.domain.clock import parse_utc
from cde_orchestrator.domain.criteria import TEXT_LIMIT, Criterion
from cde_orchestrator.domain.demands import Rules
from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.domain.proofs import (
    CriterionSeen,
    Outcome,
    Proof,
    ProofEvidence,
    ProofSeen,
)
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import opening_words
from cde_orchestrator.domain.value import Value

SCHEMA_VERSION = 1
SIZE_LIMIT = 4 * 1024 * 1024
"""Bytes of a record that is read, and written."""
REPLACED_LIMIT = 100
RECORD_FILE = "record.json"
_OUTCOMES = frozenset(get_args(Outcome))
_GOAL_LIMIT = 200


class RecordError(ValueError):
    """A record cannot be used; the text says why, as ``is not JSON``."""


class FeatureRecord(Value, kw_only=True):
    """What a record says.

    Attributes:
        goal: the first line of the feature's prompt.
        runner: as in the workflow.
        specification: path of the file with the criteria.
        proofs_file: path of the file with the proofs.
        outputs: paths of the outputs of the feature's workflow.
        seconds: how long proving may take.
        proofs: by criterion, as the file of proofs had them.
        rules: what the workflow demanded, and who approved; None in one of an earlier release.
        replaces: digests of the records that it took the place of, the latest last.
        readers: who did the phases for which the workflow names an agent, in words.
    """

    feature: str
    workflow: str
    goal: str
    runner: Any
    specification: str
    proofs_file: str
    outputs: Sequence[str]
    seconds: float
    proofs: Mapping[str, Sequence[Proof]]
    evidence: ProofEvidence
    rules: Rules | None = None
    replaces: Sequence[str] = field(default=(), compare=False)
    readers: Sequence[str] = ()

    @property
    def criteria(self) -> list[Criterion]:
        """The criteria, without their lines."""
        return [Criterion(each.id, each.text, 0, each.digest) for each in self.evidence.criteria]

    @property
    def waived(self) -> dict[str, str]:
        """Why a person waived a criterion, by its id."""
        return self.evidence.waived


def record_path(feature: str) -> str:
    """Where a feature's record is in the project."""
    return f"specs/{feature}/{RECORD_FILE}"


def written_record(record: FeatureRecord, previous: bytes | None = None) -> bytes:
    """The file; ``previous`` is the one that it takes the place of. Equal records give the same."""
    evidence = record.evidence
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "feature": record.feature,
        "workflow": record.workflow,
        "goal": without_secrets(opening_words(_first_line(record.goal), _GOAL_LIMIT)),
        "runner": record.runner,
        "specification": record.specification,
        "proofs": record.proofs_file,
        "outputs": sorted(record.outputs),
        "seconds": record.seconds,
        "base": {"commit": evidence.base_commit, "tree": evidence.base_tree},
        "tree": evidence.tree,
        "criteria": [_criterion(each, record.proofs) for each in evidence.criteria],
        "covered": dict(evidence.covered),
        "places": list(evidence.places),
        "versions": dict(evidence.versions),
        "runs": evidence.runs,
        **({"notes": list(evidence.notes)} if evidence.notes else {}),
        "at": evidence.at.isoformat(),
        "replaces": _replaced(previous) if previous else list(record.replaces),
        **plain_rules(record.rules),
    }
    if record.readers:
        data["readers"] = [without_secrets(each) for each in record.readers]
    return _as_text({**data, "digest": _digest(data)}).encode()


def digest_of(data: bytes) -> str:
    """The digest that a record has; empty where it is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("digest", "")) if isinstance(found, dict) else ""


def read_record(data: bytes) -> FeatureRecord:
    """The record of a file.

    Raises:
        RecordError: it is none, is of another release, or was altered.
    """
    if len(data) > SIZE_LIMIT:
        raise RecordError(f"has more than {SIZE_LIMIT} bytes")
    try:
        found = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise RecordError("is not JSON") from error
    if not isinstance(found, dict):
        raise RecordError("is not a JSON object")
    if found.get("schema_version") != SCHEMA_VERSION:
        said = f"{found.get('schema_version')!r}"[:40]
        raise RecordError(f"has the schema version {said}, and {SCHEMA_VERSION} is known")
    digest = found.pop("digest", None)
    if digest != _digest(found):
        raise RecordError("was altered: its digest is another one")
    try:
        return _record(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"lacks what a record has: {' '.join(str(error).split())}") from error


def _replaced(previous: bytes) -> list[str]:
    """Digests of a record and of those before it; one may never have been committed."""
    digest = digest_of(previous)
    try:
        before = read_record(previous).replaces
    except RecordError:
        before = ()
    return [*before, *([digest] if digest else [])][-REPLACED_LIMIT:]


def _record(data: Mapping[str, Any]) -> FeatureRecord:
    criteria = [_criterion_of(each) for each in data["criteria"]]
    base = data["base"]
    return FeatureRecord(
        feature=_text(data["feature"]),
        workflow=_text(data["workflow"]),
        goal=_text(data["goal"]),
        runner=_runner(data["runner"]),
        specification=_path(data["specification"]),
        proofs_file=_path(data["proofs"]),
        outputs=tuple(_texts(data["outputs"])),
        seconds=float(data["seconds"]),
        proofs={seen.id: proofs for seen, proofs in criteria},
        replaces=tuple(_texts(data["replaces"])),
        rules=read_rules(data.get("rules")),
        readers=tuple(_texts(data.get("readers", []))),
        evidence=ProofEvidence(
            at=_moment(data["at"]),
            tree=_text(data["tree"]),
            base_commit=_text(base["commit"]),
            base_tree=_text(base["tree"]),
            commands=(),
            versions=_mapping(data["versions"], _text),
            criteria=tuple(seen for seen, _ in criteria),
            places=tuple(_texts(data["places"])),
            covered=_mapping(data["covered"], lambda each: None if each is None else _text(each)),
            runs=int(data["runs"]),
            duration_ms=0.0,
            notes=tuple(_texts(data.get("notes", []))),
        ),
    )


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _criterion(seen: CriterionSeen, proofs: Mapping[str, Sequence[Proof]]) -> dict[str, Any]:
    by_id = {proof.id: proof for proof in proofs.get(seen.id, ())}
    return {
        "id": seen.id,
        "text": without_secrets(seen.text[:TEXT_LIMIT]),
        "digest": seen.digest,
        "waived": without_secrets(seen.waived),
        "proofs": [
            {
                **_proof(by_id.get(each.id, Proof(test=each.id))),
                "now": each.now,
                "base": each.base,
                "control": each.control,
                "knocked_out": each.knocked_out,
                "sees": list(each.sees),
            }
            for each in seen.proofs
        ],
    }


def _criterion_of(data: Mapping[str, Any]) -> tuple[CriterionSeen, tuple[Proof, ...]]:
    proofs = tuple(_proof_of(each) for each in data["proofs"])
    seen = tuple(
        ProofSeen(
            id=proof.id,
            now=_outcome(each["now"]) or "missing",
            base=_outcome(each["base"]),
            control=_outcome(each["control"]),
            knocked_out=_outcome(each["knocked_out"]),
            sees=tuple(_texts(each["sees"])),
        )
        for proof, each in zip(proofs, data["proofs"], strict=True)
    )
    criterion = CriterionSeen(
        id=_text(data["id"]),
        text=_text(data["text"]),
        proofs=seen,
        waived=_text(data["waived"]),
        digest=_text(data.get("digest", "")),
    )
    return criterion, proofs


def _proof(proof: Proof) -> dict[str, Any]:
    if proof.test:
        return {"test": proof.test}
    return {"command": list(proof.command), "contains": proof.contains}


def _proof_of(data: Mapping[str, Any]) -> Proof:
    if "test" in data:
        return Proof(test=_text(data["test"]))
    return Proof(command=tuple(_texts(data["command"])), contains=_text(data["contains"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text"[:80])
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list"[:80])
    return [_text(each) for each in value]


def _path(value: object) -> str:
    if problem := path_problem(_text(value)):
        raise ValueError(f"{value!r} is not a path: {problem}"[:200])
    return _text(value)


def _runner(value: object) -> object:
    """A runner as a workflow has it: a name, names, or a table."""
    if isinstance(value, dict):
        table = {key: value.get(key) for key in ("command", "junit", "tests")}
        if set(value) != set(table) or not _texts(value["command"]):
            raise ValueError("the runner is not one of a workflow")
        return {**table, "junit": _path(table["junit"]), "tests": _texts(table["tests"])}
    return value if isinstance(value, str) else _texts(value)


def _outcome(value: object) -> Outcome | None:
    if value is not None and value not in _OUTCOMES:
        raise ValueError(f"{value!r} is not an outcome"[:80])
    found: Outcome | None = value  # type: ignore[assignment]  # it is one of them
    return found


def _mapping(value: object, item: Callable[[object], Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not a mapping"[:80])
    return {key: item(each) for key, each in value.items()}


def _moment(value: object) -> datetime:
    return parse_utc(_text(value))


def _as_text(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _digest(data: object) -> str:
    return hashlib.sha256(_as_text(data).encode("utf-8", "surrogatepass")).hexdigest()
