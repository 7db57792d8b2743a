"""The server and the command line on a project whose state is in PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.projects.trust_commands import RevokeTrust
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import UntrustedBackendError
from tests import command_line
from tests.command_line import in_words
from tests.integration.deliverables import deliverable
from tests.integration.mcp_client import stdio_agent
from tests.postgres_server import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


def cde(root: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return in_words(command_line.cde(*words, cwd=root, environment={**os.environ, **environment}))


async def test_a_feature_is_worked_on_over_stdio(tmp_path: Path, url: str) -> None:
    async with stdio_agent(tmp_path, CDE_STATE_URL=url) as agent:
        onboarded = await agent.call("cde_onboardProject", path=".")
        assert onboarded["project"]["backend"] == "postgresql"
        begun = await agent.call("cde_startFeature", prompt="Add a login page")
        feature, phase = begun["feature"]["id"], begun["phase"]
        results = {output["id"]: deliverable(output) for output in phase["outputs"]}
        await agent.call(
            "cde_submitWork", feature_id=feature, phase_id=phase["id"], results=results
        )
        status = await agent.call("cde_getFeatureStatus", feature_id=feature)
    assert status["feature"]["current_phase"] == "decompose"
    assert not (tmp_path / ".cde" / "state.json").exists()


def test_a_hook_knows_the_phase_and_is_silent_without_the_database(
    tmp_path: Path, url: str, server: PostgresServer
) -> None:
    assert cde(tmp_path, "init", CDE_STATE_URL=url).returncode == 0
    assert cde(tmp_path, "start", "Held", CDE_STATE_URL=url).returncode == 0
    session = {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "one", "CDE_STATE_URL": url}
    assert cde(tmp_path, "resume", "held", "--agent", "ann", **session).returncode == 0
    given = json.dumps({"session_id": "one", "cwd": str(tmp_path)}).encode()
    stop: Any = {"cwd": tmp_path, "environment": {**os.environ, **session}, "stdin": given}
    held = in_words(command_line.cde("hook", "Stop", **stop))
    assert "of feature held is not submitted" in json.loads(held.stdout)["reason"]
    begun = cde(tmp_path, "hook", "SessionStart", CDE_STATE_URL=url)
    assert "is at phase define" in begun.stdout
    with server.stopped():
        silent = in_words(command_line.cde("hook", "Stop", **stop))
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")


def test_a_project_is_copied_from_files_by_export_and_import(tmp_path: Path, url: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    assert cde(source, "init").returncode == 0
    assert cde(source, "start", "Moved").returncode == 0
    export = str(tmp_path / "state.json")
    assert cde(source, "state", "export", "--output", export).returncode == 0
    for words in (["init"], ["state", "import", export], ["state", "verify"], ["doctor"]):
        done = cde(target, *words, CDE_STATE_URL=url)
        assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(cde(target, "list", "--json", CDE_STATE_URL=url).stdout)
    assert [feature["name"] for feature in listed["features"]] == ["moved"]


def test_a_password_is_in_no_answer_no_log_and_no_report(
    tmp_path: Path, url: str, server: PostgresServer
) -> None:
    secret = "correct-horse-1"
    with_password = url.replace("postgres:@", f"postgres:{secret}@")
    assert cde(tmp_path, "init", CDE_STATE_URL=with_password).returncode == 0
    said = []
    with server.stopped():
        for words in (["start", "Never"], ["doctor"], ["project", "settings"]):
            done = cde(tmp_path, *words, CDE_STATE_URL=with_password, CDE_LOG_LEVEL="DEBUG")
            said.append(done.stdout + done.stderr)
    assert "E217" in said[0]
    paths = (tmp_path / ".cde").rglob("*")
    files = [path.read_text("latin-1") for path in paths if path.is_file()]
    assert any("E217" in text for text in files)
    for text in (*said, *files):
        assert secret not in text
        assert quote(secret) not in text


def test_without_its_library_the_way_to_get_it_is_told(tmp_path: Path, url: str) -> None:
    absent = tmp_path / "absent" / "psycopg"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ModuleNotFoundError('no psycopg here')")
    done = cde(tmp_path, "list", "--json", CDE_STATE_URL=url, PYTHONPATH=str(absent.parent))
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "E314"
    assert "pip install 'cde-orchestrator[postgres]'" in error["message"]


def test_files_need_no_library_of_a_database(tmp_path: Path) -> None:
    script = (
        "import sys; from cde_orchestrator.__main__ import main\n"
        "sys.argv[1:] = ['list']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if 'psycopg' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("[]\n")


def test_a_database_of_the_settings_file_is_used_once_a_person_trusts_it(
    tmp_path: Path, server: PostgresServer
) -> None:
    url = server.plain_url()
    (tmp_path / ".cde").mkdir()
    (tmp_path / ".cde" / "config.toml").write_text(f'state_url = "{url}"\n')
    assert "E218" in cde(tmp_path, "init").stderr
    for words in (["trust", "--yes"], ["init"], ["start", "A thing"], ["doctor"], ["trust"]):
        done = cde(tmp_path, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(cde(tmp_path, "trust", "--list", "--json").stdout)
    assert shown["project"]["backend"] == "postgresql"
    assert shown["checks"][0]["command"] == ["connect", url]
    assert shown["checks"][0]["used_by"] == ["state"]


def test_trust_that_is_taken_back_ends_with_a_connection_that_stands(
    tmp_path: Path, server: PostgresServer
) -> None:
    url = server.plain_url()
    (tmp_path / ".cde").mkdir()
    (tmp_path / ".cde" / "config.toml").write_text(f'state_url = "{url}"\n')
    assert cde(tmp_path, "trust", "--yes").returncode == 0
    application = build_application(tmp_path)
    try:
        application.handle(OnboardProject())
        reply = application.handle(RevokeTrust())
        assert (reply["project"], reply["others"]) == (None, [])
        with pytest.raises(UntrustedBackendError):
            application.handle(ListFeatures())
    finally:
        application.close()
