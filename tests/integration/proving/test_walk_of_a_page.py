"""A feature in the workflow ``lean``, from ``cde init`` to *proven*, and as it grows."""

from __future__ import annotations

import json
import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.mcp_client import Agent, stdio_agent, text_of
from tests.integration.proving.test_walk_of_a_feature import CHANGED, TESTS, TRUTH, Bench
from tests.repository import git

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

GOAL = "Let total() take a discount in percent"
PLAN = """\
# Plan: discount

## Goal
Shops give discounts in percent and compute them by hand today, which goes wrong every week.

## Scope
In: a discount for a whole cart. Out: discounts for single articles, and anything about taxes.

## Acceptance criteria
- AC1: Given a cart of 100, when the discount is 10, then the total is 90.

## Approach
An argument with the default 0, so that no caller changes. A class for rules lost: it is one rule.

## Tasks
- [ ] T1: total() takes a discount, in `cart.py` and `test_cart.py`, for AC1
"""
REVIEW = """\
# Review: discount

## Verdict
Verdict: approved
The suite was run and passes, and the diff was read in full: it does what the plan says.

## Findings
None: cart.py and its tests were read, and the edges 0 and 100 were tried by hand.

## Follow-ups
A discount above 100 makes the total negative, which nobody has asked for so far.
"""
PROOFS = "AC1: test_cart.py::test_discount\n"
JAVASCRIPT = {
    "package.json": '{"name": "cart", "type": "module", "scripts": {"test": "node --test"}}\n',
    "cart.js": "export function total(prices) {\n  return prices.reduce((a, b) => a + b, 0);\n}\n",
    "test/cart.test.js": (
        'import test from "node:test";\nimport assert from "node:assert";\n'
        'import { total } from "../cart.js";\n\n'
        'test("adds", () => { assert.equal(total([1, 2]), 3); });\n'
    ),
}
JS_CHANGED = (
    "export function total(prices, discount = 0) {\n"
    "  return prices.reduce((a, b) => a + b, 0) * (100 - discount) / 100;\n}\n"
)
JS_TRUTH = 'test("discounts", () => { assert.equal(total([100], 10), 90); });\n'


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A project in Python, set up and trusted."""
    made = Bench(tmp_path / "project", tmp_path / "home")
    made.cde("init")
    made.cde("trust", "--yes")
    return made


def served(bench: Bench) -> AbstractAsyncContextManager[Agent]:
    """An agent on a server of its own, in the folders of the bench."""
    known = bench.environment
    return stdio_agent(
        bench.root,
        PATH=known["PATH"],
        HOME=known["HOME"],
        XDG_CONFIG_HOME=known["XDG_CONFIG_HOME"],
    )


async def submit(agent: Agent, phase: str, **results: str) -> dict[str, Any]:
    return await agent.call(
        "cde_submitWork", feature_id="discount", phase_id=phase, results=results
    )


async def test_a_page_is_proven_and_says_that_one_agent_did_all_of_it(bench: Bench) -> None:
    async with served(bench) as agent:
        started = await agent.raw(
            "cde_startFeature", {"prompt": GOAL, "name": "discount", "workflow": "lean"}
        )
        assert "would fit" not in text_of(started)
        built = await submit(agent, "plan", plan=PLAN)
        assert built["phase"]["id"] == "build"
        refused = await agent.refused(
            "cde_submitWork", feature_id="discount", phase_id="build", results={}
        )
        assert refused["code"] == "E130"
        bench.write("cart.py", CHANGED)
        bench.write("test_cart.py", TESTS + TRUTH)
        verify = await submit(agent, "build")
        assert "another reader" in verify["phase"]["prompt"]
        done = await submit(agent, "verify", review=REVIEW, proofs=PROOFS)

    assert done["feature"]["status"] == "completed"
    assert done["proof"]["criteria"] == ["AC1"]
    assert done["accepted"]["reader"]["as_wanted"] is False
    assert bench.cde("list")["features"][0]["standing"] == "proven"
    git(bench.root, "add", ".")
    git(bench.root, "commit", "-qm", "Discounts")
    (verified,) = bench.cde("verify", "discount")["features"]
    assert verified["verdict"] == "proven"
    assert "phase verify: done by the agent that did the work: mcp" in verified["notes"]


async def test_a_review_of_another_session_is_recorded_as_that(bench: Bench) -> None:
    async with served(bench) as agent:
        await agent.call("cde_startFeature", prompt=GOAL, name="discount", workflow="lean")
        await submit(agent, "plan", plan=PLAN)
        bench.write("cart.py", CHANGED)
        bench.write("test_cart.py", TESTS + TRUTH)
        await submit(agent, "build")
    async with served(bench) as agent:
        done = await submit(agent, "verify", review=REVIEW, proofs=PROOFS)

    assert done["accepted"]["reader"]["as_wanted"] is True
    record = json.loads((bench.root / "specs/discount/record.json").read_text())
    assert record["readers"] == ["verify: done by another agent or session than the work: mcp"]
    shown = bench.cde("status", "discount")["phases"]
    assert [each.get("reader", {}).get("as_wanted") for each in shown] == [None, None, True]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_page_in_javascript_is_proven_from_a_shell(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "project", tmp_path / "home", commit=False)
    for name in ("cart.py", "test_cart.py"):
        (bench.root / name).unlink()
    for name, text in JAVASCRIPT.items():
        bench.write(name, text)
    git(bench.root, "add", ".")
    git(bench.root, "commit", "-qm", "First")
    assert bench.cde("init")["runners"] == ["node"]
    bench.cde("trust", "--yes")
    bench.cde("start", GOAL, "-n", "discount", "-w", "lean")
    bench.write("specs/discount/plan.md", PLAN)
    assert bench.code("submit", "discount", "plan") == ""
    bench.write("cart.js", JS_CHANGED)
    bench.write("test/cart.test.js", JAVASCRIPT["test/cart.test.js"] + JS_TRUTH)
    assert bench.code("submit", "discount", "build") == ""
    bench.write("specs/discount/review.md", REVIEW)
    bench.write("specs/discount/proofs.yml", "AC1: test/cart.test.js::discounts\n")
    done = bench.cde("submit", "discount", "verify")

    assert done["proof"]["criteria"] == ["AC1"], done
    assert bench.cde("list")["features"][0]["standing"] == "proven"
    assert done["accepted"]["reader"]["as_wanted"] is None


TASKS = f"""\
{PLAN[PLAN.index("## Tasks") :]}
## Coverage
AC1: T1

