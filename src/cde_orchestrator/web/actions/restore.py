"""Restore what was accepted where a feature waits for a person: first what would be, then that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.approvals.restore import RestoreOutputs, RestoreOutputsReply
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.web.actions.action import Action, Asked, digest_of
from cde_orchestrator.web.actions.features import bound, facts_of, restoring, saying_news, seen


def _show(asked: Asked) -> Mapping[str, Any]:
    shown, restored = seen(asked, must_be_open=True), _preview(asked)
    digest = bound(shown["sequence"], shown["seen"], digest_of(restored))
    return {**shown, "restored": restored, "digest": digest}


def _do(asked: Asked) -> Mapping[str, Any]:
    _, would_be = facts_of(asked.digest)
    with saying_news(asked):
        if digest_of(_preview(asked)) != would_be:
            raise FeatureError.of("E155", feature=asked.about, news="")
        reply: RestoreOutputsReply = asked.handle(RestoreOutputs(feature_id=asked.about))
    undo = restoring(reply, reply["undo_at"])
    return {"feature": reply["feature"], "restored": reply["restored"], "undo": undo}


def _preview(asked: Asked) -> list[dict[str, Any]]:
    would = asked.handle(RestoreOutputs(feature_id=asked.about, dry_run=True))
    return [dict(each) for each in would["restored"]]


RESTORE = Action("restore", "cde submit {about} PHASE --restore", _show, _do)
