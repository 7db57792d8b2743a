"""Close a feature without finishing it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.domain.feature import CANCELLED
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.features import facts_of, saying_news, seen, shell


def _do(asked: Asked) -> Mapping[str, Any]:
    (state,) = facts_of(asked.digest)
    close = CloseFeature(
        feature_id=asked.about,
        outcome=asked.given("outcome") or CANCELLED,
        reason=asked.fields.get("reason", ""),
        takeover=asked.chosen("takeover"),
        seen=state,
    )
    with saying_news(asked, "E105"):
        reply = asked.handle(close)
    feature = reply["feature"]
    return {"feature": feature, "undo": shell("reopen", feature["name"])}


CLOSE = Action("close", "cde close {about} --reason REASON", partial(seen, must_be_open=True), _do)
