"""Words for failures of what a person decides: E133, E140 to E142 and E145 to E147."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Fix, Suggestion, message
from cde_orchestrator.domain.errors.fixes import (
    APPROVE,
    SHOW_CHECKS,
    SHOW_STATUS,
    STATUS_CALL,
    TRUST,
)

_WAIVE = Fix(
    ("cde", "waive", "{feature}", "{criterion}", "{options}", "--project", "{project_path}")
)
"""``options`` is a list of words: the reason, or that a waiver is taken back."""
_PAGE = "Or decide on the feature's page: cde dashboard"

APPROVAL_MESSAGES = {
    "E133": message(
        "Output Not Allowed There",
        (
            "Phase '{phase}' of '{feature}' writes '{output}' to {path}, which {executor} "
            "executes, and no person has allowed that yet."
        ),
        "A person must review the workflow and run cde trust in the project, once",
        "Agents cannot grant trust: ask a person, then submit again",
        "Or give the output another path in .cde/workflow.yml; this applies to new features",
        fixes=(TRUST,),
    ),
    "E140": message(
        "A Person Decides",
        "Phase '{phase}' of '{feature}' is answered by a person, not by this call: {reason}.",
        "Ask a person to run this in a terminal of their own: cde approve {feature}",
        _PAGE,
        Suggestion(
            "Or let the agent's client ask its person, if it can and the settings allow it",
            tool="cde_submitWork()",
        ),
        "Do other work meanwhile: the feature waits, and nothing is lost",
        fixes=(SHOW_STATUS, APPROVE),
    ),
    "E141": message(
        "Changed Since It Was Shown",
        "Phase '{phase}' of '{feature}' was not decided: {reason}.",
        "Read what there is now, then decide again: cde approve {feature}",
        "Let nobody write to the files while a person reads them",
        Suggestion("See where the feature is", *STATUS_CALL),
        fixes=(SHOW_STATUS, APPROVE),
    ),
    "E142": message(
        "Cannot Be Waived",
        "Criterion '{criterion}' of '{feature}' cannot be waived: {reason}.",
        "Use the id of a criterion as it is in the specification, for example AC1",
        Suggestion("See the feature's criteria and outputs", *STATUS_CALL),
        "A criterion that is proven needs no waiver; one that is wrong is corrected by going back "
        "to the phase that wrote it",
        fixes=(SHOW_STATUS,),
    ),
    "E145": message(
        "Nothing To Decide",
        "Nothing of '{feature}' waits for a person: {reason}.",
        Suggestion("See where the feature is", *STATUS_CALL),
        Suggestion("List the features and their phases", "cde list", "cde_listFeatures()"),
        "If another person decided it already, the feature's events say who",
        fixes=(SHOW_STATUS,),
    ),
    "E146": message(
        "A Person Waives",
        "Whether '{criterion}' of '{feature}' needs a proof is decided by a person, not by this "
        "call: {reason}.",
        "Ask a person to run this in a terminal of their own: {command}",
        "Write a test that shows the criterion, and name it in proofs.yml: then nobody has to "
        "waive it",
        "Do other work meanwhile: the feature waits, and nothing is lost",
        fixes=(SHOW_STATUS, _WAIVE),
    ),
    "E147": message(
        "Check Not Changed",
        "The check was not changed: {reason}.",
        "A person runs this in a terminal of their own: cde check set -- COMMAND",
        "Or a person edits .cde/workflow.yml and runs cde trust: features under way whose "
        "workflow differs in nothing else follow",
        Suggestion("See which checks there are, and how they ended", "cde check"),
        fixes=(SHOW_CHECKS,),
    ),
}
