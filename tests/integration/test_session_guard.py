"""What tests start ends with them, though they are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

SESSION = """
import subprocess, sys
from tests import session_guard
guard = session_guard.start()
stays = [sys.executable, "-c", "import signal; signal.pause()"]
deaf = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
children = [
    subprocess.Popen(stays),
    subprocess.Popen(stays, start_new_session=True),
    subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE),
]
children[-1].stdout.readline()
print(session_guard.session_folder(), guard.pid, *(child.pid for child in children), flush=True)
sys.stdin.read()
"""


def test_whatever_tests_started_ends_with_their_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SESSION],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        assert session.stdout is not None
        folder, *numbers = session.stdout.readline().split()
        processes = [psutil.Process(int(number)) for number in numbers]
        assert Path(folder).is_dir()
        session.send_signal(signal.SIGKILL)
    _, left = psutil.wait_procs(processes, timeout=60)
    assert left == []
    assert not Path(folder).exists()
