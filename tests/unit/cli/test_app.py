"""What the help lists, held against the commands themselves."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from typer.main import get_group

from cde_orchestrator.cli import commands
from cde_orchestrator.cli.app import LISTED
from tests.whole_command import whole_command


def test_the_help_lists_each_command_in_its_own_words() -> None:
    itself = whole_command().commands

    assert {
        name: str(command.help).partition("\n\n")[0].replace("\n", " ")
        for name, command in itself.items()
    } == {name: listed.help for name, listed in LISTED.items()}


def test_the_help_lists_the_commands_of_every_module_and_no_others() -> None:
    found = []
    for module in iter_modules(commands.__path__, f"{commands.__name__}."):
        of_module = import_module(module.name)
        if hasattr(of_module, "group"):
            found.append((module.name, of_module.group.info.name))
        if hasattr(of_module, "top_level"):
            found += [(module.name, name) for name in get_group(of_module.top_level).commands]

    assert sorted(found) == sorted((listed.module, name) for name, listed in LISTED.items())
