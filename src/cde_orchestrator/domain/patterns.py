"""Regular expressions that are compiled when they are first used: few commands use many."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Late:
    """Stands for a compiled expression; what was asked of it once is its own from then on."""

    def __init__(self, written: Any, flags: int) -> None:
        self._written, self._flags = written, flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._written, self._flags), name)
        setattr(self, name, found)
        return found


def pattern(written: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As ``re.compile``, but that a mistake in it is raised where it is used."""
    return cast("re.Pattern[AnyStr]", _Late(written, flags))
