"""Processes that do the same at the same time, forked from one that has imported it all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 200.0
_START = """
import json, multiprocessing, sys
from pathlib import Path
forking = multiprocessing.get_context("fork")
project, count = Path(sys.argv[1]), int(sys.argv[2])
gate = forking.Barrier(count)
def begin(number):
    gate.wait()
    return race(number)
with forking.Pool(count) as pool:
    answers = pool.map(begin, range(count), chunksize=1)
    pool.close()
    pool.join()
print(json.dumps(answers))
"""


def raced(script: str, project: Path, count: int) -> list[Any]:
    """What each process answers, none of which begins before all are there.

    Args:
        script: Python that defines ``race``, which is given a number, and has ``project``.
        project: its project.
        count: how many there are.
    """
    done = subprocess.run(
        [sys.executable, "-c", script + _START, str(project), str(count)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers
