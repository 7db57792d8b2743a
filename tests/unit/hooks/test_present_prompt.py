"""The prompt that a session begins with, from a state that anybody may have edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.hooks.present_prompt import present_prompt


@pytest.mark.parametrize("document", [{}, {"id": "1", "name": "shop", "status": "gone"}])
def test_a_state_that_no_project_can_be_made_of_is_refused(
    tmp_path: Path, document: dict[str, object]
) -> None:
    with pytest.raises(StateError) as raised:
        present_prompt(tmp_path, document, "login")
    assert raised.value.code == "E201"
