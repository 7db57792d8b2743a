"""Words for failures at the end of a feature: E157 and E158."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, message
from cde_orchestrator.domain.errors.fixes import STATUS_CALL, here

FINISH_MESSAGES = {
    "E157": message(
        "Feature Not Committed",
        "'{feature}' was not committed: {reason}.",
        "Do what it says, then see what would be committed: cde finish {feature} --dry-run",
        Suggestion("See where the feature is", *STATUS_CALL),
        "Or commit it with git by yourself, with its record: specs/{feature}/record.json",
        fixes=(here("finish {feature} --dry-run"),),
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
