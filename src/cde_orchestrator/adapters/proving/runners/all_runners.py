"""The runners that there are, one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from cde_orchestrator.adapters.proving.runners.cargo.runner import CARGO
from cde_orchestrator.adapters.proving.runners.commands import CommandProofs
from cde_orchestrator.adapters.proving.runners.execution import RunnerCommand
from cde_orchestrator.adapters.proving.runners.go.runner import GO
from cde_orchestrator.adapters.proving.runners.javascript.kinds import JEST, NODE, VITEST
from cde_orchestrator.adapters.proving.runners.junit import junit_runner
from cde_orchestrator.adapters.proving.runners.pytest import PYTEST
from cde_orchestrator.adapters.proving.runners.runner_kind import RunnerKind
from cde_orchestrator.adapters.proving.runners.unittest import UNITTEST
from cde_orchestrator.application.ports.proving import TestRunner
from cde_orchestrator.domain.proofs import Proof

KINDS: tuple[RunnerKind, ...] = (
    PYTEST,
    UNITTEST,
    VITEST,
    JEST,
    NODE,
    GO,
    CARGO,
)
"""In the order of detection."""


class InstalledRunners:
    """The runners of this machine."""

    __test__: ClassVar[bool] = False

    def detect(self, root: Path) -> Sequence[str]:
        """Names of the runners that the project's files speak of and that can run here."""
        return [kind.name for kind in KINDS if kind.detect(root)]

    def named(self, root: Path, runner: object) -> Sequence[TestRunner]:
        """The runners that a workflow's ``runner`` means: a name, names, or a table.

        Raises:
            FeatureError: E137, there is no runner of this name.
        """
        if isinstance(runner, Mapping):
            return [junit_runner(runner)]
        kinds = {kind.name: kind for kind in KINDS}
        names = [runner] if isinstance(runner, str) else runner
        found: list[TestRunner] = []
        for name in names if isinstance(names, Sequence) else [str(names)]:
            if name not in kinds:
                reason = f"there is no such runner; there are {', '.join(kinds)}"
                raise RunnerCommand(str(name), (str(name),)).cannot_run(reason)
            found.append(kinds[name].make(root))
        return found

    def of_commands(self, proofs: Sequence[Proof]) -> TestRunner:
        """What runs proofs that are commands, as tests by the proofs' ids."""
        return CommandProofs(tuple(proofs))
