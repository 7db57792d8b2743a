"""``make bench`` runs: one family of it, in short, from the command to the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import page, results
from benchmarks.cold_start import Starter, onboard
from benchmarks.measure import QUICK, own_folder


def test_a_family_is_measured_shown_and_written(tmp_path: Path) -> None:
    file, root = tmp_path / "results.json", Path(results.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "writing", "--results", str(file)],
        cwd=root,
        env={**os.environ, QUICK: "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    found = results.read(file)
    (figure,) = found["figures"]
    assert (found["quick"], figure["key"], figure["missing"]) == (True, "bytes-written", "")
    assert figure["median"] > figure["yardstick_median"] > 0
    assert figure["name"] in done.stdout
    assert f"| {figure['name']} |" in page.page(found)


def test_servers_that_are_started_from_nothing_trust_the_projects_of_the_run() -> None:
    with own_folder() as folder:
        (folder / "project").mkdir()
        own = ("-m", "cde_orchestrator", "serve", "--project", str(folder / "project"))
        onboard(Starter(folder), own)

        assert (folder / "project" / ".cde" / "state.json").is_file()
