"""Proofs of a feature whose state is in PostgreSQL: evidence, records and verdicts are kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.integration.proving.test_walk_of_a_feature import CHANGED, TESTS, TRUTH, Bench
from tests.integration.proving.test_walk_to_a_yes import answer
from tests.repository import git
from tests.terminal import of_a_person

pytestmark = pytest.mark.postgres

SPEC = (
    "## Acceptance criteria\n\n- AC1: 10 percent of 100 leave 90\n- AC2: 50 percent of 2 leave 1\n"
)
PROOFS = "AC1: test_cart.py::test_discount\nAC2: test_cart.py::test_half\n"
HALF = "\n\ndef test_half():\n    assert total([2], 50) == 1\n"


def test_a_feature_is_proven_completed_broken_and_proven_again(tmp_path: Path, url: str) -> None:
    bench = Bench(tmp_path / "project", tmp_path / "home")
    bench.environment = of_a_person({**bench.environment, "CDE_STATE_URL": url})
    bench.start()
    assert bench.cde("project", "info")["project"]["backend"] == "postgresql"
    assert not (bench.root / ".cde" / "state.json").exists()
    assert bench.code("rollback", "discount", "define", "--reason", "One more criterion") == ""
    bench.write("specs/discount/spec.md", SPEC)
    assert bench.code("submit", "discount", "define") == ""
    assert bench.code("submit", "discount", "build") == "E130"
    bench.write("cart.py", CHANGED)
    assert bench.cde("submit", "discount", "build")["difference"]["files"] == 1
    bench.write("test_cart.py", TESTS)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_total\n")
    assert bench.code("submit", "discount", "test") == "E134"
    answer(bench, "waive", "discount", "AC2", "--reason", "A feeling", question="without a proof?")
    assert bench.cde("status", "discount", "--full")["waivers"]["AC2"]["reason"] == "A feeling"
    assert bench.code("submit", "discount", "test") == "E135"
    answer(bench, "waive", "discount", "AC2", "--undo", question="Take the waiver back?")
    bench.write("test_cart.py", TESTS + TRUTH + HALF)
    bench.write("specs/discount/proofs.yml", PROOFS)
    proven = bench.cde("submit", "discount", "test")
    assert (proven["proof"]["criteria"], proven["proof"]["waived"]) == (["AC1", "AC2"], [])
    bench.write("specs/discount/review.md", "Good.\n")
    assert bench.cde("submit", "discount", "review")["record"] == "specs/discount/record.json"
    assert bench.cde("list")["features"][0]["standing"] == "proven"

    git(bench.root, "add", ".")
    git(bench.root, "commit", "-qm", "Discounts")
    assert bench.cde("verify")["features"][0]["verdict"] == "proven"
    bench.write("cart.py", CHANGED.replace("100 -", "90 -"))
    git(bench.root, "commit", "-qam", "Break it")
    assert bench.cde("verify")["features"][0]["verdict"] == "broken"
    assert bench.cde("status", "discount")["standing"]["verified"]["criteria"] == ["AC1", "AC2"]
    assert bench.cde("list")["features"][0]["standing"] == "broken"

    exported = bench.root / "state.json"
    bench.said("state", "export", "--output", str(exported))
    (feature,) = json.loads(exported.read_text())["features"]
    assert feature["work"]["verified"]["criteria"] == ["AC1", "AC2"]
    assert bench.cde("doctor")["findings"] == []
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", f"file://{bench.root}", str(clone))
    there = bench.at(clone)
    there.environment = {key: each for key, each in os.environ.items() if key != "CDE_STATE_URL"}
    there.environment |= {name: bench.environment[name] for name in ("PATH", "XDG_CONFIG_HOME")}
    assert there.cde("verify", "--trust", "--at", "HEAD~1")["features"][0]["verdict"] == "proven"
