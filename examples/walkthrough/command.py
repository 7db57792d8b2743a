"""The demo's command line: the temporary folder, and what is said when it fails."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
from mcp.shared.exceptions import MCPError
from rich.console import Console

from examples.walkthrough.failure import DemoError
from examples.walkthrough.journey import Journey
from examples.walkthrough.stage import Stage

_DEMO_SECONDS = 240.0


def _reasons(error: BaseException) -> Iterator[BaseException]:
    """What went wrong, out of the groups that concurrent tasks wrap it in."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _reasons(each)
    else:
        yield error


def _told(error: BaseException, journey: Journey) -> int:
    """Say on standard error why the demo failed; the exit code."""
    words = Console(stderr=True, highlight=False, soft_wrap=True)
    for reason in _reasons(error):
        if isinstance(reason, SystemExit):  # rich's answer to a reader that has gone
            return 1
        text = str(reason) if isinstance(reason, DemoError) else repr(reason)
        words.print(f"The demo failed: {text}", markup=False, style="red")
    words.print(f"The servers' last words:\n{journey.log_tail() or '(none)'}", markup=False)
    return 1


async def _within_time(journey: Journey) -> None:
    with anyio.fail_after(_DEMO_SECONDS):
        await journey.run()


def main() -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(
        description="A scripted agent takes one feature through its phases, on a real server."
    )
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="cde-demo-")).resolve()
    stage = Stage()
    journey = Journey(folder, stage)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # tidy up then, too
    try:
        anyio.run(_within_time, journey)
    except KeyboardInterrupt:
        return 130
    except (DemoError, MCPError, OSError, subprocess.SubprocessError, BaseExceptionGroup) as error:
        return _told(error, journey)
    finally:
        if keep:
            stage.console.print(f"\nKept: {folder}", soft_wrap=True)
        else:
            shutil.rmtree(folder)
    return 0
