"""``cde hook`` as a client calls it: a process, an event on its standard input, an answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from cde_orchestrator.adapters.runners.trust import UserTrustStore
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.phase_prompt import ONLOOKER
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import load_settings
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from cde_orchestrator.project_ports import ProjectPorts
from tests.command_line import CDE, cde
from tests.integration.deliverables import deliverable
from tests.integration.mcp_client import Agent, stdio_agent
from tests.integration.test_start_up import (
    COMPILED,
    HEAVY,
    MADE,
    OWN,
    TELL,
    packages,
    unmeasured,
)
from tests.let_in import bearer, let_in

SPEC = "specs/login/reproduction.md"


@pytest.fixture
def login(project: Path) -> Path:
    """A project with one feature, whose first phase is open."""
    start(project, "login")
    return project


@pytest.fixture
def claimed(login: Path) -> Path:
    """The same, whose phase the session `one` claimed."""
    claim(login)
    return login


def claim(project: Path, *words: str, environment: dict[str, str] | None = None) -> None:
    """Resume the feature, in the name of the session that ``hook`` speaks of or as given."""
    variables = {**os.environ, **(environment or {})}
    words = words or ("--agent", "one")
    done = cde("resume", "login", *words, cwd=project, environment=variables)
    assert done.returncode == 0, done.stderr


def start(project: Path, name: str, workflow: str = "quick-fix") -> None:
    application = build_application(project)
    application.handle(StartFeature(prompt="The login fails", workflow=workflow, name=name))
    application.close()


def submit(project: Path, phase: str, name: str = "login", agent: str | None = None) -> None:
    application = build_application(project)
    found = application.handle(GetFeatureStatus(feature_id=name))["phase"]
    assert found is not None
    results = {each["id"]: deliverable(each) for each in found["outputs"]}
    application.handle(SubmitWork(feature_id=name, phase_id=phase, results=results, agent=agent))
    application.close()


def hook(
    cwd: Path, event: str, *words: str, environment: dict[str, str] | None = None, **given: Any
) -> Any:
    """The answer to an event; None where there is none."""
    stated = {"hook_event_name": event, "session_id": "one", "cwd": str(cwd), **given}
    variables = {**os.environ, **(environment or {})}
    data = json.dumps(stated).encode()
    done = cde("hook", event, *words, cwd=cwd, stdin=data, environment=variables)
    assert (done.returncode, done.stderr) == (0, b"")
    return json.loads(done.stdout) if done.stdout else None


def uses(cwd: Path, event: str, tool: str, path: str) -> Any:
    """The answer to the use of a tool on a file."""
    return hook(cwd, event, tool_name=tool, tool_input={"file_path": path})


def denied(project: Path, path: str | Path, cwd: Path | None = None) -> str | None:
    """Why an edit of the path is refused."""
    answer = uses(cwd or project, "PreToolUse", "Write", str(path))
    if answer is None:
        return None
    decision = answer["hookSpecificOutput"]
    assert decision["permissionDecision"] == "deny"
    return str(decision["permissionDecisionReason"])


def context(project: Path, **given: Any) -> str | None:
    answer = hook(project, "SessionStart", **given)
    return None if answer is None else str(answer["hookSpecificOutput"]["additionalContext"])


def test_a_session_begins_with_the_phase_and_its_prompt(login: Path) -> None:
    inner = login / "src"
    inner.mkdir()
    for source in ("startup", "compact"):
        text = context(inner, source=source)
        assert text is not None
        assert text.startswith("Feature login of this project is at phase reproduce")
        assert "# Reproduce" in text
        assert f"`{SPEC}`" in text


def rendered(project: Path) -> str:
    """The prompt as a command renders it, from a project that was opened as a whole."""
    ports = ProjectPorts(project, load_settings(project), OperationMeter())
    found, feature, workflow = ports.features.read("login")
    phase = ports.rendering.committed_view(found, feature, workflow, ONLOOKER)
    ports.close()
    assert phase is not None
    return phase["prompt"]


def test_the_prompt_is_word_for_word_that_of_commands(login: Path) -> None:
    """Also with outputs before it, another check, a person's rules, and without a template."""
    assert str(context(login)).endswith(rendered(login))
    submit(login, "reproduce")
    file = login / ".cde" / "workflow.yml"
    file.write_text(file.read_text().replace("check: []", 'check: ["true"]'))
    (login / ".cde" / "rules.md").write_text("Speak <b>Danish</b>.\n")
    own = login / ".cde" / "prompts" / "quick-fix"
    own.mkdir(parents=True)
    (own / "fix.md").write_text("Mend {{ feature.name }}, by {{ inputs[0].path }}.")

    prompt = rendered(login)

    assert str(context(login)).endswith(prompt)
    assert SPEC in prompt
    (own / "fix.md").write_text("{{ nobody }}")
    assert rendered(login) == ""
    assert "gives it" in str(context(login))


