"""The processes above a hook are found with and without ``/proc``."""

from __future__ import annotations

import os
import subprocess
import sys

from cde_orchestrator.hooks.sessions import _process, _process_elsewhere


def test_a_process_is_described_alike_by_another_system() -> None:
    # One of its own: a worker of the test run gives itself a title, which has no words.
    words = (sys.executable, "-c", "import sys; sys.stdin.read()", "a word of two")
    with subprocess.Popen(words, stdin=subprocess.PIPE) as child:
        here, elsewhere = _process(child.pid), _process_elsewhere(child.pid)

    assert here is not None
    assert elsewhere is not None
    assert (elsewhere.pid, elsewhere.parent) == (here.pid, here.parent) == (child.pid, os.getpid())
    assert elsewhere.words == words
    assert tuple(word for word in here.words if word) == words


def test_where_no_process_has_the_number_there_is_none() -> None:
    nobody = 2**22 + 1  # above the largest number that Linux gives
    assert _process(nobody) is None
    assert _process_elsewhere(nobody) is None
