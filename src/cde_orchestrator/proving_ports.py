"""What proves criteria: the place that names the concrete adapters for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cde_orchestrator.adapters.git.committed import GitCommittedFiles
from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.adapters.proving.copies import FolderCopies
from cde_orchestrator.adapters.proving.knock_out.knock_outs import SourceKnockOuts
from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.adapters.workflows.yaml_reader import read_document
from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.application.ports.core import (
    ProjectFiles,
    ProjectRepository,
    WorkflowRepository,
)
from cde_orchestrator.application.proofs.proof_commands import ProofCommands
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.application.proofs.verifying import Verifying
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.project_home import digest, home_of


def proving_in(
    root: Path, breakers: BreakerRegistry, clock: Clock, worktree: Path | None = None
) -> Proving:
    """What proves criteria of the project, by source trees of it or of a worktree."""
    trees = GitSourceTrees(breakers, worktree)
    return Proving(
        root=root,
        trees=trees,
        copies=FolderCopies(trees, trees.ignored, worktree),
        knock_outs=SourceKnockOuts(),
        runners=InstalledRunners(),
        read=read_document,
        clock=clock,
        in_worktree=worktree is not None,
        state=digest(str(home_of(root)))[:8],
    )


def proof_commands(root: Path, files: ProjectFiles) -> ProofCommands:
    """The commands that are run to prove criteria; nothing is run to find them."""
    return ProofCommands(root, files, InstalledRunners(), read_document)


def verifying_in(
    root: Path,
    breakers: BreakerRegistry,
    trust: TrustStore,
    clock: Clock,
    standing: Standing,
    workflows: WorkflowRepository,
    repository: Callable[[], ProjectRepository] | None = None,
) -> Verifying:
    """What proves again what is committed in the project."""
    trees = GitSourceTrees(breakers)
    return Verifying(
        root=root,
        trees=trees,
        committed=GitCommittedFiles(breakers),
        copies=FolderCopies(trees, trees.ignored),
        knock_outs=SourceKnockOuts(),
        runners=InstalledRunners(),
        read=read_document,
        trust=trust,
        clock=clock,
        standing=standing,
        packaged=lambda: workflows.load_packaged().workflows,
        repository=repository,
    )
