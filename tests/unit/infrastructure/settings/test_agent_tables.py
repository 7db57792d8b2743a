"""Agents as the project's settings define them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.domain.agent import PROMPT_FILE
from cde_orchestrator.domain.built_in_agents import BUILT_IN_AGENTS
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.settings.agent_tables import load_agents


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".cde").mkdir()
    return tmp_path


def write(root: Path, text: str) -> None:
    (root / ".cde" / "config.toml").write_text(text, encoding="utf-8")


def refusal(root: Path, text: str) -> ValidationError:
    write(root, text)
    with pytest.raises(ValidationError) as refused:
        load_agents(root)
    assert refused.value.code == "E314"
    assert refused.value.context["source"] == str(root / ".cde" / "config.toml")
    return refused.value


def test_without_settings_there_are_the_built_in_ones(tmp_path: Path) -> None:
    assert load_agents(tmp_path) == BUILT_IN_AGENTS
    assert list(BUILT_IN_AGENTS) == [
        *("claude", "codex", "gemini", "copilot", "opencode"),
        *("gemini-acp", "copilot-acp", "opencode-acp", "qwen-acp"),
    ]


def test_every_built_in_agent_says_how_it_gets_its_prompt() -> None:
    for agent in BUILT_IN_AGENTS.values():
        takes_a_file = any(PROMPT_FILE in word for word in agent.command)
        assert takes_a_file is (agent.prompt == "file")
        assert agent.command[0] == agent.version[0] == agent.name.removesuffix("-acp")
        assert (agent.output == "acp") is agent.name.endswith("-acp")
        assert agent.breaker == f"agent-{agent.name}"


def test_gemini_works_in_a_folder_that_it_was_not_asked_to_trust() -> None:
    assert "--skip-trust" in BUILT_IN_AGENTS["gemini"].command


def test_an_agent_of_the_project_comes_first(root: Path) -> None:
    write(
        root,
        """
        log_level = "INFO"
        [agents.mine]
        command = ["my-agent", "--headless", "{prompt_file}"]
        prompt = "file"
        version = ["my-agent", "--version"]
        environment = ["MY_*"]
        timeout_seconds = 60
        """,
    )
    name, mine = next(iter(load_agents(root).items()))
    assert (name, mine.name, mine.source) == ("mine", "mine", ".cde/config.toml")
    assert mine.arguments("/a b/prompt.md") == ["my-agent", "--headless", "/a b/prompt.md"]
    assert (mine.version, mine.environment) == (("my-agent", "--version"), ("MY_*",))
    assert mine.timeout_seconds == 60.0


def test_a_built_in_agent_is_changed_in_part(root: Path) -> None:
    write(root, "[agents.claude]\ntimeout_seconds = 5")
    claude = load_agents(root)["claude"]
    assert claude.timeout_seconds == 5.0
    assert claude.command == BUILT_IN_AGENTS["claude"].command
    assert claude.source == ".cde/config.toml"


def test_another_command_of_a_built_in_agent_prints_text_unless_it_says_otherwise(
    root: Path,
) -> None:
    write(root, '[agents.claude]\ncommand = ["claude", "--print"]')
    assert load_agents(root)["claude"].output == "text"
    write(root, '[agents.claude]\ncommand = ["claude", "{resume}"]\noutput = "claude-json"')
    assert load_agents(root)["claude"].resumes
    write(root, '[agents.claude]\ncommand = ["claude-agent-acp"]\noutput = "acp"')
    assert load_agents(root)["claude"].resumes
    write(root, '[agents.copilot]\ncommand = ["copilot", "-p", "Read {prompt_file}"]')
    assert load_agents(root)["copilot"].prompt == "file"


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("agents = 1", "agents"),
        ("[agents]\nmine = 1", "agents.mine"),
        ('[agents."Not A Name"]\ncommand = ["x"]', "agents.Not A Name"),
        ("[agents.mine]", "agents.mine.command"),
        ("[agents.mine]\ncommand = []", "agents.mine.command"),
        ('[agents.mine]\ncommand = "rm -rf /"', "agents.mine.command"),
        ("[agents.mine]\ncommand = [1]", "agents.mine.command"),
        ('[agents.mine]\ncommand = ["x", ""]', "agents.mine.command"),
        ('[agents.mine]\ncommand = ["x\\u0000"]', "agents.mine.command"),
        ('[agents.mine]\ncommand = ["x"]\nshell = true', "agents.mine.shell"),
        ('[agents.mine]\ncommand = ["x"]\nprompt = "mail"', "agents.mine.prompt"),
        ('[agents.mine]\ncommand = ["x"]\nprompt = "file"', "agents.mine.prompt"),
        ('[agents.mine]\ncommand = ["x"]\noutput = "xml"', "agents.mine.output"),
        ('[agents.mine]\ncommand = ["x", "{resume}"]', "agents.mine.output"),
        ('[agents.claude]\ncommand = ["x", "{allow_commands}"]', "agents.claude.output"),
        ('[agents.mine]\ncommand = ["x", "{resume}"]\noutput = "acp"', "agents.mine.output"),
        (
            '[agents.mine]\ncommand = ["{prompt_file}"]\nprompt = "file"\noutput = "acp"',
            "agents.mine.prompt",
        ),
        ('[agents.mine]\ncommand = ["{prompt_file}"]', "agents.mine.prompt"),
        ('[agents.mine]\ncommand = ["x"]\ntimeout_seconds = 0', "agents.mine.timeout_seconds"),
        ('[agents.mine]\ncommand = ["x"]\ntimeout_seconds = nan', "agents.mine.timeout_seconds"),
        ('[agents.mine]\ncommand = ["x"]\ntimeout_seconds = true', "agents.mine.timeout_seconds"),
        ('[agents.mine]\ncommand = ["x"]\ntimeout_seconds = "1"', "agents.mine.timeout_seconds"),
    ],
)
def test_a_definition_that_is_not_valid_is_refused_by_name(
    root: Path, text: str, setting: str
) -> None:
    assert refusal(root, text).context["setting"] == setting


def test_a_file_that_is_no_text_is_refused(root: Path) -> None:
    (root / ".cde" / "config.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValidationError):
        load_agents(root)
