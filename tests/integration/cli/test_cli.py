"""The command line on real folders: what programs are answered, and what is left on disk."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cde_orchestrator import __version__
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.project_facts import CONVENTIONS
from tests.integration.cli.commands import CDE, answer, cde, environment, refused
from tests.integration.deliverables import deliverable
from tests.terminal import terminal

PROJECT = {"id", "name", "path", "status", "backend", "read_only", "trust"}
FEATURE = {"id", "name", "status", "current_phase", "workflow"}
PHASE = {"id", "description", "handler", "prompt", "outputs"}
OUTPUT = {"id", "path", "type", "required", "min_bytes", "must_contain", "verdict", "covers"}
RECORD = {"id", "status", "attempts", "started_at", "completed_at", "outputs"}
ARTIFACT = {"id", "path", "sha256", "size"}
ROW = {"id", "name", "status", "current_phase", "updated_at", "goal", "waits_for", "agent"}
ERROR = {
    "code",
    "title",
    "message",
    "severity",
    "recoverable",
    "context",
    "suggestions",
    "fixes",
    "docs",
    "correlation_id",
    "report_id",
    "timestamp",
}


def hashes(folder: Path) -> dict[str, str]:
    """The content of every file beneath a folder but those that any call may change."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock" and not path.name.startswith("telemetry.db")
        if path.parent.name not in {"errors", "logs"}
    }


@pytest.fixture
def started(project: Path) -> Path:
    """A project with a feature named mend-it in the first phase of quick-fix."""
    application = build_application(project)
    application.handle(StartFeature(prompt="Mend it", workflow="quick-fix"))
    application.close()
    return project


def test_the_installed_command_tells_its_version() -> None:
    script = Path(sys.executable).parent / "cde"

    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout == f"cde {__version__}\n"


def test_init_takes_a_folder_into_care_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    first = answer("init", "--name", "The shop", cwd=tmp_path)
    before = hashes(tmp_path / ".cde")
    second = answer("init", cwd=tmp_path)

    made = {"facts", "proof", "runners", "baseline", "created", "packaging"}
    assert set(first) == {"project", "already_onboarded", *made}
    assert set(first["project"]) == PROJECT
    assert first["project"]["name"] == "The shop"
    assert first["project"]["status"] == "active"
    assert first["created"] == [".cde/workflow.yml"]
    facts = {"languages", "package_manager", "test_command", "git", *CONVENTIONS}
    assert set(first["facts"]) == facts
    assert (first["already_onboarded"], second["already_onboarded"]) == (False, True)
    assert second["created"] == []
    assert hashes(tmp_path / ".cde") == before


def test_init_makes_the_folder_only_when_asked(tmp_path: Path) -> None:
    missing = tmp_path / "a" / "b"

    error = refused("init", str(missing), cwd=tmp_path)
    assert error["code"] == "E001"
    assert not missing.exists()

    reply = answer("init", str(missing), "--create", cwd=tmp_path)
    assert reply["project"]["path"] == str(missing)
    assert (missing / ".cde" / "state.json").is_file()


def test_init_takes_the_current_folder_itself_and_other_commands_the_nearest_project(
    project: Path,
) -> None:
    inside = project / "deep" / "inside"
    inside.mkdir(parents=True)

    assert answer("project", "info", cwd=inside)["project"]["path"] == str(project)
    assert refused("status", "--project", ".", cwd=inside)["code"] == "E004"

    assert answer("init", cwd=inside)["project"]["path"] == str(inside)
    assert answer("status", cwd=inside)["project"]["path"] == str(inside)
    assert answer("list", "--project", str(project), cwd=inside)["project"]["path"] == str(project)


def test_a_feature_goes_through_all_its_phases(started: Path) -> None:
    status = answer("status", "mend-it", cwd=started)
    seen = {"difference", "proof", "standing", "baseline", "approved_by"}
    assert set(status) == {"project", "feature", "phases", "phase", "tasks", *seen}
    assert set(status["feature"]) == FEATURE
    assert [set(record) for record in status["phases"]] == [RECORD] * 3
    assert set(status["phase"]) == PHASE
    assert [set(output) for output in status["phase"]["outputs"]] == [OUTPUT]
    assert (status["feature"]["workflow"], status["phase"]["id"]) == ("quick-fix", "reproduce")

    # The first output stands in the project, the second comes from a file, the third as JSON.
    first = status["phase"]["outputs"][0]
    (started / first["path"]).parent.mkdir(parents=True)
    (started / first["path"]).write_text(deliverable(first), encoding="utf-8")
    reply = answer("submit", "mend-it", "reproduce", cwd=started)
    work = {"accepted", "kept", "difference", "proof", "record", "tasks"}
    assert set(reply) == {"project", "feature", "phase", *work}
    assert set(reply["accepted"]) == RECORD
    assert [set(artifact) for artifact in reply["accepted"]["outputs"]] == [ARTIFACT]

    second = reply["phase"]["outputs"][0]
    (started / "draft.md").write_text(deliverable(second), encoding="utf-8")
    reply = answer("submit", "mend-it", "fix", "--output", f"{second['id']}=draft.md", cwd=started)
    assert (started / second["path"]).read_text(encoding="utf-8") == deliverable(second)

    third = reply["phase"]["outputs"][0]
    results = json.dumps({third["id"]: deliverable(third)})
    reply = answer("submit", "mend-it", "verify", "--results-file", "-", cwd=started, stdin=results)
    assert reply["phase"] is None
    assert reply["feature"]["status"] == "completed"

    done = cde("status", "mend-it", "--prompt", cwd=started)
    assert (done.returncode, done.stdout) == (1, "")
    assert "E105" in done.stderr


