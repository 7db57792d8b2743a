"""How often a submission reads, hashes, parses and renders, and what it compares."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import InMemoryFiles, World, catalog

WRITTEN = {"a": "The first one.\n", "b": "The second one.\n", "c": "The third one.\n"}


class CountingFiles(InMemoryFiles):
    """Files that count how often each was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    def read(self, root: Path, relative: str, output_id: str) -> bytes | None:
        self.reads[output_id] += 1
        return super().read(root, relative, output_id)


class Counts:
    """How often a workflow was parsed, and each content hashed, since it was made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parsed = 0
        self.hashed: Counter[bytes] = Counter()
        parse, hashing = Workflow.from_dict, hashlib.sha256

        def counted_parse(data: Mapping[str, Any]) -> Workflow:
            self.parsed += 1
            return parse(data)

        def counted_hash(data: bytes) -> Any:
            self.hashed[data] += 1
            return hashing(data)

        monkeypatch.setattr(Workflow, "from_dict", counted_parse)
        monkeypatch.setattr(hashlib, "sha256", counted_hash)


def phase(name: str, check: tuple[str, ...] = ()) -> Phase:
    outputs = (Output(id=name, path=f"{{feature}}/{name}.md"),)
    return Phase(id=name, prompt=f"{name}.md", outputs=outputs, check=check)


def world_in(phase_id: str, *phases: Phase) -> World:
    """A feature in a phase, the outputs of the phases before it accepted."""
    world = World.active()
    world.workflows.own = catalog(Workflow(id="standard", phases=phases), packaged=False)
    world.run(StartFeature(prompt="Add login", name="login"))
    for each in phases:
        if each.id == phase_id:
            break
        submit(world, each.id)
    files = CountingFiles()
    files.contents = world.files.contents
    world.files = files
    world.prompts.rendered.clear()
    return world


def submit(world: World, phase_id: str) -> Any:
    results = {phase_id: WRITTEN[phase_id]}
    return world.run(SubmitWork(feature_id="login", phase_id=phase_id, results=results))


def rendered(world: World) -> list[str]:
    return [template for template, _ in world.prompts.rendered]


def reads(world: World) -> Mapping[str, int]:
    assert isinstance(world.files, CountingFiles)
    return dict(world.files.reads)


@pytest.mark.parametrize("given", [True, False])
def test_a_submission_does_everything_once(given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_in("b", phase("a"), phase("b"), phase("c"))
    if not given:
        world.files.contents["login/b.md"] = WRITTEN["b"].encode()
    counts = Counts(monkeypatch)
    results = {"b": WRITTEN["b"]} if given else {}
    reply = world.run(SubmitWork(feature_id="login", phase_id="b", results=results))

    assert reply["feature"]["current_phase"] == "c"
    assert counts.parsed == 1
    # What nobody touched since is not read again to know that it is the same.
    assert reads(world) == {"a": 1, "b": 1, "c": 1}
    assert {name: counts.hashed[WRITTEN[name].encode()] for name in "ab"} == {"a": 1, "b": 1}
    assert rendered(world) == ["b.md", "c.md"]  # for the gate, and for whoever goes on


def test_a_phase_without_a_document_needs_the_next_prompt_alone() -> None:
    outputs = (Output(id="b", path="{feature}/b.txt", type="text"),)
    world = world_in("b", phase("a"), Phase(id="b", prompt="b.md", outputs=outputs), phase("c"))
    submit(world, "b")

    assert rendered(world) == ["c.md"]


def test_what_a_check_saw_is_read_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_in("b", phase("a"), phase("b", ("make", "test")), phase("c"))
    counts = Counts(monkeypatch)
    submit(world, "b")

    assert counts.parsed == 1
    assert reads(world) == {"a": 2, "b": 2, "c": 1}
    assert rendered(world) == ["b.md", "c.md", "c.md"]  # the check may have changed what c shows


def test_a_refused_submission_renders_nothing_for_the_next_phase() -> None:
    world = world_in("b", phase("a"), phase("b"), phase("c"))
    with pytest.raises(CDEError) as caught:
        world.run(SubmitWork(feature_id="login", phase_id="b"))

    assert caught.value.code == "E110"
    assert rendered(world) == ["b.md"]


def test_the_prompt_is_that_of_the_phase_that_is_current_when_the_answer_is_given() -> None:
    """Another call completes the phase, and the next one, while the check runs."""
    world = world_in("b", phase("a"), phase("b", ("make", "test")), phase("c"), phase("d"))

    def overtake() -> None:
        world.checks.meanwhile = None
        submit(world, "b")
        submit(world, "c")

    world.checks.meanwhile = overtake
    reply = submit(world, "b")

    assert reply["phase"]["id"] == "d"
    assert reply["phase"]["prompt"] == "d.md: Add login"


def test_an_output_that_changes_before_it_is_recorded_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_in("b", phase("a"), phase("b"), phase("c"))
    world.files.contents["login/b.md"] = WRITTEN["b"].encode()
    now = world.source.now

    def changed_meanwhile(root: Path) -> Any:
        world.files.contents["login/b.md"] = b"Something else.\n"
        return now(root)

    monkeypatch.setattr(world.source, "now", changed_meanwhile)
    with pytest.raises(CDEError) as caught:
        world.run(SubmitWork(feature_id="login", phase_id="b"))

    assert caught.value.code == "E123"
    assert world.project.feature("login").current_phase == "b"


def test_the_next_prompt_shows_what_the_check_left() -> None:
    world = world_in("b", phase("a"), phase("b", ("make", "test")), phase("c"))

    def change_input() -> None:
        world.prompts.rendered.clear()

    world.checks.meanwhile = change_input
    submit(world, "b")

    assert rendered(world) == ["c.md"]
