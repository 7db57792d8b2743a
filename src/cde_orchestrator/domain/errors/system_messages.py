"""Words for failures of the system around the product, its agents and alerts, E900 to E999."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, critical, info, message, warning
from cde_orchestrator.domain.errors.fixes import (
    COMPACT,
    DOCTOR,
    DOCTOR_FIX,
    HISTORY_CALL,
    LIST_AGENTS,
    LIST_FEATURES,
    LIST_REPORTS,
    PROMPT_CALL,
    SERVE_LOCALLY,
    SHOW_FEATURE,
    SHOW_SETTINGS,
    STATUS_CALL,
    TEST_AGENT,
    explaining,
    fix,
    here,
)

SYSTEM_MESSAGES = {
    "E901": message(
        "Address Not Available",
        "The server cannot listen on {host}:{port}: {reason}.",
        "Let the system choose a free port: cde serve --transport http --port 0",
        "Or stop the program that uses the port",
        "A port below 1024 may need root; the host must be an address of this machine",
        fixes=(SERVE_LOCALLY,),
    ),
    "E902": warning(
        "Not Authorised",
        "The server requires a bearer token, and {reason}.",
        "Send the header Authorization: Bearer TOKEN with the server's token",
        "The server names the file that the token is in when it starts",
        "In a browser, open the address of: cde dashboard --no-open",
        fixes=(explaining("E902"),),
    ),
    "E903": warning(
        "Circuit Breaker Open",
        (
            "{breaker} failed several times in a row (last: {last_failure}), so it is "
            "not called for {retry_after_seconds} seconds."
        ),
        "Wait {retry_after_seconds} seconds: a trial call is then made automatically",
        "If it works again, close the breaker: cde health reset-breaker {breaker}",
        Suggestion("See why it failed", "cde errors list", "cde_getHealth()"),
        fixes=(here("health reset-breaker {breaker}"),),
    ),
    "E904": message(
        "No Such Circuit Breaker",
        "There is no circuit breaker '{breaker}'. There are: {breakers}.",
        "List the circuit breakers: cde health breakers",
        "A breaker exists once the part that it guards has failed",
        "Check the spelling: names are compared exactly",
        fixes=(here("health breakers"),),
    ),
    "E905": message(
        "Agent Not Found",
        "The agent '{agent}' cannot be started: {reason}.",
        "Install its command-line program, or choose another agent with --agent",
        "See which agents can be used here: cde agents list",
        "Check that its folder is on the PATH of the process that starts it",
        fixes=(LIST_AGENTS,),
    ),
    "E906": message(
        "Agent Failed",
        "The agent '{agent}' failed: {reason}. Its last line was: '{last_line}'.",
        "Test whether it works at all: cde agents test {agent}",
        "Read its output in the log: cde logs",
        "Check its account: signed in, within its limits, and with a network",
        fixes=(TEST_AGENT,),
    ),
    "E907": message(
        "Agent Took Too Long",
        "The agent '{agent}' was stopped after {timeout_seconds} seconds.",
        "Give it more time: cde run FEATURE --agent {agent} --timeout SECONDS",
        "Set timeout_seconds in its definition in .cde/config.toml",
        "Give it smaller phases: split the feature in two",
        fixes=(LIST_AGENTS,),
    ),
    "E908": message(
        "No Agent Completed The Phase",
        (
            "No agent completed the phase '{phase}' of '{feature}': {reason}. The agent's last "
            "words were: '{last_words}'. The feature stays at the phase, and its prompt is ready."
        ),
        Suggestion("Read the prompt", *PROMPT_CALL),
        Suggestion(
            "Do the phase by hand, and submit it",
            "cde submit {feature} {phase}",
            'cde_submitWork(feature_id="{feature}", phase_id="{phase}")',
        ),
        "Or remove the cause, and continue: cde run {feature}",
        "Or let another agent try: cde run {feature} --agent AGENT",
        fixes=(here("status {feature} --prompt"), LIST_AGENTS),
    ),
    "E909": message(
        "Feature Is Being Run",
        "The feature '{feature}' is already being run by {holder}.",
        "Wait for that run, or stop it with Ctrl-C in its terminal",
        Suggestion("See its progress", *STATUS_CALL),
        "If that process is gone, try again: its lock ended with it",
        fixes=(SHOW_FEATURE,),
    ),
    "E910": message(
        "No Such Agent",
        "There is no agent '{agent}'. There are: {agents}.",
        "List the agents: cde agents list",
        "Define your own agent under [agents.NAME] in .cde/config.toml",
        "Check the spelling: names are compared exactly",
        fixes=(LIST_AGENTS,),
    ),
    "E911": info(
        "Run Stopped",
        "The run was stopped while the agent '{agent}' worked. The feature is unchanged.",
        "Continue where it stopped: cde run FEATURE --agent {agent}",
        Suggestion(
            "See the open features", "cde list --status open", 'cde_listFeatures(status="open")'
        ),
        "Or continue by hand: the prompt of the current phase is unchanged",
        fixes=(here("list --status open"),),
    ),
    "E912": message(
        "Agent Not Trusted Here",
        "Agent '{agent}' is not trusted in {folder} yet. It would run: '{command}'.",
        "Review the command and the project, then trust it: cde agents trust {agent}",
        "See what each agent would run: cde agents list",
        "Agents cannot grant trust: a person does, once for each project",
        fixes=(fix("agents trust {agent} --project {folder}"),),
    ),
    "E920": warning(
        "Clock Differs",
        "The newest change was made at {newest}, which is in the future here.",
        "Set this machine's clock, or let NTP set it",
        "Changes are ordered by their numbers, so none is lost or misplaced",
        "Check the clocks of all machines that share the project",
        fixes=(here("state history --limit 1"),),
    ),
    "E921": warning(
        "Low Disk Space",
        "{free_mb} MB are free on the disk of '{path}'; {wanted_mb} MB are wanted.",
        "Free space on that disk before the project becomes read-only",
        "Remove old logs and reports that the project can do without: cde doctor --fix",
        "Shorten the project's history: cde state compact",
        "Move large files that are not part of the project elsewhere",
        fixes=(DOCTOR_FIX, COMPACT),
    ),
    "E922": warning(
        "Git Does Not Work",
        "Git refuses to work in '{path}': {reason}.",
        "Run git status there and follow its advice",
        "Features can continue without git",
        "Check the owner of the folder: git refuses repositories of other users",
        fixes=(DOCTOR,),
    ),
    "E923": warning(
        "No Answer in Time",
        (
            "{tool} did not answer within {seconds} s. It continues, "
            "and what it changes is kept: check before you repeat it."
        ),
        Suggestion("See what was done meanwhile", "cde list", "cde_listFeatures()"),
        "If calls may take longer, raise call_timeout_seconds in .cde/config.toml",
        "Check for a slow disk or a busy machine: cde logs slow",
        fixes=(LIST_FEATURES,),
    ),
    "E924": message(
        "Token Not Usable",
        "The bearer token from {source} cannot be used: {reason}.",
        "Create one: openssl rand -hex 32 > FILE, then chmod 600 FILE",
        "Name the file with --token-file, or set the token in CDE_HTTP_TOKEN",
        "Keep it on one line, in a file that its owner alone can read: chmod 600 FILE",
        fixes=(fix("serve --help"),),
    ),
    "E925": message(
        "Many Operations Fail",
        (
            "{percent} % of the operations of five minutes failed, not counting refusals; "
            "the limit is {most} %."
        ),
        "See which failed and why: cde errors list",
        "If so many failures are expected, raise alert_error_percent in .cde/config.toml",
        "Check disk, database and network first: most failures come from there",
        fixes=(LIST_REPORTS,),
    ),
    "E926": warning(
        "Operations Are Slow",
        "An operation took {milliseconds} ms; the limit is {most} ms.",
        "See which operations were slow and why: cde logs slow",
        "If this machine is simply slow, raise alert_slow_operation_ms in .cde/config.toml",
        "See what the machine is busy with: disk, memory, other processes",
        fixes=(here("logs slow"),),
    ),
    "E927": warning(
        "Backups Are Old",
        (
            "There are changes since the newest backup, which is {hours} hours old; "
            "the limit is {most} hours."
        ),
        "Create a backup: cde state compact",
        "Check that the folder of the backups is writable: cde doctor",
        "Check that there is space on the disk for another copy",
        fixes=(COMPACT,),
    ),
    "E928": warning(
        "Work Was Abandoned",
        "Claims of agents that expired: {count}. Others may take over the phases.",
        Suggestion(
            "See which features wait and resume one",
            "cde list, then cde resume FEATURE",
            "cde_listFeatures(), then cde_resumeFeature()",
        ),
        Suggestion(
            "Close features that nobody works on any more",
            "cde close FEATURE",
            "cde_closeFeature()",
        ),
        "An agent keeps its claim by any call about the feature, such as saving progress",
        fixes=(LIST_FEATURES,),
    ),
    "E929": warning(
        "Alert Not Delivered",
        "The alert did not reach the {notifier}: {reason}.",
        "Check where alerts are sent, and correct it: cde project settings",
        "Then send a test alert: cde alerts test",
        "No alert is lost: every one is in the list of cde alerts",
        fixes=(SHOW_SETTINGS,),
    ),
    "E930": warning(
        "Low Memory",
        "{percent} % of the memory is in use; the limit is {most} %.",
        "Stop programs that are not needed, or give the machine more memory",
        "If so much use is intended, raise alert_memory_percent in .cde/config.toml",
        "In a container, raise its limit: it counts before the machine's memory",
        fixes=(here("health", "cde_getHealth"),),
    ),
    "E931": message(
        "Product Replaced While Running",
        (
            "CDE Orchestrator {loaded} runs here, but the installed package was replaced or "
            "removed since: {found}. Nothing is lost: a change was made completely or not at all."
        ),
        "Restart this process: reconnect the client to its MCP server, or start cde serve again",
        "If it happens again, install the package again",
        Suggestion("See what was done, and continue there", "cde list", "cde_listFeatures()"),
        fixes=(LIST_REPORTS,),
    ),
    "E935": message(
        "Dashboard Not Started",
        "The dashboard's server does not start. It reports: {reason}.",
        "Start a server in the foreground and watch it: cde serve --transport http --port 0",
        "Find out what is wrong with the project: cde doctor",
        "Read the last lines of the log: cde logs --level warning",
        fixes=(DOCTOR,),
    ),
    "E936": message(
        "Token Required",
        "A network reaches {host}, and no token was given to ask for.",
        "Create one: openssl rand -hex 32 > FILE, then chmod 600 FILE, and add --token-file FILE",
        "Or set the token in CDE_HTTP_TOKEN",
        "To serve this machine alone, leave --host out: a token is then made for you",
        fixes=(SERVE_LOCALLY,),
    ),
    "E937": warning(
        "Too Many Event Streams",
        "{most} streams of events are open, and there may be no more.",
        "Close pages of the dashboard, or clients, that nobody needs",
        "Try again in some seconds: a stream that ends makes room",
        "Programs ask for /health/metrics or /dashboard/data instead",
        fixes=(explaining("E937"),),
    ),
    "E938": warning(
        "Host Not Allowed",
        "The server answers no request {reason}.",
        "Use the address that the server named when it started",
        "If the name is the server's own, as behind a proxy, start it with --allow-host NAME",
        "A page of another host may not ask: open the dashboard itself",
        fixes=(explaining("E938"),),
    ),
    "E939": warning(
        "Model Busy",
        "The model of the agent '{agent}' does not answer now: {reason}.",
        "Continue later: cde run FEATURE --agent {agent}",
        "Name another agent that can take its place: cde run FEATURE --agent {agent},OTHER",
        "Check the limits of the account with its provider",
        fixes=(TEST_AGENT,),
    ),
    "E940": warning(
        "Budget Used Up",
        (
            "The run has used {spent}, and its budget is {budget}. "
            "The feature '{feature}' is unchanged since its last phase."
        ),
        "Continue with a new budget: cde run {feature}",
        Suggestion("See what each phase has used", *STATUS_CALL),
        "Or continue by hand: the prompt of the current phase is unchanged",
        fixes=(SHOW_FEATURE,),
    ),
    "E942": message(
        "Agent Cannot Work Here",
        "The agent '{agent}' cannot work here: {reason}.",
        "Sign it in, set its key or let it trust this folder: cde agents test {agent}",
        "Choose another agent with --agent",
        "See what it is started with, and which variables it gets: cde agents list",
        fixes=(TEST_AGENT,),
    ),
    "E999": critical(
        "Unexpected Failure",
        (
            "Something failed that should not have. "
            "A change in progress was made completely or not at all."
        ),
        Suggestion("Check before you repeat a change", *HISTORY_CALL),
        "If it happens again, report it with the id {correlation_id}",
        "Read the error report: cde errors list",
        fixes=(LIST_REPORTS,),
        recoverable=False,
    ),
}
