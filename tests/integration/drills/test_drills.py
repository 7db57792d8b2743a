"""Every code of the catalogue is drilled, and every drill is of a code of the catalogue."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from tests.integration.drills.stage import DRILLS, ON_A_DISK, staged

pytestmark = pytest.mark.anyio

for module in sorted(Path(__file__).parent.glob("*_drills.py")):
    if not module.stem.startswith("test_"):
        importlib.import_module(f"tests.integration.drills.{module.stem}")


def test_every_code_has_a_drill_and_every_drill_a_code() -> None:
    assert set(DRILLS) == set(ERROR_MESSAGES)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=pytest.mark.own_disk) if code in ON_A_DISK else code
        for code in sorted(DRILLS)
    ],
)
async def test_the_first_fix_can_be_followed_blindly(code: str, tmp_path: Path) -> None:
    async with staged(code, tmp_path) as stage:
        await DRILLS[code](stage)
        assert stage.proved
