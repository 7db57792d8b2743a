"""Verdicts on features, for people and for other programs."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

from rich.console import Console

from cde_orchestrator.application.proofs.verification import Verdict
from cde_orchestrator.application.proofs.verify_features import (
    VerifiedCriterion,
    VerifyReply,
)
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.views.verify import as_junit, as_markdown, as_sarif, verified


def criterion(name: str, verdict: Verdict, reason: str) -> VerifiedCriterion:
    return {
        "id": name,
        "verdict": verdict,
        "proofs": ["tests/test pay.py::test_fee"],
        "sees": ["shop/pay.py:fee", "shop/pay.py:Card.charge"] if verdict == "proven" else [],
        "reason": reason,
        "path": "tests/test pay.py",
        "line": 7,
    }


REPLY: VerifyReply = {
    "commit": "a" * 40,
    "folder": "shops/one",
    "features": [
        {
            "name": "fees",
            "verdict": "broken",
            "required": True,
            "reason": "",
            "criteria": [
                criterion("AC1", "proven", ""),
                criterion("AC2", "broken", "stays green | <b>\x07\udc80 when `fee` does nothing"),
                criterion("AC3", "unproven", "has no proof"),
                criterion("AC5", "waived", "as the record claims: seen by eye (Ada)"),
            ],
            "changed": ["shop/pay.py"],
            "approved_by": ["review approved by ada@desk at a terminal"],
            "notes": ["AC4 was proven by an earlier record, and is not in this one"],
            "runs": 4,
        },
        {
            "name": "taxes",
            "verdict": "unproven",
            "required": True,
            "reason": "it has no record",
            "criteria": [],
            "changed": [],
            "approved_by": [],
            "notes": [],
            "runs": 0,
        },
    ],
}


def test_people_are_shown_what_proofs_see_and_who_approved() -> None:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(verified(REPLY, RenderTarget(terminal=False)))
    lines = [line.rstrip() for line in console.export_text().splitlines()]

    assert lines[1] == "  ✓ AC1 proven"
    assert (
        "  AC1 sees the change in one or more of these places: shop/pay.py: fee, Card.charge"
        in lines
    )
    assert "  as the record claims: review approved by ada@desk at a terminal" in lines


def test_markdown_is_a_table_without_markup_of_others() -> None:
    lines = as_markdown(REPLY).splitlines()

    assert lines[0] == f"### Proofs at {'a' * 12}"
    assert lines[4] == "| fees | AC1 | proven |  |"
    assert lines[5].startswith("| fees | AC2 | broken | stays green \\| \\<b\\>")
    assert lines[7] == "| fees | AC5 | waived | as the record claims: seen by eye (Ada) |"
    assert lines[8] == "| taxes | record | unproven | it has no record |"
    assert lines[10:] == [
        "- fees: changed since it was proven: shop/pay.py",
        "- fees: as the record claims: review approved by ada@desk at a terminal",
        "- fees: AC4 was proven by an earlier record, and is not in this one",
    ]


def test_junit_has_a_case_for_each_criterion() -> None:
    fees, taxes = ElementTree.fromstring(as_junit(REPLY)).findall("testsuite")

    assert (fees.get("name"), fees.get("tests"), fees.get("failures")) == ("fees", "4", "2")
    assert fees.get("skipped") == "1"
    failures = [each.find("failure") for each in fees.findall("testcase")]
    assert [each is None for each in failures] == [True, False, False, True]
    assert failures[2] is not None
    assert failures[2].get("type") == "unproven"
    skipped = fees.findall("testcase")[3].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "as the record claims: seen by eye (Ada)"
    (record,) = taxes.findall("testcase")
    assert (record.get("name"), record.get("file")) == ("record", "specs/taxes/record.json")


def test_sarif_has_a_result_for_all_that_is_not_proven() -> None:
    (run,) = json.loads(as_sarif(REPLY))["runs"]

    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {
        *("broken", "unproven", "waived"),
    }
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("broken", "error"),
        ("unproven", "warning"),
        ("waived", "note"),
        ("unproven", "warning"),
    ]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "shops/one/tests/test%20pay.py"},
        "region": {"startLine": 7},
    }
