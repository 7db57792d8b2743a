"""Show what was made as an output: as it is, as it was accepted, and what attempts left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypedDict

from cde_orchestrator.application.features.compared_texts import ComparedView, compared
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureView, feature_view
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.project_paths import attempt_path
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import Output, Workflow

_DIGEST = re.compile("[0-9a-f]{64}")
COPIES_SOUGHT = 30
"""The newest attempts of which a copy is looked for."""


class VersionView(TypedDict):
    """A content that an output has or had; ``id`` is its SHA-256, ``at`` when it was accepted.

    ``words`` say what it is, all that it is where several versions have the same content.
    """

    id: str
    words: list[str]
    at: str | None


class VersionsReply(TypedDict):
    """An output with its versions, the newest first, and one of them with its text.

    ``version`` is None where there is none that can be shown; ``text`` has replacements where bytes
    are no text. ``compared`` is how the other version that was asked for became this one.
    """

    feature: FeatureView
    output: str
    path: str
    type: str
    versions: list[VersionView]
    version: str | None
    text: str
    size: int
    compared: ComparedView | None


class ShowVersions(UseCase[VersionsReply], operation="show_versions", in_worktree=True):
    """An output of a feature, whatever became of it.

    Attributes:
        output_id: its id in the workflow.
        version: the one to show; the newest that is kept when None.
        against: another one, to compare it with.
    """

    feature_id: str
    output_id: str
    version: str | None = None
    against: str | None = None

    def __call__(
        self, *, standing: Standing, features: ProjectFeatures, outputs: ProjectOutputs
    ) -> VersionsReply:
        """Raises E004, E102, E103, E112, E305, and E325 to E327: others chose the path."""
        if not standing.acts:
            raise standing.refusal()
        _, feature, workflow = features.read(self.feature_id)
        output = _declared(self.output_id, workflow)
        versions = _Versions(feature, workflow, output, outputs)
        found = versions.views()
        version, data = self.version, b""
        if version is not None:
            data = versions.content(version)
        for each in found if version is None else ():
            with suppress(ValidationError):  # one that is not kept any more
                version, data = each["id"], versions.content(each["id"])
                break
        difference = None
        if self.against is not None:
            difference = compared(versions.content(self.against), data)
        return {
            "feature": feature_view(feature),
            "output": output.id,
            "path": output.path_for(feature.name),
            "type": output.type,
            "versions": found,
            "version": version,
            "text": data.decode(errors="replace"),
            "size": len(data),
            "compared": difference,
        }


@dataclass(frozen=True, slots=True)
class _Seen:
    """A version: its digest, the file that has it, if one does, and what it is."""

    sha256: str
    words: str
    at: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class _Versions:
    """The versions of an output that are known."""

    feature: Feature
    workflow: Workflow
    output: Output
    outputs: ProjectOutputs

    def views(self) -> list[VersionView]:
        """The contents that there are or were, the newest first."""
        views: dict[str, VersionView] = {}
        for each in self._seen():
            view = views.setdefault(each.sha256, {"id": each.sha256, "words": [], "at": each.at})
            view["words"].append(each.words)
            view["at"] = view["at"] or each.at
        return list(views.values())

    def content(self, digest: str) -> bytes:
        """The bytes of a version.

        Raises:
            ValidationError: E305, it is none, or is not kept any more.
        """
        seen = [each for each in self._seen() if each.sha256 == digest]
        if not seen:
            reason = f"the output {self.output.id!r} has no version {digest!r}"
            raise ValidationError.of("E305", argument="version", reason=reason)
        data = self.outputs.kept(digest)
        for path in (each.path for each in seen if data is None and each.path is not None):
            content = self.outputs.read(path, self.output.id)
            if content is not None and content.sha256 == digest:
                return content.data
        if data is None:
            reason = "this version is not kept any more"
            raise ValidationError.of("E305", argument="version", reason=reason)
        return data

    def _seen(self) -> Iterator[_Seen]:
        path = self.output.path_for(self.feature.name)
        if (digest := self._digest(path)) is not None:
            yield _Seen(digest, "the file as it is now", path=path)
        records = [self.feature.phases[each.id] for each in reversed(self.workflow.phases)]
        for record in records:
            for each in record.outputs:
                if each.id == self.output.id:
                    at = record.completed_at.isoformat() if record.completed_at else None
                    what = "accepted" if record.completed_at else "was accepted"
                    yield _Seen(each.sha256, f"{what} in {record.id}", at, each.path)
        for record in records:
            yield from self._past(record)
        yield from self._copies(path, records)

    def _past(self, record: PhaseRecord) -> Iterator[_Seen]:
        """What was accepted before the phase was rolled back; a state may come from anywhere."""
        for before in reversed(record.past):
            listed = before.get("outputs")
            at = before.get("completed_at")
            for each in listed if isinstance(listed, list) else []:
                digest = each.get("sha256") if isinstance(each, dict) else None
                if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
                    continue
                if each.get("id") == self.output.id:
                    when = at if isinstance(at, str) else None
                    words = f"accepted in {record.id}, later rolled back"
                    yield _Seen(digest, words, when)

    def _copies(self, path: str, records: list[PhaseRecord]) -> Iterator[_Seen]:
        """What is kept next to the file of attempts that were discarded."""
        own = [
            record.attempts
            for record in records
            if any(each.id == self.output.id for each in self._outputs_of(record))
        ]
        last = max(own, default=0)
        for attempt in range(last, max(last - COPIES_SOUGHT, 0), -1):
            copy = attempt_path(path, attempt)
            if (digest := self._digest(copy)) is not None:
                yield _Seen(digest, f"left by attempt {attempt}", path=copy)

    def _outputs_of(self, record: PhaseRecord) -> tuple[Output, ...]:
        return next(each.outputs for each in self.workflow.phases if each.id == record.id)

    def _digest(self, path: str) -> str | None:
        return self.outputs.files.digest(self.outputs.root, path)


def _declared(output_id: str, workflow: Workflow) -> Output:
    """The output of the last phase that delivers it."""
    declared = {output.id: output for phase in workflow.phases for output in phase.outputs}
    if output_id not in declared:
        reason = f"the workflow has no output {output_id!r} but {', '.join(declared) or 'none'}"
        raise ValidationError.of("E305", argument="output_id", reason=reason)
    return declared[output_id]
