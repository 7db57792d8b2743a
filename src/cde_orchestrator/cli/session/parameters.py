"""What Typer makes of parameters, less what no command here needs."""

from __future__ import annotations

from functools import partial
from typing import Any


def fitted(parameters: list[Any]) -> list[Any]:
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
