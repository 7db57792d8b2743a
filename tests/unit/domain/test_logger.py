"""Who hears the library: nobody by default, and whoever set structlog up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from cde_orchestrator.domain.logger import get_logger


@pytest.fixture(autouse=True)
def _structlog_as_built() -> Iterator[None]:
    before, was_configured = structlog.get_config(), structlog.is_configured()
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    if was_configured:
        structlog.configure(**before)


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """What was printed, known when the test ends."""
    found: list[str] = []
    yield found
    printed = capfd.readouterr()
    assert found == [printed.out, printed.err]


def test_nobody_hears_a_library_that_was_not_set_up(said: list[str]) -> None:
    log = get_logger("shop")
    log.info("hidden", a=1)
    log.bind(b=2).warning("hidden")
    said += ["", ""]


def test_a_capture_hears_it_and_leaves_it_silent(said: list[str]) -> None:
    log = get_logger("shop")
    with capture_logs() as events:
        log.bind(b=2).warning("captured")
    log.warning("hidden")

    assert events == [{"event": "captured", "b": 2, "log_level": "warning"}]
    assert structlog.is_configured()
    said += ["", ""]


def test_a_program_that_set_structlog_up_hears_it(said: list[str]) -> None:
    log = get_logger("shop")
    structlog.configure(processors=[structlog.processors.KeyValueRenderer(key_order=["event"])])
    with capture_logs():
        log.info("captured")
    log.info("shown", a=1)
    said += ["event='shown' a=1\n", ""]


def test_a_factory_of_its_own_gets_the_events_and_the_loggers_name(said: list[str]) -> None:
    kept: list[tuple[object, ...]] = []

    def factory(*names: object) -> structlog.testing.CapturingLogger:
        kept.append(names)
        return structlog.testing.CapturingLogger()

    structlog.configure(logger_factory=factory)
    get_logger("shop").info("shown")

    assert kept == [("shop",)]
    said += ["", ""]
