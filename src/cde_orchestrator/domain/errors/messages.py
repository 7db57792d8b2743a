"""The one catalogue: every code, its words and its fixes.

The text of each range is in a module of its own in this package; nothing else in the
product words an error. A code is never reused for another failure.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from cde_orchestrator.domain.errors.approval_messages import APPROVAL_MESSAGES
from cde_orchestrator.domain.errors.entry import ErrorMessage
from cde_orchestrator.domain.errors.feature_messages import FEATURE_MESSAGES
from cde_orchestrator.domain.errors.finish_messages import FINISH_MESSAGES
from cde_orchestrator.domain.errors.growth_messages import GROWTH_MESSAGES
from cde_orchestrator.domain.errors.page_messages import PAGE_MESSAGES
from cde_orchestrator.domain.errors.project_messages import PROJECT_MESSAGES
from cde_orchestrator.domain.errors.proof_messages import PROOF_MESSAGES
from cde_orchestrator.domain.errors.state_messages import STATE_MESSAGES
from cde_orchestrator.domain.errors.system_messages import SYSTEM_MESSAGES
from cde_orchestrator.domain.errors.validation_messages import VALIDATION_MESSAGES

_WORDED = {
    **PROJECT_MESSAGES,
    **FEATURE_MESSAGES,
    **PROOF_MESSAGES,
    **APPROVAL_MESSAGES,
    **GROWTH_MESSAGES,
    **FINISH_MESSAGES,
    **PAGE_MESSAGES,
    **STATE_MESSAGES,
    **VALIDATION_MESSAGES,
    **SYSTEM_MESSAGES,
}
ERROR_MESSAGES: MappingProxyType[str, ErrorMessage] = MappingProxyType(
    {code: replace(entry, code=code) for code, entry in sorted(_WORDED.items())}
)
"""Code to entry, in the order of the codes."""
