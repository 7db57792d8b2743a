"""What an agent has to read to take a feature of ordinary size through its six phases."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import cde
from tests.integration.mcp_client import Agent, require_short, stdio_agent, text_of
from tests.repository import commit_first

pytestmark = pytest.mark.anyio

NAME = "key-rotation-let-callers-find-out-whether"
GOAL = (
    "Key rotation: let callers find out whether a token that is valid was signed with an older "
    "key, or by a fallback signer, so that they can hand out a fresh one before the old key is "
    "withdrawn. Nothing that exists may change its behaviour, and the check must cost no second "
    "signature; the documentation says how."
)
CRITERIA = [
    "Given a token of the newest key, when needs_refresh is asked, then it is False.",
    "Given a token of an older key of three, when needs_refresh is asked, then it is True.",
    "Given a token of a fallback signer, when loads_refresh is called, then the flag is True.",
    "Given a token that nobody signed, when either is called, then BadSignature is raised.",
    "Given a timed token that is too old, when it is loaded, then SignatureExpired is raised.",
    "Given a payload of 10 MB, when it is loaded, then each key computes one signature at most.",
    "Given a subclass that overrides verify_signature, when asked, then its answer counts.",
    "Given today's callers, when they call loads and unsign, then they get what they got.",
    "Given the documentation, when it is built, then both functions are in it with an example.",
]


def _filled(words: str, size: int) -> str:
    """The words with lines after them, up to about so many characters."""
    line = "- what was found in src/itsdangerous/signer.py and why it matters to a caller.\n"
    return words + line * max((size - len(words)) // len(line), 1)


SPEC = "\n".join(
    [
        f"# Specification: {NAME}\n\n## Goal",
        _filled("Callers that rotate keys need to know which tokens are of an older key.\n", 400),
        _filled("## Scope\nIn: Signer and Serializer.\nOut: JWS, which is gone.\n", 500),
        "## Acceptance criteria",
        *(f"- AC{number}: {text}" for number, text in enumerate(CRITERIA, start=1)),
        _filled("\n## Constraints\nNo existing signature changes.\n", 400),
        _filled("## Assumptions and open questions\nThe newest key is the last one.\n", 300),
    ]
)
TASKS = "\n".join(
    [
        "# Tasks\n\n## Tasks",
        *(f"- T{n}: task {n}\n  - Serves: AC{n}\n  - Done when: test {n}" for n in range(1, 10)),
        _filled("\n## Order\nAs listed.\n", 200),
        "## Coverage",
        *(f"| AC{number} | T{number} |" for number in range(1, 10)),
        _filled("\n## Risks\nThe hook of subclasses.\n", 300),
    ]
)
DESIGN = "\n".join(
    _filled(f"## {heading}\nWhat is decided here.\n", 400)
    for heading in (
        *("Approach", "Alternatives", "Changes", "Failure modes", "Test plan"),
        "Interfaces and data",
    )
)
IMPLEMENTATION = "\n".join(
    _filled(f"## {heading}\nWhat was done.\n", 500)
    for heading in ("Changes", "Tasks", "Deviations", "How to verify", "Known limits")
)
REPORT = "\n".join(
    [
        _filled("## Runs\npytest: 359 passed\n", 400),
        "## Acceptance criteria",
        *(f"| AC{number} | tests/test_signer.py | yes |" for number in range(1, 10)),
        _filled("\n## Defects\nNone: nothing was found.\n", 300),
        _filled("## Not covered\nOther interpreters.\n", 300),
    ]
)
REVIEW = "\n".join(
    [
        "## Verdict\nVerdict: approved with follow-ups\n",
        _filled("## Findings\n| minor | signer.py:10 | a name | open |\n", 600),
        _filled("## Follow-ups\nmax_age by keyword only.\n", 300),
    ]
)
OUTPUTS = {
    "define": {"spec": SPEC},
    "decompose": {"tasks": TASKS},
    "design": {"design": DESIGN},
    "implement": {"implementation": IMPLEMENTATION},
    "test": {"tests": REPORT},
    "review": {"review": REVIEW},
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project in git with a module."""
    folder = tmp_path / "itsdangerous"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "signer.py").write_text("def sign(value):\n    return value\n")
    commit_first(folder)
    return folder


