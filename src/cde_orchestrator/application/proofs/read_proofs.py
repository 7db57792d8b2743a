"""Reads a file of proofs, and refuses it with everything that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cde_orchestrator.application.ports.proving import ProofsReader, TestRunner
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.proofs_file import ParsedProofs, ProofsProblem, form_of, parse_proofs

_NOT_YAML = frozenset({"E310", "E311"})


def parsed(
    data: bytes,
    path: str,
    criteria: Sequence[Criterion],
    runners: Sequence[TestRunner],
    reader: ProofsReader,
    waived: Collection[str] = (),
) -> ParsedProofs:
    """The proofs of a file at a path of the project, with all problems."""
    try:
        root = reader(path, data)
    except ValidationError as error:
        if error.code not in _NOT_YAML:
            raise
        said = error.context
        key, fix = str(said.get("key", "")), str(said.get("remedy", "Correct the YAML"))
        problem = ProofsProblem(said["line"], key, f"is not usable: {said['reason']}", fix)
        return ParsedProofs({}, [problem])
    ids = [criterion.id for criterion in criteria]
    return parse_proofs(root, ids, {each.name: each.problem for each in runners}, waived)


def read_proofs(
    data: bytes,
    path: str,
    criteria: Sequence[Criterion],
    runners: Sequence[TestRunner],
    reader: ProofsReader,
    waived: Collection[str] = (),
    *,
    feature: str,
    phase: str,
) -> Mapping[str, Sequence[Proof]]:
    """The proofs of a file by criterion.

    Raises:
        FeatureError: E134, with everything that is wrong.
    """
    found = parsed(data, path, criteria, runners, reader, waived)
    if found.problems:
        form = form_of(runner.name for runner in runners)
        raise not_usable(feature, phase, path, found.problems, form)
    return found.proofs


def not_usable(
    feature: str, phase: str, path: str, problems: Sequence[ProofsProblem], form: str
) -> FeatureError:
    """The error E134, with everything that is wrong, and the form that tests' ids have."""
    return FeatureError.of(
        "E134",
        feature=feature,
        phase=phase,
        path=path,
        problems="; ".join(map(str, problems)),
        form=form,
        proofs=[problem.as_dict() for problem in problems],
    )
