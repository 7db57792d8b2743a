"""What a submission brings: texts given with it, and files that stand in the project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cde_orchestrator.application.features.project_outputs import Content, ProjectOutputs
from cde_orchestrator.application.ports.core import OutputText
from cde_orchestrator.application.views import KeptView
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.gate import Gate, Problem, problem_as_dict
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.phase_record import PhaseRecord, PhaseStatus
from cde_orchestrator.domain.records import Artifact
from cde_orchestrator.domain.text import as_file, checked_text
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Output, Phase

log = get_logger(__name__)

RESULT_LIMIT = 1_000_000
"""Characters of one output's text in ``results``."""
RESULT_LIMIT_BYTES = 1024 * 1024
"""Bytes of it in UTF-8; all texts are measured before the first is written."""

FILE_KEPT = "file_kept"
"""The event that a copy of a replaced file leaves."""

_Unreadable = OutputError | ValidationError


class Delivery(Value):
    """The outputs of one phase of one feature, as they are submitted.

    Attributes:
        outputs: the project's.
        results: text by output id; what is not named is in the project already.
    """

    outputs: ProjectOutputs
    feature_name: str
    phase: Phase
    results: Mapping[str, str]

    def require_acceptable(self) -> None:
        """Refuse texts for outputs that are not declared, or that cannot be stored.

        Raises:
            FeatureError: E113.
            ValidationError: E302, E303 or E315.
        """
        for output_id, text in self.results.items():
            self.phase.output(output_id, self.feature_name)
            checked_text(f"results.{output_id}", text, RESULT_LIMIT)
            size = len(text.encode())
            if size > RESULT_LIMIT_BYTES:
                field = f"output {output_id}"
                raise ValidationError.of(
                    "E315", field=field, size_bytes=size, limit_bytes=RESULT_LIMIT_BYTES
                )

    def contents(self) -> dict[str, Content]:
        """Contents by output id, as they are or will be in the project, without missing files.

        Raises:
            OutputError: E112, an output's path is no place for it.
            ValidationError: E315, a file is too large.
        """
        found, unreadable = self._read()
        for _, error in unreadable:
            raise error
        return found

    def is_unchanged(self, contents: Mapping[str, Content], *, written: bool) -> bool:
        """Whether the files are what was read; one that nobody touched is not read again.

        Args:
            contents: what was read.
            written: whether the texts that were handed over are in the project by now.

        Raises:
            OutputError: E112, an output's path is no place for it.
            ValidationError: E315, a file is too large.
        """
        return all(
            self._is_as_read(output, contents.get(output.id))
            for output in self.phase.outputs
            if written or output.id not in self.results
        )

    def _is_as_read(self, output: Output, content: Content | None) -> bool:
        files, place = self.outputs.files, (self.outputs.root, self.path(output), output.id)
        if content is None:
            return files.read(*place) is None
        if content.stamp is not None and files.stamp(*place) == content.stamp:
            return True
        return files.read(*place) == content.data

    def accepted_contents(self, gate: Gate) -> dict[str, Content]:
        """``contents`` that the gate lets pass; a refusal names all that is wrong.

        Raises:
            OutputError: E110 to E117.
            ValidationError: E315, a file is too large.
        """
        found, unreadable = self._read()
        data = {output_id: content.data for output_id, content in found.items()}
        if not unreadable:
            gate.require(data)
            return found
        problems = [self._problem(output, error) for output, error in unreadable]
        named = {problem.output for problem in problems}
        problems += [problem for problem in gate.problems(data) if problem.output not in named]
        first = unreadable[0][1]
        facts = {**first.context, "outputs": [problem_as_dict(problem) for problem in problems]}
        if "reason" in facts:
            facts["reason"] = "; ".join([facts["reason"], *map(str, problems[1:])])
        raise type(first).of(first.code, **facts)

    def _read(self) -> tuple[dict[str, Content], list[tuple[Output, _Unreadable]]]:
        """Contents by output id, and the outputs that cannot be read, with the reason."""
        found: dict[str, Content] = {}
        unreadable: list[tuple[Output, _Unreadable]] = []
        root, files = self.outputs.root, self.outputs.files
        for output in self.phase.outputs:
            given, place = self.results.get(output.id), (root, self.path(output), output.id)
            stamp, data = None, None
            try:
                stamp, data = files.stamp(*place), files.read(*place)
            except OutputError as error:
                unreadable.append((output, error))
                continue
            except ValidationError as error:  # too large; what is replaced may be of any size
                if given is None:
                    unreadable.append((output, error))
            if given is not None:
                stamp, data = None, as_file(given)
            if data is not None:
                found[output.id] = Content.of(data, stamp)
        return found, unreadable

    def _problem(self, output: Output, error: _Unreadable) -> Problem:
        if isinstance(error, OutputError):
            words = f"cannot be there: {error.context['reason']}"
            fix = "Put a regular file inside the project in its place"
        else:
            words = "has {size_bytes} bytes; at most {limit_bytes} are accepted".format_map(
                error.context
            )
            fix = "Shorten it; leave out generated data"
        return Problem(error.code, output.id, self.path(output), None, words, fix)

    def write(self, record: PhaseRecord, contents: Mapping[str, Content]) -> list[KeptView]:
        """Write the texts to the outputs' paths: all of them, or none.

        Returns:
            The copies of files that somebody else changed since the phase began.

        Raises:
            OutputError: E112.
            StateError: E203 or E204.
            ValidationError: E315.
        """
        given = [output for output in self.phase.outputs if output.id in self.results]
        texts = [OutputText(self.path(each), self.results[each.id], each.id) for each in given]
        kept = self.keep_changed(record, {each.id: contents[each.id] for each in given})
        self.outputs.files.write(self.outputs.root, texts)
        return kept

    def keep_changed(self, record: PhaseRecord, contents: Mapping[str, Content]) -> list[KeptView]:
        """Copy the project's files that these contents replace, where they are nobody's record.

        A file is replaced without a copy as it was when the phase began, and as an earlier
        submission of the phase wrote it.

        Raises:
            OutputError: E112.
            StateError: E203 or E204.
        """
        kept: list[KeptView] = []
        for output in self.phase.outputs:
            if (content := contents.get(output.id)) is None:
                continue
            known = {content.sha256, record.entered.get(output.id), record.written.get(output.id)}
            place = (self.outputs.root, self.path(output), output.id)
            digests = {each for each in known if each is not None}
            copy = self.outputs.files.keep_changed(*place, digests, content.stamp)
            if copy is not None:
                kept.append({"path": self.path(output), "kept_as": copy})
                log.warning("file_kept_aside", phase_id=self.phase.id, **kept[-1])
        return kept

    def record(self, contents: Mapping[str, Content]) -> list[Artifact]:
        """What is recorded of the outputs; their bytes are kept for a rollback.

        Raises:
            StateError: E203 or E204.
        """
        root, files = self.outputs.root, self.outputs.files
        for content in contents.values():
            self.outputs.keep(content)
        return [
            files.record(root, self.path(output), output.id, accepted.data, accepted.sha256)
            for output in self.phase.outputs
            if (accepted := contents.get(output.id)) is not None
        ]

    def repeats(self, record: PhaseRecord) -> bool:
        """Whether exactly this was accepted for the phase already.

        Raises:
            CDEError: E112, E302, E303 or E315, it cannot be accepted.
        """
        declared = {output.id for output in self.phase.outputs}
        if record.status is not PhaseStatus.COMPLETED or not declared.issuperset(self.results):
            return False
        self.require_acceptable()
        accepted = {artifact.id: artifact.sha256 for artifact in record.outputs}
        return accepted == {key: content.sha256 for key, content in self.contents().items()}

    def path(self, output: Output) -> str:
        """Where the output is, relative to the project."""
        return output.path_for(self.feature_name)


def note_kept(feature: Feature, phase: str, kept: Sequence[KeptView], at: str, by: str) -> None:
    """Keep among the feature's events which copies a submission of the phase made."""
    for each in kept:
        feature.note(FILE_KEPT, at=at, by=by, phase=phase, **each)


def kept_since(feature: Feature, phase: str, at: str) -> list[KeptView]:
    """The copies that submissions of the phase made from then on."""
    return [
        {"path": each["path"], "kept_as": each["kept_as"]}
        for each in feature.events
        if each["event"] == FILE_KEPT and each["phase"] == phase and each["at"] >= at
    ]


def kept_in(feature: Feature, record: PhaseRecord) -> list[KeptView]:
    """The copies of files that the phase's present attempt replaced."""
    since = record.started_at.isoformat() if record.started_at else ""
    return kept_since(feature, record.id, since)
