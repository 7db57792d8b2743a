"""``cde run --all``: several features at once, each in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.command_line import cde
from tests.integration.run.stage import Stage, read_until
from tests.terminal import terminal

TWO_PHASES = """\
version: 1
default: short
workflows:
  short:
    max_attempts: 2
    phases:
      - id: plan
        prompt: standard/define.md
        outputs:
          - {id: plan, path: "specs/{feature}/plan.md", min_bytes: 300}
      - id: build
        prompt: standard/design.md
        inputs: [plan]
        outputs:
          - {id: report, path: "specs/{feature}/report.md", min_bytes: 300}
"""
NAMES = ("north", "south", "west")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.build(TWO_PHASES, agent="refused,succeed")
    for name in NAMES:
        stage.start(name)
    return stage


def git(stage: Stage, *words: str) -> str:
    identity = {"GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(stage.folder)}
    for who in ("AUTHOR", "COMMITTER"):
        identity |= {f"GIT_{who}_NAME": "A", f"GIT_{who}_EMAIL": "a@example.org"}
    done = subprocess.run(
        ["git", *words],
        cwd=stage.project,
        env={"PATH": os.environ["PATH"], **identity},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def make_repository(stage: Stage) -> None:
    git(stage, "init", "--quiet")
    (stage.project / "code.py").write_text("x = 1\n", encoding="utf-8")
    git(stage, "add", ".")
    git(stage, "commit", "--quiet", "--message", "Begin")


def apart(stage: Stage, name: str) -> Path:
    return stage.project.with_name(f"{stage.project.name}-worktrees") / name


def test_features_run_at_once_each_in_its_own_worktree(stage: Stage) -> None:
    make_repository(stage)
    done = stage.cde("run", "--all", "--jobs", "3", "--agent", "agent", "--json")
    assert done.code == 0, done.out
    runs = {run["feature"]: run for run in done.reply["runs"]}
    assert {name: run["outcome"] for name, run in runs.items()} == dict.fromkeys(NAMES, "completed")
    folders = {name: apart(stage, name) for name in NAMES}
    assert {run["folder"] for run in runs.values()} == {str(each) for each in folders.values()}
    assert {each["folder"] for each in stage.prompts()} == {str(each) for each in folders.values()}
    assert not any(
        part.startswith(".") for part in folders["north"].relative_to(stage.project.parent).parts
    )
    for name, folder in folders.items():
        assert (folder / "code.py").is_file()
        assert any(f"in `{folder}`" in each["prompt"] for each in stage.prompts())
        for file in ("plan.md", "report.md"):
            made = (folder / "specs" / name / file).read_bytes()
            assert (stage.project / "specs" / name / file).read_bytes() == made
    assert "feature/north" in git(stage, "branch", "--list", "feature/north")
    assert stage.left_processes() == []


def test_from_another_worktree_features_run_where_they_do_from_the_first(stage: Stage) -> None:
    make_repository(stage)
    assert stage.cde("state", "compact").code == 0  # it was begun before the repository was
    linked = stage.folder / "linked"
    git(stage, "worktree", "add", str(linked))
    (linked / "more.py").write_text("y = 2\n", encoding="utf-8")
    git(stage, "-C", str(linked), "add", ".")
    git(stage, "-C", str(linked), "commit", "--quiet", "--message", "More")
    words = ("run", "--all", "--jobs", "3", "--agent", "agent", "--json")
    done = cde(*words, "--project", str(linked), cwd=stage.folder, environment=stage.environment)
    assert done.returncode == 0, done.stdout
    folders = {str(apart(stage, name)) for name in NAMES}
    assert {run["folder"] for run in json.loads(done.stdout)["runs"]} == folders
    assert {each["folder"] for each in stage.prompts()} == folders
    assert all((Path(each) / "more.py").exists() for each in folders)
    assert not (stage.folder / "linked-worktrees").exists()
    # Accepted outputs are files, and so those of the worktree at hand.
    assert all((linked / "specs" / name / "plan.md").exists() for name in NAMES)
    assert not (stage.project / "specs").exists()
    assert git(stage, "-C", str(linked), "status", "--porcelain", ".cde") == ""


def test_a_feature_with_a_worktree_goes_on_there_with_what_was_accepted_before(
    stage: Stage,
) -> None:
    plan = stage.project / "specs" / "north" / "plan.md"
    plan.parent.mkdir(parents=True)
    plan.write_text("What is planned, and why it is planned so.\n" * 9, encoding="utf-8")
    assert stage.cde("submit", "north", "plan").code == 0
    (stage.project / ".gitignore").write_text("specs/\n", encoding="utf-8")
    make_repository(stage)
    stage.define(agent="fail")
    failed = stage.cde("run", "--all", "--agent", "agent", "--json")
    assert failed.code == 1
    assert {run["error"]["code"] for run in failed.reply["runs"]} == {"E908"}
    worktree = apart(stage, "north")
    assert (worktree / "specs" / "north" / "plan.md").read_bytes() == plan.read_bytes()
    stage.define(agent="succeed")
    assert stage.cde("health", "reset-breaker", "agent-agent").code == 0
    assert stage.run("north").reply["outcome"] == "completed"
    assert stage.prompts()[-1]["folder"] == str(worktree)


def test_checks_run_where_the_work_was_done(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    check = [sys.executable, "-c", "import os; print(os.getcwd(), *os.listdir('specs/north'))"]
    stage.build(TWO_PHASES + f"        check: {json.dumps(check)}\n", agent="succeed")
    stage.start("north")
    make_repository(stage)
    assert stage.cde("trust", "--yes").code == 0
    done = stage.cde("run", "--all", "--agent", "agent", "--json")
    assert done.code == 0, done.out
    full = stage.cde("status", "north", "--full", "--json").reply
    folder = apart(stage, "north")
    assert full["work"]["build"]["evidence"]["tail"].split()[0] == str(folder)
    assert "report.md" in full["work"]["build"]["evidence"]["tail"]


def test_without_a_repository_they_share_the_folder(stage: Stage) -> None:
    done = stage.cde("run", "--all", "--jobs", "3", "--agent", "agent", "--json")
    assert done.code == 0, done.out
    assert {run["outcome"] for run in done.reply["runs"]} == {"completed"}
    assert {run["folder"] for run in done.reply["runs"]} == {str(stage.project)}
    assert "worktree_not_made" not in done.err


def test_git_that_is_broken_is_said_once_and_stops_nothing(stage: Stage) -> None:
    make_repository(stage)
    broken = stage.folder / "bin"
    broken.mkdir()
    (broken / "git").write_text("#!/bin/sh\necho broken >&2\nexit 128\n", encoding="utf-8")
    (broken / "git").chmod(0o755)
    stage.path = f"{broken}{os.pathsep}{os.environ['PATH']}"
    done = stage.cde("run", "--all", "--jobs", "2", "--agent", "agent")
    assert done.code == 0, done.err
    assert done.err.count("worktree_not_made") == 1
    assert stage.cde("list", "--status", "completed", "--json").reply["total"] == len(NAMES)


def test_nothing_is_run_when_nothing_is_open(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.build(agent="succeed")
    done = stage.cde("run", "--all", "--agent", "agent", "--json")
    assert (done.code, done.reply) == (0, {"runs": []})


def test_all_that_runs_ends_with_the_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.build(TWO_PHASES, agent="hang")
    for name in NAMES:
        stage.start(name)
    make_repository(stage)
    process = stage.begin("run", "--all", "--jobs", "2", "--agent", "agent")
    for _ in range(2):
        read_until(process, "hanging")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert stage.left_processes() == []
    assert len(stage.prompts()) == 2
    assert stage.cde("list", "--status", "open", "--json").reply["total"] == len(NAMES)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_checks_that_run_end_with_the_run(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    stage = Stage(tmp_path)
    mark = stage.folder / "checks"
    words = f"import os, signal; open({str(mark)!r}, 'a').write(f'{{os.getpid()}}\\n'); "
    check = [sys.executable, "-c", words + "print('checking', flush=True); signal.pause()"]
    lasting = f"        check: {json.dumps(check)}\n        check_timeout_seconds: 600\n"
    stage.build(TWO_PHASES + lasting, agent="succeed")
    for name in NAMES[:2]:
        stage.start(name)
    make_repository(stage)
    assert stage.cde("trust", "--yes").code == 0
    process = stage.begin("run", "--all", "--jobs", "2", "--agent", "agent")
    for _ in range(2):
        read_until(process, "| checking")
    process.send_signal(number)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    assert "cde run --all --agent agent" in said
    checks = [int(each) for each in mark.read_text().split()]
    assert [each for each in checks if psutil.pid_exists(each)] == []
    assert stage.left_processes() == []


def test_the_code_of_a_feature_is_taken_back_where_it_is_worked_on(stage: Stage) -> None:
    make_repository(stage)
    stage.define(agent="fail")
    assert stage.cde("run", "--all", "--agent", "agent", "--json").code == 1
    theirs, own = stage.project / "code.py", apart(stage, "north") / "code.py"
    theirs.write_text("a person's\n", encoding="utf-8")
    own.write_text("the feature's\n", encoding="utf-8")
    words = ("save", "north", "Changed code.py", "--project", str(own.parent))
    assert cde(*words, cwd=own.parent, environment=stage.environment).returncode == 0

    back = ("rollback", "north", "plan", "--reason", "Wrong way", "--code", "--json")
    done = stage.cde(*back).reply
    assert done["source"] == [{"path": "code.py", "state": "restored", "reason": None}]
    assert (theirs.read_text(), own.read_text()) == ("a person's\n", "x = 1\n")
    at = ("--at", str(done["undo_at"]), "--feature", "north")
    undone = stage.cde("state", "restore", *at, "--json").reply
    assert [row["path"] for row in undone["code"]] == ["code.py"]
    assert (theirs.read_text(), own.read_text()) == ("a person's\n", "the feature's\n")


def test_what_another_agent_works_on_is_not_run_nor_taken_elsewhere(stage: Stage) -> None:
    make_repository(stage)
    assert stage.cde("resume", "north", "--agent", "zoe").code == 0

    assert stage.run("north").error == "E122"
    assert stage.prompts() == []
    every = stage.cde("run", "--all", "--agent", "agent", "--json").reply["runs"]

    codes = {run["feature"]: (run["error"] or {}).get("code") for run in every}
    assert codes == {"north": "E122", "south": None, "west": None}
    assert [apart(stage, name).exists() for name in NAMES] == [False, True, True]


THEN_A_PERSON = TWO_PHASES.replace(
    "      - id: build\n",
    "      - id: approve\n        handler: human_input\n        prompt: standard/approve-spec.md\n"
    "        inputs: [plan]\n      - id: build\n",
)


def test_a_person_approves_what_is_in_the_feature_s_own_folder(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.build(THEN_A_PERSON, agent="succeed")
    make_repository(stage)
    stage.start("north")
    (run,) = stage.cde("run", "--all", "--agent", "agent", "--json").reply["runs"]
    assert run["outcome"] == "waits_for_person"
    plan = apart(stage, "north") / "specs" / "north" / "plan.md"
    assert plan.exists()
    with terminal("approve", "north", cwd=stage.project, environment=stage.environment) as asked:
        shown = asked.read_until("Approve?")
        asked.type("y")
        said = asked.end()
    assert asked.code == 0, said
    assert "plan.md  missing" not in shown
    assert stage.phase_of("north") == "build"
