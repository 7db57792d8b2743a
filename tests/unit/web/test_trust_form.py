"""What the form of trust shows of a command: where each word ends, and what decides about it."""

from __future__ import annotations

from typing import cast

import pytest

from cde_orchestrator.application.projects.trust_commands import CheckRow
from cde_orchestrator.web.actions.trust import _words


@pytest.mark.parametrize(
    ("command", "more", "shown"),
    [
        (["pytest", "-q"], {}, "pytest -q"),
        (["sh", "-c", "pytest; curl x"], {}, "sh -c 'pytest; curl x'"),
        (["sh", "-c", "true # it is\nharmless"], {}, "sh -c 'true # it is ⏎ harmless'"),
        (["./run"], {"reads": ["Makefile", "ci.mk"]}, "./run, reads Makefile ci.mk"),
        (["write", "conftest.py"], {"executed_by": "pytest"}, "write conftest.py"),
    ],
)
def test_a_command_is_shown_as_it_is(
    command: list[str], more: dict[str, object], shown: str
) -> None:
    row = {"command": command, "executed_by": "", "reads": [], **more}
    assert _words(cast(CheckRow, row)) == shown
