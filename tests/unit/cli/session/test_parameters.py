"""Values of parameters are those that Typer gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.core import TyperCommand

from tests.whole_command import whole_command


def every_parameter() -> Iterator[Any]:
    """The parameters of every command, as a call of it finds them."""
    pending: list[tuple[Any, Any]] = [(whole_command(), None)]
    while pending:
        command, parent = pending.pop()
        context = typer.Context(command, parent=parent, info_name=command.name)
        for parameter in command.get_params(context):
            path = f"{context.command_path} {parameter.name}"
            yield pytest.param(parameter, context, id=path)
        pending += [(each, context) for each in getattr(command, "commands", {}).values()]


def outcome(process: Any, context: Any, value: Any) -> tuple[Any, Any]:
    """What became of a value: its type and itself, or the refusal."""
    try:
        result = process(context, value)
    except typer.BadParameter as refusal:
        return type(refusal), refusal.format_message()
    return type(result), result


@pytest.mark.parametrize(("parameter", "context"), list(every_parameter()))
def test_a_value_is_what_typer_makes_of_it(parameter: Any, context: Any) -> None:
    own, typers = parameter.process_value, type(parameter).process_value.__get__(parameter)
    default = parameter.get_default(context)
    values = [default, None, "", "7", "text", "Grüße", "not \udcff UTF-8"]
    if parameter.is_eager or parameter.callback:  # it would end the command
        values = [None]
    elif getattr(parameter, "is_flag", False):
        values = [None, True, False]
    elif parameter.multiple or parameter.nargs != 1:
        values = [None, ("text", "Grüße"), ("not \udcff UTF-8",)]

    assert [outcome(own, context, value) for value in values] == [
        outcome(typers, context, value) for value in values
    ]


def test_help_names_no_type_of_a_switch() -> None:
    command = whole_command().commands["list"]

    assert isinstance(command, TyperCommand)
    parameters: list[Any] = command.get_params(typer.Context(command))
    switch = next(each for each in parameters if getattr(each, "is_flag", False))
    assert switch.metavar == ""
