"""Features on the same files: what they left open, and who else is at work on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from cde_orchestrator.application.ports.core import ProjectFiles
from cde_orchestrator.application.proofs.records import RecordError, read_record, record_path
from cde_orchestrator.application.related_views import COMPLETED, RelatedView
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature
from cde_orchestrator.domain.open_points import open_points
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.related import (
    FILES_SHOWN,
    SHOWN,
    Related,
    Touched,
    on_files,
    related_to,
)
from cde_orchestrator.domain.workflow import Workflow

RECORDS_READ = 20
"""The newest folders below ``specs`` in which a record is searched for."""
RECORD_BYTES = 64 * 1024
REVIEW_LIMIT = 16 * 1024
"""Characters of a review in which open points are searched for."""


class RelatedFeatures:
    """Finds them in the project at ``root``; at most ``SHOWN`` reviews are read.

    A start says them in its prompt and in its answer: what was found last is kept for the same
    question about the same object.
    """

    def __init__(self, root: Path, files: ProjectFiles) -> None:
        self.root, self.files = root, files
        self._asked: tuple[Project | None, object] = (None, None)
        self._found: list[RelatedView] = []

    def __call__(
        self,
        project: Project,
        feature: Feature,
        texts: Iterable[str] = (),
        paths: Collection[str] = (),
        known: Iterable[str] | None = None,
        *,
        records: bool = False,
    ) -> list[RelatedView]:
        """The features that have to do with the feature.

        Args:
            project: as it is; nothing in it is decoded.
            feature: its goal is compared.
            texts: what names files that it is about.
            paths: files that it changed.
            known: texts that its reader had before, so that what these lead to is not repeated.
            records: whether features are compared too of which only the record is here, as in a
                clone; the newest are read.
        """
        recorded = self._recorded(project) if records else []
        before = None if known is None else (*known,)
        asked = feature.id, feature.prompt, (*texts,), frozenset(paths), before, (*recorded,)
        if self._asked[0] is not project or self._asked[1] != asked:
            others = [*recorded, *_others(project, feature)]
            found = related_to(feature.prompt, asked[2], paths, others)
            if before is not None:
                said = {each.feature.id for each in related_to(feature.prompt, before, (), others)}
                found = [each for each in found if each.feature.id not in said]
            self._found = [self._view(each, project) for each in found]
            self._asked = project, asked
        return [*self._found]

    def _recorded(self, project: Project) -> list[Touched]:
        """The features of which the project has a record, and the state nothing."""
        names = self.files.folders(self.root, "specs", RECORDS_READ)
        unknown = (name for name in names if not project.features.has_name(name))
        return [each for name in unknown if (each := self._read(name)) is not None]

    def _read(self, name: str) -> Touched | None:
        try:
            data = self.files.read(self.root, record_path(name), "record")
            record = read_record(data) if data and len(data) <= RECORD_BYTES else None
        except (OutputError, ValidationError, RecordError):
            return None
        if record is None or record.feature != name:
            return None
        return Touched(
            id=f"record of {name}",
            name=name,
            status=COMPLETED,
            goal=record.goal,
            paths=tuple(path for path in record.evidence.covered if path not in record.outputs),
            outputs={path: path for path in record.outputs},
        )

    def _view(self, related: Related, project: Project) -> RelatedView:
        other, review, points = related.feature, None, list[str]()
        if other.status == COMPLETED and (path := _review_of(other, project)) is not None:
            text = self.files.excerpt(self.root, path, REVIEW_LIMIT)
            points = open_points(text)
            review = plain(path) if points else None
        return {
            "feature": plain(other.name),
            "status": plain(other.status),
            "files": [plain(path) for path in related.paths[:FILES_SHOWN]],
            "total": len(related.paths),
            "review": review,
            "open_points": points,
        }


def overlaps(project: Project, feature: Feature, paths: Sequence[str]) -> list[RelatedView]:
    """The open features whose changes are known to concern the same files."""
    mine = set(paths)
    others = [each for each in _others(project, feature) if each.status not in CLOSED_STATUSES]
    return [
        {
            "feature": plain(each.feature.name),
            "status": plain(each.feature.status),
            "files": [plain(path) for path in each.paths[:FILES_SHOWN]],
            "total": len(each.paths),
            "review": None,
            "open_points": [],
        }
        for each in on_files(mine, {}, others)[:SHOWN]
    ]


def _others(project: Project, feature: Feature) -> list[Touched]:
    """The features that were completed, and those that are open."""
    return [
        each
        for each in project.features.touched()
        if each.id != feature.id
        and (each.status == COMPLETED or each.status not in CLOSED_STATUSES)
    ]


def _review_of(other: Touched, project: Project) -> str | None:
    """Where a feature's verdict is; None where its workflow asks for none, or is not kept."""
    kept = project.workflows.get(other.workflow_digest or "")
    if kept is None:  # only its record is here
        return next((path for path in other.outputs.values() if path.endswith("/review.md")), None)
    for phase in reversed(Workflow.from_dict(kept).phases):
        for output in phase.outputs:
            if output.verdict and output.id in other.outputs:
                return other.outputs[output.id]
    return None
