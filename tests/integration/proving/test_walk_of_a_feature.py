"""A feature whose criteria must be proven, from ``cde init`` to ``cde verify``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.domain.exceptions import CDEError
from tests.command_line import cde
from tests.repository import git

WORKFLOW = """\
version: 1
proof: required
runner: pytest
workflows:
  short:
    phases:
      - id: define
        prompt: standard/define.md
        outputs: [{id: spec, path: "specs/{feature}/spec.md"}]
      - {id: build, prompt: standard/implement.md, changes: required}
      - id: test
        prompt: standard/test.md
        proves: spec
        outputs: [{id: proofs, path: "specs/{feature}/proofs.yml", type: yaml}]
      - id: review
        prompt: standard/review.md
        outputs: [{id: review, path: "specs/{feature}/review.md"}]
"""
SPEC = "## Acceptance criteria\n\n- AC1: 10 percent of 100 leave 90\n"
CODE = "def total(prices):\n    return sum(prices)\n"
CHANGED = "def total(prices, discount=0):\n    return sum(prices) * (100 - discount) / 100\n"
TESTS = """\
from cart import total


def test_total():
    assert total([1, 2]) == 3
"""
LIE = "\n\ndef test_done():\n    assert True\n"
TRUTH = "\n\ndef test_discount():\n    assert total([100], 10) == 90\n"


class Bench:
    """A project with pytest in a repository, and ``cde`` in it."""

    def __init__(self, root: Path, home: Path, *, commit: bool = True) -> None:
        self.root = root
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"XDG_CONFIG_HOME": str(home), "PATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        self.environment = {**os.environ, **own}
        root.mkdir()
        self.write("cart.py", CODE)
        self.write("test_cart.py", TESTS)
        git(root, "init", "-q")
        if commit:
            git(root, "add", ".")
            git(root, "commit", "-qm", "First")

    def at(self, root: Path) -> Bench:
        """The same for another folder."""
        bench = copy(self)
        bench.root = root
        return bench

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def cde(self, *words: str) -> dict[str, Any]:
        """The reply of a command."""
        done = cde(*words, "--json", cwd=self.root, environment=self.environment)
        reply: dict[str, Any] = json.loads(done.stdout)
        return reply

    def said(self, *words: str) -> str:
        """What a command prints for people."""
        done = cde(*words, cwd=self.root, environment=self.environment)
        return done.stdout.decode() + done.stderr.decode()

    def words(self, *words: str) -> str:
        """What a command says to people, in one line."""
        done = cde(*words, cwd=self.root, environment=self.environment)
        return " ".join((done.stdout + done.stderr).decode().split())

    def code(self, *words: str) -> str:
        """The code of its error; empty when it succeeded."""
        said: str = self.cde(*words).get("error", {}).get("code", "")
        return said

    def start(self, *, baseline: bool = False) -> dict[str, Any]:
        """A feature that has its specification; its tests were run before it, or not."""
        self.cde("init")
        self.write(".cde/workflow.yml", WORKFLOW)
        self.cde("trust", "--yes")
        options = () if baseline else ("--no-baseline",)
        reply = self.cde("start", "Discounts", "-n", "discount", *options)
        self.write("specs/discount/spec.md", SPEC)
        assert self.code("submit", "discount", "define") == ""
        return reply

    def refs(self) -> str:
        """What git keeps for features."""
        return git(self.root, "for-each-ref", "refs/cde/bases")

    def ref(self) -> str:
        """Its name, of the only one."""
        (name,) = git(
            self.root, "for-each-ref", "--format=%(refname)", "refs/cde/bases"
        ).splitlines()
        return name


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "project", tmp_path / "home")


def test_a_project_with_git_and_a_runner_requires_proof(bench: Bench) -> None:
    reply = bench.cde("init")

    assert (reply["proof"], reply["runners"]) == ("required", ["pytest"])
    shown = bench.cde("trust", "--list")["checks"]
    words = [each["command"] for each in shown if "quick-fix/verify" in each["used_by"]]
    assert ["-m", "pytest"] in [each[1:3] for each in words]


@pytest.mark.slow
def test_a_lie_is_refused_and_the_truth_is_proven_for_good(bench: Bench) -> None:
    bench.start(baseline=True)
    (bench.root / ".git" / "info" / "exclude").write_text("local/\n")
    bench.write("local/cart.py", CHANGED)
    nothing = bench.cde("submit", "discount", "build")["error"]
    assert nothing["code"] == "E130"
    assert "written since, but ignored by git: local/cart.py." in nothing["message"]
    bench.write("cart.py", f"# a sum\n{CODE}")
    assert bench.code("submit", "discount", "build") == "E130"
    bench.write("cart.py", CHANGED)
    built = bench.cde("submit", "discount", "build")
    assert built["difference"] == {"files": 1, "added": 2, "removed": 2}

    bench.write("test_cart.py", TESTS + LIE)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_done\n")
    lie = bench.cde("submit", "discount", "test")["error"]
    assert lie["code"] == "E135"
    assert "passes on the base already" in lie["message"]
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_nothing\n")
    assert "was not found" in bench.cde("submit", "discount", "test")["error"]["message"]
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    proven = bench.cde("submit", "discount", "test")
    assert proven["proof"]["criteria"] == ["AC1"]
    assert proven["accepted"]["attempts"] == 1

    assert "refs/cde/" in bench.refs()
    bench.write("specs/discount/review.md", "Good.\n")
    done = bench.cde("submit", "discount", "review")
    assert done["record"] == "specs/discount/record.json"
    assert bench.cde("submit", "discount", "build")["repeated"] is True
    again = bench.said("submit", "discount", "build")
    assert "! Phase build was accepted before, at " in again
    assert "; nothing was checked now, and the feature is completed.\n" in again
    assert "✓" not in again
    assert bench.cde("list")["features"][0]["standing"] == "proven"
    git(bench.root, "add", ".")
    git(bench.root, "commit", "-qm", "Discounts")
    verified = bench.cde("verify", "discount")
    assert [each["verdict"] for each in verified["features"]] == ["proven"]
    bench.write("cart.py", CHANGED + "\n")
    assert bench.cde("status", "discount")["standing"]["changed"] == ["cart.py"]
    bench.write("cart.py", CHANGED.replace("100 -", "90 -"))
    git(bench.root, "commit", "-qam", "Break it")
    assert bench.cde("list")["features"][0]["standing"] == "stale"
    assert bench.cde("verify", "discount")["features"][0]["verdict"] == "broken"
    assert bench.cde("list")["features"][0]["standing"] == "broken"
    shown = bench.cde("status", "discount")["standing"]
    assert (shown["verdict"], shown["verified"]["criteria"]) == ("broken", ["AC1"])
    bench.write("cart.py", CHANGED + "\n")
    git(bench.root, "commit", "-qam", "Correct it")
    assert bench.cde("list")["features"][0]["standing"] == "stale"
    assert bench.cde("verify", "discount")["features"][0]["verdict"] == "proven"
    assert bench.cde("list")["features"][0]["standing"] == "proven"


def test_what_another_feature_changed_is_not_counted_as_this_one_s(bench: Bench) -> None:
    bench.start()
    bench.cde("start", "Taxes", "-n", "tax")
    bench.write("cart.py", CHANGED)
    bench.write("other.py", "def other():\n    return 1\n")
    built = bench.cde("submit", "discount", "build")
    assert built["difference"] == {"files": 2, "added": 4, "removed": 2}
    git(bench.root, "add", ".")
    git(bench.root, "commit", "-qm", "Discounts")
    bench.write("specs/tax/spec.md", SPEC)
    assert bench.code("submit", "tax", "define") == ""

    nothing = bench.cde("submit", "tax", "build")["error"]
    assert nothing["code"] == "E130"
    assert "2 changed while other features were at work, not this one" in nothing["message"]
    prompt = bench.said("status", "tax", "--prompt")
    assert "other.py" not in prompt
    bench.write("tax.py", "def tax():\n    return 2\n")
    assert "tax.py" in bench.said("status", "tax", "--prompt")
    built = bench.cde("submit", "tax", "build")
    assert built["difference"] == {"files": 1, "added": 2, "removed": 0}


def test_the_trace_of_a_submission_names_each_run_of_its_proofs(bench: Bench) -> None:
    bench.start()
    bench.write("cart.py", CHANGED)
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    bench.cde("submit", "discount", "build")
    bench.cde("submit", "discount", "test")

    log = (bench.root / ".cde" / "logs" / "cde.log").read_text().splitlines()
    ends = [each for each in map(json.loads, log) if each["event"] == "operation_finished"]
    story = bench.cde("logs", "trace", ends[-1]["correlation_id"])
    (submitted,) = (each for each in story["operations"] if each["operation"] == "submit_work")
    assert {"tests", "proof"} <= submitted["spans"].keys()
    runs = [each["details"] for each in submitted["events"] if each["event"] == "proofs_run"]
    purposes = [each["purpose"] for each in runs]
    assert purposes[:2] == ["as the work is", "on the feature's base"]
    assert [each["passed"] for each in runs][:2] == [1, 0]
    assert all("duration_ms" in each for each in runs)


@pytest.mark.slow
def test_a_feature_that_was_completed_is_rolled_back_and_proven_after_git_collected_garbage(
    bench: Bench,
) -> None:
    bench.write("half.py", "def half():\n    return 1\n")  # not committed, so only the base has it
    bench.start()
    bench.write("cart.py", CHANGED)
    bench.write("half.py", "def half():\n    return 2\n")
    bench.write("test_cart.py", TESTS + TRUTH)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")
    bench.write("specs/discount/review.md", "Good.\n")
    for phase in ("build", "test", "review"):
        assert bench.code("submit", "discount", phase) == ""
    assert bench.cde("status", "discount")["feature"]["status"] == "completed"
    assert bench.code("rollback", "discount", "test", "--reason", "again") == ""
    git(bench.root, "reflog", "expire", "--expire=now", "--all")
    git(bench.root, "gc", "--quiet", "--prune=now")
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_discount\n")

    assert bench.code("submit", "discount", "test") == ""
    git(bench.root, "update-ref", bench.ref().rpartition("/")[0] + "/killed", "HEAD^{tree}")
    bench.cde("start", "Another", "-n", "another")
    assert len(bench.refs().splitlines()) == 2
    assert "killed" not in bench.refs()


def test_a_copy_of_a_project_in_its_repository_lets_no_base_go(
    bench: Bench, tmp_path: Path
) -> None:
    shop, other = bench.at(bench.root / "shop"), bench.at(bench.root / "other")
    shop.root.mkdir()
    shop.cde("init")
    shop.cde("start", "Discounts", "-n", "discount")
    shutil.copytree(shop.root, other.root)
    other.cde("trust", "--yes")
    other.cde("start", "Fees", "-n", "fees")
    before = set(bench.refs().splitlines())
    shop.cde("start", "Taxes", "-n", "taxes")
    assert len(before) == 2
    assert before < set(bench.refs().splitlines())

    git(bench.root, "add", "--all")
    git(bench.root, "commit", "-qm", "Second")
    git(bench.root, "worktree", "add", "-q", str(tmp_path / "linked"))
    bench.at(tmp_path / "linked" / "shop").cde("start", "Bonus", "-n", "bonus")
    places = Counter(ref.rpartition("/")[0] for ref in bench.refs().split() if "/" in ref)
    assert sorted(places.values()) == [1, 3]


def test_without_a_commit_a_feature_starts_and_cannot_be_proven(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "project", tmp_path / "home", commit=False)
    reply = bench.start()
    bench.write("cart.py", CHANGED)
    bench.write("specs/discount/proofs.yml", "AC1: test_cart.py::test_total\n")

    assert reply["proof_problem"]
    assert bench.code("submit", "discount", "build") == ""
    assert bench.code("submit", "discount", "test") == "E136"


def test_a_command_that_no_person_trusts_is_not_run(bench: Bench) -> None:
    bench.start()
    bench.write("cart.py", CHANGED)
    assert bench.code("submit", "discount", "build") == ""
    proof = 'AC1: {command: [python3, -c, "print(90)"], contains: "90"}\n'
    bench.write("specs/discount/proofs.yml", proof)

    assert bench.code("submit", "discount", "test") == "E120"
    shown = bench.cde("trust", "--list")["checks"]
    assert ["short/test of discount"] in [each["used_by"] for each in shown]


def test_in_a_worktree_the_work_there_is_proven(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CONFIG_HOME", "PATH"):
        monkeypatch.setenv(name, bench.environment[name])
    bench.write("half.py", "def half():\n    return 1\n")  # not committed, so not in the worktree
    bench.start()
    folder = tmp_path / "worktree"
    git(bench.root, "worktree", "add", "-q", str(folder))
    application = Application(bench.root)
    apart = application.working_in(folder, [])

    def submit(phase: str) -> SubmitReply:
        return apart.handle(SubmitWork(feature_id="discount", phase_id=phase))

    with pytest.raises(CDEError, match="no file differs"):
        submit("build")
    (folder / "cart.py").write_text(CHANGED)
    assert submit("build").get("difference") == {"files": 1, "added": 2, "removed": 2}
    (folder / "test_cart.py").write_text(TESTS + TRUTH)
    (folder / "specs" / "discount").mkdir(parents=True)
    (folder / "specs" / "discount" / "spec.md").write_text(SPEC)
    proofs = folder / "specs" / "discount" / "proofs.yml"
    proofs.write_text("AC1: test_cart.py::test_discount\n")
    submit("test")
    (folder / "specs" / "discount" / "review.md").write_text("Good.\n")

    assert submit("review").get("record") == "specs/discount/record.json"
    assert (folder / "specs" / "discount" / "record.json").is_file()
    application.close()
