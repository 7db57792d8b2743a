"""What is wrong with an input before all of it is there, found without doing anything."""

from __future__ import annotations

from dataclasses import field
from typing import Protocol

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDEError


class Checked(Protocol):
    """A use case that knows what is wrong with its input, and reads only for that."""

    def check(self, features: ProjectFeatures) -> object:
        """Raises what is wrong."""


class CheckInput(UseCase[None], operation="check_input"):
    """Refuse what is wrong in addition to a parameter that is missing; nothing is changed.

    Attributes:
        wanted: the use case without the parameter.
        missing: the parameter's name.
    """

    wanted: Checked = field(compare=False)
    missing: str

    def __call__(self, *, features: ProjectFeatures) -> None:
        """Raises what the use case's own check raises, but for the missing parameter alone."""
        try:
            self.wanted.check(features)
        except CDEError as error:
            if error.context.get("argument") != self.missing or "also" in error.context:
                raise
