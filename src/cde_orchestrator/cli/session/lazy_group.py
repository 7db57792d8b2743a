"""Commands whose modules are imported when one of them is called, not when they are listed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from typer.core import TyperCommand
from typer.main import get_group

from cde_orchestrator.cli.session.help import PlainGroup


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
    """A group that lists its commands, and imports the one that is called."""

    listed: Mapping[str, Listed] = {}

    def __init__(self, **settings: Any) -> None:
        shown = {
            name: TyperCommand(name=name, help=each.help, rich_help_panel=each.panel)
            for name, each in self.listed.items()
        }
        super().__init__(**{**settings, "commands": shown})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, whole, and what is left of the arguments."""
        name, command, rest = super().resolve_command(ctx, args)
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


class _Later(ModuleType):
    """Is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def import_structlog() -> None:
    """Import structlog without Rich and asyncio, which it brings along.

    Rich serves a renderer of its own that is not used here, asyncio its asynchronous methods.
    Both together take longer than all that is ours. Whoever else imports them gets them.
    """
    if "structlog" in sys.modules:
        return
    absent: dict[str, Any] = {"rich": None, "asyncio": _Later("asyncio")}
    hidden = {name: each for name, each in absent.items() if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        import_module("structlog")
    finally:
        for name, substitute in hidden.items():
            if sys.modules.get(name) is substitute:
                sys.modules.pop(name, None)
