"""The workflows ``docs`` and ``research``: an idle agent, and one that works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.proving.test_walk_of_a_feature import CODE, Bench
from tests.repository import git

WORDS = "Cashiers compute totals of carts every day, in programs of their own. "
OUTPUTS = {
    "outline": f"## Readers\n{WORDS * 3}\n## Pages\n- README.md\n\n## Facts\n- total(): cart.py\n",
    "pages": f"## Pages\n- README.md: {WORDS * 3}\n\n## Verified\n- total([1]) is 1: it was run\n",
    "proofreading": (
        f"## Corrections\nNone: {WORDS * 2}\n\n## Walk-through\nThe example was run as printed.\n\n"
        "## Verdict\nVerdict: ready\nIt says what is so.\n"
    ),
    "question": f"## Question\n{WORDS * 3}\n## Criteria\nNumbers.\n\n## Method\nA run.\n",
    "findings": f"## Findings\n### F1: it rounds\n{WORDS * 6}\n\n## Sources\n- S1: cart.py:2\n",
    "report": (
        "## Answer\nVerdict: answered\nIt rounds.\nConfidence: high, since it was run\n\n"
        f"## Evidence\nF1. {WORDS * 6}\n\n## Limits\nNone: all of it was read.\n"
    ),
}


@pytest.fixture(params=["required", "recorded"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A project whose criteria are to be proven, and one without a test that could prove any."""
    made = Bench(tmp_path / "project", tmp_path / "home")
    if request.param == "recorded":
        git(made.root, "rm", "-q", "test_cart.py")
        git(made.root, "commit", "-qm", "Without tests")
    made.cde("init")
    assert f"proof: {request.param}" in (made.root / ".cde/workflow.yml").read_text()
    return made


def submit(bench: Bench, phase: str, output: str, **other: str) -> dict[str, Any]:
    results = json.dumps({output: other.get("text", OUTPUTS[output])})
    return bench.cde("submit", "pages", phase, "--results", results)


def outlined(bench: Bench) -> None:
    """A feature of documentation whose pages are to be written."""
    bench.cde("start", "Document total()", "-n", "pages", "-w", "docs")
    assert submit(bench, "outline", "outline")["feature"]["current_phase"] == "write"


def test_an_agent_that_writes_records_alone_does_not_complete_documentation(bench: Bench) -> None:
    outlined(bench)

    for _ in range(2):
        refused = submit(bench, "write", "pages")["error"]
        assert (refused["code"], refused["context"]["seen"]) == ("E130", "no file differs")
    shown = bench.cde("status", "pages")["phase"]["prompt"]
    assert "at least one outside `specs/` must differ" in shown
    assert "by more than comments" not in shown

    bench.write("README.md", "# Cart\n\ntotal() adds prices.\n")
    assert submit(bench, "write", "pages")["feature"]["current_phase"] == "proofread"
    done = submit(bench, "proofread", "proofreading")
    assert done["feature"]["status"] == "completed"
    assert done["unproven"]
    assert bench.cde("list")["features"][0]["standing"] == "unproven"


def test_docstrings_are_documentation(bench: Bench) -> None:
    outlined(bench)
    head, _, rest = CODE.partition(":\n")
    bench.write("cart.py", f'{head}:\n    """The sum."""\n{rest}')

    assert submit(bench, "write", "pages")["feature"]["current_phase"] == "proofread"


def test_research_names_sources_and_findings_and_says_whether_it_has_an_answer(
    bench: Bench,
) -> None:
    bench.cde("start", "Which rounding is right?", "-n", "pages", "-w", "research")
    submit(bench, "question", "question")
    sourceless = OUTPUTS["findings"].replace("S1: ", "")
    refused = submit(bench, "explore", "findings", text=sourceless)["error"]
    assert (refused["code"], r"\bS1\b" in refused["message"]) == ("E115", True)
    submit(bench, "explore", "findings")
    for missing in ("F1. ", "Confidence: "):
        text = OUTPUTS["report"].replace(missing, "")
        assert submit(bench, "report", "report", text=text)["error"]["code"] == "E115"
    unanswered = OUTPUTS["report"].replace("answered", "not answered")

    back = submit(bench, "report", "report", text=unanswered)
    assert back["sent_back"]["to"] == "explore"
    submit(bench, "explore", "findings")
    done = submit(bench, "report", "report")
    assert done["feature"]["status"] == "completed"
    assert bench.cde("list")["features"][0]["standing"] == "unproven"
