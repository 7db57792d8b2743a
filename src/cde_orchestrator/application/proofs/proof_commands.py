"""The commands that are run to prove criteria, which a person has to trust first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.application.ports.core import ProjectFiles
from cde_orchestrator.application.ports.proving import ProofsReader, TestRunner, TestRunners
from cde_orchestrator.application.proofs.workflow_runners import command_lines, runners_of
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.proofs_file import parse_proofs
from cde_orchestrator.domain.workflow import FEATURE, PROOFS, Workflow


@dataclass(frozen=True, slots=True)
class ProofCommands:
    """The commands of runners, and those that features name as proofs."""

    root: Path
    files: ProjectFiles
    runners: TestRunners
    read: ProofsReader

    def of(self, workflow: Workflow, names: Collection[str]) -> Iterator[tuple[CommandLine, str]]:
        """Each command with the phase that runs it; ``names`` are those of features."""
        for phase in workflow.phases:
            if not workflow.must_prove(phase):
                continue
            place, runners = f"{workflow.id}/{phase.id}", list[TestRunner]()
            with suppress(CDEError):  # a submission says that there is no such runner
                runners = runners_of(workflow, self.root, self.runners)
            for command in command_lines(runners, ()):
                yield command, place
            path = phase.output(PROOFS, workflow.id)
            for name in names:
                proofs = self._proofs(path.path_for(name)) if name != FEATURE else []
                for command in command_lines((), proofs):
                    yield command, f"{place} of {name}"

    def _proofs(self, path: str) -> list[Proof]:
        """The proofs of a file as far as they can be read."""
        try:
            data = self.files.read(self.root, path, PROOFS)
            document = None if data is None else self.read(path, data)
        except CDEError:  # a submission says what is wrong
            return []
        if document is None or not isinstance(document.value, Mapping):
            return []
        parsed = parse_proofs(document, list(document.value), {})
        return [proof for proofs in parsed.proofs.values() for proof in proofs]
