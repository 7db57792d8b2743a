"""Approve the phase that waits for a person, or send it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.approvals.decide import ApprovePhase, SendBack
from cde_orchestrator.application.approvals.shown import ShowApproval
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.web.actions.action import Action, Asked


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
    reply: Mapping[str, Any] = asked.handle(answer)
    return reply


DECIDE = Action("decide", "cde approve {about}", _show, _do)
