"""How a project is worked on reaches whoever works on it, and no further than it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import cde, in_words
from tests.integration.mcp_client import stdio_agent, text_of
from tests.repository import git

pytestmark = pytest.mark.anyio

FILES = {
    "src/keys.py": "def rotate():\n    return 1\n",
    "AGENTS.md": "Be brief.\n",
    "CHANGES.rst": "",
    "tox.ini": "[testenv:style]\n[testenv:typing]\n",
    ".github/pull_request_template.md": "<!--\n- Add tests\n- Say why\n-->\n",
}
RULES = "- Name units, as in `timeout_seconds`.\n"
SPEC = """\
## Goal
Keys that are old must be reported by src/keys.py, so that callers can withdraw them in time.
## Scope
In: the function rotate, and its documentation. Out: how keys are stored, which stays as it is.
## Acceptance criteria
- AC1: Given an old key, when rotate is called, then it says so by returning 2 and no other number.
## Assumptions and open questions
None: whoever asked has answered all of them, and nothing else is open at this time of the work.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in git with files that say how it is worked on."""
    folder = tmp_path / "shop"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        git(folder, *words)
    return folder


def run(project: Path, *words: str) -> str:
    """What a command that succeeds prints, in one line."""
    done = in_words(cde(*words, cwd=project))
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def test_people_see_it_when_a_project_is_set_up_and_later(project: Path) -> None:
    said = (
        *("Instructions AGENTS.md", "Lint tox -e style (tox.ini)"),
        *("Types tox -e typing (tox.ini)", "Changes listed in CHANGES.rst"),
    )
    for words in (("init",), ("project", "info")):
        shown = run(project, *words)
        assert [each for each in said if each not in shown] == [], shown
    facts = json.loads(run(project, "project", "info", "--json"))["facts"]
    assert facts["checklist"] == ["Add tests", "Say why"]


async def test_agents_get_it_once_in_a_connection_as_it_is_at_the_start(
    project: Path,
) -> None:
    async with stdio_agent(project) as agent:
        await agent.call("cde_onboardProject", path=".")
        (project / ".cde" / "rules.md").write_text(RULES)
        (project / "noxfile.py").write_text("@nox.session\ndef docs(session): ...\n")
        started = await agent.raw("cde_startFeature", {"prompt": "Old keys", "name": "old"})
        info = await agent.raw("cde_getProjectInfo", {})
        submitted = {"feature_id": "old", "phase_id": "define", "results": {"spec": SPEC}}
        following = await agent.raw("cde_submitWork", submitted)

    said = (
        f"````markdown\n{RULES}````",
        *("Read and follow: `AGENTS.md`", "`tox -e style` (tox.ini)", "> - Say why"),
        *("Documentation: `nox -s docs` (noxfile.py)", "A change is listed in `CHANGES.rst`"),
    )
    assert [each for each in said if each not in text_of(started)] == []
    assert "Docs: nox -s docs (noxfile.py)" in text_of(info)
    assert "Test command" not in text_of(info)
    assert "standard by default" in text_of(info)
    assert not following.is_error, text_of(following)
    assert "tox -e style" not in text_of(following)
    assert "Name units" not in text_of(following)
