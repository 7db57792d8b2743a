"""The programs that are driven: which version, how it is started, and how it finds the model.

No program has a key, and each has its telemetry and its updates switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tools.agents.world import World
from tools.kept_programs import node, npm_package

Prepare: TypeAlias = Callable[[World, str], Mapping[str, str]]
KEY = "not-a-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that agents run in.

    Attributes:
        name: of the program; ``cde connect`` knows it by that, if ``is_client``.
        agent: its name in ``cde run``.
        definition: settings of the project that define that agent, if the product does not.
        command: what it is called on ``PATH``.
        setup: the script of its package that has to run once, if any.
        prepare: writes settings that point it at a model's address; returns variables that do.
        words: a command without a person, which takes the prompt on standard input.
        asked: variables for a command by itself; a run has to do without them.
        hooks: words for hooks that nobody was asked about; None where it has no hooks.
    """

    name: str
    agent: str
    definition: str = ""
    is_client: bool = True
    package: str
    version: str
    command: str
    setup: str = ""
    prepare: Prepare
    words: tuple[str, ...]
    asked: Mapping[str, str] = field(default_factory=dict)
    hooks: tuple[str, ...] | None = None

    def folders(self) -> list[Path]:
        """What has to be on ``PATH``; raises NotInstalledError."""
        package = npm_package(self.package, self.version, setup=self.setup)
        (modules,) = (each for each in package.parents if each.name == "node_modules")
        return [modules / ".bin", node().parent]


def _claude_code(world: World, model: str) -> Mapping[str, str]:
    return {
        "ANTHROPIC_BASE_URL": model,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _codex(world: World, model: str) -> Mapping[str, str]:
    world.write(
        world.home / ".codex" / "config.toml",
        f"""\
model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.scripted]
name = "Scripted"
base_url = "{model}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
""",
    )
    return {"OPENAI_API_KEY": KEY}


def _gemini(world: World, model: str) -> Mapping[str, str]:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
    }
    world.write(world.home / ".gemini" / "settings.json", settings)
    return {
        "GEMINI_API_KEY": KEY,
        "GOOGLE_GEMINI_BASE_URL": model,
        "GEMINI_MODEL": "gemini-2.5-pro",
    }


def _opencode(world: World, model: str) -> Mapping[str, str]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Scripted",
        "options": {"baseURL": f"{model}/v1", "apiKey": KEY},
        "models": {"scripted": {"name": "Scripted", "tool_call": True}},
    }
    settings = {
        "model": "scripted/scripted",
        "small_model": "scripted/scripted",
        "enabled_providers": ["scripted"],
        "provider": {"scripted": provider},
        "autoupdate": False,
        "share": "disabled",
    }
    world.write(world.home / ".config" / "opencode" / "opencode.json", settings)
    return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}


def _copilot(world: World, model: str) -> Mapping[str, str]:
    return {
        "COPILOT_OFFLINE": "true",
        "COPILOT_AUTO_UPDATE": "false",
        "COPILOT_MODEL": "scripted",
        "COPILOT_PROVIDER_BASE_URL": f"{model}/v1",
        "COPILOT_PROVIDER_API_KEY": KEY,
    }


def _qwen(world: World, model: str) -> Mapping[str, str]:
    settings = {
        "security": {"auth": {"selectedType": "openai"}},
        "general": {"enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
    }
    world.write(world.home / ".qwen" / "settings.json", settings)
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{model}/v1", "OPENAI_MODEL": "scripted"}


PROGRAMS = (
    Program(
        name="claude-code",
        agent="claude",
        package="@anthropic-ai/claude-code",
        version="2.1.332",
        command="claude",
        setup="install.cjs",
        prepare=_claude_code,
        words=("--print", "--permission-mode", "acceptEdits", "--allowedTools", "mcp__cde"),
        hooks=(),
    ),
    Program(
        name="codex",
        agent="codex",
        package="@openai/codex",
        version="0.171.0",
        command="codex",
        prepare=_codex,
        words=("exec", "--sandbox", "workspace-write", "-"),
        hooks=("--trust", "--dangerously-bypass-hook-trust"),
    ),
    Program(
        name="gemini",
        agent="gemini",
        package="@google/gemini-cli",
        version="0.61.0",
        command="gemini",
        prepare=_gemini,
        words=("--approval-mode", "auto_edit"),
        asked={"GEMINI_CLI_TRUST_WORKSPACE": "true"},
        hooks=(),
    ),
    Program(
        name="opencode",
        agent="opencode",
        package="opencode-ai",
        version="1.18.33",
        command="opencode",
        setup="postinstall.mjs",
        prepare=_opencode,
        words=("run",),
    ),
    Program(
        name="copilot",
        agent="copilot",
        package="@github/copilot",
        version="1.0.102",
        command="copilot",
        prepare=_copilot,
        words=("--allow-all-tools", "--no-color"),
    ),
    Program(
        name="qwen",
        agent="qwen",
        definition="""\
[agents.qwen]
command = ["qwen", "--approval-mode", "yolo"]
environment = ["OPENAI_*"]
""",
        is_client=False,
        package="@qwen-code/qwen-code",
        version="0.24.4",
        command="qwen",
        prepare=_qwen,
        words=("--approval-mode", "yolo"),
    ),
)
