"""What says whether a feature is good, in the order in which everybody who is asked reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypedDict

from cde_orchestrator.application.criterion_views import CriterionView
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.report_feature import review_of
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.text import command_words, counted
from cde_orchestrator.domain.workflow import Workflow

POINTS_SHOWN = 3
"""Open points of a review that are named."""
_STATES = {"unproven": "not proven yet"}
"""States of criteria that are called otherwise."""


class JudgedView(TypedDict):
    """One thing that says whether the work is good: what it is, what it says, what is open of it.

    ``tone`` is ``ok``, ``warning``, ``critical``, or ``muted`` where nothing can be said yet.
    """

    what: str
    words: str
    tone: Literal["ok", "warning", "critical", "muted"]
    points: list[str]


def judged(
    feature: Feature,
    workflow: Workflow,
    outputs: ProjectOutputs,
    criteria: Sequence[CriterionView],
) -> list[JudgedView]:
    """The verdict of the review, the criteria and the last check, as far as there are any."""
    return [*_review(feature, workflow, outputs), *_criteria(criteria), *_check(feature)]


def judged_lines(shown: Iterable[JudgedView]) -> list[str]:
    """The same in lines, of programs and people who may write in it whatever they like."""
    lines = []
    for each in shown:
        lines.append(f"{each['what']}: {plain(each['words'])}")
        lines += [f"  open: {plain(point)}" for point in each["points"]]
    return lines


def _review(feature: Feature, workflow: Workflow, outputs: ProjectOutputs) -> Iterator[JudgedView]:
    review = review_of(feature, workflow, outputs)
    if review is None:
        return
    points = review["open_points"]
    more = len(points) - POINTS_SHOWN
    named = [*points[:POINTS_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    open_words = f"{counted(len(points), 'point')} open" if points else "nothing is open"
    yield {
        "what": "Review",
        "words": f"{review['verdict'] or 'no verdict'}; {open_words}",
        "tone": "warning" if points or not review["verdict"] else "ok",
        "points": named,
    }


def _criteria(criteria: Sequence[CriterionView]) -> Iterator[JudgedView]:
    if not criteria:
        return
    states = Counter(each["state"] for each in criteria)
    order = ("proven", "waived", "stale", "unproven")
    counts = [f"{states[each]} {_STATES.get(each, each)}" for each in order if states[each]]
    is_met = not (states["stale"] or states["unproven"])
    is_begun = bool(states["stale"] or states["proven"])
    tone: Literal["ok", "warning", "muted"] = "warning" if is_begun else "muted"
    yield {
        "what": "Criteria",
        "words": ", ".join(counts),
        "tone": "ok" if is_met else tone,
        "points": [],
    }


def _check(feature: Feature) -> Iterator[JudgedView]:
    ran = [(each.evidence, name) for name, each in feature.phases.items() if each.evidence]
    if not ran:
        return
    evidence, phase = max(ran, key=lambda each: each[0].at)
    ended = "took too long" if evidence.exit_code is None else f"exit code {evidence.exit_code}"
    said = "passed" if evidence.passed else ended
    yield {
        "what": "Check",
        "words": f"{said} in {phase}: {command_words(evidence.command)}",
        "tone": "ok" if evidence.passed else "critical",
        "points": [],
    }
