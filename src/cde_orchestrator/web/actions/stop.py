"""Stop a run of a feature, as Ctrl-C does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.runs.background_run import ShowRunning, StoppedReply, StopRun
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.features import shell


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = asked.handle(ShowRunning(feature_id=asked.about))
    return {**shown, "digest": shown["run"]}


def _do(asked: Asked) -> Mapping[str, Any]:
    reply: StoppedReply = asked.handle(StopRun(feature_id=asked.about, run=asked.digest))
    agents = ",".join(reply["agents"])
    again = shell("run", reply["feature"]["name"], "--agent", agents) if agents else None
    return {**reply, "undo": again}


STOP = Action("stop", "Ctrl-C in the terminal of cde run {about}", _show, _do)
