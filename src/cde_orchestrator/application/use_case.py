"""The shape of a use case: a value that says what is wanted, and knows how to do it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, Protocol, TypeVar

Reply = TypeVar("Reply")


class UseCase(ABC, Generic[Reply]):
    """A use case: its fields are the arguments, calling it does the work.

    Subclasses are frozen dataclasses. They are run by ``Application.handle``, which wraps
    each in one ``Operation``, and gives it the ports that its call names as keyword parameters.
    """

    __slots__ = ()

    operation: ClassVar[str]
    tolerant: ClassVar[bool] = False
    routine: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        operation: str | None = None,
        tolerant: bool | None = None,
        routine: bool | None = None,
    ) -> None:
        """Say what the use case is to those who run it; what is None is as of its parent.

        Args:
            operation: its name in logs, metrics and the journal, as ``start_feature``.
            tolerant: whether it works, with the defaults, where the project's settings are not
                valid.
            routine: whether something that watches asks for it again and again: it is logged
                for debugging only, and not counted among the operations of health.
        """
        said = {"operation": operation, "tolerant": tolerant, "routine": routine}
        for name, value in said.items():
            if value is not None:
                setattr(cls, name, value)

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        """The names of the ports that the call takes."""
        code = cls.__call__.__code__
        return code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]

    def arguments(self) -> dict[str, Any]:
        """The use case's fields by name."""
        return {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", {})}

    @abstractmethod
    def __call__(self, *_: Any, **ports: Any) -> Reply:
        """Do the work; each use case names the ports that it needs.

        Raises:
            CDEError: it was refused or failed; nothing was changed.
        """


class Handles(Protocol):
    """Runs use cases, each inside its operation, as ``Application``."""

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        """The use case's reply; ``CDEError`` when it was refused or failed."""
        ...
