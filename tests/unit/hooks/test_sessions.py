"""The processes above a hook are found with and without ``/proc``."""

from __future__ import annotations

import os

from cde_orchestrator.hooks.sessions import _process, _process_elsewhere


def test_a_process_is_described_alike_by_another_system() -> None:
    here, elsewhere = _process(os.getpid()), _process_elsewhere(os.getpid())

    assert here is not None
    assert elsewhere is not None
    assert (
        (elsewhere.pid, elsewhere.parent) == (here.pid, here.parent) == (os.getpid(), os.getppid())
    )
    assert elsewhere.words == tuple(word for word in here.words if word)


def test_where_no_process_has_the_number_there_is_none() -> None:
    nobody = 2**22 + 1  # above the largest number that Linux gives
    assert _process(nobody) is None
    assert _process_elsewhere(nobody) is None
