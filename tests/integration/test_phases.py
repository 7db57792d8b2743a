"""Phases through the real server: trusted, resumed, raced for and taken back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
import yaml
from anyio.to_thread import run_sync

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.feature import Feature
from tests import command_line
from tests.command_line import in_words
from tests.integration.deliverables import deliverable
from tests.integration.mcp_client import Agent, kill_servers, require_short, stdio_agent, text_of
from tests.racing import raced

pytestmark = pytest.mark.anyio

WORKFLOW = """\
version: 1
workflows:
  small:
    phases:
      - id: define
        prompt: standard/define.md
        outputs:
          - {{id: spec, path: "specs/{{feature}}/spec.md", min_bytes: 100,
             must_contain: ["## Goal"]}}
          - {{id: facts, path: "specs/{{feature}}/facts.json", type: json, required: false}}
      - id: test
        prompt: standard/test.md
        outputs: []
        check: {check}
        check_timeout_seconds: 60
      - id: review
        prompt: standard/review.md
        outputs:
          - {{id: review, path: "specs/{{feature}}/review.md"}}
"""
SPEC = "## Goal\n\n" + "People can log in with a password that they chose.\n" * 4


def give_workflow(project: Path, *check: str) -> None:
    (project / ".cde" / "workflow.yml").write_text(WORKFLOW.format(check=json.dumps(check)))


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


def cde(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return in_words(
        command_line.cde(
            *words,
            "--project",
            str(project),
            cwd=project,
            environment={**os.environ, **environment},
        )
    )


def journal(project: Path) -> list[dict[str, Any]]:
    lines = (project / ".cde" / "journal.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def feature_of(project: Path, name: str) -> Feature:
    return FilesystemProjectRepository().get(project).feature(name)


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A user's configuration folder for the tests."""
    return str(tmp_path / "config")


async def one_life(project: Path, calls: int) -> bool:
    """An agent that knows the project alone, killed after so many calls; False: nothing to do."""
    async with stdio_agent(project) as agent:
        left = calls

        async def call(tool: str, **arguments: Any) -> dict[str, Any] | None:
            nonlocal left
            if left == 0:
                return None
            left -= 1
            answer = await agent.call(tool, **arguments)
            if left == 0:
                kill_servers(project)
            return answer

        listed = await call("cde_listFeatures", status="open")
        assert listed is not None
        if not listed["features"]:
            return False
        name = listed["features"][0]["name"]
        resumed = await call("cde_resumeFeature", feature_id=name)
        if resumed is not None:
            phase = resumed["phase"]
            where = {"feature_id": name, "phase_id": phase["id"]}
            await call("cde_saveProgress", note=f"In {phase['id']}", **where)
            results = {output["id"]: deliverable(output) for output in phase["outputs"]}
            await call("cde_submitWork", results=results, **where)
        return True


@pytest.mark.slow
async def test_an_agent_killed_after_every_single_call_is_replaced_until_the_feature_completes(
    project: Path,
) -> None:
    async with stdio_agent(project) as agent:
        await agent.call("cde_startFeature", prompt="Survive", name="survive", workflow="quick-fix")
        kill_servers(project)
    lives = 0
    while await one_life(project, calls=lives % 4 + 1):
        lives += 1
        assert lives < 20
    feature = feature_of(project, "survive")

    assert feature.status == "completed"
    assert [record.attempts for record in feature.phases.values()] == [1, 1, 1]
    operations = Counter(entry.get("operation") for entry in journal(project))
    assert operations["submit_work"] == 3
    assert operations["start_feature"] == 1


RACER = """
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.logs.setup import setup_logging
from tests.integration.deliverables import deliverable

def race(number):
    setup_logging("ERROR")
    application = build_application(project)
    me, done = f"agent-{number}", []
    with calling("mcp:racer"):
        while True:
            found = application.handle(ListFeatures(status="open"))["features"]
            if not found:
                break
            for name in [each["name"] for each in found]:
                try:
                    phase = application.handle(ResumeFeature(feature_id=name, agent=me))["phase"]
                    while phase is not None:
                        results = {o["id"]: deliverable(o) for o in phase["outputs"]}
                        done.append([name, phase["id"]])
                        phase = application.handle(SubmitWork(
                            feature_id=name, phase_id=phase["id"], results=results, agent=me
                        ))["phase"]
                except CDEError as error:
                    if error.code not in {"E122", "E105"}:
                        raise
    application.close()
    return done
"""


