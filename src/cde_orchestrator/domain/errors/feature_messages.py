"""Words for feature and phase failures, E100 to E199."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity
from cde_orchestrator.domain.errors.fixes import (
    ACTIVATE,
    LIST_FEATURES,
    LIST_WORKFLOWS,
    SHOW_STATUS,
    TRUST,
    VALIDATE_WORKFLOWS,
)

_HERE = ("--project", "{project_path}")

FEATURE_MESSAGES: dict[str, ErrorMessage] = {
    "E101": ErrorMessage(
        title="Feature Creation Failed",
        description="Cannot start feature in {status} status. Project must be ACTIVE.",
        suggestions=(
            "Activate the project: project.activate()",
            "Check project status: cde_getProjectInfo()",
        ),
        fixes=(ACTIVATE,),
    ),
    "E102": ErrorMessage(
        title="Feature Not Found",
        description="No feature of this project has the id or name '{reference}'.",
        suggestions=(
            "List the features and take the id or name from there: cde_listFeatures()",
            "Check that this is the right project: cde_getProjectInfo()",
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E103": ErrorMessage(
        title="Feature Reference Is Ambiguous",
        description="'{reference}' is the beginning of several ids: {candidates}.",
        suggestions=(
            "Give more characters of the id",
            "Use the feature's name instead",
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E104": ErrorMessage(
        title="Feature Name Taken",
        description="The project already has a feature named '{name}'.",
        suggestions=(
            "Leave the name away: a free one is made from the prompt",
            "Choose another name, for example {free_name}",
        ),
        fixes=(
            Fix(
                ("cde", "status", "{name}", "--project", "{project_path}"),
                tool="cde_getFeatureStatus",
                arguments={"feature_id": "{name}"},
            ),
        ),
    ),
    "E105": ErrorMessage(
        title="Feature Is Closed",
        description="The feature '{feature}' is {status}; it takes no more work.",
        suggestions=(
            "Look at what it delivered: cde_getFeatureStatus()",
            "Take up a failed one: cde_resumeFeature(); a cancelled one: cde_rollbackFeature()",
            "Start a new feature for work beyond a completed one: cde_startFeature()",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E106": ErrorMessage(
        title="Not the Current Phase",
        description="The feature '{feature}' is in phase '{current_phase}', not '{phase}'.",
        suggestions=(
            "Read what the current phase asks for: cde_getFeatureStatus()",
            "Submit the phase '{current_phase}' first",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E107": ErrorMessage(
        title="Unknown Phase",
        description="The feature '{feature}' has no phase '{phase}'; it has: {phases}.",
        suggestions=(
            "Take the phase's id from cde_getFeatureStatus()",
            "See the workflow's phases: cde workflow show",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E110": ErrorMessage(
        title="Required Output Missing",
        description="Phase '{phase}' of '{feature}' lacks what it must produce: {problems}.",
        suggestions=(
            "Write each file that is named, at its path in the project",
            "Or give its text in results, under the output's id",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E111": ErrorMessage(
        title="Required Output Empty",
        description="Phase '{phase}' of '{feature}' has outputs without content: {problems}.",
        suggestions=(
            "Write the content that the phase's prompt asks for",
            "Read the phase's prompt again: cde_getFeatureStatus()",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E112": ErrorMessage(
        title="Output Outside the Project",
        description="The output '{output}' lies at '{path}', which cannot take it: {reason}.",
        suggestions=(
            "Keep outputs inside the project's folder and out of .cde and .git",
            "Replace a symbolic link that leads out of the project by a real file",
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E113": ErrorMessage(
        title="Unknown Output",
        description="Phase '{phase}' declares no output '{output}'; it declares: {outputs}.",
        suggestions=(
            "Use the ids that the phase lists under outputs",
            "Write other files into the project yourself; they need no submission",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E114": ErrorMessage(
        title="Output Has Too Little Content",
        description="Phase '{phase}' of '{feature}' asks for more: {problems}.",
        suggestions=(
            "Write what the phase's prompt asks for, in substance",
            "Read the phase's prompt again: cde_getFeatureStatus()",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E115": ErrorMessage(
        title="Required Content Missing",
        description="Phase '{phase}' of '{feature}' lacks required content: {problems}.",
        suggestions=(
            "Write each heading exactly as must_contain has it, with content below it",
            "Keep required headings outside of code and HTML, whatever language you write in",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E116": ErrorMessage(
        title="Output Has the Wrong Type",
        description="Phase '{phase}' of '{feature}' has outputs of another type: {problems}.",
        suggestions=(
            "Write each file as the type that the output declares, in UTF-8",
            "Try a parser of that format on the file before you submit again",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E117": ErrorMessage(
        title="Output Is an Unfilled Template",
        description="Phase '{phase}' of '{feature}' still has placeholders: {problems}.",
        suggestions=(
            "Replace each placeholder by real content; write None and why if there is none",
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
            "Read the end of its output, mend the cause and submit again",
            "Run it yourself in the project before you submit",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E119": ErrorMessage(
        title="Check Took Too Long",
        description=(
            "The check '{command}' of phase '{phase}' was ended after {seconds} s. "
            "The end of its output: {tail}."
        ),
        suggestions=(
            "Find out what it waits for: it is given no input",
            "Raise check_timeout_seconds in .cde/workflow.yml for features started from now on",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E120": ErrorMessage(
        title="Check Not Trusted",
        description=(
            "Phase '{phase}' of '{feature}' runs the command '{command}' on submission, "
            "and no person has trusted it yet."
        ),
        suggestions=(
            "A person reads the command and runs cde trust in the project, once",
            "Agents cannot grant it: ask the person, then submit again",
        ),
        fixes=(TRUST,),
    ),
    "E121": ErrorMessage(
        title="Check Cannot Run",
        description="The check '{command}' cannot be run: {reason}.",
        suggestions=(
            "Install the program that it names, where the server's PATH finds it",
            "Correct check and check_directory in .cde/workflow.yml for new features",
        ),
        fixes=(VALIDATE_WORKFLOWS,),
    ),
    "E122": ErrorMessage(
        title="Another Agent Is at Work",
        description=(
            "'{agent}' ({process}) works on phase '{phase}' of '{feature}' and holds it "
            "until {until}."
        ),
        suggestions=(
            "Take another feature, or wait: the lease of a process that ended lapses at once",
            "If that agent is gone, take over: cde_resumeFeature with takeover=true",
        ),
        fixes=(
            SHOW_STATUS,
            Fix(
                ("cde", "resume", "{feature}", "--takeover", "--project", "{project_path}"),
                tool="cde_resumeFeature",
                arguments={"feature_id": "{feature}", "takeover": True},
            ),
        ),
    ),
    "E123": ErrorMessage(
        title="Changed During Submission",
        description="Phase '{phase}' of '{feature}' or its outputs changed during submission.",
        suggestions=(
            "Look where the feature stands now, then submit again",
            "Let nothing write the outputs while the check runs",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E124": ErrorMessage(
        title="Working Tree Not Clean",
        description=(
            "The workflow '{workflow}' starts each feature on a branch, which would take "
            "{count} uncommitted changes along: {paths}."
        ),
        suggestions=(
            "Commit them, or put them aside: git stash --include-untracked",
            "Or use a workflow without branch: true",
        ),
        fixes=(LIST_WORKFLOWS,),
    ),
    "E125": ErrorMessage(
        title="Branch Not Made",
        description="Git did not make the branch '{branch}': {reason}.",
        suggestions=(
            "Give the feature another name: its branch is named after it",
            "Look at the branches: git branch --list",
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E126": ErrorMessage(
        title="Cannot Go Back There",
        description="'{feature}' cannot go back to phase '{phase}': {reason}.",
        suggestions=(
            "Choose a phase that was begun: {phases}",
            "See the phases and where each stands: cde_getFeatureStatus()",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E127": ErrorMessage(
        title="Idempotency Key Used Before",
        description="The key '{key}' started the feature '{feature}', with another {argument}.",
        suggestions=(
            "Use a new key for a new feature",
            "Go on with the feature that the key started: cde_resumeFeature()",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E128": ErrorMessage(
        title="Trust Takes a Person",
        description="Trust in the commands of '{path}' was not granted: {reason}.",
        suggestions=(
            "Run it in a terminal, read the commands and answer yes",
            "Or, having read them, run it with --yes yourself",
        ),
        fixes=(Fix(("cde", "trust", "--list", "--project", "{path}")),),
    ),
    "E129": ErrorMessage(
        title="Check Still Runs",
        description=(
            "The check of phase '{phase}' of '{feature}' is running for an earlier submission, "
            "in {holder}; it is not run twice."
        ),
        suggestions=(
            "Ask for the status until that submission is decided: it goes on by itself",
            "Then submit again: what was accepted gets the same answer, without another check",
        ),
        fixes=(SHOW_STATUS,),
        severity=Severity.INFO,
    ),
    "E130": ErrorMessage(
        title="Nothing Was Changed",
        description=(
            "Phase '{phase}' of '{feature}' must change files of the project. Since the feature "
            "began, at commit {commit}, {seen}."
        ),
        suggestions=(
            "Do the work in files outside of specs/ that git does not ignore; committed or not",
            "What was uncommitted when the feature began, modes and blank lines do not count",
            "If nothing has to be changed after all, close the feature: cde_closeFeature()",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E131": ErrorMessage(
        title="Verdict Does Not Pass",
        description="Phase '{phase}' of '{feature}' is not decided in favour: {problems}.",
        suggestions=(
            "Fix what stands in the way, look at all of it again, then write the verdict again",
            "If it takes more, go back to '{back_to}': cde_rollbackFeature() or cde rollback",
            "Have one line that begins with Verdict: and nothing but the verdict in it",
        ),
        fixes=(
            SHOW_STATUS,
            Fix(
                ("cde", "rollback", "{feature}", "{back_to}", "--reason", "{problems}", *_HERE),
                tool="cde_rollbackFeature",
                arguments={
                    "feature_id": "{feature}",
                    "to_phase": "{back_to}",
                    "reason": "{problems}",
                },
            ),
        ),
    ),
    "E132": ErrorMessage(
        title="Accepted Output Changed",
        description="Phase '{phase}' of '{feature}' rests on what is no longer so: {problems}.",
        suggestions=(
            "Put it back and submit, with restore=true or --restore; a copy is kept beside it",
            "If it has to change, begin '{owner}' again: cde_rollbackFeature() or cde rollback",
        ),
        fixes=(
            Fix(
                ("cde", "submit", "{feature}", "{phase}", "--restore", *_HERE),
                tool="cde_submitWork",
                arguments={"feature_id": "{feature}", "phase_id": "{phase}", "restore": True},
            ),
            Fix(
                ("cde", "rollback", "{feature}", "{owner}", "--reason", "{problems}", *_HERE),
                tool="cde_rollbackFeature",
                arguments={
                    "feature_id": "{feature}",
                    "to_phase": "{owner}",
                    "reason": "{problems}",
                },
            ),
        ),
    ),
}
