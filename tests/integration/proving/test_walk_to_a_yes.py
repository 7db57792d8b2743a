"""A feature that a person approves in the end, with what was proven, waived and changed."""

from __future__ import annotations

import getpass
import json
import re
import socket
from pathlib import Path

import pytest

from tests.integration.proving.test_walk_of_a_feature import CHANGED, TESTS, TRUTH, WORKFLOW, Bench
from tests.repository import git, name_author
from tests.terminal import terminal

APPROVED = (
    WORKFLOW.replace('review.md"}]', 'review.md", verdict: [approved]}]')
    + """\
      - id: approve
        handler: human_input
        prompt: standard/approve-review.md
        inputs: [spec, review]
"""
)
SPEC = "## Acceptance criteria\n\n- AC1: 10 percent of 100 leave 90\n- AC2: it feels cheap\n"


def review(verdict: str) -> str:
    """A review with this verdict."""
    return f"# Review\n\nVerdict: {verdict}\n\n## Findings\n\n- cart.py:2 says nothing of tax\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "project", tmp_path / "home")


def answer(bench: Bench, *words: str, question: str) -> str:
    """What a command showed a person who then said yes."""
    with terminal(*words, cwd=bench.root, environment=bench.environment) as asked:
        shown = asked.read_until(question)
        asked.type("y")
        said = asked.end()
    assert asked.code == 0, said
    return shown


def waive_a_feeling(bench: Bench) -> None:
    """Waive AC2, which no call without a terminal does."""
    words = ("waive", "discount", "AC2", "--reason", "A feeling")
    refused = bench.cde(*words)["error"]
    assert refused["code"] == "E146"
    asked = "cde waive discount AC2 --reason 'A feeling'"
    assert refused["suggestions"][0].endswith(f": {asked}")
    assert refused["fixes"][1]["command"].startswith(f"{asked} --project ")
    answer(bench, *words, question="without a proof?")


@pytest.mark.slow
def test_a_person_sees_what_was_proven_waived_and_changed(bench: Bench) -> None:
    bench.cde("init")
    bench.write(".cde/workflow.yml", APPROVED)
    bench.cde("trust", "--yes")
    bench.cde("start", "Discounts", "-n", "discount")
    bench.write("specs/discount/spec.md", SPEC)
    assert bench.code("submit", "discount", "define") == ""
    bench.write("cart.py", CHANGED)
    assert bench.code("submit", "discount", "build") == ""
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    assert bench.code("submit", "discount", "test") == "E134"
    waive_a_feeling(bench)
    assert bench.code("submit", "discount", "test") == ""

    bench.write("specs/discount/review.md", review("changes needed"))
    sent = bench.cde("submit", "discount", "review")
    assert sent["sent_back"]["to"] == "build"
    assert "says nothing of tax" in sent["phase"]["prompt"]
    bench.write("cart.py", f"{CHANGED}\n\ndef tax():\n    return 0\n")
    assert bench.code("submit", "discount", "build") == ""
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    assert bench.code("submit", "discount", "test") == ""
    bench.write("specs/discount/review.md", review("approved"))
    assert bench.code("submit", "discount", "review") == ""

    assert bench.code("submit", "discount", "approve") == "E140"
    shown = answer(bench, "approve", "discount", question="Approve?")
    assert "AC1 10 percent of 100 leave 90  proven" in shown
    assert "test_cart.py::test_discount" in shown
    assert "sees the change in one or more of these places: cart.py: " in shown
    assert "AC2 it feels cheap  waived: A feeling" in shown
    assert "2 files changed since" in shown
    assert re.search(r": \+\d+ -\d+ lines", shown)
    status = bench.cde("status", "discount", "--full")
    assert status["feature"]["status"] == "completed"
    assert [each["event"] for each in status["events"] if "channel" in each] == [
        "waived",
        "approved",
    ]
    git(bench.root, "add", ".")
    git(bench.root, "commit", "-qm", "Discounts")
    yes = f"approve approved by {getpass.getuser()}@{socket.gethostname()} at a terminal"
    record = json.loads((bench.root / "specs" / "discount" / "record.json").read_text())
    [given] = record["rules"]["approvals"]
    assert (given["phase"], given["channel"]) == ("approve", "terminal")
    assert given["digest"] == status["phases"][-1]["approval"]["digest"]
    assert {each["id"]: each["handler"] for each in record["rules"]["phases"]} == {
        **dict.fromkeys(("define", "build", "test", "review"), "agent"),
        "approve": "human_input",
    }
    for command in ("verify", "status"):
        shown = bench.words(command, "discount")
        assert yes in shown
        assert "sees the change in one or more of these places: cart.py: " in shown
    assert bench.words("list").count("proven, 1 waived") == 1
    assert bench.cde("list")["features"][0]["standing"] == "proven"
    commits_what_nobody_approved(bench)


def commits_what_nobody_approved(bench: Bench) -> None:
    """The code changes after the yes: that is said before the commit, and in the report since."""
    name_author(bench.root)
    bench.write("cart.py", f"{CHANGED}\n\ndef tax():\n    return 1\n")
    told = "cart.py changed since the feature was completed: nobody reviewed or approved that."
    assert told in bench.words("finish", "discount", "--dry-run")
    assert "- [ ] **AC1**" in bench.said("report", "discount")

    finished = bench.cde("finish", "discount", "--yes")
    assert finished["changed"] == ["cart.py"]
    assert bench.cde("status", "discount", "--full")["events"][-1]["changed"] == ["cart.py"]
    commit = finished["commit"][:12]
    known = f"cart.py changed after the feature was completed, and is in its commit {commit}"
    assert known in bench.words("report", "discount")
    assert known in bench.words("status", "discount")
    assert bench.cde("finish", "discount", "--yes")["repeated"] is True
