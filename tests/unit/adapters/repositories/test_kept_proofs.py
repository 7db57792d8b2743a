"""What was seen of proofs is stored with the phase, and read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_type_hints

from cde_orchestrator.adapters.repositories.codec import (
    _readers_of,
    decode_feature,
    encode_feature,
)
from cde_orchestrator.adapters.repositories.documents import touched_of
from cde_orchestrator.adapters.repositories.validation import _require_fit
from cde_orchestrator.domain import proofs
from cde_orchestrator.domain.agent_run import AgentReport, AgentRun
from cde_orchestrator.domain.doer import Doer
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.features import touched_by
from cde_orchestrator.domain.proofs import CriterionSeen, ProofEvidence, ProofSeen
from cde_orchestrator.domain.records import (
    Difference,
    Discarded,
    Returned,
    SourceBase,
    SourceMoment,
)

SEEN = ProofSeen(
    id="tests/test_pay.py::test_charged",
    now="passed",
    base="failed",
    control="passed",
    knocked_out="failed",
    sees=("src/pay.py:charge",),
)
EVIDENCE = ProofEvidence(
    at=datetime(2025, 11, 10, 12, tzinfo=UTC),
    tree="a" * 40,
    base_commit="b" * 40,
    base_tree="c" * 40,
    commands=(("python", "-m", "pytest"),),
    versions={"pytest": "9.0"},
    criteria=(
        CriterionSeen(id="AC1", text="A card is charged", proofs=(SEEN,)),
        CriterionSeen(id="AC2", text="It is fast", waived="no clock here (Ada)"),
    ),
    places=("src/pay.py:charge",),
    covered={"src/pay.py": "d" * 64, "src/old.py": None},
    runs=5,
    duration_ms=1_200.0,
    runner='["pytest"]',
)
CHANGED = Difference(files=2, added=30, removed=4, paths=("src/pay.py", "tests/test_pay.py"))


def test_what_was_seen_is_read_back() -> None:
    feature = Feature.create("p", "Take cards")
    feature.base = SourceBase("c" * 40, "b" * 40)
    feature.verified = proofs.Verified(
        at=EVIDENCE.at, commit="e" * 40, criteria=("AC1",), covered="f" * 64
    )
    record = feature.phases["test"]
    record.proof, record.difference = EVIDENCE, CHANGED
    record.doer = Doer(agent="claude", session="1 now here", wanted="other", as_wanted=True)
    used = AgentReport(session="s", cost_usd=0.5, denied=("Bash curl",))
    record.add_run(AgentRun(at=EVIDENCE.at, agent="claude", attempt=1, seconds=1.5, report=used))

    read = decode_feature(json.loads(json.dumps(encode_feature(feature))))

    assert read == feature
    assert read.phases["test"].proof == EVIDENCE
    _require_fit(read, Feature)


def test_each_of_its_fields_can_be_read() -> None:
    seen = (ProofEvidence, CriterionSeen, ProofSeen, proofs.Proof, proofs.Verified)
    for kind in (
        *seen,
        SourceBase,
        Difference,
        Doer,
        SourceMoment,
        Returned,
        Discarded,
        AgentRun,
        AgentReport,
    ):
        assert _readers_of(kind).keys() == get_type_hints(kind, include_extras=True).keys() - {
            "__test__"
        }


def test_a_difference_of_an_older_release_names_no_files() -> None:
    feature = Feature.create("p", "Take cards")
    feature.phases["test"].difference = CHANGED
    document = encode_feature(feature)
    del document["phases"]["test"]["work"]["difference"]["paths"]

    read = decode_feature(document)

    assert read.phases["test"].difference == replace(CHANGED, paths=())
    assert touched_of(document) == touched_by(read)
    assert touched_of(encode_feature(feature)) == touched_by(feature)
    assert touched_by(feature).paths == CHANGED.paths


def test_a_feature_of_an_older_release_has_none_of_it() -> None:
    document = encode_feature(Feature.create("p", "Take cards"))

    read = decode_feature(document)

    assert (read.base, read.verified) == (None, None)
    assert {record.proof for record in read.phases.values()} == {None}
    assert {record.doer for record in read.phases.values()} == {None}


def test_what_an_older_release_kept_of_the_source_is_nothing() -> None:
    document = encode_feature(Feature.create("p", "Take cards"))
    document["phases"]["define"]["work"] = {"start_tree": "0" * 64, "start_commit": "a" * 40}

    read = decode_feature(document)

    assert (read.phases["define"].start_source, read.seen_source) == (None, None)
    assert encode_feature(read)["phases"]["define"]["work"] == {"start_commit": "a" * 40}


def test_a_rollback_takes_what_was_seen_back() -> None:
    feature = Feature.create("p", "Take cards")
    record = feature.phases["define"]
    record.proof, record.difference = EVIDENCE, Difference(1, 1, 1)
    record.doer = Doer(agent="claude")
    record.roll_back("No")

    kept = encode_feature(feature)["phases"]["define"]["work"]
    assert not {"proof", "difference", "doer"} & kept.keys()
    assert not replace(EVIDENCE, criteria=()).is_proof
