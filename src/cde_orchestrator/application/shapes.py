"""A value in the shape of a view."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar, cast

View = TypeVar("View")


def view_of(shape: type[View], value: object) -> View:
    """The members of a value that the shape names, as JSON has them; times are ISO 8601."""
    members = {name: getattr(value, name) for name in shape.__annotations__}
    return cast("View", {name: _plain(member) for name, member in members.items()})


def _plain(member: object) -> object:
    if isinstance(member, datetime):
        return member.isoformat()
    return list(member) if isinstance(member, tuple) else member
