"""What is answered of forks where nobody can use a copy of the state: only files can be forked."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Unforked:
    """Projects whose state has one history."""

    def fork_base(self, path: Path | str, name: str) -> dict[str, Any] | None:
        """The state that another side of a fork grew from."""
        return None

    def fork_notice(self, path: Path | str) -> str | None:
        """What a person has to decide about a fork."""
        return None

    def close_fork(self, path: Path | str, name: str) -> bool:
        """Report another side of a fork no more."""
        return False
