"""Start a feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.features.show_start import ShowStart
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.fit_views import better_workflow, fit_words
from cde_orchestrator.application.remarks import start_remarks
from cde_orchestrator.application.views import StartReply
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.features import shell


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = asked.handle(ShowStart(goal=asked.fields.get("goal", "")))
    return {**shown, "digest": ""}  # a new feature changes nothing that was shown


def _do(asked: Asked) -> Mapping[str, Any]:
    """Start it. An agent that is named takes no lease: it is offered to be run with."""
    start = StartFeature(
        prompt=asked.fields.get("goal", ""),
        name=asked.given("name"),
        workflow=asked.given("workflow"),
        to_work=False,
    )
    reply: StartReply = asked.handle(start)
    name, agent, better = reply["feature"]["name"], asked.given("agent"), better_workflow(reply)
    return {
        "feature": reply["feature"],
        "fits": fit_words(reply),
        "grow": shell("grow", name, better) if better else None,
        "remarks": start_remarks(reply),
        "agent": agent,
        "run": shell("run", name, "--agent", agent) if agent else None,
        "undo": shell("close", name),
    }


START = Action("start", "cde start GOAL", _show, _do)
