"""Roll a feature back to an earlier phase: first what would change, then the same in earnest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.features.rollback_feature import (
    RollbackFeature,
    RollbackReply,
    rollback_remarks,
)
from cde_orchestrator.application.features.source_changes import source_words
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.web.actions.action import Action, Asked, digest_of
from cde_orchestrator.web.actions.features import bound, facts_of, restoring, saying_news, seen


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = seen(asked)
    begun = shown["begun"]
    to_phase = asked.given("to") or begun[-1]
    preview = _preview(asked, to_phase)
    facts = (shown["seen"], to_phase, _code(asked), digest_of(preview))
    return {**shown, "to": to_phase, **preview, "digest": bound(shown["sequence"], *facts)}


def _do(asked: Asked) -> Mapping[str, Any]:
    state, to_phase, code, would_change = facts_of(asked.digest)
    if (asked.given("to"), _code(asked)) != (to_phase, code):
        raise FeatureError.of("E156")
    roll_back = RollbackFeature(
        feature_id=asked.about,
        to_phase=to_phase,
        reason=asked.fields.get("reason", ""),
        code=bool(code),
        takeover=asked.chosen("takeover"),
        to_work=False,
        seen=state,
    )
    with saying_news(asked):
        if digest_of(_preview(asked, to_phase)) != would_change:
            raise FeatureError.of("E155", feature=asked.about, news="")
        reply: RollbackReply = asked.handle(roll_back)
    undo = restoring(reply, reply["undo_at"])
    return {"feature": reply["feature"], **_changes(reply), "undo": undo}


def _preview(asked: Asked, to_phase: str) -> dict[str, Any]:
    would = RollbackFeature(
        feature_id=asked.about,
        to_phase=to_phase,
        reason="",
        code=bool(_code(asked)),
        dry_run=True,
        takeover=True,
        to_work=False,
    )
    return _changes(asked.handle(would))


def _changes(reply: RollbackReply) -> dict[str, Any]:
    """What a rollback changes, and what it leaves."""
    rows = [(each, source_words(each["state"])) for each in reply["source"]]
    return {
        "phases": reply["rolled_back"],
        "files": [each for each in reply["files"] if each["action"] != "unchanged"],
        "source": [
            {
                "path": each["path"],
                "state": each["state"],
                "words": words,
                "why": each["reason"] or why,
            }
            for each, (words, why) in rows
        ],
        "problem": reply["source_problem"],
        "remarks": rollback_remarks(reply),
    }


def _code(asked: Asked) -> str:
    return "code" if asked.chosen("code") else ""


ROLL_BACK = Action("rollback", "cde rollback {about} PHASE --reason REASON", _show, _do)
