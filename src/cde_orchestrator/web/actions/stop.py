"""Stop a run of a feature, as Ctrl-C does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.runs.background_run import ShowRunning, StopRun
from cde_orchestrator.web.actions.action import Action, Asked


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = asked.handle(ShowRunning(feature_id=asked.about))
    return {**shown, "digest": shown["run"]}


def _do(asked: Asked) -> Mapping[str, Any]:
    reply: Mapping[str, Any] = asked.handle(StopRun(feature_id=asked.about, run=asked.digest))
    return reply


STOP = Action("stop", "Ctrl-C in the terminal of cde run {about}", _show, _do)
