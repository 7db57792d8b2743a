"""Approve the phase that waits for a person, or send it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.approvals.decide import ApprovePhase, SendBack
from cde_orchestrator.application.approvals.shown import ShowApproval
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.features import restoring, shell


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = asked.handle(ShowApproval(feature_id=asked.about))
    return {**shown, "digest": shown["approval"]["digest"]}


def _do(asked: Asked) -> Mapping[str, Any]:
    answer: UseCase[Any]
    if asked.fields.get("decision") == "approve":
        answer = ApprovePhase(
            feature_id=asked.about, digest=asked.digest, channel="page", place=asked.place
        )
    else:
        answer = SendBack(
            feature_id=asked.about,
            digest=asked.digest,
            reason=asked.fields.get("reason"),
            to_phase=asked.given("to"),
            channel="page",
            place=asked.place,
        )
    reply: SubmitReply = asked.handle(answer)
    return {**reply, "undo": _undo(reply)}


def _undo(reply: SubmitReply) -> str | None:
    """The command that takes the answer back."""
    if "accepted" in reply:
        return shell("rollback", reply["feature"]["name"], reply["accepted"]["id"])
    at = reply["sent_back"].get("undo_at") if "sent_back" in reply else None
    return restoring(reply, at)


DECIDE = Action("decide", "cde approve {about}", _show, _do)