@pytest.mark.slow
def test_8_agents_race_for_20_features_and_each_phase_is_done_once(project: Path) -> None:
    application = build_application(project)
    for number in range(20):
        application.handle(StartFeature(prompt="Race", name=f"f-{number}", workflow="quick-fix"))
    application.close()

    answers = raced(RACER, project, 8)

    done = Counter((name, phase) for answer in answers for name, phase in answer)
    assert len(done) == 60
    assert set(done.values()) == {1}
    features = list(FilesystemProjectRepository().get(project).features)
    assert {feature.status for feature in features} == {"completed"}
    assert {record.attempts for f in features for record in f.phases.values()} == {1}


async def at_test(agent: Agent, name: str = "lazy") -> None:
    """A feature that stands in its phase ``test``, which has the check."""
    await agent.call("cde_startFeature", prompt="Work", name=name)
    await agent.call("cde_submitWork", feature_id=name, phase_id="define", results={"spec": SPEC})


async def test_lazy_submissions_are_each_refused_with_a_code_of_their_own(
    project: Path, tmp_path: Path
) -> None:
    give_workflow(project, "true")
    folder = project / "specs" / "lazy"
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text(SPEC)
    template = "# Specification\n\n## Goal\n<fill: who needs what, and why; how we will know>\n" * 3
    lazy: list[tuple[str, dict[str, str]]] = [
        ("E111", {"spec": ""}),
        ("E114", {"spec": "# Specification\n\n## Goal\n" + "\n" * 100}),
        ("E117", {"spec": template}),
        ("E116", {"spec": SPEC, "facts": "{not json"}),
        ("E115", {"spec": SPEC.replace("## Goal", "## Aim")}),
        ("E110", {}),
    ]
    async with stdio_agent(project) as agent:
        await agent.call("cde_startFeature", prompt="Be lazy", name="lazy")
        where = {"feature_id": "lazy", "phase_id": "define"}
        for code, results in lazy:
            error = await agent.refused("cde_submitWork", results=results, **where)
            assert error["code"] == code, (results, error)
            assert all(each["fix"] for each in error["context"]["outputs"])
            assert error["fixes"]
        other = {"feature_id": "lazy", "phase_id": "test"}
        assert (await agent.refused("cde_submitWork", **other))["code"] == "E106"
        (folder / "spec.md").symlink_to(tmp_path / "secret")
        outside = await agent.refused("cde_submitWork", **where)
        assert outside["code"] == "E112"
        assert all(each["fix"] for each in outside["context"]["outputs"])
        (folder / "spec.md").unlink()
        accepted = await agent.call("cde_submitWork", results={"spec": SPEC}, **where)
        assert accepted["phase"]["id"] == "test"


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("E118", python("print('two failed'); raise SystemExit(3)")),
        ("E119", ("sh", "-c", "echo two failed; exec sleep 600")),
        ("E121", ("no-such-program-anywhere",)),
    ],
)
async def test_a_check_that_fails_hangs_or_cannot_run_refuses(
    project: Path, config: str, code: str, check: tuple[str, ...]
) -> None:
    give_workflow(project, *check)
    if code == "E119":
        workflow = project / ".cde" / "workflow.yml"
        text = workflow.read_text()
        workflow.write_text(text.replace("check_timeout_seconds: 60", "check_timeout_seconds: 2"))
    assert cde(project, "trust", "--yes", XDG_CONFIG_HOME=config).returncode == 0
    async with stdio_agent(project, XDG_CONFIG_HOME=config) as agent:
        await at_test(agent)
        error = await agent.refused("cde_submitWork", feature_id="lazy", phase_id="test")
        assert error["code"] == code
        resumed = await agent.call("cde_resumeFeature", feature_id="lazy")
        assert resumed["phase"]["id"] == "test"
        assert ("two failed" in (resumed["last_failure"] or "")) is (code != "E121")


