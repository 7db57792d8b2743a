"""Classes of fields that are compiled when one of their objects is first made.

A command imports many kinds of values and makes few of them; ``dataclasses`` compiles the methods
of each where it is defined, which takes a command longer than its work.
"""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from threading import RLock
from typing import Any, TypeVar, dataclass_transform

Kind = TypeVar("Kind", bound=type)

_COMPLETING = RLock()
_TO_COMPLETE: dict[type, dict[str, bool]] = {}
"""How each class is completed of which there is no object yet."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value:
    """Every subclass is a frozen dataclass, from its first object on.

    What reads the fields of a class, as ``dataclasses.fields``, asks for them by ``completed``;
    an object has them anyway. A class of which thousands are kept is better a ``dataclass`` with
    slots, and so is one that every process needs.
    """

    def __init_subclass__(
        cls, *, frozen: bool = True, kw_only: bool = False, abstract: bool = False
    ) -> None:
        """Remember what is to be made of the class.

        Args:
            frozen: whether its objects stay as they are made.
            kw_only: whether its fields are given by name.
            abstract: whether it has no fields, and only its subclasses have.
        """
        super().__init_subclass__()
        if not abstract:
            _TO_COMPLETE[cls] = {"frozen": frozen, "kw_only": kw_only}
        if any(is_dataclass(each) or each in _TO_COMPLETE for each in cls.__mro__[1:]):
            completed(cls)  # or else it would have the methods of the class above it

    # The dataclass's own replace these. They are reached by the first object, by one that was
    # unpickled, and by a thread while another one completes the class.

    def __init__(self, *given: Any, **named: Any) -> None:
        _method(self, "__init__")(self, *given, **named)

    def __repr__(self) -> str:
        words: str = _method(self, "__repr__")(self)
        return words

    def __eq__(self, other: object) -> bool:
        is_equal: bool = _method(self, "__eq__")(self, other)
        return is_equal

    def __hash__(self) -> int:
        number: int = _method(self, "__hash__")(self)
        return number


def completed(kind: Kind) -> Kind:
    """The class with its fields and methods; a class of another kind as it is."""
    if kind in _TO_COMPLETE:
        with _COMPLETING:
            for each in reversed(kind.__mro__):
                if each in _TO_COMPLETE:
                    dataclass(**_TO_COMPLETE[each])(each)
                    del _TO_COMPLETE[each]
    return kind


def _method(value: Value, name: str) -> Any:
    """The method of the completed class."""
    return getattr(completed(type(value)), name)
