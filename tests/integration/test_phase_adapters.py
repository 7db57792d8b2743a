"""Checks, trust, objects, git and callers as they really are."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from cde_orchestrator.adapters.git.version_control import GitVersionControl
from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from cde_orchestrator.adapters.repositories.codec import decode_feature, encode_feature
from cde_orchestrator.adapters.repositories.objects import (
    OBJECT_LIMIT_BYTES,
    FilesystemObjectStore,
)
from cde_orchestrator.adapters.runners import checks as subprocess_check_runner
from cde_orchestrator.adapters.runners.callers import ProcessCallers, current_process, is_own
from cde_orchestrator.adapters.runners.checks import SubprocessCheckRunner
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import Caller, Claim, Process
from cde_orchestrator.domain.records import (
    Baseline,
    Discarded,
    Evidence,
    Progress,
    SourceMoment,
)
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.system.compute_slot import ComputeSlot
from tests.fakes import NOON, writing_workflow
from tests.phase_fakes import evidence_of
from tests.programs import is_gone
from tests.repository import git


def python(code: str, seconds: float = 30.0, directory: str = ".") -> Check:
    return Check((sys.executable, "-c", code), directory, seconds)


def run(root: Path, check: Check, seen: list[str] | None = None) -> Evidence:
    watch = None if seen is None else seen.append
    return SubprocessCheckRunner().run(root, check, NOON, watch)


# Checks


def test_a_check_leaves_its_exit_code_and_what_it_printed(tmp_path: Path) -> None:
    seen: list[str] = []
    evidence = run(tmp_path, python("import sys; print('out'); sys.exit(3)"), seen)

    assert (evidence.exit_code, evidence.passed) == (3, False)
    assert evidence.tail == "out\n"
    assert evidence.sha256 == hashlib.sha256(b"out\n").hexdigest()
    assert evidence.size == 4
    assert "".join(seen) == "out\n"
    assert evidence.at == NOON


def test_of_long_output_the_end_is_kept_and_all_of_it_counted(tmp_path: Path) -> None:
    evidence = run(tmp_path, python("print('x' * 1_000_000); print('end \\xff\\0')"))

    assert evidence.exit_code == 0
    assert evidence.size > 1_000_000
    assert len(evidence.tail) <= 8 * 1024
    assert evidence.tail.endswith("end \xff\ufffd\n")


def test_a_check_has_no_input_and_runs_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    code = "import os, sys; print(sys.stdin.read() + os.getcwd())"

    assert run(tmp_path, python(code, directory="inner")).tail == f"{tmp_path}/inner\n"


def test_while_a_check_runs_another_call_has_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, go = ComputeSlot(patience_seconds=60), tmp_path / "go"
    monkeypatch.setattr(subprocess_check_runner, "COMPUTE_SLOT", turns)
    begun = Event()

    def call() -> None:
        assert begun.wait(60)
        with turns.held():
            go.touch()

    other = Thread(target=call)
    other.start()
    begin = "import os, time\nprint('begun', flush=True)\n"
    wait = begin + "while not os.path.exists('go'): time.sleep(0.01)"
    with turns.held():
        runner = SubprocessCheckRunner()
        evidence = runner.run(tmp_path, python(wait, 60.0), NOON, lambda _: begun.set())
    other.join(60)

    assert evidence.passed


def test_a_check_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    evidence = run(tmp_path, Check(("sh", "-c", "sleep 600 & echo $!; wait"), ".", 2.0))

    assert evidence.exit_code is None
    assert evidence.summary().startswith("The check")
    assert is_gone(int(evidence.tail))


def test_a_check_ends_though_its_child_keeps_the_output_open(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid)"
    )
    evidence = run(tmp_path, python(code))

    assert evidence.exit_code == 0
    assert is_gone(int(evidence.tail))


def test_a_child_of_a_check_is_ended_wherever_it_went(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)\n"
        "print(child.pid)"
    )
    assert is_gone(int(run(tmp_path, python(code)).tail))


def test_a_check_sees_the_environment_without_the_orchestrators_own_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CDE_HTTP_TOKEN", "CDE_STATE_URL", "DATABASE_URL"):
        monkeypatch.setenv(name, "here")
    code = "import os; print([name for name in sorted(os.environ) if os.environ[name] == 'here'])"

    assert run(tmp_path, python(code)).tail == "['DATABASE_URL']\n"


def test_a_character_that_comes_in_two_pieces_is_passed_on_whole(tmp_path: Path) -> None:
    code = (
        "import os, time\nfor byte in 'é\\n'.encode(): os.write(1, bytes([byte])); time.sleep(0.02)"
    )
    seen: list[str] = []
    run(tmp_path, python(code), seen)

    assert "".join(seen) == "é\n"


def test_a_check_that_closes_its_output_is_still_waited_for(tmp_path: Path) -> None:
    code = "import os, time; os.close(1); os.close(2); time.sleep({}); os._exit(4)"

    assert run(tmp_path, python(code.format(0.2))).exit_code == 4
    assert run(tmp_path, python(code.format(60), seconds=1.0)).exit_code is None


def test_a_check_that_never_stops_printing_is_ended_too(tmp_path: Path) -> None:
    assert run(tmp_path, python("while True: print('x' * 1_000)", seconds=1.0)).exit_code is None


@pytest.mark.parametrize(
    "check",
    [
        Check(("no-such-program",), ".", 5.0),
        Check(("./data.txt",), ".", 5.0),
        Check(("a\0b",), ".", 5.0),
        Check(("true",), "missing", 5.0),
        Check(("true",), "out", 5.0),
    ],
)
def test_a_check_that_cannot_run_is_refused(tmp_path: Path, check: Check) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "data.txt").write_text("data")
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(CDEError) as caught:
        run(root, check)

    assert caught.value.code == "E121"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("no-such-program", "there is no program no-such-program on PATH"),
        ("./no-such-program", "there is no program ./no-such-program in the project"),
        ("./data.txt", "./data.txt may not be executed"),
    ],
)
def test_why_a_check_cannot_run_is_seen_without_a_run(
    tmp_path: Path, program: str, reason: str
) -> None:
    (tmp_path / "data.txt").write_text("data")
    check = Check((program, "-q"), ".", 60.0)
    with pytest.raises(CDEError) as caught:
        run(tmp_path, check)

    assert caught.value.context["reason"] == reason
    assert SubprocessCheckRunner().problem(tmp_path, check) == reason
    assert SubprocessCheckRunner().problem(tmp_path, python("")) is None


def test_a_program_that_git_does_not_keep_is_the_projects_own_in_a_worktree(
    tmp_path: Path,
) -> None:
    root, worktree = tmp_path / "project", tmp_path / "worktree"
    worktree.mkdir()
    for folder, said in ((root / ".venv", "the project's"), (worktree / "bin", "its own")):
        folder.mkdir(parents=True)
        (folder / "check").write_text(f"#!/bin/sh\necho {said!r} && pwd\n")
        (folder / "check").chmod(0o755)
    checks = SubprocessCheckRunner(worktree)
    project = Check((".venv/check",), ".", 60.0)

    assert checks.problem(root, project) is None
    assert checks.run(root, project, NOON, None).tail == f"the project's\n{worktree}\n"
    own = Check(("bin/check",), ".", 60.0)
    assert checks.run(root, own, NOON, None).tail == f"its own\n{worktree}\n"


def test_a_feature_is_checked_by_one_submission_at_a_time(tmp_path: Path) -> None:
    one, other = (
        Feature.create(project_id="p", name=name, prompt="x", workflow=writing_workflow(), now=NOON)
        for name in ("one", "other")
    )
    checks = SubprocessCheckRunner()
    with checks.lock_check(tmp_path, one), checks.lock_check(tmp_path, other):
        with pytest.raises(CDEError) as caught, SubprocessCheckRunner().lock_check(tmp_path, one):
            pytest.fail("two at once")
        assert caught.value.code == "E129"
        assert caught.value.context["holder"] == f"process {os.getpid()}"
    with checks.lock_check(tmp_path, one):
        pass


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / ".cde").write_text("no folder")
    feature = Feature.create(
        project_id="p", name="one", prompt="x", workflow=writing_workflow(), now=NOON
    )
    with pytest.raises(CDEError) as caught, SubprocessCheckRunner().lock_check(tmp_path, feature):
        pytest.fail("no lock")

    assert caught.value.code == "E203"


# Objects


def test_an_object_is_found_by_its_digest(tmp_path: Path) -> None:
    store = FilesystemObjectStore()
    digest = store.put(tmp_path, b"content")

    assert digest == store.put(tmp_path, b"content") == hashlib.sha256(b"content").hexdigest()
    assert store.get(tmp_path, digest) == b"content"
    assert store.get(tmp_path, "0" * 64) is None
    assert store.get(tmp_path, "../../state") is None


def test_an_object_that_was_damaged_is_not_given_and_may_be_kept_anew(tmp_path: Path) -> None:
    store = FilesystemObjectStore()
    digest = store.put(tmp_path, b"content")
    (path,) = (each for each in tmp_path.rglob("*") if each.is_file())
    path.write_bytes(b"c")

    assert store.get(tmp_path, digest) is None
    store.put(tmp_path, b"content")
    assert store.get(tmp_path, digest) == b"content"


def test_an_object_that_is_too_large_is_not_kept(tmp_path: Path) -> None:
    store = FilesystemObjectStore()

    assert store.get(tmp_path, store.put(tmp_path, b"x" * (OBJECT_LIMIT_BYTES + 1))) is None


def test_the_longest_unused_objects_go_when_there_are_too_many(tmp_path: Path) -> None:
    store = FilesystemObjectStore(total_limit_bytes=40_000)
    digests = [store.put(tmp_path, bytes([number]) * 4_000) for number in range(20)]
    kept = [digest for digest in digests if store.get(tmp_path, digest)]

    assert len(kept) <= 13
    assert digests[-1] in kept


def test_an_object_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / ".cde").write_text("no folder")
    with pytest.raises(CDEError) as caught:
        FilesystemObjectStore().put(tmp_path, b"content")

    assert caught.value.code == "E203"


# Git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.py").write_text("a = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "First")
    return tmp_path


def test_without_a_repository_git_has_nothing_to_say(tmp_path: Path) -> None:
    assert GitVersionControl().head(tmp_path) is None
    assert GitVersionControl().changes(tmp_path) is None
    (tmp_path / ".git").mkdir()
    assert GitVersionControl().head(tmp_path) is None
    assert GitVersionControl().changes(tmp_path) is None


def test_the_commit_and_what_is_not_committed(repository: Path) -> None:
    inner = repository / "inner"
    inner.mkdir()

    commit = git(repository, "rev-parse", "HEAD")
    assert GitVersionControl().head(inner) == commit
    assert GitVersionControl().changes(inner) == []
    (repository / ".cde").mkdir()
    (repository / ".cde" / "workflow.yml").write_text("version: 1\n")
    (repository / "a.py").write_text("a = 2\n")
    (inner / "neu é.txt").write_text("")
    assert GitVersionControl().changes(inner) == ["a.py", "inner/"]


def test_the_files_that_two_commits_differ_by_are_those_of_the_project(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    (repository / "inner" / ".cde").mkdir(parents=True)
    for name in ("a.py", "inner/neu é.txt", "inner/.cde/workflow.yml"):
        (repository / name).write_text("2\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "Second")
    second, inner = git(repository, "rev-parse", "HEAD"), repository / "inner"

    assert GitVersionControl().changed_between(inner, first, second) == frozenset({"neu é.txt"})
    assert GitVersionControl().changed_between(inner, first, first) == frozenset()
    assert GitVersionControl().changed_between(inner, "0" * 40, second) is None


def test_a_branch_is_made_here_or_taken_when_it_stands_here(repository: Path) -> None:
    for _ in range(2):
        GitVersionControl().start_branch(repository, "feature/login")
        assert git(repository, "branch", "--show-current") == "feature/login"
    git(repository, "switch", "-q", "main")
    GitVersionControl().start_branch(repository, "feature/login")
    assert git(repository, "branch", "--show-current") == "feature/login"


def test_a_branch_that_stands_elsewhere_is_left_alone(repository: Path) -> None:
    git(repository, "switch", "-qc", "feature/login")
    git(repository, "commit", "-q", "--allow-empty", "-m", "Second")
    git(repository, "switch", "-q", "main")
    with pytest.raises(CDEError) as caught:
        GitVersionControl().start_branch(repository, "feature/login")

    assert caught.value.code == "E125"
    assert git(repository, "branch", "--show-current") == "main"


def test_what_git_refuses_is_told(repository: Path) -> None:
    git(repository, "branch", "feature")
    with pytest.raises(CDEError) as caught:
        GitVersionControl().start_branch(repository, "feature/login")

    assert caught.value.code == "E125"


def test_hooks_of_the_repository_are_not_run(repository: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch owned\n")
    hook.chmod(0o755)
    GitVersionControl().start_branch(repository, "feature/login")

    assert not (repository / "owned").exists()


def test_where_git_is_not_installed_nothing_fails(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository))

    assert GitVersionControl().head(repository) is None
    with pytest.raises(CDEError) as caught:
        GitVersionControl().start_branch(repository, "feature/login")
    assert caught.value.code == "E125"


# Callers


def test_a_client_is_known_by_its_name_and_this_process(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    with calling("mcp:claude-code"):
        caller = ProcessCallers().caller(tmp_path, None)

    assert (caller.name, caller.anonymous) == ("claude-code", False)
    assert caller.process == current_process()
    assert caller.place == str((tmp_path / ".cde").stat().st_ino)


def test_where_the_state_is_shared_every_checkout_is_the_same_place(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    with calling("mcp:claude-code"):
        assert ProcessCallers(shared=True).caller(tmp_path, None).place == ""


def test_a_command_claims_only_for_an_agent_that_it_names(tmp_path: Path) -> None:
    with calling("cli"):
        person = ProcessCallers().caller(tmp_path, None)
        agent = ProcessCallers().caller(tmp_path, "ann")

    assert (person.anonymous, person.process, person.place) == (True, None, "")
    assert (agent.anonymous, agent.process, agent.name) == (False, None, "ann")
    assert ProcessCallers().caller(tmp_path, None).anonymous


def test_a_process_runs_until_it_ends() -> None:
    callers, me = ProcessCallers(), current_process()
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    zombie = Process(child.pid, "x", me.host)

    assert me.pid == os.getpid()
    assert callers.runs(me)
    assert not callers.runs(Process(me.pid, "another start", me.host))
    assert not callers.runs(zombie)
    child.wait()
    assert not callers.runs(zombie)
    assert callers.runs(Process(me.pid, "x", "another-machine"))


APART = """
import json
from dataclasses import asdict
from cde_orchestrator.adapters.runners.callers import current_process
print(json.dumps(asdict(current_process())))
"""


def test_a_process_of_another_name_space_is_another_machines(tmp_path: Path) -> None:
    """A container or virtual machine may be called like this one."""
    apart = ["unshare", "--pid", "--fork", "--mount-proc"]
    tried = subprocess.run([*apart, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no name spaces here: {tried.stderr}")
    words = [*apart, sys.executable, "-c", APART]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    other, me = Process(**json.loads(done.stdout)), current_process()

    assert other.host == me.host
    assert ProcessCallers().runs(other)  # nobody here can see whether it does
    assert not is_own(other)


def test_a_process_of_another_boot_is_another_machines() -> None:
    me = current_process()
    boot, numbers, start = me.started.split(":")

    assert ProcessCallers().runs(Process(me.pid, f"another:{numbers}:{start}", me.host))
    assert ProcessCallers().runs(Process(me.pid, f"another:{start}", me.host))
    # As an earlier release wrote it down.
    assert ProcessCallers().runs(Process(me.pid, f"{boot}:{start}", me.host))
    assert not ProcessCallers().runs(Process(me.pid, f"{boot}:1", me.host))
    assert not ProcessCallers().runs(Process(me.pid, f"{boot}:{numbers}:1", "renamed"))


# Files on their way back


def test_files_are_restored_removed_and_kept_beside(tmp_path: Path) -> None:
    files = FilesystemProjectFiles()
    files.restore(tmp_path, "specs/a.md", "spec", b"\xff\r\n")
    assert (tmp_path / "specs" / "a.md").read_bytes() == b"\xff\r\n"
    for _ in range(2):  # one copy of one content
        assert files.copy_path(tmp_path, "specs/a.md", "spec") == "specs/a.md.before-rollback"
        assert files.set_aside(tmp_path, "specs/a.md", "spec") == "specs/a.md.before-rollback"
    (tmp_path / "specs" / "a.md.before-rollback").write_text("Another one\n")
    assert files.copy_path(tmp_path, "specs/a.md", "spec") == "specs/a.md.before-rollback-2"
    assert files.set_aside(tmp_path, "specs/a.md", "spec") == "specs/a.md.before-rollback-2"
    assert (tmp_path / "specs" / "a.md.before-rollback").read_text() == "Another one\n"
    files.restore(tmp_path, "specs/a.md", "spec", None)
    files.restore(tmp_path, "specs/a.md", "spec", None)
    assert not (tmp_path / "specs" / "a.md").exists()
    assert (tmp_path / "specs" / "a.md.before-rollback-2").read_bytes() == b"\xff\r\n"
    with pytest.raises(CDEError) as caught:
        files.set_aside(tmp_path, "specs/a.md", "spec")
    assert caught.value.code == "E203"
    (tmp_path / "specs" / "file").write_text("")
    with pytest.raises(CDEError):
        files.restore(tmp_path, "specs/file/b.md", "spec", b"")


def test_a_plain_file_is_reached_by_no_link(tmp_path: Path) -> None:
    files = FilesystemProjectFiles()
    (tmp_path / "a.md").write_text("")
    (tmp_path / "link.md").symlink_to("a.md")
    (tmp_path / "folder").mkdir()

    assert files.is_plain(tmp_path, "a.md")
    assert files.is_plain(tmp_path, "missing.md")
    assert not files.is_plain(tmp_path, "link.md")
    assert not files.is_plain(tmp_path, "folder")


def test_a_copy_has_the_number_of_its_attempt_whatever_is_in_its_place(tmp_path: Path) -> None:
    files, folder, path = FilesystemProjectFiles(), tmp_path / "specs" / "a", "specs/a/spec.md"
    folder.mkdir(parents=True)
    (tmp_path / "secret.md").write_text("A\n")
    (folder / "spec.attempt-1.md").symlink_to("../../secret.md")  # the same bytes, behind a link
    (folder / "spec.attempt-1-2.md").mkdir()
    os.mkfifo(folder / "spec.attempt-1-3.md")
    (folder / "spec.attempt-1-4.md").write_text("A person's.\n")
    (folder / "spec.attempt-2.md").write_text("A\n")
    spec = folder / "spec.md"
    kept = []
    for text in ("A\n", "A\n", "B\n", "A\n"):
        spec.write_text(text)
        named = files.copy_path(tmp_path, path, "spec", 1)  # as it is said beforehand
        kept.append(files.keep_attempt(tmp_path, path, "spec", 1))
        assert kept[-1] == named

    ends = [name.removeprefix("specs/a/spec.attempt-") for name in kept]
    assert ends == ["1-5.md", "1-5.md", "1-6.md", "1-5.md"]
    assert [(tmp_path / name).read_text() for name in kept[1:3]] == ["A\n", "B\n"]
    assert (folder / "spec.attempt-1-4.md").read_text() == "A person's.\n"
    assert (tmp_path / "secret.md").read_text() == "A\n"
    assert files.keep_attempt(tmp_path, path, "spec", 2) == "specs/a/spec.attempt-2.md"
    # A name as long as any may be leaves room for that of its copy.
    long = f"specs/a/{'x' * 252}.md"
    (tmp_path / long).write_text("C\n")
    assert (tmp_path / files.keep_attempt(tmp_path, long, "spec", 1)).read_text() == "C\n"


# What is stored of it


def test_everything_that_is_kept_of_the_work_comes_back_from_storage() -> None:
    workflow = writing_workflow()
    feature = Feature.create(
        project_id="p", name="login", prompt="Add login", workflow=workflow, now=NOON
    )
    caller = Caller(client="robot", process=Process(1, "boot:1", "here"), place="7")
    feature.claim = Claim.of(caller, NOON, deliberate=True)
    feature.idempotency_key, feature.branch = "call-1", "feature/login"
    feature.fail_phase("define", "It broke", "robot", workflow, NOON)
    feature.fail_phase("define", "Again", "robot", workflow, NOON, "call-1")
    record = feature.phases["define"]
    record.save(Progress(NOON, "robot", "Half way", {"a": [1, None]}))
    record.evidence = evidence_of(Check(("make",), ".", 5.0), NOON, None, "slow")
    record.entered = {"spec": None, "notes": "0" * 64}
    record.start_commit, record.end_commit = "a" * 40, "b" * 40
    record.start_source = SourceMoment(NOON, "/home/shop", "d" * 40, "a" * 40)
    feature.seen_source = SourceMoment(NOON, "/home/shop", "e" * 40, "b" * 40)
    feature.roll_back(workflow.phases[0], "Wrong way", "robot", workflow, NOON)
    assert record.returned is not None
    kept = Discarded("spec", "specs/a/spec.md", "specs/a/spec.attempt-1.md", 1)
    record.returned = replace(record.returned, discarded=(kept,), to="plan")
    record.evidence = evidence_of(Check(("make",), ".", 5.0), NOON, 1, "bad")
    record.save(Progress(NOON, "robot", "Again"))
    feature.note("rolled_back", at=NOON.isoformat())
    feature.baseline = Baseline("c" * 40, {"a.py": "0" * 64, "gone.py": None})
    feature.close("failed", "Enough", "robot", NOON)
    feature.claim = Claim.of(caller, NOON, deliberate=False)
    stored = json.loads(json.dumps(encode_feature(feature)))

    assert decode_feature(stored) == feature


def test_state_from_before_the_work_was_kept_reads_as_nothing_kept() -> None:
    feature = Feature.create(
        project_id="p", name="login", prompt="Add", workflow=writing_workflow(), now=NOON
    )
    stored = encode_feature(feature)

    assert "work" not in stored
    assert all("work" not in record for record in stored["phases"].values())
    assert decode_feature({**stored, "work": "of another kind"}) == feature


def test_a_return_of_an_earlier_release_reads_as_one_to_the_phase_itself() -> None:
    workflow = writing_workflow()
    feature = Feature.create(
        project_id="p", name="login", prompt="Add", workflow=workflow, now=NOON
    )
    feature.roll_back(workflow.phases[0], "Wrong way", "robot", workflow, NOON)
    stored = encode_feature(feature)
    del stored["phases"]["define"]["work"]["returned"]["to"]

    assert decode_feature(stored) == feature


def test_output_without_line_ends_is_passed_on_in_pieces(tmp_path: Path) -> None:
    seen: list[str] = []
    run(
        tmp_path, python("import sys\nfor _ in range(200): sys.stdout.write('\\rxxxx' * 200)"), seen
    )

    assert len(seen) > 1
    assert max(map(len, seen)) < 200_000
    assert "".join(seen) == "\rxxxx" * 40_000
