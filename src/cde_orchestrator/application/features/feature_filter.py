"""Which features of a project are asked for, in lists and on the board."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import get_args

from cde_orchestrator.application.ports.core import ProjectFiles
from cde_orchestrator.application.proofs.verdicts import Verdict, verdict_of
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, COMPLETED
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.text import opening_words
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import WAITS_FOR_PERSON

PERSON, AGENT = AWAITED = ("person", "agent")
"""For whom an open feature can wait."""
OPEN = "open"
"""Stands for every status of a feature that takes more work."""
VERDICTS: tuple[str, ...] = get_args(Verdict)


class FeatureFilter(Value, kw_only=True):
    """What a feature must be to be among those asked for; None asks nothing of it.

    Attributes:
        status: its status, or ``open``.
        prefix: the beginning of its name.
        word: what its name or its goal holds, in upper or lower case.
        workflow: the workflow that it follows.
        waits_for: ``person`` or ``agent``.
        agent: the agent that has its phase.
        proof: the verdict on it, once it is completed.
    """

    status: str | None = None
    prefix: str = ""
    word: str | None = None
    workflow: str | None = None
    waits_for: str | None = None
    agent: str | None = None
    proof: str | None = None

    def __post_init__(self) -> None:
        """Raises E305, nothing could ever be so."""
        for argument, value, known in (
            ("waits_for", self.waits_for, AWAITED),
            ("proof", self.proof, VERDICTS),
        ):
            if value not in (None, *known):
                reason = f"'{value}' is not one of {', '.join(known)}"
                raise ValidationError.of("E305", argument=argument, reason=reason)

    def among(
        self, project: Project, files: ProjectFiles, root: Path, now: datetime
    ) -> list[FeatureSummary]:
        """The features that are so, oldest first.

        One is only decoded if what was proven of it decides.
        """
        found = project.features.summaries()
        if self != FeatureFilter():
            found = [each for each in found if self._fits_summary(each, project, now)]
        if self.word is not None:
            word = self.word.casefold()
            found = [each for each in found if word in _words_of(each, project)]
        if self.proof is not None:
            found = [each for each in found if self._is_proven(each, project, files, root)]
        return found

    def _fits_summary(self, summary: FeatureSummary, project: Project, now: datetime) -> bool:
        is_open = summary.status not in CLOSED_STATUSES
        return (
            summary.name.startswith(self.prefix)
            and (is_open if self.status == OPEN else self.status in (None, summary.status))
            and (self.waits_for is None or self.waits_for == awaited_by(summary, project))
            and (self.agent is None or self.agent == agent_at(summary, now))
            and (self.proof is None or summary.status == COMPLETED)
            and (self.workflow is None or self.workflow == workflow_id_of(summary, project))
        )

    def _is_proven(
        self, summary: FeatureSummary, project: Project, files: ProjectFiles, root: Path
    ) -> bool:
        feature = project.features.by_id(summary.id)
        verdict = None if feature is None else verdict_of(feature, files, root)
        return verdict is not None and verdict["verdict"] == self.proof


def _words_of(summary: FeatureSummary, project: Project) -> str:
    return f"{summary.name}\n{project.features.goal_of(summary.id)}".casefold()


def awaited_by(summary: FeatureSummary, project: Project) -> str | None:
    """For whom a feature waits; None for one that is closed."""
    if summary.status in CLOSED_STATUSES:
        return None
    if summary.status == WAITS_FOR_PERSON:
        return PERSON
    if summary.workflow_digest is None:
        return AGENT
    # A phase of a person may give the feature a status of its own.
    phases = project.workflows[summary.workflow_digest]["phases"]
    current = (each for each in phases if each["id"] == summary.current_phase)
    return PERSON if any(each.get("handler") == "human_input" for each in current) else AGENT


def agent_at(summary: FeatureSummary, now: datetime) -> str | None:
    """The agent that has the phase, as long as its lease lasts."""
    until = summary.claimed_until
    return summary.claimed_by if until is not None and until > now else None


def workflow_id_of(summary: FeatureSummary, project: Project) -> str | None:
    """The name of the workflow that a feature follows; one of an older release is decoded."""
    if summary.workflow_digest is not None:
        return str(project.workflows[summary.workflow_digest]["id"])
    feature = project.features.by_id(summary.id)
    return None if feature is None else feature.workflow_type


def opening_of(goal: str, limit: int) -> str:
    """The beginning of a goal, in a line."""
    line = " ".join(goal[: 2 * limit].split())
    if len(line) <= limit:
        return line
    opening = opening_words(line, limit - 1)
    # Many a language has no spaces between words, and a word can be long.
    return f"{opening if 2 * len(opening) > limit else line[: limit - 1]}…"
