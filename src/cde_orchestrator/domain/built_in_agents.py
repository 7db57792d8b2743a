"""The agents that the product knows by name; a project's settings add others, or change these."""

from __future__ import annotations

from cde_orchestrator.domain.agent import PROMPT_FILE, Agent

_FROM_FILE = f"Read the file {PROMPT_FILE} and do what it says, to the letter."

# The flags are those that each agent documents for runs without a person; each lets it edit
# the files of the folder that it is started in.
BUILT_IN_AGENTS: dict[str, Agent] = {
    agent.name: agent
    for agent in (
        Agent(
            name="claude",
            command=("claude", "--print", "--permission-mode", "acceptEdits"),
            version=("claude", "--version"),
            environment=("ANTHROPIC_*", "CLAUDE_*"),
        ),
        Agent(
            name="codex",
            command=(
                *("codex", "exec", "--sandbox", "workspace-write"),
                *("--skip-git-repo-check", "--color", "never", "-"),
            ),
            version=("codex", "--version"),
            environment=("OPENAI_*", "CODEX_*"),
        ),
        Agent(
            name="gemini",
            # In a folder that it was not asked to trust it ends with exit code 55.
            command=("gemini", "--skip-trust", "--approval-mode", "auto_edit"),
            version=("gemini", "--version"),
            environment=("GEMINI_*", "GOOGLE_*"),
        ),
        Agent(
            name="copilot",
            command=("copilot", "-p", _FROM_FILE, "--allow-all-tools"),
            prompt="file",
            version=("copilot", "--version"),
            environment=("GH_TOKEN", "GITHUB_TOKEN", "COPILOT_*"),
        ),
        Agent(
            name="opencode",
            command=("opencode", "run", _FROM_FILE),
            prompt="file",
            version=("opencode", "--version"),
            environment=("OPENCODE_*", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"),
        ),
    )
}
