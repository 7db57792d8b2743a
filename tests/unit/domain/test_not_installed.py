"""What is not installed is named where a runner names it, and nothing else is."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.not_installed import NAME_LIMIT, absent_in
from cde_orchestrator.domain.proofs import TestResult


def loaded(detail: str, *, at_load: bool = True) -> TestResult:
    return TestResult(outcome="error", detail=detail, at_load=at_load)


@pytest.mark.parametrize(
    ("detail", "name"),
    [
        ("E   ModuleNotFoundError: No module named 'yaml'", "yaml"),
        ("ModuleNotFoundError: No module named 'google.cloud'; 'google' is no package", "google"),
        ("Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'left-pad' imported from /a", "left"),
        ("Cannot find module '@scope/pad' from 'test/pay.test.js'", "@scope/pad"),
        ('Error: Failed to resolve import "vue" from "src/a.ts"', "vue"),
        ("a_test.go:2:20: no required module provides package github.com/a/b; to add it:", "b"),
        ("a_test.go:2:20: cannot find module providing package github.com/a/b: module", "b"),
        ("error[E0463]: can't find crate for `serde`", "serde"),
        ("error: no matching package named `serde-json` found", "serde-json"),
    ],
)
def test_each_runner_is_understood(detail: str, name: str) -> None:
    assert name in absent_in(loaded(f"some lines\n{detail}\nmore"), ["src/pay.py"])
    assert absent_in(loaded(detail, at_load=False), []) == ""


@pytest.mark.parametrize(
    "detail",
    [
        "E   ImportError: cannot import name 'total' from 'pay'",
        "Cannot find module './pay.js' imported from /a/test.js",
        "Cannot find module '/a/pay.js' imported from /a/test.js",
        'Failed to resolve import "../pay" from "test/a.ts"',
        "SyntaxError: invalid syntax",
        "",
    ],
)
def test_what_is_wrong_in_the_project_is_no_lack(detail: str) -> None:
    assert absent_in(loaded(detail), []) == ""


@pytest.mark.parametrize("path", ["pay.py", "src/pay/card.py", "pay/__init__.py"])
def test_a_file_that_was_removed_is_the_project_s_own(path: str) -> None:
    assert absent_in(loaded("No module named 'pay.refunds'"), [path]) == ""


def test_a_part_of_a_package_that_was_found_is_the_project_s_own() -> None:
    changed = ["src/shop/pay.py"]
    assert absent_in(loaded("No module named 'shop.refunds'"), [], changed) == ""
    assert absent_in(loaded("No module named 'shop'"), [], changed) == "shop"
    assert absent_in(loaded("No module named 'google.cloud'"), [], changed) == "google.cloud"


def test_names_are_bounded() -> None:
    assert absent_in(loaded(f"No module named '{'x' * 1_000}'"), []) == "x" * NAME_LIMIT
