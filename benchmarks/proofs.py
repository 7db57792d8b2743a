"""Proving five criteria of a feature that changed twenty functions, by real runs of pytest.

The yardstick is one run of the same tests by the same runner: at most eight of them are needed,
whatever has to be found out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Figure, interleaved, own_folder, runs_of, timed
from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.proving.copies import FolderCopies
from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.proofs.prove_criteria import Claim, Prover
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.proof_rules import RUNS_LIMIT
from cde_orchestrator.domain.proofs import Proof

RUNS = 5
ALLOWED_RATIO = RUNS_LIMIT + 1.0
"""The runs, and what copies and the comparison take in addition."""
_FUNCTIONS, _CRITERIA = 20, 5
_TESTS = [f"tests/test_shop.py::test_{number}" for number in range(_CRITERIA)]


def _git(root: Path, *words: str) -> None:
    identity = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    subprocess.run(["git", "-C", str(root), *identity, *words], check=True, capture_output=True)


def _write(root: Path, value: str) -> None:
    functions = (f"def f{n}(x):\n    return x {value}\n\n\n" for n in range(_FUNCTIONS))
    tests = (
        f"def test_{n}():\n    assert shop.f{n}(1) == 2 == shop.f{n + _CRITERIA}(1)\n\n\n"
        for n in range(_CRITERIA)
    )
    (root / "tests").mkdir(exist_ok=True)
    (root / "shop.py").write_text("".join(functions))
    (root / "tests" / "test_shop.py").write_text("import shop\n\n\n" + "".join(tests))


def measure() -> list[Figure]:
    """Measure a whole proof beside one run of its tests."""
    runs = runs_of(RUNS, 2)
    # The interpreter that runs here has pytest.
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with own_folder() as root:
        _write(root, "- 1")
        _git(root, "init", "--quiet")
        _git(root, "add", "--all")
        _git(root, "commit", "--quiet", "--message=Begin")
        trees, runners = GitSourceTrees(), InstalledRunners()
        base = trees.now(root)
        _write(root, "+ 1")
        prover = Prover(
            root=root,
            trees=trees,
            copies=FolderCopies(trees, trees.ignored),
            knock_outs=SourceKnockOuts(),
            runners=runners,
            runner="pytest",
            clock=utc_now,
        )
        claim = Claim(
            feature="shop",
            phase="test",
            criteria=[Criterion(f"AC{n + 1}", "", 1) for n in range(_CRITERIA)],
            proofs={f"AC{n + 1}": [Proof(test=test)] for n, test in enumerate(_TESTS)},
            seconds=600.0,
        )
        (runner,) = runners.named(root, "pytest")

        def prove() -> None:
            evidence = prover.require(claim, base, trees.now(root))
            if evidence.runs > RUNS_LIMIT or len(evidence.places) != _FUNCTIONS:
                raise RuntimeError(f"{evidence.runs} runs of {len(evidence.places)} functions")

        once = timed(lambda: runner.run(root, root, _TESTS, 600.0, None))
        alone, proven = interleaved(runs, once, timed(prove))
    return [
        Figure(
            key="other-proofs",
            name=f"{_CRITERIA} criteria, {_FUNCTIONS} functions",
            samples=proven,
            yardstick="one run of the tests",
            yardstick_samples=alone,
            reach=ALLOWED_RATIO,
            paired=True,
        )
    ]
