"""The part of the contract that is about which workflow fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from cde_orchestrator.domain.errors.template import plain

if TYPE_CHECKING:
    from cde_orchestrator.application.views import StartReply


class FitView(TypedDict):
    """The workflow that fits a goal by the rules that are written down, and why."""

    workflow: str
    why: str


def fit_words(reply: StartReply) -> str | None:
    """Which workflow fits the goal, and why, in one line for both; None where no rule says it."""
    fits, follows = reply["fits"], plain(reply["feature"]["workflow"])
    if fits is None:
        return None
    if better_workflow(reply) is None:
        return f"It follows {follows}, which fits: {plain(fits['why'])}."
    return f"It follows {follows}; {fits['workflow']} would fit: {plain(fits['why'])}."


def better_workflow(reply: StartReply) -> str | None:
    """The workflow that fits, where the feature follows another."""
    fits = reply["fits"]
    if fits is None or fits["workflow"] == reply["feature"]["workflow"]:
        return None
    return fits["workflow"]