def test_a_prompt_is_printed_raw(started: Path) -> None:
    whole = answer("status", "mend-it", "--full", cwd=started)
    printed = cde("status", "mend-it", "--prompt", cwd=started)

    assert {"goal", "created_at", "updated_at"} <= set(whole)
    assert whole["goal"] == "Mend it"
    assert printed.returncode == 0
    assert printed.stdout.rstrip("\n") == whole["phase"]["prompt"].rstrip("\n")


def test_a_prompt_is_read_from_standard_input_in_any_language(project: Path) -> None:
    prompt = "ログイン画面を追加する\r\n\r\n— mit Umlauten: äöü ✓\n"

    reply = answer("start", "-", "--name", "login", cwd=project, stdin=prompt)

    told = {"branch", "git_problem", "proof_problem", "unproven", "shared", "baseline", "fits"}
    assert set(reply) == {"project", "feature", "phase", "related", *told}
    goal = answer("status", "login", "--full", cwd=project)["goal"]
    assert goal == prompt.strip().replace("\r\n", "\n")


def test_a_list_goes_on_page_by_page(project: Path) -> None:
    application = build_application(project)
    for number in range(3):
        application.handle(StartFeature(prompt=f"Feature number {number}"))
    application.close()

    first = answer("list", "--limit", "2", cwd=project)
    rest = answer("list", "--limit", "2", "--cursor", first["next_cursor"], cwd=project)

    assert set(first) == {"project", "features", "total", "next_cursor"}
    assert {frozenset(row) for row in first["features"]} == {frozenset(ROW)}
    assert first["total"] == 3
    assert [row["name"] for row in first["features"] + rest["features"]] == [
        "feature-number-2",
        "feature-number-1",
        "feature-number-0",
    ]
    assert rest["next_cursor"] is None


def test_a_list_in_a_pipe_is_whole_and_what_is_said_beside_it_goes_to_standard_error(
    project: Path,
) -> None:
    name = "a-rather-long-name-of-a-feature-that-fills-sixty-characters"
    answer("start", "x", "--name", name, cwd=project)
    answer("start", "y", cwd=project)

    done = cde("list", "--limit", "1", cwd=project)
    more = done.stderr.split("$ ")[1].split("   #")[0].split()
    rest = cde(*more[1:], cwd=project)

    titles = "FEATURE  PHASE  STATUS  WAITS FOR  UPDATED  ID  GOAL"
    assert done.stdout.splitlines()[0].split() == titles.split()
    assert len(done.stdout.splitlines()) == 2
    assert "1 of 2 features" in done.stderr
    assert rest.stdout.splitlines()[1].startswith(f"{name}  define  defining")
    assert "\x1b" not in done.stdout + done.stderr + rest.stdout
    assert not any(line.endswith(" ") for line in rest.stdout.splitlines())


def test_the_project_is_seen_archived_and_activated(started: Path) -> None:
    info = answer("project", "info", cwd=started)
    assert set(info) == {
        "project",
        "home",
        "features",
        "open_features",
        "facts",
        "baseline",
        "default_workflow",
        "workflows",
        "workflow_problem",
        "read_only_reason",
        "read_only_since",
    }
    assert answer("status", cwd=started) == info

    archived = answer("project", "archive", cwd=started)
    assert set(archived) == {"project"}
    assert archived["project"]["status"] == "archived"
    error = refused("start", "More", cwd=started)
    assert error["code"] == "E101"
    assert error["fixes"][0]["command"] == f"cde project activate --project {started}"

    assert answer("project", "activate", cwd=started)["project"]["status"] == "active"


def test_workflows_are_listed_shown_and_validated(project: Path) -> None:
    listed = answer("workflow", "list", cwd=project)
    shown = answer("workflow", "show", "docs", cwd=project)
    assert set(listed) == {"source", "packaged", "default", "workflows", "shared"}
    assert listed["source"] == str(project / ".cde" / "workflow.yml")
    assert [each["id"] for each in shown["workflows"]] == ["docs"]
    assert answer("workflow", "validate", cwd=project) == listed

    (project / ".cde" / "workflow.yml").write_text("version: [", encoding="utf-8")
    assert refused("workflow", "validate", cwd=project)["code"] == "E310"
    assert answer("workflow", "list", "--packaged", cwd=project)["packaged"] is True


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["start", "x", "--name", "Not A Slug"], "E304"),
        (["status", "[bold]nope[/bold]"], "E102"),
        (["submit", "mend-it", "verify"], "E106"),
        (["submit", "mend-it", "reproduce", "--results", "{"], "E307"),
    ],
)
def test_a_refusal_carries_its_code_and_a_way_out(
    started: Path, arguments: list[str], code: str
) -> None:
    before = hashes(started / ".cde")

    error = refused(*arguments, cwd=started)

    assert set(error) == ERROR
    assert error["code"] == code
    assert error["fixes"]
    assert len(error["suggestions"]) >= 3
    assert hashes(started / ".cde") == before


