"""Commands whose modules are imported when one of them is called, not when they are listed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand
from typer.main import get_group

from cde_orchestrator.cli.session.help import PlainGroup
from cde_orchestrator.cli.session.slim_structlog import import_structlog


class Listed(NamedTuple):
    """What a list of commands shows of one, and where it is.

    Attributes:
        module: it has the command in its ``top_level``, or is the group itself in ``group``.
        help: the first paragraph of its help.
        panel: under which title it is listed.
    """

    module: str
    help: str
    panel: str


class LazyGroup(PlainGroup):
    """A group that lists its commands, and imports the one that is called.

    Attributes:
        listed: the commands by name.
        meant: commands by the words that people also type for them.
    """

    listed: Mapping[str, Listed] = {}
    meant: Mapping[str, str] = {}

    def __init__(self, **settings: Any) -> None:
        shown = {
            name: TyperCommand(name=name, help=each.help, rich_help_panel=each.panel)
            for name, each in self.listed.items()
        }
        super().__init__(**{**settings, "commands": shown})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, whole, and what is left of the arguments."""
        word, *rest = args
        if word == "help":
            if not rest and ctx.resilient_parsing:  # it is completed, and any command may follow
                return None, None, rest
            if not rest:
                typer.echo(ctx.get_help(), nl=False)
                raise typer.Exit
            word, *rest = [*rest, "--help"]
        name, command, rest = super().resolve_command(ctx, [self.meant.get(word, word), *rest])
        return name, command and self.load(str(name)), rest

    def load(self, name: str) -> Any:
        """The command itself."""
        module = self.module(name)
        group = getattr(module, "group", None)
        if group is not None and group.info.name == name:
            return get_group(group)
        return get_group(module.top_level).commands[name]

    def module(self, name: str) -> Any:
        """The module that the command is in."""
        import_structlog()
        return import_module(self.listed[name].module)
