"""Where a command ends: replies, refusals and accidents become words and an exit code.

0: done. 1: refused or failed, reported on standard error, or as ``{"error": ...}`` on standard
output with ``--json``. 2: wrong usage, reported the same way. 130: interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import typer

from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.cli.session.application import configure_logging
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, ValidationError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.observability.correlation import (
    call_context,
    caller_in_environment,
    calling,
)
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.gc_tuning import resume_collections

REFUSED = 1
FINDINGS = 1
"""The command ran, and what it checked is not as it should be."""
MISUSED = 2
INTERRUPTED = 130


@contextmanager
def boundary(*, as_json: bool = False) -> Iterator[None]:
    """One call from outside: no exception but the parser's own leaves it with a traceback."""
    resume_collections()
    with calling("cli", *caller_in_environment()) as call:
        try:
            yield
        except CDEError as error:
            error.correlation_id = error.correlation_id or call.correlation_id
            _refuse(error, error, as_json=as_json)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except Exception as accident:  # noqa: BLE001 - the outermost boundary
            unexpected = CDESystemError.of("E999")
            unexpected.correlation_id = call.correlation_id
            _log(accident, unexpected)
            _refuse(unexpected, accident, as_json=as_json)


def misused(command: list[str], usage: str, reason: str, *, as_json: bool) -> NoReturn:
    """End a command, named without ``cde``, that the parser did not understand, like any other."""
    error = ValidationError.of("E323", command=command, usage=usage, reason=reason)
    error.correlation_id = call_context().correlation_id
    _refuse(error, error, as_json=as_json, exit_code=MISUSED)


def _refuse(
    error: CDEError, raised: Exception, *, as_json: bool, exit_code: int = REFUSED
) -> NoReturn:
    # A server is without Rich as long as nothing failed.
    from cde_orchestrator.cli.session.errors import print_error  # noqa: PLC0415

    # Fixes name the project; an error from before it was looked up means the one that is here.
    error.context.setdefault("project_path", ".")
    _report(error, raised)
    print_error(error, as_json=as_json)
    raise SystemExit(exit_code) from None


def _report(error: CDEError, raised: Exception) -> None:
    """Leave a report of an error that arose before a use case could."""
    root = Path(str(error.context["project_path"]))
    if error.report_tried:
        return
    with suppress(OSError, RuntimeError, ValueError):  # a path may be anything
        path = root.expanduser().resolve()
        root = next((each for each in (path, *path.parents) if (each / FOLDER).is_dir()), root)
        if not (root / FOLDER).is_dir():
            return
        application = build_application(root)
        application.report(error, raised, "command", {"arguments": sys.argv[1:]})
        application.close()


def _log(accident: Exception, error: CDEError) -> None:
    """Log what nobody foresaw; what a use case raised was logged by its operation."""
    with suppress(CDEError):  # a wrong level must not hide the accident
        configure_logging()
    log = get_logger(__name__)
    log.error("command_failed", error_code=error.code, exc_info=accident)
