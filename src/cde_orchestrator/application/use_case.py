"""The shape of a use case: a value that says what is wanted, and knows how to do it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import field
from typing import Any, ClassVar, Generic, Protocol, TypeVar, dataclass_transform

from cde_orchestrator.domain.value import Value

Reply = TypeVar("Reply")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class UseCase(Value, ABC, Generic[Reply], abstract=True):
    """A use case: its fields are the arguments, calling it does the work.

    Every subclass is a frozen dataclass of keywords that says its own ``operation``, ``tolerant``,
    ``routine`` and ``in_worktree``; none is inherited. It is run by ``Application.handle``, which
    wraps it in one ``Operation``, and gives it the ports that its call names as keyword parameters.
    Wherever it occurs, a field ``feature_id`` is the id, the beginning of the id or the name of a
    feature, ``agent`` the agent's name, when the client has several, and ``takeover`` is whether
    to override another agent's lease.

    Attributes:
        operation: its name in logs, metrics and the journal, as ``start_feature``.
        tolerant: whether it works, with the defaults, where the project's settings are not valid.
        routine: whether something that watches asks for it again and again: it is logged for
            debugging only, and not counted among the operations of health.
        in_worktree: whether its files are those of the feature's own worktree, where it has one.
    """

    operation: ClassVar[str]
    tolerant: ClassVar[bool]
    routine: ClassVar[bool]
    in_worktree: ClassVar[bool]

    def __init_subclass__(
        cls,
        operation: str,
        tolerant: bool = False,
        routine: bool = False,
        in_worktree: bool = False,
    ) -> None:
        """Say what the use case is to those who run it."""
        super().__init_subclass__(kw_only=True)
        cls.operation, cls.tolerant, cls.routine = operation, tolerant, routine
        cls.in_worktree = in_worktree

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        """The names of the ports that the call takes."""
        code = cls.__call__.__code__
        return code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]

    def arguments(self) -> dict[str, Any]:
        """The fields by name, but for those that are not compared: they say nothing in a report."""
        known = getattr(self, "__dataclass_fields__", {})
        return {name: getattr(self, name) for name, each in known.items() if each.compare}

    @abstractmethod
    def __call__(self, *_: Any, **ports: Any) -> Reply:
        """Do the work; each use case names the ports that it needs.

        Raises:
            CDEError: it was refused or failed; nothing was changed. Each use case names its codes;
                those of a repository come in addition wherever one is needed.
        """


class Handles(Protocol):
    """Runs use cases, each inside its operation, as ``Application``."""

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        """The use case's reply; ``CDEError`` when it was refused or failed."""
