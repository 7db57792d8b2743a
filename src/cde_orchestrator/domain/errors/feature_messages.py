"""Words for feature and phase failures, E100 to E199."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix, Severity, Suggestion
from cde_orchestrator.domain.errors.fixes import (
    ACTIVATE,
    INFO_CALL,
    LIST_FEATURES,
    LIST_WORKFLOWS,
    PROMPT_CALL,
    SHOW_STATUS,
    STATUS_CALL,
)
from cde_orchestrator.domain.errors.gate_messages import GATE_MESSAGES

_HERE = ("--project", "{project_path}")

FEATURE_MESSAGES: dict[str, ErrorMessage] = {
    "E101": ErrorMessage(
        title="Feature Creation Failed",
        description="Cannot start feature in {status} status. Project must be ACTIVE.",
        suggestions=(
            Suggestion(
                "Activate the project",
                "cde project activate",
                'cde_setProjectStatus(status="active")',
                "project.activate()",
            ),
            Suggestion("Check the project's status", *INFO_CALL, "project.status"),
        ),
        fixes=(ACTIVATE,),
    ),
    "E102": ErrorMessage(
        title="Feature Not Found",
        description="No feature of this project has the id or name '{reference}'.",
        suggestions=(
            Suggestion("Find its id or name in the list", "cde list", "cde_listFeatures()"),
            Suggestion("Check that this is the right project", *INFO_CALL),
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E103": ErrorMessage(
        title="Feature Reference Is Ambiguous",
        description="Several ids begin with '{reference}': {candidates}.",
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
            "Omit the name: a free one is derived from the prompt",
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
        description="The feature '{feature}' is {status} and accepts no more work.",
        suggestions=(
            Suggestion("See what it delivered", *STATUS_CALL),
            Suggestion("If it failed, resume it", "cde resume {feature}", "cde_resumeFeature()"),
            Suggestion(
                "If it was cancelled, roll it back",
                "cde rollback {feature} PHASE --reason REASON",
                "cde_rollbackFeature()",
            ),
            Suggestion(
                "If it is completed, start a new feature", "cde start PROMPT", "cde_startFeature()"
            ),
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E106": ErrorMessage(
        title="Not the Current Phase",
        description="The feature '{feature}' is in phase '{current_phase}', not '{phase}'.",
        suggestions=(
            Suggestion("Read what the current phase asks for", *PROMPT_CALL),
            "Submit the phase '{current_phase}' first",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E107": ErrorMessage(
        title="Unknown Phase",
        description="The feature '{feature}' has no phase '{phase}'; it has: {phases}.",
        suggestions=(
            Suggestion("List the phases", *STATUS_CALL),
            "Use one of the ids above, exactly as written",
        ),
        fixes=(SHOW_STATUS,),
    ),
    **GATE_MESSAGES,
    "E122": ErrorMessage(
        title="Another Agent Is at Work",
        description=(
            "'{agent}' ({process}) is working on phase '{phase}' of '{feature}' and holds its "
            "lease until {until}."
        ),
        suggestions=(
            "Choose another feature, or wait: the lease of a process that ended expires at once",
            Suggestion(
                "If that agent is gone, take over",
                "cde resume {feature} --takeover",
                "cde_resumeFeature(takeover=true)",
            ),
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
            Suggestion("Check the feature's status, then submit again", *STATUS_CALL),
            "Do not write to the outputs while the check runs",
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E124": ErrorMessage(
        title="Working Tree Not Clean",
        description=(
            "The workflow '{workflow}' starts each feature on a new branch, which would carry "
            "over {count} uncommitted changes: {paths}."
        ),
        suggestions=(
            "Commit them, or stash them: git stash --include-untracked",
            "Or use a workflow without branch: true",
        ),
        fixes=(LIST_WORKFLOWS,),
    ),
    "E125": ErrorMessage(
        title="Branch Not Created",
        description="Git did not create the branch '{branch}': {reason}.",
        suggestions=(
            "Give the feature another name: its branch is named after it",
            "List the branches: git branch --list",
        ),
        fixes=(LIST_FEATURES,),
    ),
    "E126": ErrorMessage(
        title="Cannot Go Back There",
        description="'{feature}' cannot go back to phase '{phase}': {reason}.",
        suggestions=(
            "Choose a phase that was started: {phases}",
            Suggestion("See the state of each phase", *STATUS_CALL),
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E127": ErrorMessage(
        title="Idempotency Key Used Before",
        description="The key '{key}' started the feature '{feature}' with another {argument}.",
        suggestions=(
            "Use a new key for a new feature",
            Suggestion(
                "Or continue the feature that the key started",
                "cde resume {feature}",
                "cde_resumeFeature()",
            ),
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E128": ErrorMessage(
        title="Trust Needs a Person",
        description="The commands of '{path}' were not trusted: {reason}.",
        suggestions=(
            "Run it in a terminal, review the commands and answer yes",
            "Or review them first, then run it with --yes yourself",
        ),
        fixes=(Fix(("cde", "trust", "--list", "--project", "{path}")),),
    ),
    "E129": ErrorMessage(
        title="Check Still Running",
        description=(
            "The check of phase '{phase}' of '{feature}' is running for an earlier submission, "
            "in {holder}; it does not run twice."
        ),
        suggestions=(
            Suggestion(
                "Ask for the status until that submission is decided; it continues on its own",
                *STATUS_CALL,
            ),
            "Then submit again: an accepted submission gets the same answer without a second check",
        ),
        fixes=(SHOW_STATUS,),
        severity=Severity.INFO,
    ),
    "E130": ErrorMessage(
        title="Nothing Was Changed",
        description=(
            "Phase '{phase}' of '{feature}' must change files of the project. Since the feature "
            "started, at commit {commit}, {seen}."
        ),
        suggestions=(
            "Do the work in files outside specs/ that git does not ignore; committed or not",
            "Earlier uncommitted changes, file modes and blank lines do not count",
            Suggestion(
                "If nothing needs to change after all, close the feature",
                "cde close {feature} cancelled --reason REASON",
                "cde_closeFeature()",
            ),
        ),
        fixes=(SHOW_STATUS,),
    ),
    "E131": ErrorMessage(
        title="Verdict Does Not Pass",
        description="The verdict of phase '{phase}' of '{feature}' does not pass: {problems}.",
        suggestions=(
            "Fix the blocking problems, review everything again, then write the verdict again",
            Suggestion(
                "If that is not enough, go back to '{back_to}'",
                "cde rollback {feature} {back_to} --reason REASON",
                "cde_rollbackFeature()",
            ),
            "Write exactly one line that begins with Verdict: and holds only the verdict",
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
        description=(
            "Phase '{phase}' of '{feature}' builds on accepted outputs that changed: {problems}."
        ),
        suggestions=(
            Suggestion(
                "Restore the accepted version and submit; the changed one is kept as a copy",
                "cde submit {feature} {phase} --restore",
                "cde_submitWork(restore=true)",
            ),
            Suggestion(
                "If it has to change, start '{owner}' again",
                "cde rollback {feature} {owner} --reason REASON",
                "cde_rollbackFeature()",
            ),
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
