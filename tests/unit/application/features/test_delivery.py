"""What a submission brings is measured before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.project_files.files import READ_LIMIT_BYTES
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import InMemoryFiles, World, catalog


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


@pytest.mark.parametrize("order", [("spec", "plan", "log"), ("plan", "log", "spec")])
def test_a_refusal_names_all_outputs_though_some_cannot_be_read(
    world: World, order: tuple[str, ...]
) -> None:
    paths = {"spec": "spec.md", "plan": "../plan.md", "log": "log.md"}
    codes = {"spec": "E315", "plan": "E112", "log": "E110"}
    outputs = tuple(Output(id=each, path=paths[each]) for each in order)
    workflow = Workflow(id="standard", phases=(Phase(id="define", outputs=outputs),))
    world.workflows.own = catalog(workflow, packaged=False)
    world.files = OverlargeFiles()
    world.run(StartFeature(prompt="Add login", name="login"))

    with pytest.raises(CDEError) as caught:
        world.run(SubmitWork(feature_id="login", phase_id="define"))
    error = caught.value
    rows = error.context["outputs"]
    assert error.code == codes[order[0]]
    assert {row["output"]: row["code"] for row in rows} == codes
    assert all(row["fix"] for row in rows)
    if error.code == "E112":
        assert all(path in error.message for path in paths.values())


def test_an_output_that_became_unreadable_does_not_count_as_submitted_before(
    world: World,
) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    results = {"spec": "## Goal\nLog in"}
    world.run(SubmitWork(feature_id="login", phase_id="define", results=results))
    world.files = OverlargeFiles()

    with pytest.raises(ValidationError) as caught:
        world.run(SubmitWork(feature_id="login", phase_id="define"))
    assert caught.value.code == "E315"
