"""Where log events go: never to standard output, which belongs to replies."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from cde_orchestrator.infrastructure.correlation import call_context

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def setup_logging(level: str = "WARNING", output_file: str | None = None) -> None:
    """Send events of ``level`` and above to standard error, or to a file, as JSON lines.

    Args:
        level: one of ``LEVELS``, upper case.
        output_file: file to append to.
    """
    threshold = LEVELS[level]
    brief = output_file is None and threshold > logging.INFO
    # Kept open for as long as the process logs.
    file = Path(output_file).open("a", encoding="utf-8") if output_file else None  # noqa: SIM115
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([_spare_people] if brief else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        # Asked anew for each logger: standard error may be replaced while the process runs.
        logger_factory=lambda *_: structlog.WriteLogger(_target(file)),
        cache_logger_on_first_use=False,
    )


def _target(file: TextIO | None) -> TextIO:
    return file or sys.stderr


def _spare_people(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop failures that the command line tells in its own words."""
    if call_context().actor == "cli" and "error_code" in event:
        raise structlog.DropEvent
    return event
