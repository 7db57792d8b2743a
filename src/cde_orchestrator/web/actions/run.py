"""Run a feature with agents, in the background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.runs.background_run import (
    BackgroundReply,
    ShowRunChoices,
    StartRun,
)
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.web.actions.action import Action, Asked, digest_of
from cde_orchestrator.web.actions.features import shell


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = asked.handle(ShowRunChoices(feature_id=asked.about))
    return {**shown, "digest": digest_of(shown)}


def _do(asked: Asked) -> Mapping[str, Any]:
    start = StartRun(
        feature_id=asked.about,
        agents=[each.strip() for each in asked.fields.get("agents", "").split(",") if each.strip()],
        budget_usd=_number(asked, "budget_usd"),
        budget_minutes=_number(asked, "budget_minutes"),
    )
    if _show(asked)["digest"] != asked.digest:
        news = "the feature, its agents or its runs are others by now"
        raise FeatureError.of("E155", feature=asked.about, news=news)
    reply: BackgroundReply = asked.handle(start)
    return {**reply, "undo": undo_of_run(reply)}


def undo_of_run(reply: BackgroundReply) -> str:
    """The command that takes back what a run did, once it is stopped."""
    return shell("rollback", reply["feature"]["name"], reply["feature"]["current_phase"])


def _number(asked: Asked, name: str) -> float | None:
    """The number in a field; E305 where it is none."""
    text = asked.given(name)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        reason = f"{text.strip()[:40]!r} is not a number"
        raise ValidationError.of("E305", argument=name, reason=reason) from None


RUN = Action("run", "cde run {about} --agent NAME", _show, _do)