def test_people_are_told_a_refusal_on_standard_error(project: Path) -> None:
    done = cde("status", "nope", cwd=project)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "✗ No feature of this project has the id or name 'nope'.  E102",
        "  $ cde list",
    ]
    assert "\x1b" not in done.stderr
    assert "operation_refused" not in done.stderr


def test_wrong_usage_is_told_with_the_usage_to_people_and_to_programs(project: Path) -> None:
    told = cde("list", "--limit", "many", cwd=project)
    refused = cde("list", "--limit", "many", "--json", cwd=project)

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("✗ Not understood: invalid value for '--limit'")
    assert told.stderr.splitlines()[1:] == ["  $ cde list --help"]
    assert (refused.returncode, refused.stderr) == (2, "")
    error = json.loads(refused.stdout)["error"]
    assert error["code"] == "E323"
    assert error["context"]["usage"].startswith("cde list")


def test_the_callers_correlation_id_is_kept(project: Path) -> None:
    done = cde("status", "nope", "--json", cwd=project, CDE_CORRELATION_ID="build-7.42")

    assert json.loads(done.stdout)["error"]["correlation_id"] == "build-7.42"


def test_a_hostile_folder_cannot_write_on_a_terminal_or_break_json(tmp_path: Path) -> None:
    folder = tmp_path / "[red]x[b] \x1b[31m \u202e\x9b ñ"
    folder.mkdir()

    reply = answer_escaped("init", cwd=folder)
    assert reply["project"]["path"] == str(folder)

    for arguments in (["status"], ["status", "nope"], ["workflow", "show"]):
        done = cde(*arguments, cwd=folder)
        text = done.stdout + done.stderr
        assert not {"\x1b", "\x9b", "\u202e"} & set(text)
        assert r"[red]x[b] \x1b[31m" in text


def answer_escaped(*arguments: str, cwd: Path) -> dict[str, dict[str, str]]:
    """The reply of a command whose JSON has escapes for what a terminal would obey."""
    done = cde(*arguments, "--json", cwd=cwd)
    assert not {"\x1b", "\x9b", "\u202e"} & set(done.stdout)
    reply: dict[str, dict[str, str]] = json.loads(done.stdout)
    return reply


def test_logs_go_to_standard_error_alone(started: Path) -> None:
    (started / ".cde" / "state.json").write_text("damaged", encoding="utf-8")

    done = cde("list", "--json", cwd=started)
    verbose = cde("list", "--json", cwd=started, CDE_LOG_LEVEL="debug")
    wrong = cde("list", "--json", cwd=started, CDE_LOG_LEVEL="loud")

    assert json.loads(done.stdout)["total"] == 1
    assert "state_damaged" in done.stderr
    assert json.loads(verbose.stdout)["total"] == 1
    assert "operation_finished" in verbose.stderr
    assert json.loads(wrong.stdout)["error"]["code"] == "E314"


def test_a_repair_is_a_sentence_on_a_terminal(started: Path) -> None:
    state = started / ".cde" / "state.json"
    state.write_text("damaged", encoding="utf-8")

    with terminal("list", cwd=started, environment=environment()) as seen:
        first, *_ = seen.end().splitlines()

    assert first.startswith(f"! {state} was damaged and is repaired: it is not JSON")
    assert "error_code" not in first


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [(["--help"], set()), (["list"], set()), (["status"], {"yaml"})],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_a_command_imports_no_more_than_it_needs(
    project: Path, arguments: list[str], allowed: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *CDE[1:], *arguments],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert "typer" in imported
    heavy = {"mcp", "jinja2", "yaml", "prometheus_client", "httpx", "starlette", "uvicorn"}
    assert imported & heavy <= allowed
    assert ("cde_orchestrator.bootstrap" in imported) == (arguments != ["--help"])


def test_the_shell_is_offered_names_of_the_project(started: Path, tmp_path: Path) -> None:
    def offered(line: str, cwd: Path) -> list[str]:
        done = cde(
            cwd=cwd,
            _CDE_COMPLETE="complete_bash",
            COMP_WORDS=line,
            COMP_CWORD=str(len(line.split(" ")) - 1),
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    assert offered("cde status m", started) == ["mend-it"]
    assert offered("cde submit mend-it ", started) == ["reproduce"]
    assert offered("cde start x --workflow q", started) == ["quick-fix"]
    assert offered("cde list --status comp", started) == ["completed"]
    assert offered("cde status ", tmp_path) == []
    assert offered(f"cde -C {started} status m", tmp_path) == ["mend-it"]
    assert offered("cde agents ", tmp_path) == ["list", "test", "trust"]
    assert offered("cde help ag", tmp_path) == ["agents"]
    assert offered("cde version ", tmp_path) == offered("cde ", tmp_path)
