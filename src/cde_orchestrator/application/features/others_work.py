"""Which files other features changed, or may have, as far as their records say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.features import touched_by
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.project_paths import named_in
from cde_orchestrator.domain.records import SourceMoment


def changed_by_others(
    project: Project,
    feature: Feature,
    start: SourceMoment,
    now: SourceMoment,
    sources: ProjectSources,
    paths: Collection[str],
) -> dict[str, str]:
    """By path, the name of another feature that changed the file in this folder, or may have.

    It did where its records say so: as a change, an output, or in a note. It may have where the
    file changed between two moments whose source is kept, and it was at work between them: until
    it was moved, submitted or saved something last, and its lease ended. One that was only
    started, without a lease, was not at work.

    Args:
        project: as it is.
        feature: whose changes are looked at.
        start: the earliest moment that is looked at.
        now: the last one.
        sources: of the folder.
        paths: the files that are asked about.

    Raises:
        FeatureError: E136, git refuses.
    """
    found: dict[str, str] = {}
    own = [start, *_moments(project, feature, start, sources), now]
    for other in _moved_since(project, feature, start.at):
        folders = {each.start_source.folder for each in other.phases.values() if each.start_source}
        if folders and start.folder not in folders:
            continue  # its phases were all in other folders
        touched, theirs = touched_by(other), _moments(project, other, start, sources)
        notes = (each.note for record in other.phases.values() for each in record.saved())
        changed = {*touched.paths, *touched.outputs.values(), *named_in(notes, paths)}
        times = [*_times_at_work(other, start, theirs)]
        for before, after in pairwise(sorted([*own, *theirs], key=lambda each: each.at)):
            if any(before.at < end and after.at > begin for begin, end in times):
                changed |= sources.trees.differing(sources.root, before.tree, after.tree).keys()
        found |= dict.fromkeys(changed & set(paths), other.name)
    return found


def _moved_since(project: Project, feature: Feature, since: datetime) -> Iterator[Feature]:
    """The other features that were moved since, or had a lease that had not ended by then."""
    for each in project.features.summaries():
        until = each.claimed_until
        if each.id != feature.id and (each.updated_at >= since or (until and until >= since)):
            other = project.features.by_id(each.id)
            if other is not None:
                yield other


def _times_at_work(
    other: Feature, start: SourceMoment, moments: Sequence[SourceMoment]
) -> Iterator[tuple[datetime, datetime]]:
    """From when to when it was at work in the folder, or may have been."""
    last = max([other.updated_at, *(each.at for each in moments)])
    if other.claim is not None:
        last = max(last, other.claim.until)
    if not other.phases:  # of an older release, and not moved since
        yield start.at, last
    for record in other.phases.values():
        begun = record.start_source
        if record.started_at is None or (begun and begun.folder != start.folder):
            continue
        begin = begun.at if begun else other.created_at
        # It was completed some time after its source was looked at.
        until = record.completed_at
        seen = [each.at for each in moments if until and begin < each.at <= until]
        yield max(begin, start.at), max(seen, default=until or last)


def _moments(
    project: Project, feature: Feature, start: SourceMoment, sources: ProjectSources
) -> list[SourceMoment]:
    """What the source in the folder was since, as a feature's records have it, and git keeps it."""
    kept = sources.kept_trees(project.id, feature.id)
    starts = [each.start_source for each in feature.phases.values()]
    return [
        each
        for each in [*starts, feature.seen_source]
        if each and each.folder == start.folder and each.at >= start.at and each.tree in kept
    ]
