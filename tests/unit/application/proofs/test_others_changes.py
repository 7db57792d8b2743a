"""Of what changed since a feature began, what is another's is known by when and where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from cde_orchestrator.application.ports.proving import ChangedFile
from cde_orchestrator.application.proofs.others_changes import changes_of_others, made_by_others
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import SourceMoment
from cde_orchestrator.domain.workflow import Phase, Workflow
from tests.read_features import ReadFeatures

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PHASES = (Phase(id="plan"), Phase(id="build", changes="required"), Phase(id="review"))
PLANNED, UNSAID = Workflow(id="planned", phases=PHASES), Workflow(id="unsaid", phases=PHASES[:1])
HERE, THERE = "/shop", "/shop-worktrees/tax"


@dataclass
class Trees:
    """Trees that differ by one file, which is named after them."""

    root = Path(HERE)

    @property
    def trees(self) -> Trees:
        return self

    def changed(self, _root: Path, before: str, after: str) -> list[ChangedFile]:
        if "gone" in {before, after}:
            raise FeatureError.of("E136", path=HERE, reason="it is gone")
        return [ChangedFile(f"{before} to {after}", None, b"")]


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def moment(minute: int, folder: str = HERE, tree: str = "") -> SourceMoment:
    return SourceMoment(at(minute), folder, tree or str(minute), "c0ffee")


def feature(name: str, begun: int, phases: dict[str, PhaseRecord], **members: Any) -> Feature:
    return Feature(
        id=name,
        project_id="p",
        name=name,
        prompt="Something",
        status="in_progress",
        workflow_type="planned",
        created_at=at(begun),
        phases=phases,
        **{"current_phase": [*phases][-1], "updated_at": at(99), **members},
    )


def phase(name: str, begin: int, end: int | None = None) -> PhaseRecord:
    completed = None if end is None else at(end)
    return PhaseRecord(name, completed_at=completed, start_source=moment(begin))


class Compared(ChangedFile):
    """A file that counts how often one is compared with another."""

    count = 0
    __hash__ = ChangedFile.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.count += 1
        return super().__eq__(other)


def seen(own: Feature, others: list[Feature], workflow: Workflow = PLANNED) -> list[str]:
    project = Project.create(HERE, "shop", lambda: NOON)
    for each in (own, *others):
        project.features.add(each)
    found = changes_of_others(project, own, workflow, cast("Proving", Trees()))
    return [each.path for each in found]


def other(*moments: SourceMoment, **members: Any) -> Feature:
    """Another one, at work at these moments; at the last it submitted something."""
    phases = {str(n): PhaseRecord(str(n), start_source=each) for n, each in enumerate(moments[:-1])}
    return feature("tax", 1, phases, **{"seen_source": moments[-1], **members})


PLANNING = {"plan": phase("plan", 0)}
BUILDING = {"plan": phase("plan", 0, 10), "build": phase("build", 10)}
REVIEWING = {**BUILDING, "build": phase("build", 10, 20), "review": phase("review", 20)}


@pytest.mark.parametrize(
    ("phases", "moments", "expected"),
    [
        (PLANNING, [moment(1), moment(5)], ["1 to 5"]),
        (BUILDING, [moment(1), moment(5)], ["1 to 5"]),
        (BUILDING, [moment(1), moment(15)], []),
        (BUILDING, [moment(11), moment(15)], []),
        (BUILDING, [moment(1), moment(5), moment(15)], ["1 to 5"]),
        (REVIEWING, [moment(21), moment(25)], ["21 to 25"]),
        (REVIEWING, [moment(5), moment(25)], []),
        (REVIEWING, [moment(1), moment(5), moment(21), moment(25)], ["1 to 5", "21 to 25"]),
        (BUILDING, [moment(11, THERE), moment(15, THERE)], ["11 to 15"]),
        (BUILDING, [moment(1), moment(11, THERE), moment(15, THERE)], ["11 to 15"]),
        (BUILDING, [moment(1, tree="same"), moment(5, tree="same")], []),
        (BUILDING, [moment(1, tree="gone"), moment(5)], []),
    ],
)
def test_what_another_feature_changed_while_this_one_did_not_is_its_own(
    phases: dict[str, PhaseRecord], moments: list[SourceMoment], expected: list[str]
) -> None:
    assert seen(feature("login", 0, phases), [other(*moments)]) == expected


def test_where_no_phase_says_that_it_changes_something_any_may_have() -> None:
    own = feature("login", 0, PLANNING)
    assert seen(own, [other(moment(1), moment(5))], UNSAID) == []
    assert seen(own, [other(moment(1, THERE), moment(5, THERE))], UNSAID) == ["1 to 5"]


def test_what_ended_before_the_feature_began_or_is_not_known_says_nothing() -> None:
    before = other(moment(1), moment(5), updated_at=at(0))
    assert seen(feature("login", 0, PLANNING), [before]) == []
    assert seen(feature("login", 0, {"plan": PhaseRecord("plan")}), [other(*[moment(1)] * 2)]) == []


def test_features_that_ended_before_are_not_read() -> None:
    project, own = Project.create(HERE, "shop", lambda: NOON), feature("login", 0, BUILDING)
    project.features = features = ReadFeatures()
    late = replace(other(moment(1), moment(5)), id="late", name="late")
    for each in (own, other(moment(1), moment(5), updated_at=at(0)), late):
        features.add(each)

    found = list(changes_of_others(project, own, PLANNED, cast("Proving", Trees())))

    assert [each.path for each in found] == ["1 to 5"]
    assert features.read == ["late"]


def test_each_file_is_compared_with_the_one_at_its_path_alone() -> None:
    project, own = Project.create(HERE, "shop", lambda: NOON), feature("login", 0, BUILDING)
    for each in (own, other(moment(1), moment(5))):
        project.features.add(each)
    files = [Compared(f"{number}.py", None, b"new") for number in range(100)]
    trees = Trees()
    trees.changed = lambda *_: files  # type: ignore[method-assign,assignment]
    differing = [*files[:50], Compared("50.py", None, b"newer"), Compared("own.py", None, b"")]
    Compared.count = 0

    found = made_by_others(project, own, PLANNED, cast("Proving", trees), lambda: differing)

    assert found == {file.path for file in files[:50]}
    assert Compared.count <= 2 * len(files)


def test_what_differs_is_not_asked_for_where_nobody_else_changed_anything() -> None:
    project, own = Project.create(HERE, "shop", lambda: NOON), feature("login", 0, BUILDING)
    project.features.add(own)

    def differing() -> list[ChangedFile]:
        raise AssertionError

    assert made_by_others(project, own, PLANNED, cast("Proving", Trees()), differing) == set()