class _Read:
    """An agent, and how much it was given to read."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.texts: list[str] = []
        self.structured: list[str] = []

    async def call(self, tool: str, **arguments: Any) -> Mapping[str, Any]:
        result = await self.agent.raw(tool, arguments)
        assert not result.is_error, text_of(result)
        require_short(result)
        self.texts.append(text_of(result))
        assert result.structured_content is not None
        self.structured.append(json.dumps(result.structured_content, ensure_ascii=False))
        return dict(result.structured_content)


def _bytes_of(text: str, repository: Path) -> int:
    """How many, with one digit for each number and id: these differ from run to run."""
    text = text.replace(str(repository), "/home/ann/itsdangerous")
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{12,}\b", "0", text)
    return len(re.sub(r"[0-9.]*[0-9]", "0", text).encode())


async def _walk(read: _Read, repository: Path, *, until: str = "") -> None:
    await read.call("cde_startFeature", prompt=GOAL, name=NAME)
    for phase, results in OUTPUTS.items():
        if phase == until:
            return
        if phase == "implement":
            (repository / "src" / "signer.py").write_text(
                "def sign(value):\n    return value\n\n\ndef needs_refresh(value):\n    return 0\n"
            )
        await read.call("cde_submitWork", feature_id=NAME, phase_id=phase, results=results)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_six_phases_in_one_connection_are_little_to_read(repository: Path, mode: str) -> None:
    async with stdio_agent(repository, mode=mode) as agent:
        read = _Read(agent)
        await read.call("cde_onboardProject", path=".")
        read.texts.clear()
        await _walk(read, repository)

    assert f"Feature {NAME} is completed. Made in " in read.texts[-1]
    lengths = [len(text) for text in read.texts]
    assert sum(lengths) <= 20_000, lengths
    # Each phase's prompt once, and what names its outputs, their files, and what comes next.
    structured = [_bytes_of(text, repository) for text in read.structured[1:]]
    assert sum(structured) <= 23_753, structured
    assert sum(text.count(NAME) for text in read.texts) <= 40
    for text in read.texts[1:-1]:
        assert CRITERIA[0] not in text
        assert "Quoted lines" not in text
        assert "## Rules" not in text


async def test_a_fresh_agent_needs_no_further_call_to_begin(repository: Path) -> None:
    async with stdio_agent(repository) as agent:
        read = _Read(agent)
        await read.call("cde_onboardProject", path=".")
        await _walk(read, repository, until="implement")
        (repository / "src" / "new.py").write_text("a = 1\n")
        await read.call(
            "cde_saveProgress",
            feature_id=NAME,
            phase_id="implement",
            note="The suite was green before.",
            data={"baseline": "297 passed"},
        )
    async with stdio_agent(repository) as agent:
        read = _Read(agent)
        await read.call("cde_resumeFeature", feature_id=NAME)

    (text,) = read.texts
    assert len(text) <= 11_000
    for number, criterion in enumerate(CRITERIA, start=1):
        assert f"AC{number}: {criterion}" in text
    for said in (
        *(GOAL, "> ## Changes", "> ## Test plan", "- [ ] T9: task 9; Done when: test 9 (AC9)"),
        *("src/new.py (+1 -0)", "The suite was green before.", '{"baseline": "297 passed"}'),
        *("## Rules", f'cde_submitWork(feature_id="{NAME}", phase_id="implement")'),
    ):
        assert said in text.replace("\n> ", " ") or said in text, said
    assert not re.search(r"\bcde (save|submit|rollback)\b", text)


async def test_agents_that_each_do_a_phase_are_given_everything_in_bounds(
    repository: Path,
) -> None:
    async with stdio_agent(repository) as agent:
        read = _Read(agent)
        await read.call("cde_onboardProject", path=".")
        await read.call("cde_startFeature", prompt=GOAL, name=NAME)
    read.texts.clear()
    for phase, results in OUTPUTS.items():
        async with stdio_agent(repository) as agent:
            read.agent = agent
            await read.call("cde_resumeFeature", feature_id=NAME, takeover=True)
            if phase == "implement":
                (repository / "src" / "signer.py").write_text("def needs_refresh(value): ...\n")
            submitted = {"feature_id": NAME, "phase_id": phase, "results": results}
            answer = await agent.call("cde_submitWork", **submitted)

    assert answer["phase"] is None
    texts = [text.replace(str(repository), "/home/ann/itsdangerous") for text in read.texts]
    lengths = [len(text) for text in texts]
    assert sum(lengths) <= 35_000, lengths
    for text in texts[2:]:
        assert CRITERIA[0] in text


def _walk_by_commands(repository: Path, *who: str) -> list[str]:
    """What an agent in a shell reads that takes the feature through its phases."""
    cde("init", cwd=repository)
    texts = [cde("start", GOAL, "--name", NAME, *who, cwd=repository)]
    for phase, results in OUTPUTS.items():
        if phase == "implement":
            (repository / "src" / "signer.py").write_text(
                "def needs_refresh(value):\n    return 0\n"
            )
        given = ("--results", json.dumps(results))
        texts.append(cde("submit", NAME, phase, *given, *who, cwd=repository))
    assert [done.returncode for done in texts] == [0] * 7, texts
    read = [(done.stdout + done.stderr).decode() for done in texts]
    return [text.replace(str(repository), "/home/ann/itsdangerous") for text in read]


def test_six_phases_of_commands_are_little_to_read_for_an_agent_with_a_name(
    repository: Path,
) -> None:
    texts = _walk_by_commands(repository, "--agent", "ann")

    assert " is completed\n  Made in " in texts[-1]
    assert sum(map(len, texts)) <= 20_000, [len(text) for text in texts]
    for text in texts[1:-1]:
        assert CRITERIA[0] not in text
        assert "## Rules" not in text
        assert "cde_" not in text


def test_commands_without_a_name_are_given_everything_in_bounds(repository: Path) -> None:
    texts = _walk_by_commands(repository)

    assert sum(map(len, texts)) <= 35_000, [len(text) for text in texts]
    assert CRITERIA[0] in texts[2]
