"""Words for a workflow that a feature cannot continue in: E151."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Suggestion, message
from cde_orchestrator.domain.errors.fixes import LIST_WORKFLOWS, SHOW_STATUS, STATUS_CALL

GROWTH_MESSAGES = {
    "E151": message(
        "Workflow Cannot Be Changed",
        "'{feature}' follows '{follows}' and cannot continue in '{workflow}': {reason}.",
        "Name a larger workflow, that demands no less, such as standard",
        Suggestion("Or continue in the workflow that it follows", *STATUS_CALL),
        Suggestion("See which workflows there are", "cde workflow list", "cde_getProjectInfo()"),
        "Before anything is submitted, a feature can continue in any workflow that asks people no "
        "less often",
        fixes=(SHOW_STATUS, LIST_WORKFLOWS),
    ),
}
