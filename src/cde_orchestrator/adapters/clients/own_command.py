"""Which program ``cde`` is, so that it is found later and by others too."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from cde_orchestrator.infrastructure.system import programs


def own_command(environment: Mapping[str, str], executable: str = sys.executable) -> str:
    """The absolute path of this installation's ``cde``.

    A link to it on ``PATH``, as pipx and uv make one, is preferred to what it leads to: it stays
    where it is when a new release has another folder. No client needs ``PATH`` to find it.
    """
    installed = Path(executable).with_name("cde.exe" if os.name == "nt" else "cde")
    found = programs.found("cde", environment)
    if found is not None and (
        not installed.exists() or os.path.realpath(found) == os.path.realpath(installed)
    ):
        return os.path.abspath(found)  # noqa: PTH100 - a link is not followed
    return str(installed)