{"The one task comes first, as nothing else is to be done, and it is done at once. " * 5}
"""
DESIGN = "\n\n".join(
    f"## {title}\nAn argument with the default 0 in cart.py; nothing else changes for any caller, "
    "nor for a test."
    for title in ("Approach", "Changes", "Failure modes", "Test plan")
)
REPORT = "\n\n".join(
    f"## {title}\nThe suite was run, and everything that is to pass was seen to pass: AC1 yes, "
    "and T1 too."
    for title in (
        *("Changes", "Deviations", "How to verify"),
        *("Runs", "Acceptance criteria", "Not covered"),
    )
)
LONG_PLAN = PLAN.replace("## Scope", "Each cashier has a table of them. " * 5 + "\n\n## Scope")


async def test_a_page_that_grew_is_proven_with_the_base_of_its_start(bench: Bench) -> None:
    async with served(bench) as agent:
        started = await agent.raw("cde_startFeature", {"prompt": GOAL, "name": "discount"})
        assert "It follows standard; lean would fit" in text_of(started)
        switched = "cde_resumeFeature(feature_id='discount', grow='lean')"
        assert switched in text_of(started)
        await agent.call("cde_resumeFeature", feature_id="discount", grow="lean")
        await submit(agent, "plan", plan=LONG_PLAN)
        bench.write("cart.py", CHANGED)  # before anybody knew that it is larger
        await submit(agent, "build")
        grown = await agent.call("cde_resumeFeature", feature_id="discount", grow="standard")
        assert grown["grown"]["phases"] == ["define"]
        assert "T1: total() takes a discount" in grown["phase"]["prompt"]
        error = await agent.refused("cde_resumeFeature", feature_id="discount", grow="lean")
        assert error["code"] == "E151"
        await submit(agent, "decompose", tasks=TASKS)
        await submit(agent, "design", design=DESIGN)
        await submit(agent, "implement", implementation=REPORT)
        bench.write("test_cart.py", TESTS + TRUTH)
        await submit(agent, "test", tests=REPORT, proofs=PROOFS)
        done = await submit(agent, "review", review=REVIEW)

    assert done["feature"]["status"] == "completed"
    assert done["accepted"]["reader"]["as_wanted"] is False
    assert bench.cde("list")["features"][0]["standing"] == "proven"


def test_growth_is_one_change_that_a_restored_state_takes_back(bench: Bench) -> None:
    bench.cde("start", "Fix the sum of an empty cart", "-n", "discount", "-w", "quick-fix")
    before = bench.cde("state", "history")["changes"][0]["sequence"]
    assert bench.code("grow", "discount", "nothing") == "E306"
    grown = bench.cde("grow", "discount")
    assert (grown["feature"]["workflow"], grown["phase"]["id"]) == ("standard", "define")
    after = bench.cde("state", "history")["changes"][0]["sequence"]
    assert after == before + 1
    assert bench.code("state", "restore", "--at", str(before)) == ""

    shown = bench.cde("status", "discount")
    assert (shown["feature"]["workflow"], shown["phase"]["id"]) == ("quick-fix", "reproduce")
    assert bench.code("grow", "discount") == ""
