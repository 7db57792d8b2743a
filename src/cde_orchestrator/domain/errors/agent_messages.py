"""Words for failures of agents and other guarded parts, E903 to E919."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity
from cde_orchestrator.domain.errors.fixes import (
    LIST_AGENTS,
)

AGENT_MESSAGES: dict[str, ErrorMessage] = {
    "E903": ErrorMessage(
        title="Given Time To Recover",
        description="{breaker} failed several times in a row (last: {last_failure}), so it is "
        "not called for {retry_after_seconds} seconds.",
        suggestions=(
            "Wait {retry_after_seconds} seconds: a trial is let through by itself then",
            "If it works already, let it be called: cde health reset-breaker {breaker}",
        ),
        fixes=(
            Fix(("cde", "health", "reset-breaker", "{breaker}", "--project", "{project_path}")),
        ),
        severity=Severity.WARNING,
    ),
    "E904": ErrorMessage(
        title="No Such Circuit Breaker",
        description="There is no circuit breaker '{breaker}'. There are: {breakers}.",
        suggestions=(
            "Look at the circuit breakers and their state: cde health breakers",
            "A breaker is known once what it guards has failed",
        ),
        fixes=(Fix(("cde", "health", "breakers", "--project", "{project_path}")),),
    ),
    "E905": ErrorMessage(
        title="Agent Not Found",
        description="The agent '{agent}' cannot be started: {reason}.",
        suggestions=(
            "Install its command line, or name another agent with --agent",
            "Look at which agents can be used here: cde agents list",
        ),
        fixes=(LIST_AGENTS,),
    ),
    "E906": ErrorMessage(
        title="Agent Failed",
        description="The agent '{agent}' ended without success: {reason}. "
        "Its last line was: '{last_line}'.",
        suggestions=(
            "See whether it works at all: cde agents test {agent}",
            "Look at its output in the log",
        ),
        fixes=(Fix(("cde", "agents", "test", "{agent}", "--project", "{project_path}")),),
    ),
    "E907": ErrorMessage(
        title="Agent Took Too Long",
        description="The agent '{agent}' was ended after {timeout_seconds} seconds.",
        suggestions=(
            "Give it more time: cde run FEATURE --agent {agent} --timeout SECONDS",
            "Set timeout_seconds in its definition in .cde/config.toml",
        ),
        fixes=(LIST_AGENTS,),
    ),
    "E908": ErrorMessage(
        title="Phase Waits For A Person",
        description="No agent got the phase '{phase}' of '{feature}' done: {reason}. "
        "The feature stands where it stood, and its prompt is ready.",
        suggestions=(
            "Read the prompt: cde status {feature} --prompt",
            "Do the phase by hand, or let cde run {feature} go on when the cause is gone",
        ),
        fixes=(
            Fix(("cde", "status", "{feature}", "--prompt", "--project", "{project_path}")),
            LIST_AGENTS,
        ),
    ),
    "E909": ErrorMessage(
        title="Feature Is Being Run",
        description="The feature '{feature}' is being run by {holder} already.",
        suggestions=(
            "Wait for that run, or end it with Ctrl-C where it runs",
            "See how far it is: cde status {feature}",
        ),
        fixes=(Fix(("cde", "status", "{feature}", "--project", "{project_path}")),),
    ),
    "E910": ErrorMessage(
        title="No Such Agent",
        description="There is no agent '{agent}'. There are: {agents}.",
        suggestions=(
            "Look at the agents: cde agents list",
            "Define an agent of your own under [agents.NAME] in .cde/config.toml",
        ),
        fixes=(LIST_AGENTS,),
    ),
    "E911": ErrorMessage(
        title="Run Stopped",
        description="The run was stopped while the agent '{agent}' worked. "
        "The feature stands where it stood.",
        suggestions=(
            "Go on where it stopped: cde run FEATURE --agent {agent}",
            "See where the features stand: cde list --status open",
        ),
        fixes=(Fix(("cde", "list", "--status", "open", "--project", "{project_path}")),),
        severity=Severity.INFO,
    ),
    "E912": ErrorMessage(
        title="Agent Not Trusted Here",
        description="Nobody has said yet that the agent '{agent}' may be run in {folder}. "
        "It would run: '{command}'.",
        suggestions=(
            "Look at the command and at the project, then trust it: cde agents trust {agent}",
            "Where no person can be asked: cde agents trust {agent} --yes",
        ),
        fixes=(Fix(("cde", "agents", "trust", "{agent}", "--yes", "--project", "{folder}")),),
    ),
}
