"""The command line, ``cde``: for people, and with ``--json`` for programs."""

from __future__ import annotations

import sys
from typing import Any, NoReturn


def run() -> None:
    """Run the command that the process was started with, and end with its exit code."""
    import typer

    from cde_orchestrator.cli.app import app
    from cde_orchestrator.cli.session.boundary import INTERRUPTED, boundary

    as_json = "--json" in sys.argv[1:]
    parser_error = typer.BadParameter.__base__ or typer.BadParameter
    with boundary(as_json=as_json):
        try:
            outcome = app(prog_name="cde", standalone_mode=False)
        except typer.Abort:
            raise SystemExit(INTERRUPTED) from None
        except Exception as error:
            if not isinstance(error, parser_error):
                raise
            _refuse(error, as_json=as_json)
        raise SystemExit(outcome if isinstance(outcome, int) else 0)


def _refuse(error: Any, *, as_json: bool) -> NoReturn:
    """Tell what the parser did not understand; a bare group is a wish for its help."""
    from cde_orchestrator.cli.session.boundary import MISUSED, misused

    context = error.ctx
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        raise SystemExit(MISUSED) from None
    words = context.command_path.split() if context is not None else []
    usage = context.get_usage().removeprefix("Usage: ") if context is not None else "cde --help"
    misused(words[1:], usage, error.format_message().rstrip(".?"), as_json=as_json)
