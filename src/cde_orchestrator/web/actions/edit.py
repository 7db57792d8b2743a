"""Give a feature another goal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from cde_orchestrator.application.features.edit_feature import EditFeature, EditReply
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.features import (
    facts_of,
    restoring,
    saying_news,
    seen,
    sequence_of,
    shell,
)


def _do(asked: Asked) -> Mapping[str, Any]:
    (state,) = facts_of(asked.digest)
    edit = EditFeature(
        feature_id=asked.about,
        goal=asked.fields.get("goal", ""),
        takeover=asked.chosen("takeover"),
        seen=state,
    )
    with saying_news(asked, "E105"):
        reply: EditReply = asked.handle(edit)
    name, accepted = reply["feature"]["name"], reply["accepted_before"]
    return {
        "feature": reply["feature"],
        "edited": bool(reply["edited"]),
        "accepted_before": accepted,
        "again": shell("rollback", name, accepted[0]) if accepted else None,
        "undo": restoring(reply, sequence_of(asked.digest)) if reply["edited"] else None,
    }


EDIT = Action("edit", "cde edit {about} --goal GOAL", partial(seen, must_be_open=True), _do)
