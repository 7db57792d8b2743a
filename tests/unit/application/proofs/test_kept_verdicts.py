"""The verdict on what is checked out is kept with the feature, where there is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cde_orchestrator.application.proofs.records import read_record
from cde_orchestrator.application.proofs.verdicts import (
    VerdictView,
    verdict_line,
    verdict_of,
)
from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.domain.feature import COMPLETED, Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.testing import ManualClock
from tests.fakes import NOON, ROOT, CopiedProjects, InMemoryFiles
from tests.unit.application.proofs.test_verify_features import RECORD, Repository

RED = "old = 1\nfee = 8\ntax = 19\n"
OTHER = "old = 2\nfee = 7\ntax = 19\n"


class Known(Repository):
    """The same repository, in a project whose state knows the feature."""

    def __init__(self) -> None:
        super().__init__()
        clock = ManualClock(NOON)
        self.projects = CopiedProjects(clock)
        self.verifying = replace(self.verifying, repository=lambda: self.projects)
        project = Project.create(str(ROOT), "shop", clock)
        feature = Feature.create(project.id, "Fees", name="fees")
        feature.status, feature.current_phase = COMPLETED, None
        feature.phases["test"].proof = read_record(self.files[RECORD].encode()).evidence
        project.features.add(feature)
        self.projects.put(project)

    @property
    def feature(self) -> Feature:
        """The feature as it is kept."""
        return self.projects.get(ROOT).feature("fees")

    def change(self, **changes: object) -> None:
        """Keep the feature with other members."""
        project = self.projects.get(ROOT)
        feature = project.feature("fees")
        for name, value in changes.items():
            setattr(feature, name, value)
        self.projects.put(project)

    @property
    def verdict(self) -> VerdictView:
        """Where the feature stands, the work folder being as it is committed."""
        files = InMemoryFiles()
        files.contents = {path: text.encode() for path, text in self.files.items()}
        found = verdict_of(self.feature, files, ROOT)
        assert found is not None
        return found


@pytest.fixture
def known() -> Known:
    return Known()


def test_a_feature_that_was_run_again_and_was_red_is_broken(known: Known) -> None:
    known.commit(src=RED)
    assert known.verdict["verdict"] == "stale"

    assert known.verify()["verdict"] == "broken"

    commit = known.commits.history[-1]
    assert known.verdict == {
        "verdict": "broken",
        "waived": 0,
        "changed": ["src/pay"],
        "record": RECORD,
        "verified": {"at": NOON.isoformat(), "commit": commit, "criteria": ["AC1"]},
    }
    assert verdict_line(known.verdict) == (
        f"broken: AC1 failed when proven again at {NOON.isoformat()} with commit {commit[:12]}; "
        "'cde verify' says why"
    )


def test_it_is_broken_while_its_files_are_those(known: Known) -> None:
    good = known.files["src/pay"]
    known.commit(src=RED)
    known.verify()
    known.commit(README="More.\n")
    verdicts = [known.verdict["verdict"]]
    for text in (OTHER, good):
        known.commit(src=text)
        verdicts.append(known.verdict["verdict"])

    assert verdicts == ["broken", "stale", "proven"]


def test_it_is_broken_also_by_what_it_is_not_about(known: Known) -> None:
    def red(copy: object) -> None:
        raise AssertionError

    tests = dict(known.tests)
    known.tests.update(dict.fromkeys(tests, red))
    known.verify()
    assert (known.verdict["verdict"], known.verdict["changed"]) == ("broken", [])
    known.tests.update(tests)
    known.verify()

    assert known.verdict["verdict"] == "proven"


def test_what_is_proven_again_with_other_files_is_proven(known: Known) -> None:
    known.commit(src=RED)
    known.verify()
    known.commit(src=OTHER)
    known.verify()

    assert (known.verdict["verdict"], known.verdict["changed"]) == ("proven", [])


def test_what_was_proven_after_it_counts_more(known: Known) -> None:
    known.commit(src=RED)
    known.verify()
    verified = known.feature.verified
    assert verified is not None
    known.change(verified=replace(verified, at=verified.at - timedelta(days=1)))

    assert known.verdict["verdict"] == "stale"


def test_another_commit_than_the_one_that_is_checked_out_is_not_kept(known: Known) -> None:
    before = known.commits.history[-1]
    known.commit(src=RED)
    known.verify(at=before)

    assert known.feature.verified is None


def test_what_could_not_be_run_is_not_kept(known: Known) -> None:
    known.commit(record=None)
    known.verify()

    assert known.feature.verified is None


def test_a_feature_of_another_record_or_name_is_left_alone(known: Known) -> None:
    proof = known.feature.phases["test"].proof
    assert proof is not None
    phases = dict(known.feature.phases)
    phases["test"] = replace(phases["test"], proof=replace(proof, tree="f" * 40))
    for changes in (
        {"phases": phases},
        {"status": "testing", "current_phase": "test"},
        {"name": "others"},
    ):
        other = Known()
        other.change(**changes)
        assert other.verify()["verdict"] == "proven"
        assert [each.verified for each in other.projects.get(ROOT).features] == [None]


@pytest.mark.parametrize("failure", ["read_only", "lock", "no state", "no repository"])
def test_that_it_cannot_be_kept_changes_no_answer(known: Known, failure: str) -> None:
    def unusable() -> CopiedProjects:
        raise StateError.of("E205", path="/x")

    if failure == "read_only":
        known.projects.read_only_reason = "the disk is full"
    elif failure == "lock":
        known.projects.commit_failure = CDEError.of("E202", path="/x")
    elif failure == "no state":
        known.projects.folders.clear()
    else:
        known.verifying = replace(known.verifying, repository=unusable)

    assert known.verify()["verdict"] == "proven"


def test_a_folder_that_nobody_trusts_is_only_viewed(known: Known) -> None:
    known.verifying = replace(known.verifying, standing=Standing(kind="not_yet", path="/x"))

    assert known.verify(trust=True)["verdict"] == "proven"
    assert known.feature.verified is None
