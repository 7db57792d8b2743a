"""Classes of fields that are completed when one of their objects is first made.

A command imports many kinds of values and makes few of them; ``dataclasses`` compiles six methods
of each where it is defined, which takes a command longer than its work. Of a value one is
compiled, which sets its fields; it has the others in common with all values.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields, is_dataclass
from operator import attrgetter
from reprlib import recursive_repr
from threading import RLock
from typing import Any, TypeVar, dataclass_transform

Kind = TypeVar("Kind", bound=type)

_COMPLETING = RLock()
_TO_COMPLETE: dict[type, bool] = {}
"""The classes of which there is no object yet, each with whether its fields are given by name."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value:
    """Every subclass is a frozen dataclass, from its first object on.

    What reads the fields of a class, as ``dataclasses.fields``, asks for them by ``completed``;
    an object has them anyway. A class of which thousands are kept is better a ``dataclass`` with
    slots.
    """

    def __init_subclass__(
        cls, *, frozen: bool = True, kw_only: bool = False, abstract: bool = False
    ) -> None:
        """Remember what is to be made of the class.

        Args:
            frozen: whether its objects stay as they are made; those of a class that inherits
                from one whose objects change can change too; say it again, for type checkers.
            kw_only: whether its fields are given by name.
            abstract: whether it has no fields, and only its subclasses have.
        """
        super().__init_subclass__()
        if not frozen:
            for name, method in _OF_WHAT_CHANGES.items():
                if name not in vars(cls):
                    setattr(cls, name, method)
        if not abstract:
            _TO_COMPLETE[cls] = kw_only
        if any(is_dataclass(each) or each in _TO_COMPLETE for each in cls.__mro__[1:]):
            completed(cls)  # or else it would set the fields of the class above it

    def __init__(self, *given: Any, **named: Any) -> None:
        # Reached by the first object, and by a thread while another one completes the class.
        own: Any = completed(type(self))
        own.__init__(self, *given, **named)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    @recursive_repr()
    def __repr__(self) -> str:
        own: Any = completed(type(self))
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(own) if each.repr)
        return f"{own.__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        own: Any = completed(type(self))
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(own._equal_by(self) == own._equal_by(other))

    def __hash__(self) -> int:
        own: Any = completed(type(self))
        return hash(own._equal_by(self))

    def __reduce__(self) -> tuple[Any, ...]:
        # Whoever unpickles or copies one may have made none, and asks for its fields.
        return _without_fields, (type(self),), self.__dict__


def _without_fields(kind: type) -> Any:
    """An object of a class that has its fields, for what sets them."""
    return object.__new__(completed(kind))


_OF_WHAT_CHANGES = {
    "__setattr__": object.__setattr__,
    "__delattr__": object.__delattr__,
    "__hash__": None,
}


def completed(kind: Kind) -> Kind:
    """The class with its fields and methods; a class of another kind as it is."""
    if kind in _TO_COMPLETE:
        with _COMPLETING:
            for each in reversed(kind.__mro__):
                if each in _TO_COMPLETE:
                    dataclass(init=False, repr=False, eq=False, kw_only=_TO_COMPLETE[each])(each)
                    _complete(each)
                    del _TO_COMPLETE[each]
    return kind


def _complete(kind: Any) -> None:
    """Give a class whose fields are known what sets them, and what it is compared by."""
    names = [each.name for each in fields(kind) if each.compare]
    one_by_one = staticmethod(lambda value: tuple(getattr(value, name) for name in names))
    kind._equal_by = attrgetter(*names) if len(names) > 1 else one_by_one

    known: dict[str, Any] = {"_PUT": object.__setattr__, "_LATER": MISSING}
    put = "_PUT(self, {!r}, {})" if kind.__setattr__ is Value.__setattr__ else "self.{} = {}"
    given, named, lines = ["self"], ["*"], ["pass"]
    for each in fields(kind):
        name = value = each.name
        default = ""
        if each.default_factory is not MISSING:
            known[f"_OF_{name}"], default = each.default_factory, "=_LATER"
            value = f"_OF_{name}() if {name} is _LATER else {name}"
        elif each.default is not MISSING:
            known[f"_OF_{name}"], default = each.default, f"=_OF_{name}"
        if each.init:
            if not (default or each.kw_only) and given[-1].count("="):
                raise TypeError(f"non-default argument {name!r} follows default argument")
            (named if each.kw_only else given).append(name + default)
        elif default == "=_LATER":
            value = f"_OF_{name}()"
        else:
            continue
        lines.append(put.format(name, value))
    if hasattr(kind, "__post_init__"):
        lines.append("self.__post_init__()")
    words = ", ".join(given + (named if len(named) > 1 else []))
    exec(f"def __init__({words}):\n " + "\n ".join(lines), known)  # noqa: S102 - fields' names
    kind.__init__ = known["__init__"]
    kind.__init__.__qualname__ = f"{kind.__qualname__}.__init__"
