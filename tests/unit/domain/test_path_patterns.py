"""Which paths a pattern means."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.path_patterns import matches_any


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("src/**", "src/shop/pay.py"),
        ("src/", "src/shop/pay.py"),
        ("src", "lib/src/pay.py"),
        ("*.py", "src/pay.py"),
        ("*.py", "pay.py"),
        ("src/*.py", "src/pay.py"),
        ("src/**/pay.py", "src/pay.py"),
        ("src/**/pay.py", "src/a/b/pay.py"),
        ("src/pa?.py", "src/pay.py"),
        ("docs/[x].md", "docs/[x].md"),
    ],
)
def test_a_pattern_means_a_path(pattern: str, path: str) -> None:
    assert matches_any(path, ["other", pattern])


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("src/*.py", "src/shop/pay.py"),
        ("src/**", "lib/src/pay.py"),
        ("*.py", "pay.pyi"),
        ("src", "srcs/pay.py"),
        ("src/pa?.py", "src/pa/.py"),
    ],
)
def test_a_pattern_does_not_mean_a_path(pattern: str, path: str) -> None:
    assert not matches_any(path, [pattern])


def test_no_pattern_means_nothing() -> None:
    assert not matches_any("a.py", [])
