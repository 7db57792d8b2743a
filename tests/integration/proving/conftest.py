"""What tests of proofs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

ABOUT_THE_INSIDE = ("test_pytest_runner", "test_unittest_runner", "test_hostile_tests")
"""Tests of what runs in a project's own Python, where its coverage is measured."""


@pytest.fixture(scope="module", autouse=True)
def nothing_but_the_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a project's Python load nothing that is installed here by chance.

    Plugins of pytest, and what measures coverage, take longer than all else in a run of a proof.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        if request.path.stem not in ABOUT_THE_INSIDE:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield
