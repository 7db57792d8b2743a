from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHASES = ["define", "decompose", "design", "implement", "test", "review"]

pytestmark = pytest.mark.slow


def test_the_demo_takes_a_feature_through_all_phases_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    home, temporary, elsewhere = (tmp_path / name for name in ("home", "temporary", "elsewhere"))
    for folder in (home, temporary, elsewhere):
        folder.mkdir()
    environment = {
        "HOME": str(home),
        "PATH": os.defpath,
        "TMPDIR": str(temporary),
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")],
        cwd=elsewhere,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=280,
    )

    assert (done.returncode, done.stderr) == (0, "")
    headings = re.findall(r"^\[(\d)/6\] (\S+)$", done.stdout, re.MULTILINE)
    assert headings == [(str(number), phase) for number, phase in enumerate(PHASES, start=1)]
    rows = re.findall(r"^(\S+) +(completed) +\d+ +[\d.]+ +(\d+) +(\S+)", done.stdout, re.MULTILINE)
    assert list(dict.fromkeys(row[0] for row in rows)) == PHASES
    assert "cde_submitWork: refused" in done.stdout
    assert "Criteria Not Proven (E135)" in done.stdout
    assert "passes on the base already" in done.stdout
    assert "proven: AC1, AC2, AC3" in done.stdout
    assert "is completed and proven" in done.stdout
    assert len(set(re.findall(r"server with pid (\d+)", done.stdout))) == 2
    assert "\x1b" not in done.stdout
    assert [*home.iterdir(), *temporary.iterdir(), *elsewhere.iterdir()] == []
