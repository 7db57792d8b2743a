"""Words for failures of features, their phases and gates, E100 to E199."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, info, message
from cde_orchestrator.domain.errors.fixes import (
    ACTIVATE,
    INFO_CALL,
    LIST_FEATURES,
    LIST_WORKFLOWS,
    PROMPT_CALL,
    SHOW_CHECKS,
    SHOW_PROMPT,
    SHOW_STATUS,
    START_AGAIN,
    STATUS_CALL,
    SUBMIT,
    TRUST,
    fix,
    here,
)

_READ_PROMPT = Suggestion("Read the phase's prompt again", *PROMPT_CALL)

FEATURE_MESSAGES = {
    "E101": message(
        "Feature Creation Failed",
        "Cannot start feature in {status} status. Project must be ACTIVE.",
        Suggestion(
            "Activate the project",
            "cde project activate",
            'cde_setProjectStatus(status="active")',
            "project.activate()",
        ),
        Suggestion("Check the project's status", *INFO_CALL, "project.status"),
        "If the project was archived, ask whoever archived it before you activate it",
        fixes=(ACTIVATE,),
    ),
    "E102": message(
        "Feature Not Found",
        "No feature of this project has the id or name '{reference}'{near}.",
        Suggestion("Find its id or name in the list", "cde list", "cde_listFeatures()"),
        Suggestion("Check that this is the right project", *INFO_CALL),
        "Copy the name exactly: names are lower-case words with hyphens",
        fixes=(LIST_FEATURES,),
    ),
    "E103": message(
        "Feature Reference Is Ambiguous",
        "Several ids or names begin with '{reference}': {candidates}.",
        "Give more characters of the id or name",
        "Use the feature's full name instead",
        Suggestion("Find the whole id in the list", "cde list --json", "cde_listFeatures()"),
        fixes=(LIST_FEATURES,),
    ),
    "E154": message(
        "Feature Not Named",
        "No feature was named, and {reason}.",
        Suggestion(
            "Name one of those that there are",
            "cde list --status {status}",
            'cde_listFeatures(status="{status}")',
        ),
        Suggestion("Or start one", "cde start 'What it should do'", "cde_startFeature()"),
        "With one open feature, it is meant where none is named",
        fixes=(here("list --status {status}", "cde_listFeatures", status="{status}"),),
    ),
    "E104": message(
        "Feature Name Taken",
        "The project already has a feature named '{name}'.",
        "Omit the name: a free one is derived from the prompt",
        "Choose another name, for example {free_name}",
        Suggestion(
            "Or continue the feature that has the name",
            "cde resume {name}",
            "cde_resumeFeature(feature_id='{name}')",
        ),
        Suggestion(
            "See what that feature is about",
            "cde status {name}",
            "cde_getFeatureStatus(feature_id='{name}')",
        ),
        fixes=(here("status {name}", "cde_getFeatureStatus", feature_id="{name}"),),
    ),
    "E105": message(
        "Feature Is Closed",
        "The feature '{feature}' is {status} and accepts no more work.",
        Suggestion("See what it delivered", *STATUS_CALL),
        Suggestion(
            "To continue it, take it up again",
            "cde reopen {feature} --reason REASON",
            "cde_rollbackFeature(), or cde_resumeFeature() where it failed",
        ),
        "If it is completed, a person commits it: cde finish {feature}; for whoever reviews it: "
        "cde report {feature}",
        fixes=(SHOW_STATUS,),
    ),
    "E106": message(
        "Not the Current Phase",
        "The feature '{feature}' is in phase '{current_phase}', not '{phase}'.",
        Suggestion("Read what the current phase asks for", *PROMPT_CALL),
        "Submit the phase '{current_phase}' first",
        "If the phase was completed already, its outputs are accepted: do not submit them again",
        fixes=(SHOW_PROMPT,),
    ),
    "E107": message(
        "Unknown Phase",
        "The feature '{feature}' has no phase '{phase}'{near}; it has: {phases}.",
        Suggestion("List the phases", *STATUS_CALL),
        "Use one of the ids above, exactly as written",
        "Check that the feature follows the workflow that you mean; each has its own phases",
        fixes=(SHOW_STATUS,),
    ),
    "E153": message(
        "Unknown Task",
        "The feature '{feature}' has no task '{task}'; it has: {tasks}.",
        Suggestion("List the tasks with their state", *STATUS_CALL),
        "Name a task by its id, such as T1",
        "Tasks are those of the newest accepted list; correct that list where a task is missing",
        fixes=(SHOW_STATUS,),
    ),
    "E110": message(
        "Required Output Missing",
        "Phase '{phase}' of '{feature}' lacks required outputs: {problems}.",
        "Write each file listed, at its path in the project",
        Suggestion(
            "Or pass its text under the output's id",
            "cde submit {feature} {phase} --results JSON",
            "results of cde_submitWork()",
        ),
        "Check upper and lower case in the paths, and that the files are in this project's folder",
        fixes=(SUBMIT,),
    ),
    "E111": message(
        "Required Output Empty",
        "Phase '{phase}' of '{feature}' has empty outputs: {problems}.",
        "Write the content that the phase's prompt asks for",
        _READ_PROMPT,
        "If there is nothing to report, write None and why",
        fixes=(SUBMIT,),
    ),
    "E112": message(
        "Output Outside the Project",
        "The output '{output}' cannot be at '{path}': {reason}.",
        "Keep outputs inside the project folder, and out of .cde and .git",
        "Replace a symbolic link that leaves the project with a real file",
        "Correct the output's path in .cde/workflow.yml; this applies to new features",
        fixes=(LIST_FEATURES,),
    ),
    "E113": message(
        "Unknown Output",
        "Phase '{phase}' declares no output '{output}'; it declares: {outputs}.",
        "Use the ids that the phase lists under outputs",
        "Write other files to the project directly; they need not be submitted",
        "Correct the spelling: ids are compared exactly",
        fixes=(SHOW_STATUS,),
    ),
    "E114": message(
        "Output Has Too Little Content",
        "Phase '{phase}' of '{feature}' asks for more: {problems}.",
        "Write what the phase's prompt asks for, in full",
        _READ_PROMPT,
        "Say what was done, decided and left open; headings alone do not count",
        fixes=(SUBMIT,),
    ),
    "E115": message(
        "Required Content Missing",
        "Phase '{phase}' of '{feature}' lacks required content: {problems}.",
        "Write each heading with the words and level of must_contain, with content below it",
        "Keep required headings untranslated and outside code and HTML",
        Suggestion(
            "See must_contain of each output",
            "cde status {feature} --json",
            "cde_getFeatureStatus()",
        ),
        fixes=(SUBMIT,),
    ),
    "E116": message(
        "Output Has the Wrong Type",
        "Phase '{phase}' of '{feature}' has outputs of the wrong type: {problems}.",
        "Write each file in the type that the output declares, in UTF-8",
        "Parse the file with a parser of that format before you submit again",
        "Remove what surrounds the content, such as a code fence or an explanation",
        fixes=(SUBMIT,),
    ),
    "E117": message(
        "Output Is an Unfilled Template",
        "Phase '{phase}' of '{feature}' still has placeholders: {problems}.",
        "Replace each placeholder with real content; if there is none, write None and why",
        "Do the work that the phase's prompt describes, then write its result",
        "Delete the instructions of the template that you followed",
        fixes=(SUBMIT,),
    ),
    "E118": message(
        "Check Failed",
        "The check '{command}' of phase '{phase}' ended with exit code {exit_code}{known}.",
        "Read the end of its output, fix the cause and submit again: no attempt was used up",
        "Run the check yourself in the project before you submit",
        "If the check itself is wrong, a person corrects it, for features under way too: "
        "cde check set",
        fixes=(SUBMIT,),
    ),
    "E119": message(
        "Check Took Too Long",
        "The check '{command}' of phase '{phase}' was stopped after {seconds} s.",
        "Find out what it waits for: it gets no input",
        "A person raises check_timeout_seconds in .cde/workflow.yml and runs cde trust; features "
        "whose workflow differs in nothing else follow",
        "Let it run fewer or faster tests; run it yourself to see how long it takes",
        fixes=(SUBMIT,),
    ),
    "E120": message(
        "Check Not Trusted",
        (
            "Phase '{phase}' of '{feature}' runs the command '{command}' on submission, "
            "which no person has trusted yet."
        ),
        "A person must review the command and run cde trust in the project, once",
        "Agents cannot grant trust: ask a person, then submit again",
        Suggestion("See which commands the workflow runs", "cde workflow show"),
        fixes=(TRUST,),
    ),
    "E121": message(
        "Check Cannot Run",
        "The check '{command}' cannot be run: {reason}.",
        "{remedy}",
        "A person corrects it, for features under way too: cde check set -- COMMAND",
        "Run the command in the project's folder yourself, with the server's PATH",
        fixes=(SHOW_CHECKS,),
    ),
    "E122": message(
        "Another Agent Is at Work",
        (
            "'{agent}' ({process}) is working on phase '{phase}' of '{feature}' and holds its "
            "lease until {until}."
        ),
        "Choose another feature, or wait: the lease of a process that ended expires at once",
        Suggestion(
            "If that agent is gone, take over",
            "cde resume {feature} --takeover",
            "cde_resumeFeature(takeover=true)",
        ),
        "Agree on who works on it: a phase is worked on by one agent at a time",
        fixes=(
            SHOW_STATUS,
            here(
                "resume {feature} --takeover",
                "cde_resumeFeature",
                feature_id="{feature}",
                takeover=True,
            ),
        ),
    ),
    "E123": message(
        "Changed During Submission",
        "Phase '{phase}' of '{feature}', its outputs or the source changed during submission.",
        Suggestion("Check the feature's status, then submit again", *STATUS_CALL),
        "Do not write to the project while a check runs or criteria are proven",
        "Stop formatters, watchers and other agents that write to it",
        fixes=(SHOW_STATUS,),
    ),
    "E124": message(
        "Working Tree Not Clean",
        (
            "The workflow '{workflow}' starts each feature on a new branch, which would carry "
            "over {count} uncommitted changes: {paths}."
        ),
        "Commit them, or stash them: git stash --include-untracked",
        "Or use a workflow without branch: true",
        "Or discard changes that nobody needs: git restore PATH",
        fixes=(LIST_WORKFLOWS,),
    ),
    "E125": message(
        "Branch Not Created",
        "Git did not create the branch '{branch}': {reason}.",
        "Give the feature another name: its branch is named after it",
        "List the branches: git branch --list",
        "Check that the repository is in order: git status, then git fsck",
        "If a lock file is in the way and no git is running, remove that file",
        fixes=(LIST_FEATURES,),
    ),
    "E126": message(
        "Cannot Go Back There",
        "'{feature}' cannot go back to phase '{phase}': {reason}.",
        "Choose a phase that was started: {phases}",
        Suggestion("See the state of each phase", *STATUS_CALL),
        Suggestion(
            "To give the feature up instead, close it", "cde close {feature}", "cde_closeFeature()"
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E127": message(
        "Idempotency Key Used Before",
        "The key '{key}' started the feature '{feature}' with another {argument}.",
        "Use a new key for a new feature",
        Suggestion(
            "Or continue the feature that the key started",
            "cde resume {feature}",
            "cde_resumeFeature()",
        ),
        "Check that a retried call repeats its arguments exactly",
        fixes=(SHOW_STATUS,),
    ),
    "E128": message(
        "Trust Needs a Person",
        "Nothing in '{path}' was trusted: {reason}.",
        "Correct a file that is named above; else run it in a terminal, review it and answer yes",
        "Or review it first: cde trust --list shows all that would be trusted",
        "In CI, trust it in a step of its own, as a user for whom nothing was trusted before",
        fixes=(fix("trust --list --project {path}"),),
    ),
    "E129": info(
        "Check Still Running",
        (
            "The check of phase '{phase}' of '{feature}' is running for an earlier submission, "
            "in {holder}, {course}. It does not run twice."
        ),
        Suggestion(
            "Ask for the status until that submission is decided; it continues on its own",
            *STATUS_CALL,
        ),
        "Then submit again: an accepted submission gets the same answer without a second check",
        "If the check hangs, stop the process named above; nothing is lost",
        fixes=(SHOW_STATUS,),
    ),
    "E130": message(
        "Nothing Was Changed",
        (
            "Phase '{phase}' of '{feature}' must change files of the project. Since the feature "
            "started, at commit {commit}, {seen}."
        ),
        "Do the work in files outside specs/ that git does not ignore; committed or not",
        "Earlier uncommitted changes, file modes, blank lines and comments do not count",
        "Documents or tests alone count only where paths of the phase's changes in workflow.yml "
        "name them, as in the workflow docs, or once a person waived all criteria: "
        "cde waive {feature} AC1 --reason REASON",
        Suggestion(
            "If nothing needs to change, close the feature",
            "cde close {feature} cancelled --reason REASON",
            "cde_closeFeature()",
        ),
        fixes=(SUBMIT,),
    ),
    "E131": message(
        "Verdict Missing or Unclear",
        "Phase '{phase}' of '{feature}' has no verdict that can be understood: {problems}.",
        "If blocking problems remain, say so, as in Verdict: changes needed; the feature then goes "
        "back to '{back_to}' with your findings",
        Suggestion(
            "Or go back to '{back_to}' yourself",
            "cde rollback {feature} {back_to} --reason REASON",
            "cde_rollbackFeature()",
        ),
        "Write exactly one line that begins with Verdict: and holds only the verdict",
        fixes=(
            SUBMIT,
            here(
                "rollback {feature} {back_to} --reason {problems}",
                "cde_rollbackFeature",
                feature_id="{feature}",
                to_phase="{back_to}",
                reason="{problems}",
            ),
        ),
    ),
    "E132": message(
        "Accepted Output Changed",
        "Phase '{phase}' of '{feature}' builds on accepted outputs that changed: {problems}.",
        Suggestion(
            "Restore the accepted version, then continue; the changed one is kept as a copy",
            "cde submit {feature} {phase} --restore",
            "cde_submitWork(restore=true)",
        ),
        Suggestion(
            "If it has to change, start '{owner}' again",
            "cde rollback {feature} {owner} --reason REASON",
            "cde_rollbackFeature()",
        ),
        "See what differs, for example with git diff; if nothing has to, put it back as it was",
        fixes=(
            here(
                "submit {feature} {phase} --restore",
                "cde_submitWork",
                feature_id="{feature}",
                phase_id="{phase}",
                restore=True,
            ),
            START_AGAIN,
        ),
    ),
}
