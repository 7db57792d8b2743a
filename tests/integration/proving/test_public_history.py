"""Changes of public projects, with the tests that came with them, are proven at the first try."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.proving.copies import FolderCopies
from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.proofs.prove_criteria import Claim, Prover
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.proof_rules import RUNS_LIMIT
from cde_orchestrator.domain.proofs import Proof
from tests.integration.proving.claims import with_this_python
from tests.repository import git
from tests.soak import SOAK

pytestmark = pytest.mark.soak
CHANGES = {
    "more-itertools/more-itertools": {
        "0e6acdf9b60765ecf9634d6f5c132ac1bebc616b": (
            "tests/test_more.py::ChunkedTests::test_negative"
        ),
        "069b30002a985c02f1ab18409290a699fd649376": (
            "tests/test_more.py::NumericRangeTests::test_eq"
        ),
        "d992be0de9383ddcaae3a24866a2d96b52132b07": (
            "tests/test_more.py::TestRunningMin::test_stability"
        ),
        "958990e22c4ab6daf434d89cf2b86d7a4a7a9e3c": (
            "tests/test_more.py::SlicedTests::test_negative"
        ),
        "d64a7d6971bfd31c5719d02f0001e58de85683d1": (
            "tests/test_recipes.py::TailTests::test_sized_negative"
        ),
        "f51a53bfd2fe9504063a33ef5f4a73e30d82d0e2": (
            "tests/test_more.py::InterleaveEvenlyTests::test_no_iterables"
        ),
    },
    "mahmoud/boltons": {
        "967864f89791509f9eb36b22b4579d36b72a6df2": "tests/test_statsutils.py::test_mode",
        "5df26592c29b9561d122640868ba0522cbc1e20d": "tests/test_strutils.py::test_args2sh_sep",
        "673e010d0afabc2f530e8d1f67f0a47c37afa7f4": "tests/test_strutils.py::test_ellipsize",
        "ec1ff9f6728f5f857402b294c218be731c62af5f": "tests/test_setutils.py::test_complement_set",
    },
    "pytoolz/toolz": {
        "5a7e078c941c990dcaca53ac6920e5d5c0b1475f": (
            "toolz/tests/test_itertoolz.py::test_partition_all"
        ),
    },
    "pallets/itsdangerous": {
        "7f4dcf83a07bb3d53f4e0e65ef1b43327b4cca90": (
            "tests/test_itsdangerous/test_serializer.py::TestSerializer::test_iter_unsigners"
        ),
    },
}


@pytest.mark.parametrize(
    ("project", "commit", "test"),
    [(project, *change) for project, found in CHANGES.items() for change in found.items()],
)
def test_a_change_of_a_public_project_is_proven(
    project: str, commit: str, test: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not SOAK:
        pytest.skip("public projects are fetched in make soak")
    with_this_python(monkeypatch)
    git(tmp_path, "init", "--quiet")
    try:
        git(tmp_path, "fetch", "--quiet", "--depth=2", f"https://github.com/{project}", commit)
    except subprocess.CalledProcessError:
        pytest.skip(f"{project} cannot be fetched")
    git(tmp_path, "checkout", "--quiet", commit)
    trees = GitSourceTrees()
    prover = Prover(
        root=tmp_path,
        trees=trees,
        copies=FolderCopies(trees, trees.ignored),
        knock_outs=SourceKnockOuts(),
        runners=InstalledRunners(),
        runner="pytest",
        clock=utc_now,
    )
    claim = Claim(
        feature="change",
        phase="test",
        criteria=[Criterion("AC1", "", 1)],
        proofs={"AC1": [Proof(test=test)]},
        seconds=600.0,
    )

    evidence = prover.require(claim, trees.at(tmp_path, f"{commit}^"), trees.at(tmp_path, commit))

    assert evidence.is_proof
    assert evidence.runs <= RUNS_LIMIT
