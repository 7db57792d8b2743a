"""Checks are tried when a feature starts, and a person alone changes them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import cde
from tests.integration.deliverables import deliverable
from tests.integration.mcp_client import stdio_agent
from tests.repository import git
from tests.terminal import of_a_person, terminal
from tests.workflows import SHORT

WORKFLOW = (
    f"# Ours, with a comment.\n{SHORT}"
    """\
      - id: test
        prompt: standard/test.md
        outputs: [{id: tests, path: "specs/{feature}/tests.md"}]
        check: [COMMAND]  # what gates
      - id: review
        prompt: standard/review.md
        outputs: [{id: review, path: "specs/{feature}/review.md"}]
        check: [COMMAND]
"""
)


class Desk:
    """A project with a check, in a repository, and ``cde`` in it."""

    def __init__(self, folder: Path, *, listed: bool = False) -> None:
        self.root = folder / "project"
        self.environment: dict[str, Any] = of_a_person(
            {**os.environ, "XDG_CONFIG_HOME": str(folder / "home")}
        )
        self.environment.pop("CDE_TRUSTED_FOLDERS", None)
        if listed:  # then setting the project up trusts nothing by itself
            self.environment["CDE_TRUSTED_FOLDERS"] = str(self.root)
        self.root.mkdir()
        git(self.root, "init", "-q")
        (self.root / "code.py").write_text("x = 1\n")
        git(self.root, "add", ".")
        git(self.root, "commit", "-qm", "First")
        assert self.code("init") == ""

    @property
    def file(self) -> Path:
        return self.root / ".cde" / "workflow.yml"

    def check(self, script: str, *, trusted: bool = True) -> None:
        """Let a script gate the phases."""
        (self.root / "check.sh").write_text(script)
        self.file.write_text(WORKFLOW.replace("[COMMAND]", '["sh", "check.sh"]'))
        if trusted:
            self.trust()

    def trust(self) -> None:
        """A person trusts what is there now."""
        with terminal("trust", "--yes", cwd=self.root, environment=self.environment) as seen:
            said = seen.end()
        assert seen.code == 0, said

    def cde(self, *words: str, **variables: str) -> dict[str, Any]:
        """The reply of a command that has no terminal."""
        environment = {**self.environment, **variables}
        first, *rest = words
        done = cde(first, *rest[:1], "--json", *rest[1:], cwd=self.root, environment=environment)
        reply: dict[str, Any] = json.loads(done.stdout)
        return reply

    def code(self, *words: str, **variables: str) -> str:
        """The code of its error; empty when it succeeded."""
        said: str = self.cde(*words, **variables).get("error", {}).get("code", "")
        return said

    def start(self, *words: str, **variables: str) -> dict[str, Any]:
        """What a start says of the check."""
        reply = self.cde("start", "Add a thing", "-n", "thing", *words, **variables)
        found: dict[str, Any] = reply["baseline"][0]
        return found

    def walk_to(self, phase: str) -> None:
        """Deliver the phases before this one."""
        while (status := self.cde("status", "thing"))["feature"]["current_phase"] != phase:
            for output in status["phase"]["outputs"]:
                path = self.root / output["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(deliverable(output))
            assert self.code("submit", "thing", status["phase"]["id"]) == ""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_check_that_hangs_is_ended_with_its_children_and_the_feature_starts(
    desk: Desk,
) -> None:
    desk.check("echo $$ > pids; sleep 1000 & echo $! >> pids; wait\n")
    found = desk.start(CDE_BASELINE_SECONDS="0.5")

    assert found["outcome"] == "too_slow"
    assert "did not end within 0 s" in found["words"] or "within 1 s" in found["words"]
    for pid in (desk.root / "pids").read_text().split():
        assert not _runs(int(pid))
    assert desk.cde("status", "thing")["feature"]["status"] == "defining"


def test_a_check_that_prints_100_mb_is_read_to_its_end_and_kept_small(desk: Desk) -> None:
    desk.check("head -c 100000000 /dev/zero | tr '\\\\0' 'x'; echo; echo '3 passed in 0.1s'\n")
    found = desk.start()

    assert (found["outcome"], found["counts"]) == ("passed", {"passed": 3})
    kept = sum(path.stat().st_size for path in (desk.root / ".cde").rglob("*") if path.is_file())
    assert kept < 1_000_000


def test_a_check_that_passes_the_second_time_is_flaky(desk: Desk) -> None:
    desk.check("test -e seen && exit 0; touch seen; exit 1\n")
    assert desk.start()["outcome"] == "flaky"


def test_a_start_over_mcp_says_what_waits_for_a_person(tmp_path: Path) -> None:
    import asyncio

    desk = Desk(tmp_path, listed=True)
    desk.check("exit 0\n", trusted=False)

    async def call() -> tuple[Any, Any]:
        async with stdio_agent(desk.root, **desk.environment) as agent:
            started = await agent.client.call_tool("cde_startFeature", {"prompt": "A", "name": "a"})
            status = await agent.client.call_tool("cde_getFeatureStatus", {"feature_id": "a"})
        return started, status

    for result in asyncio.run(call()):
        assert "waits for a person: nobody has trusted it yet (cde trust)" in result.content[0].text
        assert result.structured_content["baseline"][0]["outcome"] == "untrusted"
    codes = [found["code"] for found in desk.cde("doctor")["findings"]]
    assert "E120" in codes
    health = desk.cde("health")
    assert health["checks"]["workflow"] == "warning"
    assert health["details"]["workflow"]["error_code"] == "E120"


def test_a_person_is_told_at_once_what_waits_for_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path, listed=True)
    desk.check("exit 0\n", trusted=False)
    other = tmp_path / "other"
    other.mkdir()
    (other / "Makefile").write_text("test:\n\ttrue\n")
    environment = {**desk.environment, "CDE_TRUSTED_FOLDERS": str(other)}

    def said(*words: str) -> str:
        return " ".join(
            cde(*words, cwd=desk.root, environment=desk.environment).stdout.decode().split()
        )

    waits = "waits for a person: nobody has trusted it yet (cde trust)"
    init = cde("init", cwd=other, environment=environment).stdout.decode()
    assert f"The check `make test` {waits}" in " ".join(init.split())
    for words in (
        ["start", "Add a thing", "-n", "thing"],
        *(["status", "thing"], ["status"], ["project", "info"], ["check"]),
    ):
        assert f"The check `sh check.sh` {waits}" in said(*words), words
    assert "E120" in said("doctor")


def test_a_missing_program_is_named_from_the_beginning(desk: Desk) -> None:
    desk.check("exit 0\n", trusted=False)
    text = desk.file.read_text().replace('["sh", "check.sh"]', '["no-such-runner", "-q"]')
    desk.file.write_text(text)
    desk.trust()
    words = "there is no program no-such-runner on PATH"

    assert words in desk.start()["words"]
    assert words in desk.cde("check")["rows"][0]["baseline"][0]["words"]
    assert "E121" in [found["code"] for found in desk.cde("doctor")["findings"]]
    desk.walk_to("test")
    assert (
        words
        in desk.cde("submit", "thing", "test", "--results", '{"tests": "A"}')["error"]["message"]
    )


def test_code_that_breaks_after_the_tests_is_refused_at_the_end(desk: Desk) -> None:
    desk.check("! grep -q BROKEN code.py\n")
    assert desk.start()["outcome"] == "passed"
    desk.walk_to("review")
    (desk.root / "code.py").write_text("BROKEN\n")

    assert desk.code("submit", "thing", "review", "--results", '{"review": "Fine"}') == "E118"


@pytest.mark.parametrize("name", ["standard", "standard-approved", "lean", "quick-fix"])
def test_the_last_phase_of_the_packaged_workflows_has_the_check(tmp_path: Path, name: str) -> None:
    (tmp_path / "Makefile").write_text("test:\n\ttrue\n")
    assert cde("init", cwd=tmp_path).returncode == 0
    own, packaged = (
        json.loads(cde("workflow", "show", name, "--json", *more, cwd=tmp_path).stdout)
        for more in ([], ["--packaged"])
    )

    assert own["workflows"][0]["phases"][-1]["check"] == ["make", "test"]
    assert packaged["workflows"][0]["phases"][-1]["check"] == []


def test_a_person_corrects_a_check_for_a_feature_under_way(desk: Desk) -> None:
    desk.check("echo wrong; exit 127\n")
    assert desk.start()["outcome"] == "cannot_run"
    desk.walk_to("test")
    results = ("submit", "thing", "test", "--results", '{"tests": "A"}')
    assert desk.code(*results) == "E121"
    (desk.root / "right.sh").write_text("exit 0\n")

    words = ("check", "set", "--", "sh", "right.sh")
    with terminal(*words, cwd=desk.root, environment=desk.environment) as asked:
        seen = asked.read_until("Let it gate these phases, and trust it?")
        asked.type("y")
        asked.end()
    assert "Under way, which get it too: thing" in seen
    assert asked.code == 0, asked.written

    assert desk.file.read_text() == WORKFLOW.replace("[COMMAND]", '["sh", "right.sh"]')
    assert desk.code(*results) == ""
    changes = desk.cde("state", "history")["changes"]
    actors = [each["actor"] for each in changes if each["operation"] == "set_check"]
    assert len(actors) == 1
    assert actors[0].startswith("person:")


def test_a_no_changes_nothing(desk: Desk) -> None:
    desk.check("exit 1\n")
    before = desk.file.read_bytes()
    with terminal("check", "set", "--", "true", cwd=desk.root, environment=desk.environment) as it:
        it.read_until("trust it?")
        it.type("n")
        it.end()

    assert (it.code, desk.file.read_bytes()) == (1, before)


def test_no_command_without_a_terminal_changes_a_check(desk: Desk) -> None:
    desk.check("exit 1\n")
    before = desk.file.read_bytes()

    assert desk.code("check", "set", "--", "true") == "E147"
    variables = {**desk.environment, "CLAUDECODE": "1"}
    with terminal("check", "set", "--", "true", cwd=desk.root, environment=variables) as it:
        it.end()
    assert "E147" in it.written
    assert desk.file.read_bytes() == before


def test_an_agent_that_edits_the_file_weakens_no_check(desk: Desk) -> None:
    desk.check("exit 1\n")
    desk.start("--no-baseline")
    desk.walk_to("test")
    results = ("submit", "thing", "test", "--results", '{"tests": "A"}')
    assert desk.code(*results) == "E118"
    right = desk.file.read_text()
    for wrong in ('["true"]', "[]"):
        desk.file.write_text(right.replace('["sh", "check.sh"]', wrong))
        assert desk.code(*results) == "E326"
        trusted = {"CDE_TRUSTED_FOLDERS": str(desk.root)}
        assert desk.code(*results, **trusted) == "E326"
    desk.file.write_text(right)
    assert desk.code(*results) == "E118"


def test_a_newer_file_that_a_person_trusts_is_followed(desk: Desk) -> None:
    desk.check("exit 1\n")
    desk.start("--no-baseline")
    desk.walk_to("test")
    (desk.root / "right.sh").write_text("exit 0\n")
    desk.file.write_text(desk.file.read_text().replace("check.sh", "right.sh"))
    desk.trust()

    assert desk.code("submit", "thing", "test", "--results", '{"tests": "A"}') == ""


def test_checks_are_run_for_a_person_and_kept(desk: Desk) -> None:
    desk.check("echo 'FAILED a.py::test_a - no'; echo '1 failed in 0.1s'; exit 1\n")
    done = cde("check", "run", cwd=desk.root, environment=desk.environment)

    assert done.returncode == 1
    assert "1 failed, exit code 1" in done.stdout.decode()
    (row,) = desk.cde("check")["rows"]
    assert row["baseline"][0]["failing"] == ["a.py::test_a"]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
