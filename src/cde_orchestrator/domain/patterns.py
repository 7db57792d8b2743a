"""Regular expressions that are compiled when they are first used: few commands use many."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Late:
    """Stands for a compiled expression; what was asked of it once is its own from then on.

    Attributes:
        pattern: as it was written; other expressions are made of it without compiling it.
    """

    def __init__(self, pattern: Any, flags: int) -> None:
        self.pattern, self._flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of a copy, before it has anything of its own
            raise AttributeError(name)
        found = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, found)
        return found


def pattern(written: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As ``re.compile``, but that a mistake in it is raised where it is used."""
    return cast("re.Pattern[AnyStr]", _Late(written, flags))
