"""A rollback harms nobody: what a person did stays, and what is taken back can be undone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.rollback_feature import RollbackFeature, RollbackReply
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.state.recover_state import RestoreReply, RestoreState
from cde_orchestrator.bootstrap import Application, build_application
from tests.command_line import program
from tests.integration.mcp_client import stdio_agent, text_of
from tests.integration.test_rollbacks_harm_nobody import Killed, killed_after
from tests.repository import git

BACK = ["rollback", "login", "define", "--reason", "Wrong way"]
NAMES = ["code.py", "gone.py", "mine.py", "theirs.py", "odd *.py", "odd one.py", "a'b/$(x).py"]
OWN = ("code.py", "gone.py", "odd *.py", "a'b/$(x).py")
NOTE = "Changed code.py, gone.py, mine.py, theirs.py, fresh.py, run.sh, odd *.py and a'b/$(x).py"


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "COLUMNS": "140"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def shop(project: Path) -> Path:
    """A project in a subfolder of a repository, whose person has begun something already."""
    git(project.parent, "init", "-q", "-b", "main")
    for name in NAMES:
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("committed\n")
    (project / "run.sh").write_text("#!/bin/sh\n")
    (project / "run.sh").chmod(0o755)
    git(project, "--literal-pathspecs", "add", "--", *NAMES, "run.sh")
    git(project, "commit", "-qm", "First")
    (project / "mine.py").write_text("a person's edit\n")
    (project / "odd one.py").write_text("a person's edit\n")
    (project / "notes.txt").write_text("a person's notes\n")
    return project


@pytest.fixture
def product(shop: Path) -> Iterator[Application]:
    """The product, with a feature that was started."""
    application = build_application(shop)
    application.handle(StartFeature(prompt="Add login", name="login"))
    yield application
    application.close()


def save(application: Application, note: str = NOTE) -> None:
    application.handle(SaveProgress(feature_id="login", note=note))


def roll_back(application: Application, **more: Any) -> RollbackReply:
    back = RollbackFeature(feature_id="login", to_phase="define", reason="Wrong way", **more)
    return application.handle(back)


def restore(application: Application, **more: Any) -> RestoreReply:
    return application.handle(RestoreState(**more))


def sequence(application: Application) -> int:
    return restore(application, at=1, dry_run=True)["sequence"]


def change(shop: Path) -> None:
    """A feature changes files, and somebody else commits one meanwhile."""
    for name in ("code.py", "odd *.py", "a'b/$(x).py", "fresh.py"):
        (shop / name).write_text("the feature's\n")
    (shop / "gone.py").unlink()
    (shop / "run.sh").unlink()
    (shop / "mine.py").write_text("a person's edit\nthe feature's\n")
    (shop / "theirs.py").write_text("somebody's\n")
    git(shop, "commit", "-qm", "Theirs", "--", "theirs.py")
    (shop / "theirs.py").write_text("somebody's\nthe feature's\n")


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its permissions, but the product's and git's own."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".git", ".cde", "specs"} & {*path.parts}
    }


def states(rows: Any) -> dict[str, str]:
    return {row["path"]: row["state"] for row in rows}


def test_code_is_taken_back_to_what_it_was_when_the_phase_started(
    shop: Path, product: Application
) -> None:
    before = files(shop)
    change(shop)
    save(product)
    (shop / "notes.txt").write_text("other notes\n")
    reply = roll_back(product, code=True)

    assert states(reply["source"]) == {
        **dict.fromkeys([*OWN, "mine.py", "run.sh"], "restored"),
        "fresh.py": "removed",
        "theirs.py": "committed",
        "notes.txt": "touched",
    }
    assert files(shop) == {
        **before,
        "theirs.py": (before["theirs.py"][0], b"somebody's\nthe feature's\n"),
        "notes.txt": (before["notes.txt"][0], b"other notes\n"),
    }


def test_it_is_undone_and_done_again_with_the_state(shop: Path, product: Application) -> None:
    change(shop)
    save(product)
    worked, at = files(shop), sequence(product)
    roll_back(product, code=True)
    back = files(shop)
    told = restore(product, at=at, dry_run=True)
    assert files(shop) == back
    undone = restore(product, at=at)

    assert files(shop) == worked
    assert states(undone["code"]) == states(told["code"])
    assert states(undone["code"])["fresh.py"] == "restored"
    restore(product, at=undone["sequence"] - 1)
    assert files(shop) == back


@pytest.mark.parametrize("calls", [0, 12, 20, 28, 200])
def test_the_answer_names_the_restore_that_undoes_all_of_it_also_of_one_that_was_stopped(
    shop: Path, product: Application, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    change(shop)
    save(product)
    worked, at = files(shop), sequence(product)
    assert roll_back(product, code=True, dry_run=True)["undo_at"] is None
    with killed_after(calls, monkeypatch), suppress(Killed):
        roll_back(product, code=True)
        at = sequence(product)  # it was not stopped: the next one is undone alone
        worked = files(shop)
    reply = roll_back(product, code=True)

    assert reply["undo_at"] == at
    restore(product, at=reply["undo_at"])
    assert files(shop) == worked


def test_an_undone_rollback_leaves_what_a_person_did_since(
    shop: Path, product: Application
) -> None:
    change(shop)
    save(product)
    at = sequence(product)
    roll_back(product, code=True)
    (shop / "code.py").write_text("a person's\n")
    undone = restore(product, at=at)

    assert states(undone["code"])["code.py"] == "touched"
    assert (shop / "code.py").read_text() == "a person's\n"
    assert (shop / "gone.py").exists() is False


def test_a_state_from_elsewhere_names_no_tree_that_is_written(
    shop: Path, product: Application
) -> None:
    evil = shop / "evil.py"
    evil.write_text("evil\n")
    git(shop, "add", "evil.py")
    tree = git(shop, "write-tree")
    git(shop, "reset", "-q")
    evil.unlink()
    save(product)
    at = sequence(product)
    change(shop)
    save(product)
    roll_back(product, code=True)
    with product._assembled(tolerant=False).repository.transaction(shop) as project:
        feature = project.feature("login")
        feature.events = [
            {**each, "source": {**each["source"], "before": tree}} for each in feature.events
        ]
    assert restore(product, at=at)["code"] == []
    assert not evil.exists()


def test_an_agent_is_given_a_command_on_a_line_of_its_own_that_only_shows(shop: Path) -> None:
    run(shop, *program(), "start", "Add login", "--name", "login")
    change(shop)
    run(shop, *program(), "save", "login", NOTE)
    before = files(shop)
    printed = run(shop, *program(), *BACK)
    lines = [line.strip() for line in printed.splitlines() if line.strip().startswith("git ")]
    (command,) = lines
    shown = subprocess.run(
        command, cwd="/", shell=True, check=True, capture_output=True, text=True
    ).stdout

    assert files(shop) == before
    assert "+the feature's" in shown
    assert "a person's notes" not in shown
    assert "8 files of the source are left as the feature changed it" not in printed
    assert "7 files of the source are left as the feature changed it" in printed
    assert "restore --source" not in printed


@pytest.mark.anyio
async def test_an_agent_takes_code_back_with_an_argument(shop: Path) -> None:
    run(shop, *program(), "start", "Add login", "--name", "login")
    change(shop)
    run(shop, *program(), "save", "login", NOTE)
    async with stdio_agent(shop) as agent:
        back = {"feature_id": "login", "to_phase": "define", "reason": "Wrong way"}
        told = await agent.call("cde_rollbackFeature", dry_run=True, code=True, **back)
        done = await agent.raw("cde_rollbackFeature", {**back, "code": True})

    assert done.structured_content is not None
    assert states(told["source"])["code.py"] == "feature"
    assert states(done.structured_content["source"])["code.py"] == "restored"
    assert told["git"] == [line for line in text_of(done).splitlines() if line.startswith("git ")]
    assert "left (committed since; git log shows by whom): theirs.py" in text_of(done)
    number = done.structured_content["undo_at"]
    assert f"cde_recoverState(action='restore', at={number}, feature='login')" in text_of(done)
    assert (shop / "code.py").read_text() == "committed\n"
    printed = run(shop, *program(), "rollback", "login", "define", "--reason", "Again")
    assert f"cde state restore --at {number + 2} --feature login" in printed


def test_the_index_and_head_stay_as_they_are_to_the_byte(shop: Path, product: Application) -> None:
    (shop / "code.py").write_text("staged\n")
    git(shop, "add", "code.py")
    change(shop)
    save(product)
    own = shop.parent / ".git"
    before = [(own / name).read_bytes() for name in ("index", "HEAD", "logs/HEAD")]
    roll_back(product, code=True)

    assert [(own / name).read_bytes() for name in ("index", "HEAD", "logs/HEAD")] == before
    assert git(shop, "log", "--all", "--format=%s").splitlines() == ["Theirs", "First"]


def test_what_is_no_plain_file_is_left(shop: Path, product: Application) -> None:
    for name in ("code.py", "gone.py", "mine.py"):
        (shop / name).unlink()
    (shop / "code.py").symlink_to("run.sh")
    (shop / "gone.py").mkdir()
    (shop / "gone.py" / "inner.py").write_text("the feature's\n")
    (shop / "mine.py").symlink_to("/etc/hostname")
    shutil.move(shop / "a'b", shop / "other")
    (shop / "a'b").symlink_to("other")
    nested = shop / "nested"
    git(shop, "init", "-q", str(nested))
    (nested / "theirs.py").write_text("another repository's\n")
    save(product, f"{NOTE} gone.py/inner.py other/$(x).py a'b nested/theirs.py")
    before = files(shop)
    found = states(roll_back(product, code=True)["source"])

    assert found == {
        **dict.fromkeys(["code.py", "gone.py", "gone.py/inner.py", "mine.py"], "odd"),
        **dict.fromkeys(["a'b", "a'b/$(x).py"], "odd"),
        "other/$(x).py": "removed",
    }
    del before["other/$(x).py"]
    assert files(shop) == before
    assert (shop / "mine.py").is_symlink()


def test_a_file_that_git_ignores_by_now_is_left(shop: Path, product: Application) -> None:
    (shop / "notes.txt").write_text("the feature's\n")
    (shop / ".gitignore").write_text("notes.txt\n")
    save(product, "notes.txt .gitignore")
    found = states(roll_back(product, code=True)["source"])

    assert found == {".gitignore": "removed", "notes.txt": "touched"}
    assert (shop / "notes.txt").read_text() == "the feature's\n"


def test_each_byte_and_each_permission_comes_back(shop: Path, product: Application) -> None:
    (shop / ".gitattributes").write_text("*.py text eol=crlf\n*.sh filter=none ident\n")
    (shop / "code.py").write_bytes(b"a\r\nb\n\x00\xff")
    (shop / "run.sh").write_bytes(b"$Id$\r\n")
    save(product, "code.py run.sh .gitattributes")
    roll_back(product)
    at, worked = sequence(product), files(shop)
    (shop / "code.py").chmod(0o755)
    save(product, "code.py")
    roll_back(product, code=True)
    assert (shop / "code.py").stat().st_mode & 0o777 == 0o644
    restore(product, at=at)

    assert files(shop)["run.sh"] == worked["run.sh"]
    assert files(shop)["code.py"][1] == worked["code.py"][1]


def test_without_git_all_else_is_as_ever(project: Path) -> None:
    run(project, *program(), "start", "Add login", "--name", "login")
    (project / "code.py").write_text("the feature's\n")
    run(project, *program(), "save", "login", "code.py")
    printed = run(project, *program(), *BACK, "--code")

    assert "is back in define" in printed
    assert "The source is left as it is" in printed
    assert "the project is in no git repository" in printed.replace("\n", " ")
    assert (project / "code.py").exists()


def test_where_nothing_can_be_written_to_git_all_else_is_as_ever(shop: Path) -> None:
    objects = shop.parent / ".git" / "objects"
    modes = {path: path.stat().st_mode for path in (objects, *objects.iterdir())}
    for path in modes:
        path.chmod(0o555)
    try:
        run(shop, *program(is_powerless=True), "start", "Add login", "--name", "login")
        change_one(shop)
        run(shop, *program(is_powerless=True), "save", "login", NOTE)
        printed = run(shop, *program(is_powerless=True), *BACK, "--code")
    finally:
        for path, mode in modes.items():
            path.chmod(mode)

    assert "The source is left as it is" in printed
    assert "insufficient permission" in printed
    assert (shop / "code.py").read_text() == "the feature's\n"


def test_git_that_is_ended_from_outside_leaves_all_and_the_next_rollback_takes_it_back(
    shop: Path, product: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(shop)
    change(shop)
    save(product)
    worked, flag = files(shop), tmp_path / "stopped"
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "git"
    script.write_text(
        f'#!/bin/sh\n[ -e {flag} ] && kill -INT $$\nexec {shutil.which("git")} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    flag.touch()
    reply = roll_back(product, code=True)

    assert files(shop) == worked
    assert reply["source"] == []
    assert reply["source_problem"] is not None
    flag.unlink()
    again = roll_back(product, code=True)
    assert states(again["source"])["code.py"] == "restored"
    assert files(shop)["code.py"] == before["code.py"]


def change_one(shop: Path) -> None:
    (shop / "code.py").write_text("the feature's\n")


def product_in(shop: Path) -> closing[Application]:
    return closing(build_application(shop))


def test_the_start_of_a_phase_survives_garbage_collection(shop: Path, product: Application) -> None:
    before = files(shop)
    change_one(shop)
    save(product)
    git(shop, "gc", "-q", "--prune=now")
    git(shop, "fsck", "--strict")

    assert states(roll_back(product, code=True)["source"]) == {"code.py": "restored"}
    assert files(shop) == before


def test_two_features_at_once_take_nothing_back_of_each_other(
    shop: Path, product: Application
) -> None:
    before = files(shop)
    change_one(shop)
    save(product)
    product.handle(StartFeature(prompt="Add basket", name="basket"))
    (shop / "gone.py").write_text("the basket's\n")
    product.handle(SaveProgress(feature_id="basket", note="gone.py"))
    worked = files(shop)

    # Each file stays that the other one changed, or may have; no other one does.
    reply = states(roll_back(product, code=True)["source"])
    assert reply == {"code.py": "restored", "gone.py": "others"}
    assert files(shop) == worked | {"code.py": before["code.py"]}
    product.handle(SaveProgress(feature_id="basket", note="code.py and gone.py"))
    roll = RollbackFeature(feature_id="basket", to_phase="define", reason="No", code=True)
    assert states(product.handle(roll)["source"]) == {"code.py": "others", "gone.py": "others"}
    assert files(shop)["gone.py"] == worked["gone.py"]


def test_in_another_worktree_nothing_is_taken_back(
    shop: Path, product: Application, tmp_path: Path
) -> None:
    change_one(shop)
    save(product)
    linked = tmp_path / "linked"
    git(shop, "worktree", "add", "-q", str(linked))
    there = linked / shop.name
    before = files(linked)
    with product_in(there) as application:
        reply = roll_back(application, code=True)

    assert (reply["source"], reply["source_problem"]) == (
        [],
        f"the phase started in another folder: {shop}; roll back from there",
    )
    assert files(linked) == before
    assert (shop / "code.py").read_text() == "the feature's\n"
