"""What a submission brings is measured before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.project_files import READ_LIMIT_BYTES
from cde_orchestrator.application.start_feature import StartFeature
from cde_orchestrator.application.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import ValidationError
from tests.fakes import InMemoryFiles, World


class OverlargeFiles(InMemoryFiles):
    """Files of which the spec is larger than what is read."""

    def read(self, root: Path, relative: str, output_id: str) -> bytes | None:
        if output_id != "spec":
            return super().read(root, relative, output_id)
        raise ValidationError.of(
            "E315", field=output_id, size_bytes=READ_LIMIT_BYTES + 1, limit_bytes=READ_LIMIT_BYTES
        )


def test_what_is_too_large_to_read_can_be_replaced(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    world.files = OverlargeFiles()

    results = {"spec": "## Goal\nLog in"}
    world.run(SubmitWork(feature_id="login", phase_id="define", results=results))
    assert list(world.files.contents.values()) == [b"## Goal\nLog in\n"]


def test_a_text_that_is_too_large_is_told_before_anything_is_written(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))

    with pytest.raises(ValidationError) as caught:
        world.run(
            SubmitWork(feature_id="login", phase_id="define", results={"spec": "\u00fc" * 600_000})
        )
    assert caught.value.code == "E315"
    assert world.files.contents == {}
