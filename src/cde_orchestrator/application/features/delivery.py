"""What a submission brings: texts given with it, and files that stand in the project."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cde_orchestrator.application.ports.core import OutputText, Ports
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import Artifact, PhaseRecord
from cde_orchestrator.domain.gate import Gate, Problem, problem_as_dict
from cde_orchestrator.domain.text import checked_text
from cde_orchestrator.domain.workflow import Output, Phase

RESULT_LIMIT = 1_000_000
"""Characters of one output's text in ``results``."""
RESULT_LIMIT_BYTES = 1024 * 1024
"""Bytes of it in UTF-8; all texts are measured before the first is written."""

_Unreadable = OutputError | ValidationError


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outputs of one phase of one feature, as they are submitted.

    Attributes:
        results: text by output id; what is not named stands in the project.
    """

    ports: Ports
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

    def contents(self) -> dict[str, bytes]:
        """Bytes by output id, as they are or will be in the project; missing files are not in it.

        Raises:
            OutputError: E112, an output's path is no place for it.
            ValidationError: E315, a file is too large.
        """
        found, unreadable = self._read()
        for _, error in unreadable:
            raise error
        return found

    def accepted_contents(self, gate: Gate) -> dict[str, bytes]:
        """``contents`` that the gate lets pass; a refusal names all that is wrong.

        Raises:
            OutputError: E110 to E117.
            ValidationError: E315, a file is too large.
        """
        found, unreadable = self._read()
        if not unreadable:
            gate.require(found)
            return found
        problems = [self._problem(output, error) for output, error in unreadable]
        named = {problem.output for problem in problems}
        problems += [problem for problem in gate.problems(found) if problem.output not in named]
        first = unreadable[0][1]
        facts = {**first.context, "outputs": [problem_as_dict(problem) for problem in problems]}
        if "reason" in facts:
            facts["reason"] = "; ".join([facts["reason"], *map(str, problems[1:])])
        raise type(first).of(first.code, **facts)

    def _read(self) -> tuple[dict[str, bytes], list[tuple[Output, _Unreadable]]]:
        """Bytes by output id, and the outputs that cannot be read, with the reason."""
        found: dict[str, bytes] = {}
        unreadable: list[tuple[Output, _Unreadable]] = []
        for output in self.phase.outputs:
            given = self.results.get(output.id)
            content: bytes | None = None
            try:
                content = self.ports.files.read(self.ports.root, self._path(output), output.id)
            except OutputError as error:
                unreadable.append((output, error))
                continue
            except ValidationError as error:  # too large; what is replaced may be of any size
                if given is None:
                    unreadable.append((output, error))
            if given is not None:
                content = _as_file(given)
            if content is not None:
                found[output.id] = content
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
        return Problem(error.code, output.id, self._path(output), None, words, fix)

    def write(self) -> None:
        """Write the texts to the outputs' paths: all of them, or none.

        Raises:
            OutputError: E112.
            StateError: E203 or E204.
            ValidationError: E315.
        """
        given = [output for output in self.phase.outputs if output.id in self.results]
        texts = [OutputText(self._path(each), self.results[each.id], each.id) for each in given]
        self.ports.files.write(self.ports.root, texts)

    def record(self, contents: Mapping[str, bytes]) -> list[Artifact]:
        """What is recorded of the outputs; their bytes are kept for a rollback.

        Raises:
            StateError: E203 or E204.
        """
        root = self.ports.root
        for content in contents.values():
            self.ports.objects.put(root, content)
        return [
            self.ports.files.record(root, self._path(output), output.id, contents[output.id])
            for output in self.phase.outputs
            if output.id in contents
        ]

    def repeats(self, record: PhaseRecord, contents: Mapping[str, bytes]) -> bool:
        """Whether exactly this was accepted for the phase already."""
        accepted = {artifact.id: artifact.sha256 for artifact in record.outputs}
        return accepted == {
            output_id: hashlib.sha256(content).hexdigest()
            for output_id, content in contents.items()
        }

    def _path(self, output: Output) -> str:
        return output.path_for(self.feature_name)


def _as_file(text: str) -> bytes:
    """The text as ``ProjectFiles.write`` leaves it: the last line gets its end."""
    ending = "\n" if text and not text.endswith("\n") else ""
    return (text + ending).encode()
