"""The answer to an agent that asks whether it may do something."""

from __future__ import annotations

from collections.abc import Sequence

from acp.schema import AllowedOutcome, DeniedOutcome, PermissionOption, RequestPermissionResponse

_YES = "allow_once"
_NO = "reject_once"


def decided(options: Sequence[PermissionOption], *, allowed: bool) -> RequestPermissionResponse:
    """Choose the option that means yes, or no, for this once: nothing is granted for longer."""
    wanted = _YES if allowed else _NO
    chosen = next((each.option_id for each in options if each.kind == wanted), None)
    if chosen is None:
        return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
    outcome = AllowedOutcome(outcome="selected", option_id=chosen)
    return RequestPermissionResponse(outcome=outcome)
