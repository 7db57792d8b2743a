"""Reopen a feature that was closed: what takes closing one back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.features.reopen_feature import ReopenFeature
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.features import facts_of, restoring, saying_news, seen


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = seen(asked)
    if shown["feature"]["status"] not in CLOSED_STATUSES:
        reason = f"{shown['feature']['name']} is open"
        raise ValidationError.of("E305", argument="feature", reason=reason)
    return shown


def _do(asked: Asked) -> Mapping[str, Any]:
    (state,) = facts_of(asked.digest)
    reason = asked.fields.get("reason", "")
    reopen = ReopenFeature(feature_id=asked.about, reason=reason, to_work=False, seen=state)
    with saying_news(asked):
        reply = asked.handle(reopen)
    return {"feature": reply["feature"], "undo": restoring(reply, reply["undo_at"])}


REOPEN = Action("reopen", "cde reopen {about} --reason REASON", _show, _do)
