"""A runner of a project's own is tried in a copy before the work, where a person trusts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.drills.proof_drills import BEFORE, WORKFLOW
from tests.integration.test_checks_before_the_work import Desk
from tests.repository import git

RUNNER = '{command: [sh, run_tests.sh], junit: out.xml, tests: ["tests/*"]}'
CASE = '<testcase file="tests/fee" name="{}">{}</testcase>'
FAILING = CASE.format("fee", '<failure message="no fee"/>') + CASE.format("other", "")
REPORT = f"echo '<testsuite>{FAILING}</testsuite>' > out.xml\n"
SEEN = "echo $$ > $SEEN; ls -d .git; pwd >> $SEEN\n"


class Shop(Desk):
    """A project with a runner of its own, in a folder that only the environment trusts."""

    def __init__(self, folder: Path, script: str, runner: str = RUNNER) -> None:
        super().__init__(folder, listed=True)
        self.seen = folder / "seen"
        assert RUNNER in WORKFLOW
        self.file.write_text(WORKFLOW.replace(RUNNER, runner))
        (self.root / "run_tests.sh").write_text(script.replace("$SEEN", str(self.seen)))
        (self.root / "pay.sh").write_text(BEFORE)
        (self.root / "tests").mkdir()
        (self.root / "tests" / "fee").write_text("# load pay\n")
        git(self.root, "add", ".")
        git(self.root, "commit", "-qm", "Change")

    def begin(self, **variables: str) -> dict[str, Any]:
        """What a start says of the runner that a person trusts."""
        self.trust()
        reply = self.cde("start", "Charge a fee", "-n", "fees", **variables)
        [found] = [each for each in reply["baseline"] if each["kind"] == "runner"]
        assert not (self.root / "out.xml").exists()
        return dict(found)


WRONG = {
    "no script": ("exit 0\n", RUNNER.replace("run_tests", "run_test"), "run_test.sh"),
    "no report": ("echo no suite of this name; exit 3\n", RUNNER, "no suite of this name"),
    "another report": (REPORT, RUNNER.replace("out.xml", "result.xml"), "result.xml cannot be"),
    "other tests": (REPORT, RUNNER.replace("tests/*", "spec/*"), "matched by spec/*"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_one_that_would_prove_nothing_comes_to_light_at_the_start(
    tmp_path: Path, wrong: str
) -> None:
    script, runner, words = WRONG[wrong]
    shop = Shop(tmp_path, script, runner)
    found = shop.begin()

    assert found["outcome"] == "cannot_run", found
    assert words in found["words"]
    [kept] = [each for each in shop.cde("status", "fees")["baseline"] if each["kind"] == "runner"]
    assert kept["words"] == found["words"]
    [late] = [each for each in shop.cde("doctor")["findings"] if each["code"] == "E137"]
    assert words in late["message"]


def test_tests_that_fail_already_are_a_baseline_seen_in_a_copy(tmp_path: Path) -> None:
    shop = Shop(tmp_path, SEEN + REPORT + "exit 1\n")
    found = shop.begin()

    assert (found["outcome"], found["failing"]) == ("failed", ["tests/fee::fee"])
    assert found["counts"] == {"failed": 1, "passed": 1}
    assert "failed before the work: 1 failed, 1 passed, in " in found["words"]
    _, folder = shop.seen.read_text().splitlines()
    assert not Path(folder).is_relative_to(shop.root)
    assert not Path(folder).exists()
    assert not [each for each in shop.cde("doctor")["findings"] if each["code"] == "E137"]


def test_one_that_hangs_is_ended_and_the_feature_starts(tmp_path: Path) -> None:
    shop = Shop(tmp_path, f"{SEEN}sleep 1000\n")
    found = shop.begin(CDE_BASELINE_SECONDS="3")

    assert found["outcome"] == "too_slow", found
    assert shop.cde("status", "fees")["feature"]["status"] == "in_progress"
    if shop.seen.exists():  # on a busy machine, its time may be over before the script is read
        pid, *_ = shop.seen.read_text().split()
        assert not Path("/proc", pid).exists()


def test_one_that_nobody_trusts_is_not_run(tmp_path: Path) -> None:
    shop = Shop(tmp_path, SEEN + REPORT)
    reply = shop.cde("start", "Charge a fee", "-n", "fees")

    assert [each["outcome"] for each in reply["baseline"]] == ["untrusted"]
    assert not shop.seen.exists()


def test_it_is_tried_when_the_project_is_set_up_and_when_a_person_asks(tmp_path: Path) -> None:
    shop = Shop(tmp_path, f"{SEEN}{REPORT}")
    shop.trust()
    tried = shop.cde("check", "run")["rows"][0]["baseline"]
    assert [(each["outcome"], each["failing"]) for each in tried] == [
        ("failed", ["tests/fee::fee"])
    ]
    state = [each for each in (shop.root / ".cde").iterdir() if each.name != "workflow.yml"]
    for each in state:
        each.rename(tmp_path / each.name)
    again = shop.cde("init")["baseline"]
    assert [each["outcome"] for each in again] == ["failed"], again
