"""Libraries are imported without what nobody uses, and nobody misses it."""

from __future__ import annotations

import subprocess
import sys

from cde_orchestrator.cli.session.slim_structlog import _Later

IMPORT = "from cde_orchestrator.cli.session.slim_structlog import import_structlog\n"


def ended_well(script: str) -> bool:
    """Whether a Python process runs the script to its end."""
    command = [sys.executable, "-c", "import sys\n" + IMPORT + script]
    return subprocess.run(command, check=False, timeout=60).returncode == 0


def test_structlog_comes_without_rich_and_asyncio() -> None:
    assert ended_well("import_structlog(); assert not {'rich', 'asyncio'} & {*sys.modules}")


def test_whoever_imports_rich_and_asyncio_afterwards_gets_them() -> None:
    assert ended_well(
        "import_structlog(); import rich.console, asyncio; asyncio.run(asyncio.sleep(0))"
    )


def test_asynchronous_methods_of_structlog_find_asyncio() -> None:
    assert ended_well(
        "import_structlog(); import asyncio, structlog\n"
        "asyncio.run(structlog.get_logger().ainfo('found'))"
    )


def test_what_was_imported_before_stays() -> None:
    assert ended_well(
        "import asyncio; before = asyncio; import_structlog(); import_structlog()\n"
        "assert sys.modules['asyncio'] is before"
    )


def test_what_needs_asyncio_while_structlog_is_imported_gets_it() -> None:
    assert ended_well(
        "from cde_orchestrator.cli.session.slim_structlog import _Later\n"
        "sys.modules['asyncio'] = _Later('asyncio')\n"
        "from asyncio import sleep; import asyncio.events\n"
        "asyncio.run(sleep(0))"
    )


def test_what_is_not_imported_yet_is_not_taken_for_imported() -> None:
    """Python 3.12 and later ask ``sys.modules`` for asyncio where a record of the log is made."""
    assert not _Later("asyncio")
