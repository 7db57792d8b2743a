"""What changed since it was trusted is trusted by a person at a terminal alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.system import viewing
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.security.stranger import WORKFLOW, World, git, made

WEAKER = WORKFLOW.replace("        check: [sh, check.sh]\n", "")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The project, made once."""
    world = World(tmp_path_factory.mktemp("stranger"))
    made(world)
    return world


@pytest.fixture
def world(tmp_path: Path, original: World) -> World:
    """A clone that a person trusts."""
    world = World(tmp_path)
    world.origin = original.origin
    world.clone_again()
    assert world.cde("trust", "--yes")[0] == 0  # a first time, as in CI
    assert world.code("project", "activate") is None
    return world


@pytest.fixture(autouse=True)
def nobody_is_trusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No folder is trusted by the environment."""
    monkeypatch.delenv(VARIABLE)
    yield
    viewing.forget_all()


def weaken(world: World) -> None:
    """Let the workflow demand less than a person said yes to."""
    assert WEAKER != WORKFLOW
    (world.clone / ".cde" / "workflow.yml").write_text(WEAKER)


def test_a_yes_without_a_terminal_does_not_trust_what_changed(world: World) -> None:
    weaken(world)
    code, said = world.cde("trust", "--yes")
    assert (code, "E128" in said) == (1, True), said
    assert "-        check: [sh, check.sh]" in said
    refused = world.json("trust", "--yes")["error"]
    assert refused["code"] == "E128"
    line = world.clone.joinpath(".cde/workflow.yml").read_text().splitlines()
    first = next(
        at
        for at, (new, old) in enumerate(zip(line, WORKFLOW.splitlines(), strict=False), 1)
        if new != old
    )
    assert f"trusted before: .cde/workflow.yml (line {first})" in refused["message"]
    assert "check: [sh, check.sh]" in refused["context"]["difference"][".cde/workflow.yml"]
    assert world.code("project", "activate") == "E326"
    world.trust_again()
    assert world.code("project", "activate") is None


def test_trust_that_is_revoked_first_is_no_way_around(world: World) -> None:
    weaken(world)
    assert world.json("trust", "--revoke")["folder"]["trust"] == "not_yet"
    assert world.code("trust", "--yes") == "E128"
    assert world.code("project", "activate") == "E325"
    (world.clone / ".cde" / "workflow.yml").write_text(WORKFLOW)
    assert world.code("trust", "--yes") == "E128"  # a person said no
    world.trust_again()
    assert world.code("project", "activate") is None


def test_a_copy_in_the_place_of_the_folder_is_no_way_around(world: World) -> None:
    world.clone.rename(world.folder / "before")
    world.clone_again()
    weaken(world)
    assert world.code("trust", "--yes") == "E128"
    listed = str(world.clone)
    assert world.code("project", "activate", CDE_TRUSTED_FOLDERS=listed) == "E326"
    (world.clone / ".cde" / "workflow.yml").write_text(WORKFLOW)
    assert world.code("project", "activate", CDE_TRUSTED_FOLDERS=listed) is None
    assert world.code("trust", "--yes") is None


def test_a_worktree_is_no_way_around(world: World) -> None:
    tree = world.folder / "tree"
    git(world.clone, "worktree", "add", "--quiet", str(tree))
    (tree / ".cde" / "workflow.yml").write_text(WEAKER)
    assert world.code("trust", "--yes", at=tree) == "E128"
    assert world.code("trust", "--yes", at=tree, CDE_TRUSTED_FOLDERS=str(tree)) == "E128"


def test_the_variable_does_not_trust_what_changed(world: World) -> None:
    weaken(world)
    listed = str(world.folder)
    assert world.code("project", "activate", CDE_TRUSTED_FOLDERS=listed) == "E326"
    assert world.code("trust", "--yes", CDE_TRUSTED_FOLDERS=listed) == "E128"
    _, said = world.cde("project", "info", CDE_TRUSTED_FOLDERS=listed)
    (line,) = [line for line in said.splitlines() if VARIABLE in line]
    assert ".cde/workflow.yml" in line
    (world.clone / ".cde" / "workflow.yml").write_text(WORKFLOW)
    assert world.code("project", "activate", CDE_TRUSTED_FOLDERS=listed) is None
    assert VARIABLE not in world.cde("project", "info", CDE_TRUSTED_FOLDERS=listed)[1]


def test_what_was_set_up_below_a_listed_folder_is_trusted_by_the_variable_alone(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    listed = str(tmp_path)
    world.clone.mkdir()
    assert world.code("init", CDE_TRUSTED_FOLDERS=listed) is None
    (world.clone / ".cde" / "workflow.yml").write_text(WORKFLOW)
    (world.clone / ".cde" / "prompts" / "short").mkdir(parents=True)
    (world.clone / ".cde" / "prompts" / "short" / "plan.md").write_text("Plan it.\n")
    assert world.code("project", "activate", CDE_TRUSTED_FOLDERS=listed) is None
    assert world.code("project", "activate") == "E325"


def listed_with_a_trusted_check(folder: Path) -> tuple[World, str]:
    """A project that the variable alone trusts, and whose check a script trusted, as in CI."""
    world, listed = World(folder), str(folder)
    world.clone.mkdir()
    assert world.code("init", CDE_TRUSTED_FOLDERS=listed) is None
    (world.clone / "check.sh").write_text("exit 0\n")
    (world.clone / "docs").mkdir()
    (world.clone / "docs" / "plan.md").write_text("Plan it.\n")
    choose(world, "[sh, check.sh]")
    assert world.code("trust", "--yes", CDE_TRUSTED_FOLDERS=listed) is None
    return world, listed


def choose(world: World, check: str) -> None:
    """Let a command gate the phase."""
    (world.clone / ".cde" / "workflow.yml").write_text(
        "version: 1\nworkflows:\n  short:\n    phases:\n      - id: plan\n"
        "        prompt: docs/plan.md\n"
        '        outputs: [{id: spec, path: "specs/{feature}/spec.md"}]\n'
        f"        check: {check}\n"
    )


def all_trusted(world: World, listed: str) -> bool:
    """Whether each command is trusted."""
    rows = world.json("trust", "--list", CDE_TRUSTED_FOLDERS=listed)["checks"]
    return all(each["trusted"] for each in rows)


def test_nobody_trusts_an_edit_where_the_variable_alone_trusts(tmp_path: Path) -> None:
    world, listed = listed_with_a_trusted_check(tmp_path)
    choose(world, "['true']")
    refused = world.json("trust", "--yes", CDE_TRUSTED_FOLDERS=listed)["error"]
    assert refused["code"] == "E128"
    assert "$ true" in refused["context"]["difference"]
    assert not all_trusted(world, listed)
    choose(world, "[sh, check.sh]")
    assert world.code("trust", "--yes", CDE_TRUSTED_FOLDERS=listed) is None


def test_to_revoke_first_is_no_way_around_where_the_variable_alone_trusts(tmp_path: Path) -> None:
    world, listed = listed_with_a_trusted_check(tmp_path)
    assert world.code("trust", "--revoke", CDE_TRUSTED_FOLDERS=listed) is None
    assert world.code("trust", "--revoke", CDE_TRUSTED_FOLDERS=listed) is None
    assert world.code("project", "activate", CDE_TRUSTED_FOLDERS=listed) is None
    assert world.code("trust", "--yes", CDE_TRUSTED_FOLDERS=listed) == "E128", "a person said no"
    choose(world, "['true']")
    assert world.code("trust", "--yes", CDE_TRUSTED_FOLDERS=listed) == "E128"
    world.trust_again(CDE_TRUSTED_FOLDERS=listed)
    assert all_trusted(world, listed)
    choose(world, "['false']")
    assert world.code("trust", "--yes", CDE_TRUSTED_FOLDERS=listed) == "E128"


def test_what_was_set_up_and_changed_since_needs_a_person(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.clone.mkdir()
    assert world.code("init") is None
    workflow = world.clone / ".cde" / "workflow.yml"
    workflow.write_text(workflow.read_text().replace("proof: required", "proof: recorded") + "#\n")
    assert world.code("trust", "--yes") == "E128"


def test_a_command_that_comes_later_is_trusted_by_a_person_alone(world: World) -> None:
    store = world.home / ".config" / "cde-orchestrator" / "trust.json"
    kept = json.loads(store.read_text())
    [granted] = kept["projects"].values()
    before = [each for each in granted if each["command"] != ["sh", "notify.sh"]]
    assert len(before) == len(granted) - 1
    store.write_text(json.dumps({**kept, "projects": {str(world.clone): before}}))
    refused = world.json("trust", "--yes")["error"]
    assert refused["code"] == "E128"
    assert "$ sh notify.sh" in refused["context"]["difference"]
    world.trust_again()
    assert all(each["trusted"] for each in world.json("trust", "--list")["checks"])


def test_nobody_is_asked_to_trust_a_file_that_cannot_be(world: World) -> None:
    rules = world.clone / ".cde" / "rules.md"
    rules.write_bytes(b"A\n" * 2**20)
    _, listed = world.cde("trust", "--list")
    assert ".cde/rules.md  it cannot be trusted" in listed
    assert "it has more than 1 MiB: shorten or remove it" in listed
    assert "review and trust them" not in listed
    rules.write_text("A\n")
    assert "review and trust them" in world.cde("trust", "--list")[1]
    world.trust_again()
    assert world.code("project", "activate") is None
