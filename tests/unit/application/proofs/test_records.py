"""A record says what was proven, the same on every machine, and cannot be altered unnoticed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.application.proofs.records import (
    SIZE_LIMIT,
    FeatureRecord,
    RecordError,
    digest_of,
    read_record,
    record_path,
    written_record,
)
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.proofs import CriterionSeen, Proof, ProofEvidence, ProofSeen
from tests.fakes import NOON

TEST = Proof(test="tests/test_pay.py::test_fee")
COMMAND = Proof(command=("python", "-m", "shop"), contains="7")


def seen(proof: Proof) -> ProofSeen:
    return ProofSeen(
        id=proof.id,
        now="passed",
        base="failed",
        control="passed",
        knocked_out="failed",
        sees=("shop/pay.py:fee",),
    )


EVIDENCE = ProofEvidence(
    at=NOON,
    tree="a" * 40,
    base_commit="b" * 40,
    base_tree="c" * 40,
    commands=(),
    versions={"pytest": "9.0", "cde-orchestrator": "0.9"},
    criteria=(
        CriterionSeen(id="AC1", text="one", proofs=(seen(TEST), seen(COMMAND))),
        CriterionSeen(id="AC2", text="two", waived="Ada: seen by eye"),
    ),
    places=("shop/pay.py:fee",),
    covered={"shop/pay.py": "d" * 64, "shop/old.py": None},
    runs=4,
    duration_ms=0.0,
)
RECORD = FeatureRecord(
    feature="fees",
    workflow="standard",
    goal="Charge the fee\n\nAnd more.",
    runner=["pytest"],
    specification="specs/fees/spec.md",
    proofs_file="specs/fees/proofs.yml",
    outputs=("specs/fees/spec.md", "specs/fees/proofs.yml"),
    seconds=600.0,
    proofs={"AC1": (TEST, COMMAND)},
    evidence=EVIDENCE,
)


def altered(**changes: Any) -> bytes:
    """The file with other members, and a digest that fits."""
    import hashlib

    data = {**json.loads(written_record(RECORD)), **changes}
    data = {key: value for key, value in data.items() if value is not ... and key != "digest"}
    text = json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return json.dumps({**data, "digest": hashlib.sha256(text.encode()).hexdigest()}).encode()


def test_what_is_written_is_read_again() -> None:
    found = read_record(written_record(RECORD))

    assert found.evidence == EVIDENCE
    assert found.proofs == {"AC1": (TEST, COMMAND), "AC2": ()}
    assert found.goal == "Charge the fee"
    assert (found.runner, found.seconds) == (["pytest"], 600.0)
    assert found.outputs == ("specs/fees/proofs.yml", "specs/fees/spec.md")
    assert found.criteria == [Criterion("AC1", "one", 0), Criterion("AC2", "two", 0)]
    assert found.waived == {"AC2": "Ada: seen by eye"}
    assert record_path("fees") == "specs/fees/record.json"


def test_who_reviewed_is_in_a_record_where_the_workflow_names_somebody() -> None:
    said = ("review: done by the agent that did the work: claude",)

    assert read_record(written_record(replace(RECORD, readers=said))).readers == said
    assert "readers" not in json.loads(written_record(RECORD))
    with pytest.raises(RecordError, match="lacks what a record has"):
        read_record(altered(readers="review"))


def test_equal_records_give_the_same_file_with_an_end_of_line() -> None:
    again = replace(RECORD, outputs=tuple(reversed(RECORD.outputs)))

    assert written_record(RECORD) == written_record(again)
    assert written_record(RECORD).endswith(b"}\n")


def test_a_record_names_those_that_it_takes_the_place_of() -> None:
    first = written_record(RECORD)
    second = written_record(RECORD, first)

    third = written_record(RECORD, second)

    assert read_record(first).replaces == ()
    assert read_record(second).replaces == (digest_of(first),)
    assert read_record(third).replaces == (digest_of(first), digest_of(second))
    assert written_record(RECORD, b"{}") == first


@pytest.mark.parametrize("data", [b"[]", b"{", b"\xff"])
def test_what_is_no_record_has_no_digest(data: bytes) -> None:
    assert digest_of(data) == ""


def test_a_record_has_no_secret_and_the_proofs_as_they_are() -> None:
    secret = "ghp_" + "a1B2" * 9
    odd = Proof(test="tests/test_pay.py::test_fee[password=hunter2]")
    criteria = (CriterionSeen(id="AC1", text=f"Not {secret}", proofs=(seen(odd),)),)
    record = replace(
        RECORD,
        goal=f"Use {secret}",
        proofs={"AC1": (odd,)},
        evidence=replace(EVIDENCE, criteria=criteria),
    )

    assert secret.encode() not in written_record(record)
    assert read_record(written_record(record)).proofs == {"AC1": (odd,)}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"{}", "schema version None"),
        (b" " * (SIZE_LIMIT + 1), "has more than"),
        (written_record(RECORD).replace(b'"AC2"', b'"AC3"'), "was altered"),
        (altered(schema_version=2), "schema version 2, and 1 is known"),
        (altered(criteria=...), "lacks what a record has: 'criteria'"),
        (altered(criteria=[{}]), "lacks"),
        (altered(criteria=[{"id": 1, "text": "", "waived": "", "proofs": []}]), "not text"),
        (altered(covered=[]), "not a mapping"),
        (altered(outputs="x"), "not a list"),
        (altered(proofs="../x"), "not a path"),
        (altered(at="yesterday"), "lacks"),
        (altered(base=None), "lacks"),
        (altered(runner=7), "not a list"),
        (altered(runner={"command": ["x"]}), "not one of a workflow"),
        (altered(runner={"command": [], "junit": "x.xml", "tests": []}), "not one of a workflow"),
        (altered(runner={"command": ["x"], "junit": "../x", "tests": []}), "not a path"),
    ],
)
def test_what_cannot_be_used_is_said(data: bytes, said: str) -> None:
    with pytest.raises(RecordError) as refused:
        read_record(data)

    assert said in str(refused.value)


def test_a_runner_may_be_a_name_or_a_table() -> None:
    table = {"command": ["rake"], "junit": "out.xml", "tests": ["spec/**"]}

    assert read_record(altered(runner="go")).runner == "go"
    assert read_record(altered(runner=table)).runner == table


def test_an_outcome_that_does_not_exist_is_refused() -> None:
    criteria = json.loads(written_record(RECORD))["criteria"]
    criteria[0]["proofs"][0]["base"] = "green"

    with pytest.raises(RecordError, match="not an outcome"):
        read_record(altered(criteria=criteria))
