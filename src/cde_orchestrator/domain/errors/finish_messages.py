"""Words for failures at the end of a feature: E157 and E158."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, message
from cde_orchestrator.domain.errors.fixes import SHOW_STATUS, STATUS_CALL, here

FINISH_MESSAGES = {
    "E157": message(
        "Feature Not Committed",
        "'{feature}' was not committed: {reason}.",
        Suggestion("See where the feature is", *STATUS_CALL),
        "See what would be committed, and where: cde finish {feature} --dry-run",
        "Or commit it with git: the files that the answer names are those of the feature",
        fixes=(SHOW_STATUS,),
    ),
    "E158": message(
        "Pull Request Not Opened",
        "No pull request was opened for '{feature}': {reason}.",
        "Print its text, and open it by hand: cde report {feature}",
        "Push the branch with git first, and see whether that works",
        "Install gh where it is missing, and sign in: gh auth login",
        fixes=(here("report {feature}"),),
    ),
}
