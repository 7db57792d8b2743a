"""What was made as an output: as it is, as it was accepted, and what attempts left."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.show_versions import ShowVersions, VersionsReply
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.standing import Standing
from tests.fakes import World

SPEC = "specs/login/spec.md"
TRUSTED = Standing(kind="trusted")


@pytest.fixture
def world() -> World:
    """A project with a feature."""
    world = World.active()
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def show(world: World, **asked: Any) -> VersionsReply:
    use_case = ShowVersions(**{"feature_id": "login", "output_id": "spec", **asked})
    return world.run(use_case, standing=TRUSTED)


def submit(world: World, text: str) -> None:
    use_case = SubmitWork(feature_id="login", phase_id="define", results={"spec": text})
    world.run(use_case)
    world.clock.advance()


def versions(world: World) -> list[list[str]]:
    return [each["words"] for each in show(world)["versions"]]


def code_of(world: World, **asked: Any) -> str:
    with pytest.raises(CDEError) as refused:
        show(world, **asked)
    return refused.value.code


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_output_that_nobody_wrote_has_no_version(world: World) -> None:
    found = show(world)

    assert (found["path"], found["versions"], found["version"]) == (SPEC, [], None)
    assert (found["text"], found["size"], found["compared"]) == ("", 0, None)


def test_a_draft_and_what_was_accepted_are_versions(world: World) -> None:
    world.files.contents[SPEC] = b"draft \xff"
    assert versions(world) == [["the file as it is now"]]
    assert show(world)["text"] == "draft \ufffd"

    one = "## Goal\nLog in\n"
    submit(world, one)
    assert versions(world) == [["the file as it is now", "accepted in define"]]
    assert show(world)["versions"][0]["at"] is not None
    world.files.contents[SPEC] = b"## Goal\nLog out\n"
    assert versions(world) == [["the file as it is now"], ["accepted in define"]]

    found = show(world, version=digest("## Goal\nLog out\n"), against=digest(one))
    assert found["text"] == "## Goal\nLog out\n"
    assert found["compared"] is not None
    assert found["compared"]["hunks"][0]["lines"] == [" ## Goal", "-Log in", "+Log out"]


def test_what_was_rolled_back_stays_a_version(world: World) -> None:
    one, two = "## Goal\nLog in\n", "## Goal\nLog in with a key\n"
    submit(world, one)
    world.run(RollbackFeature(feature_id="login", to_phase="define", reason="Other"))
    submit(world, two)

    found = show(world)
    assert found["text"] == two
    words = {each["id"]: each["words"] for each in found["versions"]}
    assert words[digest(two)] == ["the file as it is now", "accepted in define"]
    assert "accepted in define, later rolled back" in words[digest(one)]
    assert show(world, version=digest(one))["text"] == one


def test_the_copy_of_an_attempt_is_a_version(world: World) -> None:
    world.files.contents["specs/login/spec.attempt-1.md"] = b"first try"
    world.files.contents["specs/login/spec.attempt-7.md"] = b"of no attempt there was"
    assert versions(world) == [["left by attempt 1"]]
    assert show(world)["text"] == "first try"


def test_a_version_that_is_none_is_refused(world: World) -> None:
    world.files.contents["secret.txt"] = b"secret"
    submit(world, "## Goal\nLog in\n")
    secret = hashlib.sha256(b"secret").hexdigest()
    world.objects.put(world.root, b"secret", secret)

    assert code_of(world, version=secret) == "E305"
    assert code_of(world, against=secret) == "E305"
    assert code_of(world, version="../secret.txt") == "E305"
    assert code_of(world, output_id="nothing") == "E305"


def test_a_version_that_is_not_kept_is_refused(world: World) -> None:
    one = "## Goal\nLog in\n"
    submit(world, one)
    world.files.contents[SPEC] = b"another"
    world.objects.contents.clear()

    assert code_of(world, version=digest(one)) == "E305"
    assert show(world)["text"] == "another"
    del world.files.contents[SPEC]
    found = show(world)
    assert ([each["id"] for each in found["versions"]], found["version"]) == ([digest(one)], None)
    world.files.contents[SPEC] = one.encode()
    assert show(world, version=digest(one))["text"] == one


@pytest.mark.parametrize("sha256", [7, None, "../../etc/passwd"])
def test_a_past_from_anywhere_is_no_way_to_a_file(world: World, sha256: object) -> None:
    with world.repository.transaction(world.root) as project:
        record = project.feature("login").phases["define"]
        odd: Any = [{"outputs": [{"id": "spec", "sha256": sha256}, 7]}, {"outputs": 7}]
        record.past = odd

    assert show(world)["versions"] == []


def test_nothing_is_shown_of_a_folder_that_is_only_viewed(world: World) -> None:
    with pytest.raises(CDEError) as refused:
        world.run(
            ShowVersions(feature_id="login", output_id="spec"), standing=Standing(kind="not_yet")
        )

    assert refused.value.code == "E325"
