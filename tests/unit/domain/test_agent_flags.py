"""The flags by which known agent programs continue a session and run commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.domain.agent import ALLOW_COMMANDS, RESUME, Agent, OutputForm
from cde_orchestrator.domain.agent_flags import is_asked_for, plain_words
from cde_orchestrator.domain.built_in_agents import BUILT_IN_AGENTS

TESTS = ("python", "-m", "pytest")
AGENT = Agent(name="a", command=("a", RESUME, ALLOW_COMMANDS, "-"), output="claude-json")


def words(output: OutputForm, *, session: str = "", commands: tuple[tuple[str, ...], ...]) -> str:
    agent = replace(AGENT, output=output)
    return " ".join(agent.arguments(session=session, commands=commands))


def test_a_new_session_without_commands_needs_no_flags() -> None:
    assert AGENT.arguments() == ["a", "-"]


@pytest.mark.parametrize(
    ("output", "filled"),
    [
        (
            "claude-json",
            "a --resume id-1 --allowedTools Bash(python -m pytest:*),Bash(python3 -m pytest:*) -",
        ),
        ("codex-json", "a resume id-1 -"),
        (
            "gemini-json",
            "a --resume id-1 --allowed-tools "
            + ",".join(f"run_shell_command({name} -m pytest)" for name in ("python", "python3"))
            + " -",
        ),
        ("text", "a -"),
    ],
)
def test_each_program_has_its_own_flags(output: OutputForm, filled: str) -> None:
    assert words(output, session="id-1", commands=(TESTS,)) == filled


@pytest.mark.parametrize("session", ["", "--dangerously", "a b", "x" * 129, "a\nb"])
def test_what_is_no_name_of_a_session_is_no_argument(session: str) -> None:
    assert words("claude-json", session=session, commands=()) == "a -"


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("sh", "-c", "rm -rf /"),
        ("make", "a),Bash(rm"),
        ("make", "test:*"),
        ("make", "a,b"),
        ("make", "a\nb"),
        ("make", "$(x)"),
        ("make", ""),
    ],
)
def test_a_command_that_would_need_quotes_is_not_allowed(command: tuple[str, ...]) -> None:
    assert words("claude-json", commands=(command,)) == "a -"


def test_a_command_is_allowed_once() -> None:
    allowed = words("claude-json", commands=(("make", "test"), ("make", "test"), ("python3",)))
    assert allowed == "a --allowedTools Bash(make test:*),Bash(python3:*) -"


def test_the_built_in_agents_get_their_prompt_on_standard_input() -> None:
    assert {agent.prompt for agent in BUILT_IN_AGENTS.values()} == {"stdin"}
    assert [name for name, agent in BUILT_IN_AGENTS.items() if agent.resumes] == [
        *("claude", "codex", "gemini"),
        *("gemini-acp", "copilot-acp", "opencode-acp", "qwen-acp"),
    ]
    assert [name for name, agent in BUILT_IN_AGENTS.items() if agent.reports_cost] == ["claude"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("make test", ("make", "test")),
        ("make 'test'", ("make", "test")),
        ("make test; rm x", ()),
        ("make test\nrm x", ()),
        ("make test\rrm x", ()),
        ("make 'test", ()),
        ("", ()),
    ],
)
def test_a_command_line_is_taken_for_its_words_where_a_shell_would_do_the_same(
    line: str, words: tuple[str, ...]
) -> None:
    assert plain_words(line) == words


@pytest.mark.parametrize(
    ("given", "is_one"),
    [
        (("make", "test", "-k"), True),
        (("make",), False),
        ((), False),
        (("python3", "-m", "pytest"), True),
        (("python", "-m", "unittest"), False),
    ],
)
def test_a_command_is_asked_for_with_any_further_words(
    given: tuple[str, ...], is_one: bool
) -> None:
    asked = (("make", "test"), ("python", "-m", "pytest"), ())
    assert is_asked_for(given, asked) is is_one
