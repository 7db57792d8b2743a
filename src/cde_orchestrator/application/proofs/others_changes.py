"""Which changes of the source, made since a feature began, are surely other features'."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from cde_orchestrator.application.ports.proving import ChangedFile
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import SourceMoment
from cde_orchestrator.domain.workflow import Workflow

Time = tuple[datetime, datetime | None]
"""From when to when; without an end until now."""


def made_by_others(
    project: Project,
    feature: Feature,
    workflow: Workflow,
    proving: Proving,
    differing: Callable[[], Iterable[ChangedFile]],
) -> set[str]:
    """Paths of the files that differ since the feature began by what others changed.

    What differs is asked for only where others changed something.
    """
    own: dict[str, ChangedFile] | None = None
    found: set[str] = set()
    for other in changes_of_others(project, feature, workflow, proving):
        if own is None:
            own = {file.path: file for file in differing()}
        if own.get(other.path) == other:
            found.add(other.path)
    return found


def changes_of_others(
    project: Project, feature: Feature, workflow: Workflow, proving: Proving
) -> Iterator[ChangedFile]:
    """Files that changed while another feature was at work, and this one changed nothing.

    That is so in another folder, and in the feature's own as long as it is in no phase that
    changes or proves something. Whose a change is that was made at any other time, nobody knows.
    """
    record = feature.phases.get(feature.current_phase or "")
    if record is None or record.start_source is None:
        return
    at_work = [*_times_at_work(feature, workflow)]
    for summary in project.features.summaries():
        if summary.id == feature.id or summary.updated_at <= feature.created_at:
            continue
        other = project.features.by_id(summary.id)
        if other is None:
            continue
        for first, last in _stretches(other, record.start_source.folder, at_work):
            try:
                yield from proving.trees.changed(proving.root, first.tree, last.tree)
            except FeatureError:  # git keeps it no longer, or too much changed
                continue


def _times_at_work(feature: Feature, workflow: Workflow) -> Iterator[Time]:
    """When the feature may have changed something; always, where no phase of it says so."""
    phases = [phase for phase in workflow.phases if phase.may_change]
    if not phases:
        yield feature.created_at, None
    for phase in phases:
        record = feature.phases.get(phase.id)
        if record is not None and record.start_source is not None:
            yield record.start_source.at, record.completed_at


def _stretches(
    other: Feature, folder: str, at_work: Sequence[Time]
) -> Iterator[tuple[SourceMoment, SourceMoment]]:
    """From where to where a feature was at work, in each folder; not while one was in this."""
    known = [*(record.start_source for record in other.phases.values()), other.seen_source]
    runs: dict[str, list[list[SourceMoment]]] = {}
    for moment in sorted(filter(None, known), key=lambda each: each.at):
        own = runs.setdefault(moment.folder, [[moment]])
        before = own[-1][-1].at
        if moment.folder == folder and any(
            begin <= moment.at and (end is None or end >= before) for begin, end in at_work
        ):
            own.append([])
        own[-1].append(moment)
    for run in (run for each in runs.values() for run in each):
        if run[0].tree != run[-1].tree:
            yield run[0], run[-1]
