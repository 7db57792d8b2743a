"""What all commands share: their help, and what Typer makes of parameters, less what none needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

PARSER_ERROR: Any = typer.BadParameter.__base__
"""What the parser raises where it does not understand; Typer has no name for it."""


def examples(*commands: str) -> str:
    """Commands as shown at the end of a help text."""
    return "\n".join(["[dim]For example[/dim]", *(f"  [dim]$[/dim] {each}" for each in commands)])


class PlainCommand(TyperCommand):
    """A command whose help does not call every switch a ``<bool>``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _fitted(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """The same for a group of commands.

    Attributes:
        verb: the command that is meant where none is named; None where the group itself runs.
    """

    verb: str | None = None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Understand the words after the group's name."""
        first = args[0] if args else "-"
        is_typed = not ctx.resilient_parsing  # else it is completed, and any command may follow
        is_named = not first.startswith("-") or first in ctx.help_option_names
        if self.verb and is_typed and not is_named:
            args = [self.verb, *args]
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _fitted(super().get_params(ctx))


class CommandGroup(typer.Typer):
    """Commands that belong together, all with the same kind of help.

    Args:
        name: the word before theirs; None where they have none.
        shown: examples at the end of their help.
        help: what they are for.
        cls: the kind of group.
        verb: the command that is meant where none is named; None where the group itself runs.
    """

    def __init__(
        self,
        name: str | None = None,
        *shown: str,
        help: str | None = None,
        cls: type[TyperGroup] = PlainGroup,
        verb: str | None = None,
    ) -> None:
        if verb is not None:
            cls = type(cls.__name__, (cls,), {"verb": verb})
            help = f"{help}\n\nWithout a command: {verb}."
        super().__init__(
            name=name,
            cls=cls,
            invoke_without_command=verb is None,
            context_settings={"help_option_names": ["-h", "--help"]},
            pretty_exceptions_enable=False,
            rich_markup_mode="rich",
            help=help,
            epilog=examples(*shown) if shown else None,
        )


def folder_named(text: str) -> Path:
    """The path that is given; an empty one is a mistake, as of a variable that is not set.

    Raises:
        typer.BadParameter: it is empty.
    """
    if not text:
        raise typer.BadParameter("it is empty; omit it to use the current folder")
    return Path(text)


def _fitted(parameters: list[Any]) -> list[Any]:
    """The same parameters: switches are not called ``<bool>``, plain values are not converted."""
    for each in parameters:
        if getattr(each, "is_flag", False) and each.metavar is None:
            each.metavar = ""
        if "process_value" not in vars(each):
            each.process_value = partial(_value_of, each, each.process_value)
    return parameters


def _value_of(parameter: Any, process: Any, context: Any, value: Any) -> Any:
    """A parameter's value, as ``process`` gives it.

    Typer converts each value by pydantic, which takes longer to import than a command to run.
    What is not given needs no conversion, and a text none but by the parameter's own parser.
    Texts that are not UTF-8 are refused by pydantic.
    """
    declared = getattr(parameter, "type_descriptor", None)  # from Typer 0.29 on
    if declared is None:
        return process(context, value)
    parser = declared.parameter_info.parser
    if value is None and not parameter.required:
        value = () if parameter.multiple or parameter.nargs == -1 else None
    elif type(value) is str and _is_unicode(value) and (parser or declared.annotation is str):
        value = parser(value) if parser else value
    elif type(value) is str or type(value) is not declared.annotation:  # else its default
        return process(context, value)
    return parameter.callback(context, parameter, value) if parameter.callback else value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
