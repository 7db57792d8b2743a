"""What help texts share."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

PROJECT_PANEL = "Project"
FEATURE_PANEL = "Features"
SERVER_PANEL = "Agents and editors"


def examples(*commands: str) -> str:
    """Commands as shown at the end of a help text."""
    return "\n".join(["[dim]For example[/dim]", *(f"  [dim]$[/dim] {each}" for each in commands)])


class _Command(TyperCommand):
    """A command whose help does not call every switch a ``<bool>``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _plain_switches(super().get_params(ctx))


class _Group(TyperGroup):
    """The same for a group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _plain_switches(super().get_params(ctx))


class _Commands(typer.Typer):
    """Commands that belong together, all with the same kind of help."""

    def command(self, *names: Any, **settings: Any) -> Any:
        """Register a command."""
        return super().command(*names, **{"cls": _Command, **settings})


def command_group(*, help_without_command: bool = True) -> typer.Typer:
    """Commands that belong together."""
    return _Commands(
        cls=_Group,
        no_args_is_help=help_without_command,
        invoke_without_command=not help_without_command,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )


def _plain_switches(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if getattr(each, "is_flag", False) and each.metavar is None:
            each.metavar = ""
    return parameters
