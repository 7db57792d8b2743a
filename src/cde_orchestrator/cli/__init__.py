"""The command line, ``cde``: for people, and with ``--json`` for programs."""

from __future__ import annotations


def run() -> None:
    """Run the command that the process was started with, and end with its exit code."""
    from cde_orchestrator.cli._boundary import boundary
    from cde_orchestrator.cli.app import app

    with boundary():
        app(prog_name="cde")
