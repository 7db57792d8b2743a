"""What proving needs of the world, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.application.ports.checks import TrustStore, Watch
from cde_orchestrator.application.ports.core import ProjectRepository
from cde_orchestrator.application.ports.proving import (
    CommittedFiles,
    Copies,
    KnockOuts,
    ProofsReader,
    SourceTrees,
    TestRunners,
)
from cde_orchestrator.application.proofs.prove_criteria import Prover
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifying:
    """Proves in a project, whatever a person said to its folder: whether it may is asked first.

    Attributes:
        standing: whether a person trusts the folder.
        packaged: the workflows that come with the product, by name.
        repository: where the state is, if there is any; None where nobody needs it.
    """

    root: Path
    trees: SourceTrees
    committed: CommittedFiles
    copies: Copies
    knock_outs: KnockOuts
    runners: TestRunners
    read: ProofsReader
    trust: TrustStore
    clock: Clock
    standing: Standing
    packaged: Callable[[], Mapping[str, Workflow]]
    repository: Callable[[], ProjectRepository] | None = None

    def prover(self, runner: object, watch: Watch | None = None) -> Prover:
        """What proves with the runner of a workflow."""
        return Prover(
            root=self.root,
            trees=self.trees,
            copies=self.copies,
            knock_outs=self.knock_outs,
            runners=self.runners,
            runner=runner,
            clock=self.clock,
            watch=watch,
        )
