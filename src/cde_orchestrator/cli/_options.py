"""Options that every command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ProjectOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="PATH",
        readable=False,  # what may not be read is told with a code of its own
        help="The project's folder. Default: the nearest one upwards that holds .cde, "
        "else the current folder.",
        show_default=False,
    ),
]

JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Answer with JSON on standard output.", show_default=False)
]
