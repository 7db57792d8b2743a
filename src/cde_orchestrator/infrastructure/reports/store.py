"""Reports of errors under ``.cde/errors``, the newest kept within bounds.

A failure leaves a file each time. A refusal has one for its code, operation and arguments, which
counts how often it came, and its file names the code: so many are kept of each code, and however
often a name is mistyped, no report of anything else goes for it.

A report is evidence, never a duty: whatever goes wrong while one is written is logged, and the
error that it is about is reported without it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import stat
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cde_orchestrator.application.ports.core import ErrorReportSummary, KeptState
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.exceptions import (
    BackendUnreachableError,
    CDEError,
    CircuitBreakerOpenError,
)
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system.file_ops import (
    OsFileOps,
    open_new,
    read_bounded,
    rename,
    unlink,
)
from cde_orchestrator.infrastructure.system.project_home import byproducts_folder, local_folder
from cde_orchestrator.infrastructure.system.tree import entries_of, status_of

log = get_logger(__name__)

REPORTS = "errors"
REPORT_BYTES = 256 * 1024
"""Bytes of one report; the largest parts are omitted where it would have more."""
_READ_BYTES = 4 * REPORT_BYTES

_ID = re.compile(r"\d{8}T\d{12}-(?:E\d{3}-)?[0-9a-f]{8}")
_EXPENDABLE = ("project", "journal", "feature", "operation", "exceptions", "context")


class FileErrorReports(Value):
    """Keeps the newest reports of any project, so many and so large, in the project's folder.

    Args:
        kept: reports of failures.
        most_bytes: what they take up together.
        refusals_kept: reports of refusals, of each code.
        refusals_bytes: what those of all codes take up together.
        clock: where the time comes from.
    """

    kept: int = 200
    most_bytes: int = 20_000_000
    refusals_kept: int = 20
    refusals_bytes: int = 5_000_000
    clock: Clock = utc_now

    def capture(
        self,
        root: Path,
        error: CDEError,
        raised: BaseException,
        *,
        operation: str,
        arguments: Mapping[str, Any],
        repository: Callable[[], KeptState | None] = lambda: None,
    ) -> None:
        """Write a report and note its id on the error; nothing happens without a project.

        It shows the stack of what was raised at first. The operation is as ``start_feature``, or
        a tool's name; the repository gives the project's state and history.
        """
        if error.report_tried:
            return
        try:
            folder = byproducts_folder(root)
            if folder is None:
                return
            error.report_tried = True
            report = self._report(root, error, raised, operation, arguments, repository())
            files = _files(folder / REPORTS)
            path = folder / REPORTS / f"{report['id']}.json"
            _write(path, report, [] if error.is_failure else _alike(files, path.stem))
            self._prune([path, *reversed(files)])
        except Exception as trouble:  # noqa: BLE001 - evidence must never cost the answer
            log.warning("error_report_not_written", error_code=error.code, reason=str(trouble))
        else:
            error.report_id = report["id"]

    def summaries(self, root: Path, limit: int) -> list[ErrorReportSummary]:
        """The newest reports, newest first; one that cannot be read is listed as such.

        Half of them are for failures, where there are so many: refusals hide none.
        """
        files = _files(local_folder(root) / REPORTS)[::-1]
        wanted = set([each for each in files if not _code_of(each.name)][: limit // 2])
        wanted |= set([each for each in files if each not in wanted][: limit - len(wanted)])
        return [_summary(each) for each in files if each in wanted]

    def load(self, root: Path, report_id: str) -> dict[str, Any] | None:
        """A whole report; None when there is none with this id, or it cannot be read."""
        if not _ID.fullmatch(report_id):
            return None
        same = _alike(_files(local_folder(root) / REPORTS), report_id)
        return _read(same[-1]) if same else None

    def _report(
        self,
        root: Path,
        error: CDEError,
        raised: BaseException,
        operation: str,
        arguments: Mapping[str, Any],
        repository: KeptState | None,
    ) -> dict[str, Any]:
        from cde_orchestrator.infrastructure.reports import snapshot

        now, call = self.clock(), call_context()
        # Where the state is out of reach, asking for its history would only take time.
        unreachable = isinstance(error, BackendUnreachableError | CircuitBreakerOpenError)
        shown = snapshot.bounded(arguments)
        return {
            "id": f"{now:%Y%m%dT%H%M%S%f}-{_key(error, operation, shown)}",
            "at": now.isoformat(),
            "first_at": now.isoformat(),
            "count": 1,
            "code": error.code,
            "message": snapshot.bounded(error.message),
            "recoverable": error.recoverable,
            "correlation_id": error.correlation_id,
            "operation": {
                "name": without_secrets(operation, strict=True),
                "actor": call.doer,
                "arguments": shown,
            },
            "context": snapshot.bounded(error.context),
            "exceptions": snapshot.stack_of(raised),
            **snapshot.what_led_here(root, None if unreachable else repository),
            **snapshot.how_things_stand(root, repository, error, arguments),
            **snapshot.surroundings(),
        }

    def _prune(self, files: list[Path]) -> None:
        """Remove the oldest reports that are too many or too much together; newest first."""
        failures, refusals = (self.kept, self.most_bytes), (self.refusals_kept, self.refusals_bytes)
        numbers, totals = Counter[str](), Counter[bool]()
        for file in files:
            code = _code_of(file.name)
            kept, most = refusals if code else failures
            with suppress(OSError):
                totals[not code] += status_of(file).st_size
                numbers[code] += 1
                if numbers[code] > kept or (numbers[code] > 1 and totals[not code] > most):
                    unlink(file)


def reports_of(settings: Settings) -> FileErrorReports:
    """Where errors leave their reports."""
    return FileErrorReports(
        settings.error_reports_kept,
        settings.error_reports_bytes,
        settings.refusal_reports_kept,
        settings.refusal_reports_bytes,
    )


def _write(path: Path, report: dict[str, Any], same: list[Path]) -> None:
    """Write a report in place of those of the same refusal; it goes on with their count."""
    OsFileOps().make_folder(path.parent)
    temporary, replaced = path.with_suffix(".tmp"), []
    file = open_new(temporary)
    try:
        with file:
            for each in same:
                before = _read(each) or {}
                count = before.get("count", 1)
                with suppress(FileNotFoundError):  # another process replaces it, and counts it
                    rename(each, each.with_suffix(".tmp"))
                    replaced.append(each)
                    report["count"] += count if isinstance(count, int) else 1
                    report["first_at"] = min(str(before.get("first_at")), report["first_at"])
            file.write(_encoded(report))
        rename(temporary, path)
    except OSError:
        unlink(temporary, missing_ok=True)
        for each in replaced:
            rename(each.with_suffix(".tmp"), each)
        raise
    for each in replaced:
        unlink(each.with_suffix(".tmp"))


def _files(folder: Path) -> list[Path]:
    """The reports, oldest first: ids begin with the time. What is no file is none of them."""
    with suppress(OSError):
        entries = sorted(entries_of(folder).items())
        files = [folder / name for name, found in entries if stat.S_ISREG(found.st_mode)]
        return [each for each in files if _ID.fullmatch(each.name.removesuffix(".json"))]
    return []


def _alike(files: list[Path], report_id: str) -> list[Path]:
    """The reports of the same error: of a refusal all of its kind, whatever their time."""
    kind = report_id.partition("-")[2]
    return [each for each in files if each.name.partition("-")[2] == f"{kind}.json"]


def _key(error: CDEError, operation: str, arguments: Any) -> str:
    """The end of an id: of a failure its own, of a refusal that of all of its kind."""
    if error.is_failure:
        return secrets.token_hex(4)
    asked = json.dumps([operation, arguments], sort_keys=True).encode()
    return f"{error.code}-{hashlib.sha256(asked).hexdigest()[:8]}"


def _code_of(name: str) -> str:
    """The code that a refusal's id has before its end, as in ``…-E102-0a1b2c3d``; or nothing."""
    return name.partition("-")[2].rpartition("-")[0]


def _cause(report: Mapping[str, Any]) -> str:
    """What the error said; of one that nobody foresaw, what was raised at first."""
    chain = report.get("exceptions")
    if report.get("code") == "E999" and isinstance(chain, list) and chain:
        first = chain[-1]
        return f"{first.get('type')}: {first.get('message')}" if isinstance(first, dict) else "?"
    return str(report.get("message", "the report cannot be read"))


def _encoded(report: dict[str, Any]) -> bytes:
    expendable = iter(_EXPENDABLE)
    while True:
        data = json.dumps(report, indent=1, default=str).encode()
        part = next(expendable, None)
        if len(data) <= REPORT_BYTES or part is None:
            return data
        report[part] = {"left_away": "the report would have been too large"}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(read_bounded(path, _READ_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _summary(path: Path) -> ErrorReportSummary:
    report = _read(path) or {}
    operation = report.get("operation")
    name = operation.get("name") if isinstance(operation, dict) else None
    return ErrorReportSummary(
        id=path.stem,
        at=str(report.get("at", "")),
        code=str(report.get("code", "?")),
        operation=str(name or "?"),
        message=_cause(report),
        correlation_id=str(report.get("correlation_id") or ""),
        count=count if isinstance(count := report.get("count"), int) else 1,
    )
