"""Reports that errors have left are listed, and shown whole."""

from __future__ import annotations

from typing import Any

import pytest

from cde_orchestrator.application.logs.error_reports import (
    LARGEST_LIMIT,
    ListErrorReports,
    ShowErrorReport,
)
from cde_orchestrator.domain.exceptions import ValidationError
from tests.fakes import World


def report(number: int) -> dict[str, Any]:
    """A report of an error."""
    return {
        "at": f"2025-11-10T12:00:{number % 60:02}+00:00",
        "code": "E102",
        "operation": {"name": "submit_work"},
        "message": "No feature",
        "correlation_id": f"c-{number}",
    }


def with_reports(world: World, count: int) -> World:
    """The world with so many reports."""
    world.reports.reports.update({f"{number:04}": report(number) for number in range(count)})
    return world


def test_without_errors_there_are_no_reports(world: World) -> None:
    assert world.run(ListErrorReports()) == {"reports": []}


def test_the_newest_reports_come_first(world: World) -> None:
    reports = with_reports(world, 3).run(ListErrorReports(limit=2))["reports"]

    assert [each["id"] for each in reports] == ["0002", "0001"]
    assert {"id", "at", "code", "operation", "message", "correlation_id", "count"} == set(
        reports[0]
    )


@pytest.mark.parametrize(
    ("limit", "count"), [(1, 1), (LARGEST_LIMIT, LARGEST_LIMIT), (10**9, LARGEST_LIMIT)]
)
def test_a_list_is_as_long_as_is_asked_for_up_to_its_limit(
    world: World, limit: int, count: int
) -> None:
    with_reports(world, LARGEST_LIMIT + 1)

    assert len(world.run(ListErrorReports(limit=limit))["reports"]) == count


@pytest.mark.parametrize("limit", [0, -1])
def test_a_list_without_reports_is_refused(world: World, limit: int) -> None:
    with pytest.raises(ValidationError) as refused:
        world.run(ListErrorReports(limit=limit))

    assert refused.value.code == "E305"
    assert refused.value.context["argument"] == "limit"


def test_a_report_is_shown_whole(world: World) -> None:
    shown = with_reports(world, 1).run(ShowErrorReport(report_id="0000"))

    assert shown["report"] == report(0)
    assert shown["advice"] is not None
    assert shown["advice"]["code"] == report(0)["code"]


def test_a_report_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(ValidationError) as refused:
        world.run(ShowErrorReport(report_id="../../etc/passwd"))

    assert refused.value.code == "E322"
    assert refused.value.context["report"] == "../../etc/passwd"
