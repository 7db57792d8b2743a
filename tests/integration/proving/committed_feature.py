"""A repository with a completed feature, and clones of it without any state.

Its tests are those of unittest, which starts in a third of the time that pytest takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.application.proofs.prove_criteria import Claim
from cde_orchestrator.application.proofs.records import (
    FeatureRecord,
    record_path,
    written_record,
)
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.criteria import criteria_in
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.proving_ports import verifying_in
from tests.phase_fakes import InMemoryTrust
from tests.repository import git, repository_at

SPEC, PROOFS = "specs/fees/spec.md", "specs/fees/proofs.yml"
RECORD = record_path("fees")
TEST = "tests/test_fee.py::TestFee::test_fee"
HOLLOW = """\
import unittest


class TestFee(unittest.TestCase):
    def test_fee(self):
        assert True
"""
"""A test of that name that shows nothing."""
COMMAND = ("python", "-m", "shop", "100")
BASE = {"shop/__init__.py": "", "shop/pay.py": "def total(amount):\n    return amount\n"}
WORK = {
    "shop/pay.py": (
        "def total(amount):\n    return amount\n\n\n"
        "def fee(amount):\n    return amount * 7 // 100\n"
    ),
    "shop/__main__.py": "import sys\n\nfrom shop.pay import fee\n\nprint(fee(int(sys.argv[1])))\n",
    "tests/test_fee.py": HOLLOW.replace("\n\n\n", "\n\nfrom shop.pay import fee\n\n\n").replace(
        "True", "fee(100) == 7"
    ),
    SPEC: "# Fees\n\n- AC1: It charges seven percent.\n- AC2: A command shows the fee.\n",
    PROOFS: f"AC1: {TEST}\nAC2: {{command: [{', '.join(COMMAND[:3])}, '100'], contains: '7'}}\n",
}
PROOFS_OF = {"AC1": [Proof(test=TEST)], "AC2": [Proof(command=COMMAND, contains="7")]}


@dataclass(frozen=True)
class CommittedFeature:
    """The repository in ``root``, in which the feature ``fees`` was completed and committed."""

    root: Path

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files, or remove them."""
        for name, text in files.items():
            path = self.root / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")

    def commit(self, files: Mapping[str, str | None]) -> None:
        """Commit files, or that they are removed."""
        self.write(files)
        git(self.root, "add", "--all")
        git(self.root, "commit", "--message=Change")

    def record(self, previous: bytes | None = None) -> bytes:
        """The record of the feature, proven from the work folder as it is."""
        verifying = verifying_in(
            self.root,
            BreakerRegistry(),
            InMemoryTrust(),
            utc_now,
            Standing(kind="unset"),
            YamlWorkflowRepository(),
        )
        claim = Claim(
            feature="fees",
            phase="test",
            criteria=criteria_in((self.root / SPEC).read_text()),
            proofs=PROOFS_OF,
            outputs=(SPEC, PROOFS),
            covered=(SPEC, PROOFS),
            seconds=300.0,
        )
        base = verifying.trees.at(self.root, "base")
        now = verifying.trees.now(self.root)
        record = FeatureRecord(
            feature="fees",
            workflow="standard",
            goal="Charge fees",
            runner="unittest",
            specification=SPEC,
            proofs_file=PROOFS,
            outputs=(SPEC, PROOFS),
            seconds=300.0,
            proofs=PROOFS_OF,
            evidence=verifying.prover("unittest").require(claim, base, now),
        )
        return written_record(record, previous)

    def clone(self, folder: Path, *words: str) -> Path:
        """A clone in another folder."""
        git(folder.parent, "clone", "--quiet", *words, f"file://{self.root}", str(folder))
        return folder


def committed_feature(folder: Path) -> CommittedFeature:
    """A new repository with the feature."""
    feature = CommittedFeature(repository_at(folder))
    feature.commit(BASE)
    git(folder, "tag", "base")
    feature.write(WORK)
    feature.commit({RECORD: feature.record().decode()})
    return feature
