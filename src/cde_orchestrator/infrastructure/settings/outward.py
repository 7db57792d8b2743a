"""Settings that name a place to send to, so that a person has to trust those of a project's file.

The file may have come with a clone. What stands in the environment is the person's own.
"""

from __future__ import annotations

import os

from cde_orchestrator.domain.check import Check
from cde_orchestrator.infrastructure.settings.settings import Settings, variable_of


def sending(settings: Settings) -> Check | None:
    """What a person trusts to send alerts to an address; None where there is nothing to trust."""
    return _outward("POST", "alert_webhook_url", settings)


def connecting(settings: Settings) -> Check | None:
    """The same for keeping the state in a database."""
    return _outward("connect", "state_url", settings)


def _outward(word: str, key: str, settings: Settings) -> Check | None:
    place = getattr(settings, key)
    own = os.environ.get(variable_of(key), "").strip()
    return Check((word, place), ".", 0.0) if place and place != own else None