def test_a_session_does_not_end_before_its_phase_is_submitted_and_three_times_at_most(
    claimed: Path,
) -> None:
    login = claimed
    reasons = [hook(login, "Stop", stop_hook_active=True) for _ in range(4)]
    assert [each["decision"] for each in reasons[:3]] == ["block"] * 3
    assert reasons[3] is None
    said = reasons[0]["reason"]
    assert "Phase reproduce of feature login is not submitted (reminder 1 of 3)" in said
    assert "cde_submitWork(feature_id='login', phase_id='reproduce')" in said
    assert f"- `{SPEC}` (output `reproduction`, markdown): at least 250 bytes" in said
    assert "  - with `## Symptom`" in said

    assert hook(login, "Stop", session_id="two") is None, "another session claimed it"
    submit(login, "reproduce", agent="one")
    answer = hook(login, "Stop")
    assert "Phase fix of feature login is not submitted (reminder 1 of 3)" in answer["reason"]


def test_nobody_is_held_at_a_phase_that_nobody_claimed(login: Path) -> None:
    assert hook(login, "Stop") is None
    assert "Unless you are asked for something else" in str(context(login))
    assert list((login / ".cde").glob("runs/hook-*")) == []


def test_a_session_is_known_by_its_commands(login: Path) -> None:
    for variable in ("CDE_PHASE", "CODEX_THREAD_ID"):
        assert variable not in os.environ
    claim(login, "--json", environment={"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "two"})
    assert hook(login, "Stop") is None
    assert hook(login, "Stop", session_id="") is None
    assert hook(login, "Stop", session_id="two")["decision"] == "block"

    claim(login)
    assert hook(login, "Stop", session_id="two") is None, "another session took it over"
    assert hook(login, "Stop")["decision"] == "block"


def test_a_session_that_named_its_agent_is_known_by_its_commands(login: Path) -> None:
    environment = {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "two"}
    claim(login, "--agent", "ann", environment=environment)
    assert hook(login, "Stop", session_id="two")["decision"] == "block"
    assert hook(login, "Stop") is None
    assert "ann works on it" in str(context(login))


def test_of_two_claims_the_last_one_counts(claimed: Path) -> None:
    start(claimed, "search")
    cde("resume", "search", "--agent", "one", cwd=claimed)
    assert "of feature search is not submitted" in hook(claimed, "Stop")["reason"]
    claim(claimed)
    assert "of feature login is not submitted" in hook(claimed, "Stop")["reason"]


def test_gemini_is_answered_in_its_own_words(claimed: Path) -> None:
    login = claimed
    assert hook(login, "AfterAgent")["decision"] == "deny"
    assert uses(login, "BeforeTool", "replace", ".cde/state.json")["decision"] == "deny"
    assert (
        "phase reproduce"
        in hook(login, "SessionStart", "--client", "gemini")["hookSpecificOutput"][
            "additionalContext"
        ]
    )


def test_a_summary_is_to_keep_the_phase(login: Path) -> None:
    done = cde("hook", "PreCompact", cwd=login, stdin=b'{"trigger": "auto"}')
    assert done.stdout.startswith(b"Keep in the summary: feature login is at phase reproduce")


def test_a_summary_keeps_nothing_of_what_is_not_the_session_s(claimed: Path) -> None:
    def summarized(session: str) -> bytes:
        given = json.dumps({"trigger": "auto", "session_id": session}).encode()
        return cde("hook", "PreCompact", cwd=claimed, stdin=given).stdout

    assert summarized("two") == b"", "another session works on it"
    start(claimed, "search")
    assert summarized("two") == b"", "which of them is meant is not known"
    assert summarized("one").startswith(b"Keep in the summary: feature login")


def test_several_open_features_are_named_and_hold_nobody(login: Path) -> None:
    start(login, "search")
    text = context(login)
    assert text is not None
    assert "- login: phase reproduce" in text
    assert "- search: phase reproduce" in text
    assert hook(login, "Stop") is None


def test_where_nothing_is_open_there_is_nothing_to_say(login: Path) -> None:
    application = build_application(login)
    application.handle(CloseFeature(feature_id="login", outcome="cancelled", reason="No"))
    application.close()
    assert context(login) is None
    assert hook(login, "Stop") is None


def own_workflow(project: Path, phase: str) -> None:
    """Give the project a workflow of one phase, with these lines, and start a feature in it."""
    folder = project / ".cde"
    (folder / "workflow.yml").write_text(
        "version: 1\nworkflows:\n  own:\n    description: Has one phase.\n    phases:\n"
        f"      - id: choose\n        description: The only one.\n{phase}        prompt: a.md\n"
        "        outputs:\n          - {id: choice, path: 'specs/{feature}/choice.md'}\n"
    )
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / "a.md").write_text("Choose.")
    start(project, "login", "own")


def test_a_phase_that_waits_for_a_person_holds_nobody(project: Path) -> None:
    own_workflow(project, "        handler: human_input\n")
    claim(project)
    assert hook(project, "Stop") is None
    text = context(project)
    assert text is not None
    assert "waits for a person" in text


def test_a_check_that_nobody_trusts_holds_nobody(project: Path) -> None:
    own_workflow(project, "        check: ['true']\n")
    claim(project)
    assert hook(project, "Stop") is None
    check = Check(("true",), ".", 600.0)
    UserTrustStore().grant(project, [check.command_line], utc_now())
    assert hook(project, "Stop") is not None


def test_subagents_are_held_by_their_own_claim_alone(login: Path) -> None:
    assert hook(login, "SubagentStop", agent_id="helper") is None
    cde("resume", "login", "--agent", "helper", cwd=login)
    reasons = [hook(login, "SubagentStop", agent_id="helper") for _ in range(4)]
    assert [each and each["decision"] for each in reasons] == [*["block"] * 3, None]
    assert hook(login, "SubagentStop", agent_id="other") is None
    assert hook(login, "Stop") is None, "another agent works on it"
    assert "helper works on it" in str(context(login))


OF_ANOTHER = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
"""A program that starts what it is given, as another client would."""


async def answered(project: Path, event: str, *through: str) -> str:
    """What a hook prints that this process starts, or a program that this process starts."""
    done = await anyio.run_process(
        [*through, *CDE, "hook", event],
        input=json.dumps({"hook_event_name": event, "cwd": str(project)}).encode(),
        cwd=project,
        env=unmeasured(),
    )
    return done.stdout.decode()


@pytest.mark.anyio
async def test_a_session_is_known_by_the_server_that_its_client_started(login: Path) -> None:
    start(login, "search")
    async with stdio_agent(login, forks=False) as agent:
        await agent.call("cde_listFeatures")
        assert await answered(login, "Stop") == "", "nothing was claimed"
        await agent.call("cde_resumeFeature", feature_id="search")
        # The client of the server is this process, which starts the hook as well.
        assert await answered(login, "Stop", sys.executable, "-c", OF_ANOTHER) == "", (
            "another client's"
        )
        for number in (1, 2, 3):
            reason = await answered(login, "Stop", "sh", "-c", '"$@"; exit', "sh")
            assert f"of feature search is not submitted (reminder {number} of 3)" in reason
        assert await answered(login, "Stop") == ""


@pytest.fixture
def url(login: Path) -> Iterator[str]:
    """A server over HTTP that this process started."""
    words = [*CDE, "serve", "--transport", "http", "--port", "0", "--json"]
    with subprocess.Popen(
        words, cwd=login, env=unmeasured(), stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        said = "".join([*iter(server.stdout.readline, "}\n"), "}"])
        yield str(json.loads(said)["url"])
        server.terminate()


@pytest.mark.anyio
async def test_who_called_a_server_over_http_is_not_known(login: Path, url: str) -> None:
    async with let_in(url, bearer(login)) as client:
        await Agent(client).call("cde_resumeFeature", feature_id="login")
        assert "works on it" in await answered(login, "SessionStart")
        assert await answered(login, "Stop") == ""


def test_what_was_accepted_is_not_edited(login: Path, tmp_path: Path) -> None:
    assert denied(login, SPEC) is None, "it is what the phase writes"
    submit(login, "reproduce")

    reason = denied(login, SPEC)
    assert reason is not None
    assert "accepted as an output of phase reproduce of feature login" in reason
    assert "cde rollback login reproduce" in reason
    assert denied(login, login / SPEC) == reason
    assert denied(login, "reproduction.md", cwd=login / "specs" / "login") is not None
    link = tmp_path / "link.md"
    link.symlink_to(login / SPEC)
    assert denied(login, link) is not None
    assert denied(login, "specs/login/fix.md") is None
    assert denied(login, "src/login.py") is None


def test_a_command_that_patches_is_an_edit(claimed: Path) -> None:
    patch = (
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: {}\n@@\n-a\n+b\n*** End Patch\nEOF"
    )

    def refused(path: str) -> bool:
        given = {"command": patch.format(path)}
        return hook(claimed, "PreToolUse", tool_name="Bash", tool_input=given) is not None

    assert not refused(SPEC)
    assert refused(".cde/state.json")
    submit(claimed, "reproduce", agent="one")
    assert refused(SPEC)
    assert not refused("src/login.py")


@pytest.mark.parametrize(
    ("path", "is_denied"),
    [
        (".cde/state.json", True),
        (".cde/journal.jsonl", True),
        (".cde/runs/x.json", True),
        (".CDE/state.json", True),
        (".cde/Runs/x.json", True),
        ("Specs/login/RECORD.json", True),
        ("./src/../.cde/lock", True),
        ("specs/login/record.json", True),
        (".cde/worktrees/login/.cde/lock", True),
        (".cde/worktrees/login/src/a.py", False),
        (".cde/workflow.yml", False),
        (".cde/config.toml", False),
        (".cde/prompts/a.md", False),
        ("specs/login/notes.md", False),
        ("record.json", False),
        ("../elsewhere.md", False),
    ],
)
def test_local_state_is_not_edited(login: Path, path: str, is_denied: bool) -> None:
    assert (denied(login, path) is not None) == is_denied


def test_other_tools_are_none_of_its_business(login: Path) -> None:
    for tool in ("Read", "Bash", "mcp__cde__cde_submitWork"):
        assert uses(login, "PreToolUse", tool, ".cde/state.json") is None


def test_an_agent_of_a_run_is_left_alone(login: Path) -> None:
    for event in ("SessionStart", "Stop"):
        assert hook(login, event, environment={"CDE_PHASE": "reproduce"}) is None


def test_nothing_is_said_or_written_where_no_project_is(tmp_path: Path) -> None:
    for event in ("SessionStart", "Stop"):
        assert hook(tmp_path, event) is None
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_said_or_written_in_a_folder_that_nobody_trusts(
    login: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    before = sorted(login.rglob("*"))
    for event in ("SessionStart", "Stop"):
        assert hook(login, event) is None
    assert denied(login, ".cde/state.json") is None
    assert sorted(login.rglob("*")) == before


@pytest.mark.parametrize(
    ("event", "given"),
    [("Stop", b"not JSON"), ("Stop", b"[]"), ("Stop", b""), ("Nothing", b"{}"), ("--odd", b"{}")],
)
def test_whatever_fails_the_session_goes_on(login: Path, event: str, given: bytes) -> None:
    (login / ".cde" / "state.json").write_bytes(b"broken")
    (login / ".cde" / "journal.jsonl").write_bytes(b"broken")
    done = cde("hook", event, cwd=login, stdin=given)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reminder_that_cannot_be_counted_is_not_given(login: Path) -> None:
    (login / ".cde" / "runs").write_text("a file is in the way")
    assert hook(login, "Stop") is None


def test_who_asks_is_informed_why_there_is_no_answer(tmp_path: Path) -> None:
    done = cde("hook", "Stop", "--explain", cwd=tmp_path, stdin=b"{}")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"no answer: there is no project\n"
    done = cde("hook", "Stop", "--explain", "--client=gemini", cwd=tmp_path, stdin=b"{")
    assert done.stderr.startswith(b"no answer: JSONDecodeError")


def test_a_client_that_is_gone_is_no_failure(login: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*CDE, "hook", "SessionStart"],
        cwd=login,
        env=unmeasured(),
        input=b'{"hook_event_name": "SessionStart"}',
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


OF_THE_INTERPRETER = {"__main__", "_distutils_hack", "sitecustomize"}
"""What comes before the first line of a program, with some interpreters."""


def test_a_hook_imports_little(login: Path) -> None:
    """A client waits for it: nothing of the command line, and of the product only what reads."""
    edit = {"tool_name": "Write", "tool_input": {"file_path": "a.py"}}
    for event, asked, most in (
        # Of the system 20, the domain 15, the storage 11, the hook 7: what reads the state.
        ("Stop", {}, {"modules": 53, "dataclasses": 2, "values": 14, "patterns": 5}),
        ("PreToolUse", edit, {"modules": 56, "dataclasses": 2, "values": 13, "patterns": 6}),
    ):
        given = {"hook_event_name": event, "session_id": event, "cwd": str(login), **asked}
        loaded = modules(login, event, given)
        assert packages(loaded) <= {"cde_orchestrator", "orjson", *OF_THE_INTERPRETER}
        # And orjson's two, and 105 of the standard library (103 by Python 3.11).
        assert len(loaded - OF_THE_INTERPRETER) <= most["modules"] + 107
        compiled = last_line(COMPILED, login, event, given)
        assert compiled["templates"] == 0
        assert compiled["programs"] == 0
        made = last_line(MADE, login, event, given)
        assert {name: made[name] for name in most if made[name] > most[name]} == {}


REPOSITORY = (
    "cde_orchestrator.adapters.repositories.filesystem",
    "cde_orchestrator.infrastructure.settings.settings",
    "cde_orchestrator.project_ports",
)
"""What a command opens a project with; a hook has read the state."""
AT_ONCE = {
    "cde_orchestrator.__main__",
    "cde_orchestrator.domain",
    "cde_orchestrator.domain.hooks",
    "cde_orchestrator.hooks",
    "cde_orchestrator.hooks.command",
}


def own(loaded: set[str]) -> set[str]:
    return {each for each in loaded if each.startswith("cde_orchestrator.")}


def test_where_no_project_is_a_hook_imports_next_to_nothing(tmp_path: Path) -> None:
    loaded = modules(tmp_path, "Stop", {"hook_event_name": "Stop", "cwd": str(tmp_path)})
    assert own(loaded) <= AT_ONCE


def test_for_a_command_that_patches_nothing_a_hook_imports_next_to_nothing(login: Path) -> None:
    asked = {"tool_name": "Bash", "tool_input": {"command": "pytest -q"}}
    given = {"hook_event_name": "PreToolUse", "cwd": str(login), **asked}
    assert own(modules(login, "PreToolUse", given)) <= AT_ONCE


def test_a_session_begins_with_little_work(login: Path) -> None:
    """What takes long is done once for all sessions, or not at all."""
    assert "# Reproduce" in str(context(login)), "the templates are compiled by now"
    given = {"hook_event_name": "SessionStart", "cwd": str(login)}
    compiled = last_line(COMPILED, login, "SessionStart", given)
    assert compiled["templates"] == compiled["programs"] == 0
    loaded = modules(login, "SessionStart", given)
    assert (HEAVY - {"jinja2"}) & loaded == set()
    assert not [each for each in loaded if each.startswith(REPOSITORY)], "the state is read once"
    assert "yaml" not in loaded, "the feature keeps the digest of the file that it began with"
    assert len(loaded - OF_THE_INTERPRETER) <= 264, "by Python 3.13; Jinja is 20 of them"
    made = last_line(MADE, login, "SessionStart", given)
    assert made["modules"] <= 110, "of a Stop 53; the domain has 42, what makes the prompt the rest"
    assert made["dataclasses"] <= 4, "those of a Stop, a feature and its phases"
    assert made["values"] <= 24, "those of a Stop, the workflow and what the prompt is made of"
    assert made["patterns"] <= 7, "what secrets, Markdown and gates are known by is not needed"


def modules(cwd: Path, event: str, given: dict[str, Any]) -> set[str]:
    """The modules that a hook has imported at its end."""
    return set(last_line(TELL, cwd, event, given))


def last_line(script: str, cwd: Path, event: str, given: dict[str, Any]) -> Any:
    """What a script says at the end of a hook, which it measures."""
    done = subprocess.run(
        [sys.executable, "-c", script + OWN, "hook", event],
        cwd=cwd,
        env=unmeasured(),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stderr.splitlines()[-1])
