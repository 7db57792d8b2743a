"""Changes in JavaScript, Go and Rust: the honest are proven at the first try, no false one is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cde_orchestrator.domain.proofs import Proof
from tests.integration.proving.changes import GO, HONEST, NODE
from tests.integration.proving.claims import examine, seen_of
from tests.integration.proving.false_tests import (
    GO_BASE,
    GO_PAY,
    GO_REASONS,
    GO_TESTS,
    JS_BASE,
    JS_PAY,
    JS_REASONS,
    JS_TESTS,
)
from tests.programs import program
from tests.soak import SOAK

pytestmark = pytest.mark.soak
SAMPLE = frozenset({"a bug", "an option of a command"})
"""The changes that are tried outside of a soak."""


@pytest.mark.parametrize(
    ("runner", "name"), [(runner, name) for runner in HONEST for name in HONEST[runner][1]]
)
def test_an_honest_change_is_proven(runner: str, name: str, tmp_path: Path) -> None:
    if not SOAK and (name not in SAMPLE or (runner == "cargo" and not shutil.which(runner))):
        pytest.skip("it is tried in make soak")
    program(runner)
    project, changes = HONEST[runner]
    change = changes[name]
    base = {**project.files, project.source: change.before}
    proof: Proof | str = change.command or f"{project.file}::{change.name}"
    test = {} if change.command else {project.file: project.head + change.test}

    work = {project.source: change.after, **test, **change.others}
    evidence = examine(tmp_path, base, work, [proof], runner)

    assert evidence.criteria[0].proofs[0].reason == ""
    assert evidence.is_proof
    assert evidence.runs <= 8


def test_no_false_test_in_javascript_proves_anything(tmp_path: Path) -> None:
    program("node")
    base = {**NODE.files, "src/pay.js": JS_BASE}
    work = {"src/pay.js": JS_PAY, NODE.file: JS_TESTS}
    tests = [f"{NODE.file}::{name}" for name in ("honest", *JS_REASONS)]

    evidence = examine(tmp_path, base, work, tests, "node")

    seen = seen_of(evidence)
    assert seen["honest"].proves
    reasons = {name: seen[name].reason for name in JS_REASONS}
    assert {name: reasons[name] for name in reasons if JS_REASONS[name] not in reasons[name]} == {}
    assert evidence.runs <= 8


def test_no_false_test_in_go_proves_anything(tmp_path: Path) -> None:
    program("go")
    base = {**GO.files, GO.source: GO_BASE}
    work = {GO.source: GO_PAY, GO.file: GO_TESTS}
    tests = [f"{GO.file}::{name}" for name in ("TestHonest", *GO_REASONS)]

    evidence = examine(tmp_path, base, work, tests, "go")

    seen = seen_of(evidence)
    assert seen["TestHonest"].proves
    reasons = {name: seen[name].reason for name in GO_REASONS}
    assert {name: reasons[name] for name in reasons if GO_REASONS[name] not in reasons[name]} == {}
    assert evidence.runs <= 8
