"""The agents that the product knows by name; a project's settings add others, or change these."""

from __future__ import annotations

from cde_orchestrator.domain.agent import ACP, ALLOW_COMMANDS, RESUME, Agent

# The flags are those that each agent documents for runs without a person; each lets it edit
# the files of the folder that it is started in, and run what the phase asks for.
BUILT_IN_AGENTS: dict[str, Agent] = {
    agent.name: agent
    for agent in (
        Agent(
            name="claude",
            command=(
                *("claude", "--print", "--permission-mode", "acceptEdits"),
                *("--output-format", "stream-json", "--verbose", RESUME, ALLOW_COMMANDS),
            ),
            output="claude-json",
            version=("claude", "--version"),
            environment=("ANTHROPIC_*", "CLAUDE_*"),
        ),
        Agent(
            name="codex",
            command=(
                *("codex", "exec", "--json", "--sandbox", "workspace-write"),
                *("--skip-git-repo-check", "--color", "never", RESUME, "-"),
            ),
            output="codex-json",
            version=("codex", "--version"),
            environment=("OPENAI_*", "CODEX_*"),
        ),
        Agent(
            name="gemini",
            # In a folder that it was not asked to trust it ends with exit code 55.
            command=(
                *("gemini", "--skip-trust", "--approval-mode", "auto_edit"),
                *("--output-format", "stream-json", RESUME, ALLOW_COMMANDS),
            ),
            output="gemini-json",
            version=("gemini", "--version"),
            environment=("GEMINI_*", "GOOGLE_*"),
        ),
        Agent(
            name="copilot",
            command=("copilot", "--allow-all-tools", "--no-color"),
            version=("copilot", "--version"),
            environment=("GH_TOKEN", "GITHUB_TOKEN", "COPILOT_*"),
        ),
        Agent(
            name="opencode",
            command=("opencode", "run"),
            version=("opencode", "--version"),
            environment=("OPENCODE_*", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"),
        ),
        Agent(
            name="gemini-acp",
            command=("gemini", "--skip-trust", "--acp"),
            output=ACP,
            version=("gemini", "--version"),
            environment=("GEMINI_*", "GOOGLE_*"),
        ),
        Agent(
            name="copilot-acp",
            command=("copilot", "--acp"),
            output=ACP,
            version=("copilot", "--version"),
            environment=("GH_TOKEN", "GITHUB_TOKEN", "COPILOT_*"),
        ),
        Agent(
            name="opencode-acp",
            command=("opencode", "acp"),
            output=ACP,
            version=("opencode", "--version"),
            environment=("OPENCODE_*", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"),
        ),
        Agent(
            name="qwen-acp",
            command=("qwen", "--acp"),
            output=ACP,
            version=("qwen", "--version"),
            environment=("OPENAI_*", "QWEN_*", "DASHSCOPE_API_KEY"),
        ),
    )
}
