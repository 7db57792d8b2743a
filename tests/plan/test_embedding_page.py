"""What the page for those who embed the package shows works as it is written there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "embedding.md"


def test_the_page_is_one_program_that_runs(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text("\n".join(blocks), "utf-8")

    ran = subprocess.run(
        [sys.executable, "-P", "-W", "error", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert len(blocks) >= 8


def test_an_import_of_what_is_public_changes_nothing_in_the_program(tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8")
    public = re.findall(r"^from (cde_orchestrator[.\w]*) import", page, re.MULTILINE)
    program = (
        "import logging, signal, threading\n"
        "def seen():\n"
        "    handlers = [signal.getsignal(each) for each in signal.valid_signals()]\n"
        "    return threading.active_count(), logging.getLogger().handlers, handlers\n"
        "before = seen()\n" + "".join(f"import {each}\n" for each in public) + "import structlog\n"
        "assert seen() == before\n"
        "assert not structlog.is_configured()\n"
    )
    command = [sys.executable, "-P", "-W", "error", "-c", program]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert len(set(public)) >= 8
    assert list(tmp_path.iterdir()) == []
