"""What help texts share."""

from __future__ import annotations

import typer

PROJECT_PANEL = "Project"
FEATURE_PANEL = "Features"
SERVER_PANEL = "Agents and editors"


def examples(*commands: str) -> str:
    """Commands as they stand at the end of a help text."""
    return "\n".join(["[dim]For example[/dim]", *(f"  [dim]$[/dim] {each}" for each in commands)])


def command_group() -> typer.Typer:
    """Commands that belong together."""
    return typer.Typer(
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
