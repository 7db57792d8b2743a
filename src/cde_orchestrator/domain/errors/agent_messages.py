"""Words for failures of agents and other guarded parts, E903 to E919."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity, Suggestion
from cde_orchestrator.domain.errors.fixes import (
    LIST_AGENTS,
    PROMPT_CALL,
    STATUS_CALL,
)

AGENT_MESSAGES: dict[str, ErrorMessage] = {
    "E903": ErrorMessage(
        title="Circuit Breaker Open",
        description="{breaker} failed several times in a row (last: {last_failure}), so it is "
        "not called for {retry_after_seconds} seconds.",
        suggestions=(
            "Wait {retry_after_seconds} seconds: a trial call is then made automatically",
            "If it works again, close the breaker: cde health reset-breaker {breaker}",
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
            "List the circuit breakers: cde health breakers",
            "A breaker exists once the part that it guards has failed",
        ),
        fixes=(Fix(("cde", "health", "breakers", "--project", "{project_path}")),),
    ),
    "E905": ErrorMessage(
        title="Agent Not Found",
        description="The agent '{agent}' cannot be started: {reason}.",
        suggestions=(
            "Install its command-line program, or choose another agent with --agent",
            "See which agents can be used here: cde agents list",
        ),
        fixes=(LIST_AGENTS,),
    ),
    "E906": ErrorMessage(
        title="Agent Failed",
        description="The agent '{agent}' failed: {reason}. Its last line was: '{last_line}'.",
        suggestions=(
            "Test whether it works at all: cde agents test {agent}",
            "Read its output in the log: cde logs",
        ),
        fixes=(Fix(("cde", "agents", "test", "{agent}", "--project", "{project_path}")),),
    ),
    "E907": ErrorMessage(
        title="Agent Took Too Long",
        description="The agent '{agent}' was stopped after {timeout_seconds} seconds.",
        suggestions=(
            "Give it more time: cde run FEATURE --agent {agent} --timeout SECONDS",
            "Set timeout_seconds in its definition in .cde/config.toml",
        ),
        fixes=(LIST_AGENTS,),
    ),
    "E908": ErrorMessage(
        title="Phase Waits For A Person",
        description="No agent completed the phase '{phase}' of '{feature}': {reason}. "
        "The feature is unchanged and its prompt is ready.",
        suggestions=(
            Suggestion("Read the prompt", *PROMPT_CALL),
            "Do the phase by hand, or remove the cause and continue: cde run {feature}",
        ),
        fixes=(
            Fix(("cde", "status", "{feature}", "--prompt", "--project", "{project_path}")),
            LIST_AGENTS,
        ),
    ),
    "E909": ErrorMessage(
        title="Feature Is Being Run",
        description="The feature '{feature}' is already being run by {holder}.",
        suggestions=(
            "Wait for that run, or stop it with Ctrl-C in its terminal",
            Suggestion("See its progress", *STATUS_CALL),
        ),
        fixes=(Fix(("cde", "status", "{feature}", "--project", "{project_path}")),),
    ),
    "E910": ErrorMessage(
        title="No Such Agent",
        description="There is no agent '{agent}'. There are: {agents}.",
        suggestions=(
            "List the agents: cde agents list",
            "Define your own agent under [agents.NAME] in .cde/config.toml",
        ),
        fixes=(LIST_AGENTS,),
    ),
    "E911": ErrorMessage(
        title="Run Stopped",
        description="The run was stopped while the agent '{agent}' worked. "
        "The feature is unchanged.",
        suggestions=(
            "Continue where it stopped: cde run FEATURE --agent {agent}",
            Suggestion(
                "See the open features", "cde list --status open", 'cde_listFeatures(status="open")'
            ),
        ),
        fixes=(Fix(("cde", "list", "--status", "open", "--project", "{project_path}")),),
        severity=Severity.INFO,
    ),
    "E912": ErrorMessage(
        title="Agent Not Trusted Here",
        description="Agent '{agent}' is not trusted in {folder} yet. It would run: '{command}'.",
        suggestions=(
            "Review the command and the project, then trust it: cde agents trust {agent}",
            "Without a terminal, once it is reviewed: cde agents trust {agent} --yes",
        ),
        fixes=(Fix(("cde", "agents", "trust", "{agent}", "--yes", "--project", "{folder}")),),
    ),
}
