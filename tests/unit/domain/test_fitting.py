"""Which workflow fits a goal, by the rules that the page about workflows lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.domain.fitting import RULES, Advice, fitting

PAGE = Path(__file__).parents[3] / "docs" / "workflows.md"


@pytest.mark.parametrize(
    ("goal", "workflow"),
    [
        ("Why do uploads take so long?", "research"),
        ("Compare SQLite and PostgreSQL for the queue", "research"),
        ("Can you add a login page?", "lean"),
        ("Document the settings in docs/settings.md", "docs"),
        ("Fix the typos in the README", "docs"),
        ("Update the README of shop/pay.py", "lean"),
        ("Let a document expire after a year", "lean"),
        ("Add a page with totals, and say so in the guide", "lean"),
        ("Fix the total of an empty cart", "quick-fix"),
        ("The server crashes when a file is empty. It should answer 400.", "quick-fix"),
        ("Add a limit of 2 GB. An upload above it is refused, as it fails today.", "lean"),
        ("Let total() take a discount in percent", "lean"),
        ("Migrate the orders to another schema", "standard"),
        ("Rewrite the parser", "standard"),
        ("Do this:\n- one\n- two\n* three\n1. four\n2) five\n- six", "standard"),
        ("One. Two. Three. Four. Five. Six.", "standard"),
        ("Rename pay() in a.py, b.py, c.py, d.py and a.py", "standard"),
        ("Let " + "long " * 200, "standard"),
    ],
)
def test_the_first_rule_that_fits_counts(goal: str, workflow: str) -> None:
    advice = fitting(goal, has_tests=True)

    assert advice is not None
    assert advice.workflow == workflow


def test_the_reason_says_what_was_found() -> None:
    assert fitting("Let pay() in shop/pay.py round up", has_tests=True) == Advice(
        "lean", "the goal has one point and names one file"
    )
    two = "Round up in shop/pay.py. Say so in CHANGES.md, e.g. in one line"
    assert fitting(two, has_tests=True) == Advice("lean", "the goal has 2 points and names 2 files")
    untested = fitting("Round up", has_tests=False)
    assert untested == Advice("standard", "no command is known that runs the project's tests")
    many = fitting("1. a\n2. b\n3. c\n4. d\n5. e\n6. f", has_tests=True)
    assert many == Advice("standard", "the goal has 6 points, more than 5")
    assert fitting("Fix it", has_tests=False) == Advice(
        "quick-fix", "the goal names a defect (fix)"
    )


@pytest.mark.parametrize("goal", ["Добавь страницу входа", "ログイン画面を追加する", "123", "?!"])
def test_a_goal_that_no_rule_can_read_gets_no_advice(goal: str) -> None:
    assert fitting(goal, has_tests=True) is None


@pytest.mark.parametrize("goal", ["a" * 20_000, "a." * 10_000, "a/" * 10_000, "- x\n" * 5_000])
def test_any_goal_is_read_at_once(goal: str) -> None:
    advice = fitting(goal, has_tests=True)

    assert advice is not None
    assert advice.workflow == "standard"


def test_the_page_lists_the_rules_and_each_names_a_packaged_workflow() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = "\n".join(
        f"| {number} | `{rule.workflow}` | {rule.when} |" for number, rule in enumerate(RULES, 1)
    )

    assert rows in page, f"write into {PAGE.name}:\n{rows}"
    assert {rule.workflow for rule in RULES} <= set(
        YamlWorkflowRepository().load_packaged().workflows
    )
