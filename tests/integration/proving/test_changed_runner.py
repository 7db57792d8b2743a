"""A runner of a project's own that turns out wrong is corrected by a person alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from tests.command_line import cde
from tests.integration.drills.proof_drills import AFTER, BEFORE, PROOFS, SPEC, WORKFLOW
from tests.integration.test_checks_before_the_work import Desk
from tests.repository import git

RUNNER = '{command: [sh, run_tests.sh], junit: out.xml, tests: ["tests/*"]}'
TESTS = """\
. ./pay.sh
[ "$(fee 2>&1)" = 7 ] && failure= || failure='<failure message="no fee"/>'
printf '<testsuite><testcase file="tests/fee" name="fee">%s</testcase></testsuite>' "$failure" \\
  > out.xml
"""
FORGED = '<testsuite><testcase file="tests/fee" name="fee"/></testsuite>'
WRONG = {
    "command": RUNNER.replace("run_tests.sh", "run_test.sh"),
    "program": RUNNER.replace("[sh, ", "[no-such-program, "),
    "junit": RUNNER.replace("out.xml", "result.xml"),
    "tests": RUNNER.replace("tests/*", "spec/*"),
}
WEAKER = {
    "command": RUNNER.replace("[sh, run_tests.sh]", "['true']"),
    "junit": RUNNER.replace("out.xml", "forged.xml"),
    "tests": RUNNER.replace("tests/*", "**"),
    "trusted otherwise": RUNNER.replace("run_tests.sh", "check.sh"),
}


class Shop(Desk):
    """A feature that charges a fee, in a folder that only the environment trusts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, listed=True)

    def begin(self, runner: str, *, after: str = AFTER) -> None:
        """A feature whose code is written, and whose criterion is to be proven."""
        self.runner(runner)
        (self.root / "run_tests.sh").write_text(TESTS)
        (self.root / "check.sh").write_text(f"printf '{FORGED}' > out.xml\n")
        (self.root / "pay.sh").write_text(BEFORE)
        (self.root / "tests").mkdir()
        (self.root / "tests" / "fee").write_text("# load pay\n")
        self.commit()
        self.trust()
        assert self.code("start", "Charge a fee", "-n", "fees") == ""
        self.write("specs/fees/spec.md", SPEC)
        assert self.code("submit", "fees", "write") == ""
        self.write("specs/fees/proofs.yml", PROOFS)
        self.write("pay.sh", after)

    def runner(self, runner: str) -> None:
        """What the workflow file says of the runner."""
        text = WORKFLOW.replace(RUNNER, runner)
        check = "        prompt: docs/write.md\n        proves: spec\n"
        assert check in text
        self.file.write_text(text.replace(check, f"{check}        check: [sh, check.sh]\n"))

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def commit(self) -> None:
        """Commit all that is there."""
        git(self.root, "add", ".")
        git(self.root, "commit", "-qm", "Change")

    def refusal(self) -> dict[str, Any]:
        """What the phase that proves is refused with."""
        error: dict[str, Any] = self.cde("submit", "fees", "prove")["error"]
        return error

    def waiting(self) -> list[str]:
        """What waits for a person, as the feature's status has it."""
        rows = self.cde("status", "fees")["baseline"]
        return [each["words"] for each in rows if each["waits"]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize("wrong", WRONG)
def test_it_is_corrected_for_a_feature_under_way_by_a_person(shop: Shop, wrong: str) -> None:
    shop.begin(WRONG[wrong])
    first = shop.refusal()
    code = {"program": "E137", "tests": "E134"}.get(wrong, "E135")
    assert first["code"] == code, first
    said = " ".join([first["message"], *map(str, ERROR_MESSAGES[code].suggestions)])
    assert "runner in .cde/workflow.yml" in said
    assert "a person corrects" in said

    shop.runner(RUNNER)
    assert shop.refusal()["code"] == code, "nobody trusts it yet"
    shop.trust()
    assert shop.waiting() == []
    assert shop.code("submit", "fees", "prove") == ""
    shop.commit()
    clone = shop.root.with_name("clone")
    git(shop.root.parent, "clone", "-q", str(shop.root), str(clone))

    verified = cde("verify", "--trust", cwd=clone, environment=shop.environment)
    assert verified.returncode == 0, verified.stdout
    assert "run_tests.sh" in (clone / "specs" / "fees" / "record.json").read_text()


@pytest.mark.parametrize("weaker", WEAKER)
def test_an_edit_that_nobody_trusts_weakens_no_proof(shop: Shop, weaker: str) -> None:
    shop.begin(RUNNER, after=f"# done\n{BEFORE}")
    assert shop.refusal()["code"] == "E135"
    shop.write("forged.xml", FORGED)
    shop.runner(WEAKER[weaker])

    refused = shop.refusal()
    assert refused["code"] == "E135"
    assert "of the changed .cde/workflow.yml waits for a person" in refused["message"]
    [words] = shop.waiting()
    assert words in refused["message"]
    [found] = [each for each in shop.cde("doctor")["findings"] if each["code"] == "E120"]
    assert "It came with a change of .cde/workflow.yml" in found["message"]
    assert shop.code("resume", "fees") == "", "nor is it kept with the feature"
    assert shop.refusal()["message"] == refused["message"]
