"""Fire an alert on trial, and see whom it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.monitoring.alerts import SendTestAlert
from cde_orchestrator.web.actions.action import Action, Asked


def _show(asked: Asked) -> Mapping[str, Any]:
    return {"digest": ""}


def _do(asked: Asked) -> Mapping[str, Any]:
    reply: Mapping[str, Any] = asked.handle(SendTestAlert())
    return reply


TEST_ALERT = Action("test-alert", "cde alerts test", _show, _do)
