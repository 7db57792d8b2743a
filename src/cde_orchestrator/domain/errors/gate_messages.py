"""Words for what the gate of a phase refuses, E110 to E121."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Suggestion
from cde_orchestrator.domain.errors.fixes import (
    LIST_FEATURES,
    PROMPT_CALL,
    SHOW_STATUS,
    TRUST,
    VALIDATE_WORKFLOWS,
)

_READ_PROMPT = Suggestion("Read the phase's prompt again", *PROMPT_CALL)

GATE_MESSAGES: dict[str, ErrorMessage] = {
    "E110": ErrorMessage(
        title="Required Output Missing",
        description="Phase '{phase}' of '{feature}' lacks required outputs: {problems}.",
        suggestions=(
            "Write each file listed, at its path in the project",
            Suggestion(
                "Or pass its text under the output's id",
                "cde submit {feature} {phase} --results JSON",
                "results of cde_submitWork()",
            ),
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E111": ErrorMessage(
        title="Required Output Empty",
        description="Phase '{phase}' of '{feature}' has empty outputs: {problems}.",
        suggestions=(
            "Write the content that the phase's prompt asks for",
            _READ_PROMPT,
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E112": ErrorMessage(
        title="Output Outside the Project",
        description="The output '{output}' cannot be at '{path}': {reason}.",
        suggestions=(
            "Keep outputs inside the project folder, and out of .cde and .git",
            "Replace a symbolic link that leaves the project with a real file",
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E113": ErrorMessage(
        title="Unknown Output",
        description="Phase '{phase}' declares no output '{output}'; it declares: {outputs}.",
        suggestions=(
            "Use the ids that the phase lists under outputs",
            "Write other files to the project directly; they need not be submitted",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E114": ErrorMessage(
        title="Output Has Too Little Content",
        description="Phase '{phase}' of '{feature}' asks for more: {problems}.",
        suggestions=(
            "Write what the phase's prompt asks for, in full",
            _READ_PROMPT,
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E115": ErrorMessage(
        title="Required Content Missing",
        description="Phase '{phase}' of '{feature}' lacks required content: {problems}.",
        suggestions=(
            "Write each heading exactly as in must_contain, with content below it",
            "Keep required headings untranslated and outside code and HTML",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E116": ErrorMessage(
        title="Output Has the Wrong Type",
        description="Phase '{phase}' of '{feature}' has outputs of the wrong type: {problems}.",
        suggestions=(
            "Write each file in the type that the output declares, in UTF-8",
            "Parse the file with a parser of that format before you submit again",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E117": ErrorMessage(
        title="Output Is an Unfilled Template",
        description="Phase '{phase}' of '{feature}' still has placeholders: {problems}.",
        suggestions=(
            "Replace each placeholder with real content; if there is none, write None and why",
            "Do the work that the phase's prompt describes, then write its result",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E118": ErrorMessage(
        title="Check Failed",
        description=(
            "The check '{command}' of phase '{phase}' ended with exit code {exit_code}. "
            "The end of its output: {tail}."
        ),
        suggestions=(
            "Read the end of its output, fix the cause and submit again",
            "Run the check yourself in the project before you submit",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E119": ErrorMessage(
        title="Check Took Too Long",
        description=(
            "The check '{command}' of phase '{phase}' was stopped after {seconds} s. "
            "The end of its output: {tail}."
        ),
        suggestions=(
            "Find out what it waits for: it gets no input",
            "Raise check_timeout_seconds in .cde/workflow.yml; this applies to new features",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E120": ErrorMessage(
        title="Check Not Trusted",
        description=(
            "Phase '{phase}' of '{feature}' runs the command '{command}' on submission, "
            "which no person has trusted yet."
        ),
        suggestions=(
            "A person must review the command and run cde trust in the project, once",
            "Agents cannot grant trust: ask a person, then submit again",
        ),
        fixes=(TRUST,),
    ),
    "E121": ErrorMessage(
        title="Check Cannot Run",
        description="The check '{command}' cannot be run: {reason}.",
        suggestions=(
            "Install the program and make sure that it is on the server's PATH",
            "Correct check and check_directory in .cde/workflow.yml; this applies to new features",
        ),
        fixes=(VALIDATE_WORKFLOWS,),
    ),
}
