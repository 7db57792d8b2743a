"""List the reports that errors have left, and show one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.ports.core import ErrorReports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.errors.formatter import Advice, advice_on
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import ValidationError

LARGEST_LIMIT = 200


class ErrorReportsReply(TypedDict):
    """Reports, newest first: id, at, code, operation, message, correlation_id, count."""

    reports: list[dict[str, Any]]


class ErrorReportReply(TypedDict):
    """One report, whole, and what the catalogue says to do in this case."""

    report: dict[str, Any]
    advice: Advice | None


class ListErrorReports(UseCase[ErrorReportsReply], operation="list_error_reports"):
    """The newest reports.

    Attributes:
        limit: at least 1; more than 200 count as 200.
    """

    limit: int = 20

    def __call__(self, *, root: Path, reports: ErrorReports) -> ErrorReportsReply:
        """Raises E305."""
        if self.limit < 1:
            reason = f"it is {self.limit}, and a list has at least 1 report"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        found = reports.summaries(root, min(self.limit, LARGEST_LIMIT))
        return {"reports": [asdict(each) for each in found]}


class ShowErrorReport(UseCase[ErrorReportReply], operation="show_error_report"):
    """One report.

    Attributes:
        report_id: as an error's payload and the list give it.
    """

    report_id: str

    def __call__(self, *, root: Path, reports: ErrorReports) -> ErrorReportReply:
        """Raises E322 where there is none."""
        report = reports.load(root, self.report_id)
        if report is None:
            raise ValidationError.of("E322", report=self.report_id)
        code, context = report.get("code"), report.get("context")
        facts = {"project_path": str(root), **(context if isinstance(context, dict) else {})}
        return {
            "report": report,
            "advice": advice_on(str(code), facts) if code in ERROR_MESSAGES else None,
        }
