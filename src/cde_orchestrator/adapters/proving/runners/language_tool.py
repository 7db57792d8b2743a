"""What runners have in common that are the one tool of a language, as ``go test``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cde_orchestrator.adapters.proving.runners.execution import RunnerCommand, last_line
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.observability.correlation import command_environment
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.spans import TESTS, span

SECONDS = 60.0
"""How long the tool may take to answer."""


@dataclass(frozen=True, slots=True)
class LanguageTool:
    """A runner by its tool, which has the same name.

    Attributes:
        shown: as a person would type it; which tests are run is not part of it.
        root: the project.
    """

    __test__: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()
    shown: ClassVar[RunnerCommand]

    root: Path

    @property
    def name(self) -> str:
        """The runner's."""
        return self.shown.runner

    @property
    def command(self) -> tuple[str, ...]:
        """The words that are shown."""
        return self.shown.words

    @span(TESTS)
    def asked(self, *words: str) -> str:
        """What the tool prints, asked for something; E137 where it prints nothing of use."""
        try:
            ended = programs.run(
                [self.program(), *words], environment=command_environment(), seconds=SECONDS
            )
        except (OSError, programs.TookTooLongError) as error:
            raise self.cannot_run(f"{self.name} does not start") from error
        if ended.returncode != 0:
            raise self.cannot_run(last_line(ended.stderr))
        return ended.stdout

    def program(self) -> str:
        """Where it is; E137 where it is not installed."""
        if (found := programs.found(self.name)) is None:
            raise self.cannot_run(f"PATH has no {self.name}")
        return found

    def cannot_run(self, reason: str) -> FeatureError:
        """E137 with the reason."""
        return self.shown.cannot_run(reason)
