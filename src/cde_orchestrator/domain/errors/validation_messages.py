"""Words for input that cannot be accepted, E300 to E399."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Suggestion, explaining
from cde_orchestrator.domain.errors.fixes import (
    LIST_FEATURES,
    LIST_REPORTS,
    LIST_WORKFLOWS,
    LOGS,
    SHOW_SETTINGS,
    VALIDATE_WORKFLOWS,
)

VALIDATION_MESSAGES: dict[str, ErrorMessage] = {
    "E301": ErrorMessage(
        title="Empty Prompt",
        description="The prompt has no text.",
        suggestions=(
            "Describe in a sentence or two what the feature should do",
            'For example: "Add a login page with password reset"',
        ),
        fixes=(explaining("E301"),),
    ),
    "E302": ErrorMessage(
        title="Text Too Long",
        description="{field} has {length} characters; at most {limit} are accepted.",
        suggestions=(
            "Shorten it to what matters",
            "Put the details into a file of the project, and name that file",
        ),
        fixes=(explaining("E302"),),
    ),
    "E303": ErrorMessage(
        title="Text Has Unusable Characters",
        description="{field} contains {characters}, which cannot be stored as text.",
        suggestions=(
            "Remove the characters and send the text again",
            "Send text as UTF-8, not the bytes of a file",
        ),
        fixes=(explaining("E303"),),
    ),
    "E304": ErrorMessage(
        title="Name Not Usable",
        description="'{name}' is not a valid feature name.",
        suggestions=(
            "Use lower-case letters, digits and single hyphens, at most {limit} characters",
            "Omit the name: one is derived from the prompt",
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E305": ErrorMessage(
        title="Argument Not Accepted",
        description="The argument '{argument}' was not accepted: {reason}.",
        suggestions=(
            Suggestion(
                "See what is accepted", "run the command with --help", "the tool's input schema"
            ),
            "Omit optional arguments to use their defaults",
        ),
        fixes=(explaining("E305"),),
    ),
    "E306": ErrorMessage(
        title="Unknown Workflow",
        description="The project has no workflow '{workflow}'; it has: {workflows}.",
        suggestions=(
            "Use one of the names above",
            "Omit the workflow to use the project's default",
        ),
        fixes=(LIST_WORKFLOWS,),
    ),
    "E307": ErrorMessage(
        title="Invalid JSON",
        description="{field} is not valid JSON: {reason}.",
        suggestions=(
            "Give an object that maps output ids to text, in double quotes",
            "Or write the files yourself and submit without results",
        ),
        fixes=(explaining("E307"),),
    ),
    "E308": ErrorMessage(
        title="Cursor Not Valid",
        description="The cursor '{cursor}' does not come from this list.",
        suggestions=(
            "Pass next_cursor of the previous answer unchanged",
            "Omit the cursor to start at the first page",
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E309": ErrorMessage(
        title="Unknown Tool",
        description="There is no tool '{tool}'.",
        suggestions=(
            "List the tools again: tools/list",
            "Check upper and lower case: names look like cde_startFeature",
        ),
        fixes=(explaining("E309"),),
    ),
    "E310": ErrorMessage(
        title="Workflow File Is Not YAML",
        description="'{path}' is not valid YAML at line {line}: {reason}.",
        suggestions=(
            "Correct the line named above",
            "Compare with the packaged file: cde workflow show --packaged",
        ),
        fixes=(VALIDATE_WORKFLOWS,),
    ),
    "E311": ErrorMessage(
        title="Workflow Not Valid",
        description="'{path}', line {line}, key {key}: {reason}.",
        suggestions=(
            "{remedy}",
            "Compare with the packaged file: cde workflow show --packaged",
        ),
        fixes=(VALIDATE_WORKFLOWS,),
    ),
    "E312": ErrorMessage(
        title="Prompt Template Missing",
        description="The prompt template '{template}' is neither in .cde/prompts nor packaged.",
        suggestions=(
            "Create .cde/prompts/{template}",
            "Correct the key prompt of phase '{phase}' in .cde/workflow.yml",
        ),
        fixes=(VALIDATE_WORKFLOWS,),
    ),
    "E313": ErrorMessage(
        title="Prompt Template Not Valid",
        description="The prompt template '{template}' cannot be filled in: {reason}.",
        suggestions=(
            "Correct the template in .cde/prompts, or delete it to use the packaged one",
            "See which variables a template may use: docs/workflows.md",
        ),
        fixes=(VALIDATE_WORKFLOWS,),
    ),
    "E314": ErrorMessage(
        title="Settings Not Valid",
        description="The setting '{setting}' in {source} was not accepted: {reason}.",
        suggestions=(
            "Correct the setting, or delete it to use its default",
            "Environment variables CDE_* take precedence over .cde/config.toml",
        ),
        fixes=(SHOW_SETTINGS,),
    ),
    "E315": ErrorMessage(
        title="Payload Too Large",
        description="{field} has {size_bytes} bytes; at most {limit_bytes} are accepted.",
        suggestions=(
            "Leave generated data out, and say in a sentence where it is",
            "Shorten the text or the file above to the limit",
        ),
        fixes=(explaining("E315"),),
    ),
    "E316": ErrorMessage(
        title="Unknown Call",
        description="The log knows no call with the correlation id '{wanted_id}'.",
        suggestions=(
            "Take the id from a reply, an error or a line of the log",
            "Lines are kept for as many days as the setting log_retention_days says",
        ),
        fixes=(LOGS,),
    ),
    "E317": ErrorMessage(
        title="Time Not Understood",
        description="'{text}' is not a time in the past: {reason}.",
        suggestions=(
            "Count back from now with s, m, h, d or w: 2h",
            "Or give a date or time in ISO 8601: 2026-11-01 or 2026-11-01T12:30",
        ),
        fixes=(LOGS,),
    ),
    "E318": ErrorMessage(
        title="Ambiguous Call",
        description="Several correlation ids begin with '{wanted_id}': {candidates}.",
        suggestions=(
            "Give more characters of the id",
            "Take the whole id from a reply, an error or a line of the log",
        ),
        fixes=(LOGS,),
    ),
    "E320": ErrorMessage(
        title="Settings File Not Readable",
        description="'{path}' cannot be read as TOML: {reason}.",
        suggestions=(
            'Correct the line named above; a setting looks like log_level = "INFO"',
            "Or rename the file to use the defaults",
        ),
        fixes=(SHOW_SETTINGS,),
    ),
    "E321": ErrorMessage(
        title="Unknown Error Code",
        description="The catalogue has no error code '{unknown}'.",
        suggestions=(
            "Write the code as the error shows it: E and three digits, as in E101",
            Suggestion("See all codes", "cde explain", "cde_explainError()"),
        ),
        fixes=(Fix(("cde", "explain"), tool="cde_explainError"),),
    ),
    "E322": ErrorMessage(
        title="Error Report Not Found",
        description="There is no error report '{report}' in this project.",
        suggestions=(
            "Use an id from cde errors list; only the newest reports are kept",
            "Name the project in which the error occurred with --project",
        ),
        fixes=(LIST_REPORTS,),
    ),
    "E323": ErrorMessage(
        title="Command Not Understood",
        description="The command line was not understood: {reason}.",
        suggestions=(
            "See how the command is used: {usage}",
            "Put text with spaces or a leading hyphen in quotes, after --",
        ),
        fixes=(Fix(("cde", "{command}", "--help")),),
    ),
    "E324": ErrorMessage(
        title="No Such Page",
        description="Nothing is served at '{path}'.",
        suggestions=(
            "Pages for people: /dashboard and /errors; for machines: /health and /metrics",
            "For MCP clients: /mcp",
        ),
        fixes=(explaining("E324"),),
    ),
}
