"""Where a command ends: replies, refusals and accidents become words and an exit code.

0: done. 1: refused or failed, told on standard error, or as ``{"error": ...}`` on standard
output with ``--json``. 2: wrong usage, told by the parser. 130: interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import typer

from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.infrastructure.correlation import (
    calling,
    correlation_id_from_environment,
)

REFUSED = 1
INTERRUPTED = 130


@contextmanager
def boundary(*, as_json: bool = False) -> Iterator[None]:
    """One call from outside: no exception but the parser's own leaves it with a traceback."""
    with calling("cli", correlation_id_from_environment()) as call:
        try:
            yield
        except CDEError as error:
            error.context.setdefault("correlation_id", call.correlation_id)
            _refuse(error, as_json=as_json)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except Exception as accident:  # noqa: BLE001 - the outermost boundary
            unexpected = CDESystemError.of("E999", correlation_id=call.correlation_id)
            _log(accident, unexpected)
            _refuse(unexpected, as_json=as_json)


def _refuse(error: CDEError, *, as_json: bool) -> NoReturn:
    from cde_orchestrator.cli._errors import tell

    # Fixes name the project; an error from before it was looked up means the one that is here.
    error.context.setdefault("project_path", ".")
    tell(error, as_json=as_json)
    raise SystemExit(REFUSED) from None


def _log(accident: Exception, error: CDEError) -> None:
    """Log what nobody foresaw; what a use case raised was logged by its operation."""
    import structlog

    from cde_orchestrator.cli._application import configure_logging

    with suppress(CDEError):  # a wrong level must not hide the accident
        configure_logging()
    log = structlog.get_logger(__name__)
    log.error("command_failed", error_code=error.code, exc_info=accident)
