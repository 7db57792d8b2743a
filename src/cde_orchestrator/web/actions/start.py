"""Start a feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.features.show_start import ShowStart
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.fit_views import better_workflow, fit_words
from cde_orchestrator.application.remarks import start_remarks
from cde_orchestrator.application.runs.background_run import StartRun
from cde_orchestrator.application.views import FeatureView, StartReply
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.features import shell


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = asked.handle(ShowStart(goal=asked.fields.get("goal", "")))
    return {**shown, "digest": ""}  # a new feature changes nothing that was shown


def _do(asked: Asked) -> Mapping[str, Any]:
    """Start it, and let the agent that is named work on it, if it may: the feature is there."""
    start = StartFeature(
        prompt=asked.fields.get("goal", ""),
        name=asked.given("name"),
        workflow=asked.given("workflow"),
        to_work=False,
    )
    reply: StartReply = asked.handle(start)
    name, agent, better = reply["feature"]["name"], asked.given("agent"), better_workflow(reply)
    fits = fit_words(reply)
    if better is not None and start.workflow is not None:
        fits = better = None  # the other one was chosen
    return {
        "feature": reply["feature"],
        "fits": fits,
        "grow": shell("grow", name, better) if better else None,
        "remarks": start_remarks(reply),
        "agent": agent,
        "not_run": _run(asked, reply["feature"], agent) if agent else None,
        "undo": shell("close", name),
    }


def _run(asked: Asked, feature: FeatureView, agent: str) -> dict[str, Any] | None:
    """Why the agent does not work on the feature, with the commands that let it; None: it does."""
    try:
        asked.handle(StartRun(feature_id=feature["id"], agents=[agent]))
    except CDEError as error:
        trust = [shell("agents", "trust", agent)] if error.code == "E912" else []
        run = shell("run", feature["name"], "--agent", agent)
        return {"code": error.code, "message": error.message, "commands": [*trust, run]}
    return None


START = Action("start", "cde start GOAL", _show, _do)
