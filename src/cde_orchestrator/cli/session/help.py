"""What help texts share."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cde_orchestrator.cli.session.parameters import fitted


def examples(*commands: str) -> str:
    """Commands as shown at the end of a help text."""
    return "\n".join(["[dim]For example[/dim]", *(f"  [dim]$[/dim] {each}" for each in commands)])


class _Command(TyperCommand):
    """A command whose help does not call every switch a ``<bool>``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return fitted(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """The same for a group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return fitted(super().get_params(ctx))


class _Commands(typer.Typer):
    """Commands that belong together, all with the same kind of help."""

    def command(self, *names: Any, **settings: Any) -> Any:
        """Register a command."""
        return super().command(*names, **{"cls": _Command, **settings})


def command_group(
    name: str | None = None,
    *,
    cls: type[TyperGroup] = PlainGroup,
    help_without_command: bool = True,
    **texts: Any,
) -> typer.Typer:
    """Commands that belong together.

    Args:
        name: the word before theirs; None where they have none.
        cls: the kind of group.
        help_without_command: whether the group by itself asks for its help.
        texts: ``help`` and ``epilog``.
    """
    return _Commands(
        name=name,
        cls=cls,
        no_args_is_help=help_without_command,
        invoke_without_command=not help_without_command,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        **texts,
    )