async def test_a_trusted_check_that_passes_is_streamed_and_leaves_evidence(
    project: Path, config: str
) -> None:
    give_workflow(project, *python("print('42 passed')"))
    assert cde(project, "trust", "--yes", XDG_CONFIG_HOME=config).returncode == 0
    seen: list[str | None] = []

    async def progress(
        progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        seen.append(message)

    async with stdio_agent(project, XDG_CONFIG_HOME=config) as agent:
        await at_test(agent)
        result = await agent.client.call_tool(
            "cde_submitWork",
            {"feature_id": "lazy", "phase_id": "test"},
            progress_callback=progress,
        )
        assert not result.is_error
        full = await agent.call("cde_getFeatureStatus", feature_id="lazy", detail="full")
    evidence = full["work"]["test"]["evidence"]
    assert (evidence["exit_code"], evidence["tail"]) == (0, "42 passed\n")
    assert len(evidence["sha256"]) == 64
    assert (seen[0] or "").startswith("$ ")  # which check
    assert seen[1:] == ["42 passed"]


async def test_no_tool_runs_a_check_that_nobody_trusts(project: Path, config: str) -> None:
    mark = project / "owned"
    give_workflow(project, *python(f"open({str(mark)!r}, 'w')"))
    async with stdio_agent(project, XDG_CONFIG_HOME=config) as agent:
        await agent.call("cde_onboardProject", path=".")
        await at_test(agent)
        where = {"feature_id": "lazy", "phase_id": "test"}
        error = await agent.refused("cde_submitWork", takeover=True, **where)
        assert error["code"] == "E120"
        assert [fix["tool"] for fix in error["fixes"]] == [None]
        assert error["fixes"][0]["command"].startswith("cde trust")
        tools = (await agent.client.list_tools()).tools
        assert not any("trust" in tool.name.lower() for tool in tools)
        await agent.call("cde_saveProgress", note="Let me", **where)
        await agent.call("cde_resumeFeature", feature_id="lazy", takeover=True)
        await agent.call("cde_submitWork", failed=True, reason="No", **where)
        await agent.call("cde_rollbackFeature", feature_id="lazy", to_phase="test", reason="No")
        await agent.call("cde_closeFeature", feature_id="lazy", outcome="failed", reason="No")
        await agent.call("cde_resumeFeature", feature_id="lazy")
        assert (await agent.refused("cde_submitWork", **where))["code"] == "E120"
    refused = cde(project, "trust", XDG_CONFIG_HOME=config)
    assert refused.returncode == 1
    assert "E128" in refused.stderr
    assert not mark.exists()


async def test_trust_ends_when_the_command_or_the_place_changes(
    project: Path, config: str, tmp_path: Path
) -> None:
    give_workflow(project, *python("pass"))
    assert cde(project, "trust", "--yes", XDG_CONFIG_HOME=config).returncode == 0
    moved = tmp_path / "moved"
    shutil.copytree(project, moved)
    for folder, check in ((project, "None"), (moved, "pass")):
        give_workflow(folder, *python(check))
        async with stdio_agent(folder, XDG_CONFIG_HOME=config) as agent:
            await at_test(agent)
            error = await agent.refused("cde_submitWork", feature_id="lazy", phase_id="test")
            assert error["code"] == "E120"


async def test_two_agents_that_resume_one_feature_are_told_apart(project: Path) -> None:
    async with stdio_agent(project) as first, stdio_agent(project) as second:
        await first.call("cde_startFeature", prompt="Mine", name="mine")
        held = await first.call("cde_resumeFeature", feature_id="mine", agent="ann")
        error = await second.refused("cde_resumeFeature", feature_id="mine", agent="ben")
        assert error["code"] == "E122"
        assert error["context"]["agent"] == "ann"
        assert error["context"]["until"][:16] == held["claim"]["until"][:16]
        where = {"feature_id": "mine", "phase_id": "define"}
        assert (await second.refused("cde_submitWork", **where))["code"] == "E122"
        assert (await first.refused("cde_submitWork", **where))["code"] == "E110"
        taken = await second.call(
            "cde_resumeFeature", feature_id="mine", agent="ben", takeover=True
        )
        assert taken["claim"]["taken_from"] == "ann"
        assert (await first.refused("cde_submitWork", **where))["code"] == "E122"


async def test_a_copy_of_the_project_resumes_while_the_original_is_at_work(
    project: Path, tmp_path: Path
) -> None:
    async with stdio_agent(project) as agent:
        await agent.call("cde_startFeature", prompt="Mine", name="mine")
        await agent.call("cde_resumeFeature", feature_id="mine")
        copy = tmp_path / "copy"
        shutil.copytree(project, copy)
        async with stdio_agent(copy) as elsewhere:
            resumed = await elsewhere.call("cde_resumeFeature", feature_id="mine", agent="ben")
            assert resumed["project"]["path"] == str(copy)
            assert str(copy) in resumed["phase"]["prompt"]


async def test_a_call_that_timed_out_may_be_repeated(project: Path) -> None:
    async with stdio_agent(project) as agent:
        start = {"prompt": "Once", "name": "once", "idempotency_key": "k-1"}
        started = await agent.call("cde_startFeature", **start)
        assert await agent.call("cde_startFeature", **start) == started
        results = {output["id"]: deliverable(output) for output in started["phase"]["outputs"]}
        submit = {"feature_id": "once", "phase_id": "define", "results": results}
        first = await agent.call("cde_submitWork", **submit)
        before = len(journal(project))
        assert await agent.call("cde_submitWork", **submit) == {**first, "repeated": True}
        said = text_of(await agent.raw("cde_submitWork", submit))
        assert "nothing was checked now, and the current phase is decompose." in said
        assert 'phase_id="decompose"' in said
        assert len(journal(project)) == before


async def test_a_check_that_outlasts_its_call_is_neither_lost_nor_run_twice(
    project: Path, config: str
) -> None:
    code = (
        "import pathlib, time; pathlib.Path('runs').open('a').write('x')\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.01)"
    )
    give_workflow(project, *python(code))
    settings = project / ".cde" / "config.toml"
    settings.write_text("call_timeout_seconds = 3\nbaseline_seconds = 0\n")
    assert cde(project, "trust", "--yes", XDG_CONFIG_HOME=config).returncode == 0
    async with stdio_agent(project, XDG_CONFIG_HOME=config) as agent:
        await at_test(agent)
        submit = {"feature_id": "lazy", "phase_id": "test"}
        assert (await agent.refused("cde_submitWork", **submit))["code"] == "E923"
        assert (await agent.refused("cde_submitWork", **submit))["code"] == "E129"
        (project / "go").touch()
        while (await agent.call("cde_getFeatureStatus", feature_id="lazy"))["phase"][
            "id"
        ] == "test":
            pass
        answer = await agent.call("cde_submitWork", **submit)
        assert answer["accepted"]["status"] == "completed"
    assert (project / "runs").read_text() == "x"


async def test_a_check_whose_call_is_cancelled_is_ended_and_costs_no_attempt(
    project: Path, config: str, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = (
        "import os, pathlib, signal\nif not pathlib.Path('go').exists():\n"
        f"    open({str(pipe)!r}, 'w').write(str(os.getpid()))\n    signal.pause()"
    )
    give_workflow(project, *python(code))
    assert cde(project, "trust", "--yes", XDG_CONFIG_HOME=config).returncode == 0
    async with stdio_agent(project, XDG_CONFIG_HOME=config) as agent:
        await at_test(agent)
        submit = {"feature_id": "lazy", "phase_id": "test"}
        async with anyio.create_task_group() as group:
            group.start_soon(agent.raw, "cde_submitWork", submit)
            check = psutil.Process(int(await run_sync(pipe.read_text)))
            group.cancel_scope.cancel()
        with suppress(psutil.NoSuchProcess):
            check.wait(60)
        (project / "go").touch()
        while (answer := (await agent.raw("cde_submitWork", submit))).is_error:
            assert (answer.structured_content or {})["error"]["code"] == "E129"
        assert (answer.structured_content or {})["accepted"]["attempts"] == 1


async def test_a_rollback_restores_bytes_exactly_and_keeps_what_was_changed(project: Path) -> None:
    give_workflow(project)
    folder = project / "specs" / "lazy"
    async with stdio_agent(project) as agent:
        await at_test(agent)
        spec = (folder / "spec.md").read_bytes()
        await agent.call("cde_submitWork", feature_id="lazy", phase_id="test")
        await agent.call(
            "cde_submitWork", feature_id="lazy", phase_id="review", results={"review": "Fine."}
        )
        (folder / "spec.md").write_text("Eve was here\n")
        back = {"feature_id": "lazy", "to_phase": "test", "reason": "Not tested"}
        told = await agent.call("cde_rollbackFeature", dry_run=True, **back)
        assert (folder / "spec.md").read_text() == "Eve was here\n"
        done = await agent.call("cde_rollbackFeature", **back)
        assert told["files"] == done["files"]
        assert (folder / "spec.md").read_bytes() == spec
        assert (folder / "spec.attempt-1.md").read_text() == "Eve was here\n"
        assert not (folder / "review.md").exists()
        status = await agent.call("cde_getFeatureStatus", feature_id="lazy")
        assert [record["status"] for record in status["phases"]] == [
            "completed",
            "in_progress",
            "rolled_back",
        ]


async def test_a_rollback_is_undone_by_a_restore(project: Path) -> None:
    give_workflow(project)
    folder = project / "specs" / "lazy"
    async with stdio_agent(project) as agent:
        await at_test(agent)
        before = await agent.call("cde_getFeatureStatus", feature_id="lazy")
        content = (folder / "spec.md").read_bytes()
        sequence = journal(project)[-1]["sequence"]
        back = {"feature_id": "lazy", "reason": "Wrong way"}
        await agent.call("cde_rollbackFeature", to_phase="define", **back)
        assert not (folder / "spec.md").exists()
        restored = cde(project, "state", "restore", "--at", str(sequence), "--yes")
        assert restored.returncode == 0, restored.stderr
        assert await agent.call("cde_getFeatureStatus", feature_id="lazy") == before
        assert (folder / "spec.md").read_bytes() == content
        assert "specs/lazy/spec.md  restored" in restored.stdout


async def test_answers_fit_however_much_was_saved(project: Path) -> None:
    async with stdio_agent(project) as agent:
        await agent.call("cde_startFeature", prompt="Long", name="long")
        for number in range(12):
            await agent.call(
                "cde_saveProgress",
                feature_id="long",
                phase_id="define",
                note=f"{number}" + "n" * 20_000,
                data={str(key): [key] * 3 for key in range(1_000)},
            )
        for tool, more in (
            ("cde_resumeFeature", {}),
            ("cde_getFeatureStatus", {"detail": "full"}),
        ):
            result = await agent.raw(tool, {"feature_id": "long", **more})
            assert not result.is_error
            require_short(result)


def test_a_dry_run_and_a_rollback_from_the_command_line_say_the_same(project: Path) -> None:
    give_workflow(project)
    assert cde(project, "start", "Work", "--name", "lazy").returncode == 0
    submitted = cde(project, "submit", "lazy", "define", "--results", json.dumps({"spec": SPEC}))
    assert submitted.returncode == 0, submitted.stderr
    assert cde(project, "save", "lazy", "Half way", "--data", '{"a": 1}').returncode == 0
    resumed = json.loads(cde(project, "resume", "lazy", "--json").stdout)
    assert [each["note"] for each in resumed["progress"]] == ["Half way"]
    back = ["rollback", "lazy", "define", "--reason", "No", "--json"]
    told = json.loads(cde(project, *back, "--dry-run").stdout)
    done = json.loads(cde(project, *back).stdout)
    assert (told["files"], told["rolled_back"]) == (done["files"], ["test"])
    failed = cde(project, "submit", "lazy", "define", "--failed", "--reason", "No", "--json")
    assert json.loads(failed.stdout)["attempts_left"] == 2
    closed = cde(project, "close", "lazy", "cancelled", "--reason", "No", "--json")
    assert json.loads(closed.stdout)["feature"]["status"] == "cancelled"


def test_a_server_renders_one_prompt_for_each_submission(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = [
        {"id": name, "prompt": "own.md", "inputs": before, "outputs": [output]}
        for name, before, output in (
            ("one", [], {"id": "first", "path": "notes/{feature}/1.md"}),
            ("two", ["first"], {"id": "second", "path": "notes/{feature}/2.md"}),
            ("three", ["second"], {"id": "third", "path": "notes/{feature}/3.md"}),
        )
    ]
    workflows = {"notes": {"description": "Three notes.", "phases": phases}}
    (project / ".cde" / "workflow.yml").write_text(
        yaml.safe_dump({"version": 1, "default": "notes", "workflows": workflows})
    )
    (project / ".cde" / "prompts").mkdir(exist_ok=True)
    (project / ".cde" / "prompts" / "own.md").write_text(
        "Write {{ outputs[0].path }}.\n{% for each in inputs %}{{ each.excerpt }}\n{% endfor %}"
    )
    made: list[str] = []
    render = JinjaPromptRenderer._render

    def counted(*given: Any) -> Any:
        made.append(given[2])
        return render(*given)

    monkeypatch.setattr(JinjaPromptRenderer, "_render", counted)
    application = build_application(project)
    application.handle(StartFeature(prompt="Three notes", name="notes"))
    counts = []
    for phase_id, output_id in (("one", "first"), ("two", "second"), ("three", "third")):
        made.clear()
        results = {output_id: f"# {phase_id}\n\nWhat {phase_id} is about.\n"}
        application.handle(SubmitWork(feature_id="notes", phase_id=phase_id, results=results))
        counts.append(len(made))
    application.close()

    assert counts == [1, 1, 0]
