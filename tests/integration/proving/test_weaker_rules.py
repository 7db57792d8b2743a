"""What is no code proves nothing by itself, and rules that are weaker than usual are said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.proving.test_walk_of_a_feature import (
    CHANGED,
    SPEC,
    TESTS,
    TRUTH,
    WORKFLOW,
    Bench,
)
from tests.integration.proving.test_walk_to_a_yes import answer
from tests.repository import git

READS = "\n\ndef test_words():\n    assert 'discount' in open('README.md').read()\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "project", tmp_path / "home")


def test_words_in_a_document_and_a_test_that_reads_them_are_no_work(bench: Bench) -> None:
    bench.start()
    bench.write("README.md", "There is a discount.\n")
    bench.write("test_cart.py", TESTS + READS)
    refused = bench.cde("submit", "discount", "build")["error"]
    assert refused["code"] == "E130"
    assert "only documents and tests changed: README.md, test_cart.py" in refused["message"]
    assert any("cde waive discount AC1" in each for each in refused["suggestions"])


def test_files_next_to_the_project_are_no_work_of_it(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    git(tmp_path, "init", "-q")
    bench = Bench(shop, tmp_path / "home", commit=False)
    (shop / ".git").rename(tmp_path / "unused")
    git(tmp_path, "add", "shop")
    git(tmp_path, "commit", "-qm", "First")
    bench.start()
    (tmp_path / "other.py").write_text("def total():\n    return 0\n")
    refused = bench.cde("submit", "discount", "build")["error"]
    assert refused["code"] == "E130"
    assert "outside the project's folder changed: ../other.py" in refused["message"]


def test_a_feature_of_documentation_is_completed_once_a_person_waived_its_criteria(
    bench: Bench,
) -> None:
    bench.start()
    bench.write("README.md", "There is a discount.\n")
    answer(
        bench,
        *("waive", "discount", "AC1", "--reason", "For people to read"),
        question="without a proof?",
    )
    assert bench.code("submit", "discount", "build") == ""
    bench.write("specs/discount/proofs.yml", "{}\n")
    assert bench.code("submit", "discount", "test") == ""
    bench.write("specs/discount/review.md", "Good.\n")
    assert bench.code("submit", "discount", "review") == ""
    assert "1 waived" in bench.words("list")


def test_a_workflow_that_names_documents_takes_them_and_shows_what_proofs_see(
    bench: Bench,
) -> None:
    bench.cde("init")
    named = "changes: {required: true, paths: ['*.md']}"
    bench.write(".cde/workflow.yml", WORKFLOW.replace("changes: required", named))
    bench.cde("trust", "--yes")
    bench.cde("start", "Discounts", "-n", "discount")
    bench.write("specs/discount/spec.md", SPEC)
    assert bench.code("submit", "discount", "define") == ""
    bench.write("README.md", "There is a discount.\n")
    assert bench.code("submit", "discount", "build") == ""
    bench.write("test_cart.py", TESTS + READS)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_words\n")
    proven = bench.cde("submit", "discount", "test")
    assert proven["proof"]["sees"] == {"AC1": ["README.md:line 1"]}


@pytest.mark.slow
def test_a_workflow_that_demands_less_than_the_packaged_one_is_told_by_verify(
    bench: Bench,
) -> None:
    bench.cde("init")
    weak = WORKFLOW.replace("  short:", "  standard-approved:").replace(", changes: required", "")
    bench.write(".cde/workflow.yml", weak)
    bench.cde("trust", "--yes")
    bench.cde("start", "Discounts", "-n", "discount")
    bench.write("specs/discount/spec.md", SPEC)
    bench.write("cart.py", CHANGED)
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    bench.write("specs/discount/review.md", "Good.\n")
    for phase in ("define", "build", "test", "review"):
        assert bench.code("submit", "discount", phase) == ""
    git(bench.root, "add", ".")
    git(bench.root, "commit", "-qm", "Discounts")
    [feature] = bench.cde("verify")["features"]
    assert feature["verdict"] == "proven"
    [weaker] = feature["notes"]
    assert weaker.startswith("demanded less than the packaged workflow 'standard-approved': ")
    assert "no phase approve-spec" in weaker
    shown = bench.words("verify")
    assert "no approval is asked for: the workflow has no phase of a person" in shown
    assert "no approval is asked for: the workflow has no phase of a person" in bench.words(
        "status", "discount"
    )
