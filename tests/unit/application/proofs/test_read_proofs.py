"""A file of proofs is read, or refused with all that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from cde_orchestrator.adapters.workflows.values import Node
from cde_orchestrator.adapters.workflows.yaml_reader import read_document
from cde_orchestrator.application.proofs.read_proofs import read_proofs
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.proofs import Proof
from tests.proving_fakes import MemoryCopies, MemoryTrees, TinyRunner

PATH = "specs/fees/proofs.yml"
CRITERIA = [Criterion("AC1", "one", 1), Criterion("AC2", "two", 2)]


def read(text: str) -> Mapping[str, Sequence[Proof]]:
    runner = TinyRunner(MemoryCopies(MemoryTrees()), {})
    facts = {"feature": "fees", "phase": "test"}
    return read_proofs(text.encode(), PATH, CRITERIA, [runner], read_document, **facts)


def test_proofs_are_read_by_criterion() -> None:
    assert read("AC1: a.t::x\nAC2: a.t::y\n") == {
        "AC1": (Proof(test="a.t::x"),),
        "AC2": (Proof(test="a.t::y"),),
    }


def test_all_problems_are_refused_at_once() -> None:
    with pytest.raises(FeatureError) as refused:
        read("AC1: a.py::x\nAC9: a.t::y\n")

    assert refused.value.code == "E134"
    assert [each.get("line") for each in refused.value.context["proofs"]] == [1, 2, None]
    assert refused.value.context["path"] == PATH


@pytest.mark.parametrize(
    ("text", "line"),
    [("AC1: a.t::x\nAC1: a.t::y\n", 2), ("AC1: [", 1), ("AC1: &a x\nAC2: *a\n", 2)],
)
def test_what_is_not_usable_yaml_is_refused_at_its_line(text: str, line: int) -> None:
    with pytest.raises(FeatureError) as refused:
        read(text)

    assert refused.value.code == "E134"
    assert refused.value.context["proofs"][0]["line"] in {line, line + 1}


def test_another_failure_of_the_reader_is_one() -> None:
    def failing(source: str, data: bytes) -> Node:
        raise ValidationError.of("E301")

    with pytest.raises(ValidationError):
        read_proofs(b"", PATH, CRITERIA, [], failing, feature="fees", phase="test")
