"""Which files other features changed, or may have, as far as their records say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Set
from datetime import datetime
from functools import cache
from itertools import dropwhile, pairwise

from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature
from cde_orchestrator.domain.features import touched_by
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.project_paths import named_in
from cde_orchestrator.domain.records import SourceMoment

Time = tuple[datetime, datetime]
"""From when to when."""


def changed_by_others(
    project: Project,
    feature: Feature,
    start: SourceMoment,
    now: SourceMoment,
    sources: ProjectSources,
    kept: Collection[str],
    paths: Collection[str],
) -> dict[str, str]:
    """By path, the name of another feature that changed the file in this folder, or may have.

    It did where its records say so: as a change, an output, or in a note. It may have where the
    file changed between two moments whose source is kept, and it was at work between them. An
    open one is at work until now, with a lease or without. Where nothing was saved since its
    phase began, and only later phases change code, it is merely open: it was at work until its
    lease ended, and without one not at all.

    Args:
        project: as it is.
        feature: whose changes are looked at.
        start: the earliest moment that is looked at.
        now: the last one.
        sources: of the folder.
        kept: the trees that this product kept for the feature.
        paths: the files that are asked about.

    Raises:
        FeatureError: E136, git refuses.
    """

    @cache
    def differing(before: str, after: str) -> Set[str]:
        return sources.trees.differing(sources.root, before, after).keys() & paths

    found: dict[str, str] = {}
    known = {*kept}
    own = [each for each in _moments(feature, start) if each.tree in known]
    for other in _moved_or_open(project, feature, start.at):
        folders = {each.start_source.folder for each in other.phases.values() if each.start_source}
        if folders and start.folder not in folders:
            continue  # its phases were all in other folders
        theirs = _moments(other, start)
        known_times = _times_at_work(project, other, start, now, theirs)
        times = [each for each in known_times if each[1] > max(each[0], start.at)]
        if not times and other.updated_at < start.at:
            continue
        touched = touched_by(other)
        notes = (each.note for record in other.phases.values() for each in record.saved())
        changed = {*touched.paths, *touched.outputs.values(), *named_in(notes, paths)}
        if times and any(each.tree not in known for each in theirs):
            known |= sources.kept_trees(project.id, other.id)
        moments = [start, *own, *(each for each in theirs if each.tree in known), now]
        for before, after in pairwise(sorted(moments, key=lambda each: each.at)):
            is_at_work = any(before.at < end and after.at > begin for begin, end in times)
            if is_at_work and before.tree != after.tree:
                changed |= differing(before.tree, after.tree)
        found |= dict.fromkeys(changed & set(paths), other.name)
    return found


def _moved_or_open(project: Project, feature: Feature, since: datetime) -> Iterator[Feature]:
    """The other features that are open, were moved since, or had a lease that ended later."""
    for each in project.features.summaries():
        until = each.claimed_until
        is_late = each.updated_at >= since or (until and until >= since)
        if each.id != feature.id and (is_late or each.status not in CLOSED_STATUSES):
            other = project.features.by_id(each.id)
            if other is not None:
                yield other


def _times_at_work(
    project: Project,
    other: Feature,
    start: SourceMoment,
    now: SourceMoment,
    known: Iterable[SourceMoment],
) -> Iterator[Time]:
    """From when to when it was at work in the folder, or may have been; ``known`` is its source."""
    moments = [each.at for each in known]
    moved = max([other.updated_at, *moments])
    last = max(moved, other.claim.until) if other.claim else moved
    until = max(last, now.at) if other.is_open else last
    if not other.phases:  # of an older release, and not moved since
        yield start.at, until
    records = [each for each in other.phases.values() if each.started_at is not None]
    if any("workflow" in past for record in records for past in record.past):
        # It changed its workflow, and nothing says when it was at work in the one before.
        begun = [each.start_source.at for each in records if each.start_source]
        yield other.created_at, min(begun, default=last)
    for record in records:
        source = record.start_source
        if source and source.folder != start.folder:
            continue
        begin = source.at if source else other.created_at
        if record.completed_at is not None:
            # It was completed some time after its source was looked at.
            seen = [each for each in moments if begin < each <= record.completed_at]
            yield begin, max(seen, default=record.completed_at)
        elif not other.is_open or record.id != other.current_phase:
            yield begin, last
        elif moved > max(begin, record.started_at or begin) or not _is_before_code(project, other):
            yield begin, until
        elif source is None or record.attempts > 1 or other.claim is not None:
            yield begin, last


def _is_before_code(project: Project, other: Feature) -> bool:
    """Whether only later phases change code; from the first on, any may: a review corrects, too."""
    workflow = project.workflow_of(other)
    phases = workflow.phases if workflow else ()
    later = [each.id for each in dropwhile(lambda phase: not phase.may_change, phases)]
    return bool(later) and other.current_phase not in later


def _moments(feature: Feature, start: SourceMoment) -> list[SourceMoment]:
    """What the source in the folder was since, as a feature's records have it."""
    starts = [each.start_source for each in feature.phases.values()]
    known = [*starts, feature.seen_source]
    return [each for each in known if each and each.folder == start.folder and each.at >= start.at]
