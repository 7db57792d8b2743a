"""Claims about small projects, proven with real runners and knock-outs, in real folders."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.proofs.prove_criteria import Claim, Prover
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.criteria import Criterion
from cde_orchestrator.domain.proofs import Proof, ProofEvidence, ProofSeen
from tests.proving_fakes import MemoryTrees

Files = Mapping[str, str]


@dataclass
class FolderCopy:
    """A copy in a folder."""

    folder: Path

    def put(self, files: Mapping[str, bytes | None]) -> None:
        """Write or remove files."""
        for path, data in files.items():
            place = self.folder / path
            if data is None:
                place.unlink(missing_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)


@dataclass
class FolderCopies:
    """Copies of trees in folders of their own."""

    trees: MemoryTrees

    @contextmanager
    def copy(self, root: Path, tree: str) -> Iterator[FolderCopy]:
        """A copy of a tree."""
        folder = Path(tempfile.mkdtemp(prefix="claims-"))
        try:
            copy = FolderCopy(folder)
            copy.put(self.trees.trees[tree])
            yield copy
        finally:
            shutil.rmtree(folder)


def examine(
    root: Path,
    base: Files,
    work: Files,
    proofs: Sequence[str | Proof],
    runner: str = "pytest",
) -> ProofEvidence:
    """What is seen of a criterion with these proofs, where ``work`` was changed since ``base``."""
    trees = MemoryTrees()
    before, now = trees.add(base), trees.add({**base, **work})
    prover = Prover(
        root=root,
        trees=trees,
        copies=FolderCopies(trees),
        knock_outs=SourceKnockOuts(),
        runners=InstalledRunners(),
        runner=runner,
        clock=utc_now,
    )
    offered = [Proof(test=each) if isinstance(each, str) else each for each in proofs]
    claim = Claim(
        feature="fees",
        phase="test",
        criteria=[Criterion("AC1", "It charges the fee", 1)],
        proofs={"AC1": offered},
        seconds=300.0,
    )
    return prover.examine(claim, before, now)


def seen_of(evidence: ProofEvidence) -> dict[str, ProofSeen]:
    """What was seen of each proof, by the name of the test."""
    return {
        each.id.rpartition("::")[2]: each
        for criterion in evidence.criteria
        for each in criterion.proofs
    }


def with_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the project's Python be the one that runs here."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
