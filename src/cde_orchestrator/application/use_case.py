"""The shape of a use case: a value that says what is wanted, and knows how to do it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from cde_orchestrator.application.ports.core import Ports

Reply = TypeVar("Reply")


class UseCase(ABC, Generic[Reply]):
    """A use case: its fields are the arguments, calling it does the work.

    Subclasses are frozen dataclasses. They are run by ``Application.handle``, which wraps
    each in one ``Operation``.
    """

    __slots__ = ()

    tolerant: ClassVar[bool] = False
    """Whether it works, with the defaults, where the project's settings are not valid."""

    routine: ClassVar[bool] = False
    """Whether something that watches asks for it again and again: it is logged for debugging
    only, and not counted among the operations that health tells of."""

    @classmethod
    def operation(cls) -> str:
        """The use case's name in logs, metrics and the journal, as ``start_feature``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def arguments(self) -> dict[str, Any]:
        """The use case's fields by name."""
        return {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", {})}

    @abstractmethod
    def __call__(self, ports: Ports) -> Reply:
        """Do the work.

        Raises:
            CDEError: it was refused or failed; nothing was changed.
        """
