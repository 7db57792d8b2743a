"""Outputs at places that others execute wait for a person."""

from __future__ import annotations

from typing import Any

import pytest

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.trust_commands import (
    RevokeTrust,
    ShowChecks,
    TrustChecks,
)
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import World, catalog

CI = ".github/workflows/{feature}.yml"


def follow(world: World, path: str) -> None:
    outputs = (Output(id="spec", path=path, type="text"),)
    phases = (Phase(id="define", outputs=outputs), Phase(id="design"))
    world.workflows.own = catalog(Workflow(id="standard", phases=phases), packaged=False)


def submit(world: World) -> Any:
    return world.run(
        SubmitWork(feature_id="login", phase_id="define", results={"spec": "on: push"})
    )


@pytest.fixture
def piping(world: World) -> World:
    """A feature whose one phase writes what the CI executes."""
    follow(world, CI)
    world.trust.careful = True
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def test_an_output_that_others_execute_waits_for_a_person(piping: World) -> None:
    with pytest.raises(CDEError) as refused:
        submit(piping)
    (shown,) = piping.run(ShowChecks())["checks"]

    assert refused.value.code == "E133"
    assert refused.value.context["path"] == CI
    assert refused.value.context["executor"] == shown["executed_by"] == "GitHub Actions"
    assert piping.files.contents == {}
    assert (shown["command"], shown["used_by"]) == (["write", CI], ["standard/define"])
    assert shown["trusted"] is False
    piping.run(TrustChecks(digests=frozenset({shown["digest"]})))
    assert submit(piping)["phase"]["id"] == "design"
    assert piping.files.contents[".github/workflows/login.yml"] == b"on: push\n"


def test_a_permission_is_for_one_path_and_can_be_revoked(piping: World) -> None:
    (shown,) = piping.run(ShowChecks())["checks"]
    piping.run(TrustChecks(digests=frozenset({shown["digest"]})))
    follow(piping, ".github/workflows/{feature}.yaml")
    rows = piping.run(ShowChecks())["checks"]

    assert [row["trusted"] for row in rows if row["command"][1].endswith("yaml")] == [False]
    assert not any(row["trusted"] for row in piping.run(RevokeTrust())["checks"])
    with pytest.raises(CDEError, match="GitHub Actions executes"):
        submit(piping)


def test_a_path_that_only_the_name_of_a_feature_makes_such_a_place_is_shown(world: World) -> None:
    follow(world, "docs/{feature}.md")
    assert world.run(ShowChecks())["checks"] == []
    for name in ("agents", "login", "gemini"):
        world.run(StartFeature(prompt=f"Write {name}", name=name))

    shown = world.run(ShowChecks())["checks"]
    assert sorted(row["command"][-1] for row in shown) == ["docs/agents.md", "docs/gemini.md"]
