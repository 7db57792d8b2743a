"""States of features and their phases, as texts for people and agents have them."""

from __future__ import annotations

from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.workflow import WAITS_FOR_PERSON


def state_words(state: str) -> str:
    """A state by itself, as ``in progress`` or ``waits for a person``."""
    return "waits for a person" if state == WAITS_FOR_PERSON else plain(state).replace("_", " ")


def state_predicate(state: str) -> str:
    """A state in a sentence, after what it is of: ``is in progress``, ``waits for a person``."""
    words = state_words(state)
    return words if state == WAITS_FOR_PERSON else f"is {words}"
