"""Fills in one template, in this process or in one apart (ADR 23); imports Jinja alone.

Jinja's sandbox keeps a template away from Python's internals, and not from memory and time: the
project's own templates are filled in apart, where the system bounds both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any, cast

import jinja2
from jinja2 import BytecodeCache, FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

RENDERED_LIMIT_CHARACTERS = 200_000
REASON_CHARACTERS = 500
_FILE = "template:"
"""What the file of a template is called in a traceback begins with this."""

_TOO_LONG = f"it gives more than {RENDERED_LIMIT_CHARACTERS} characters"
# What Python raises for what a template does.
_FAILURES = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
)


class MissingTemplateError(Exception):
    """There is no template of the name that is its text."""


class TemplateFailedError(Exception):
    """A template cannot be filled in.

    Attributes:
        template: which.
        line: where in it; None where that is not known.
    """

    def __init__(self, template: str, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.template = template
        self.line = line


class _Missing(StrictUndefined):
    """A name that nobody gave; not even a list that holds it can be shown."""

    __slots__ = ()
    __repr__ = StrictUndefined._fail_with_undefined_error


def environment_of(
    source: Callable[[str], str | None], codes: BytecodeCache | None = None
) -> ImmutableSandboxedEnvironment:
    """What templates are filled in with; it asks for each of them once.

    Args:
        source: gives the text of each template, or None.
        codes: where compiled templates are kept.
    """

    def loaded(name: str) -> tuple[str, str, None] | None:
        text = source(name)
        return None if text is None else (text, _FILE + name, None)

    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(loaded),
        undefined=_Missing,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Markdown for an agent, never HTML
        bytecode_cache=codes,
    )
    del environment.globals["lipsum"]  # made-up text has no place in a prompt
    return environment


def filled_in(
    environment: ImmutableSandboxedEnvironment, template: str, variables: Mapping[str, Any]
) -> str:
    """The template of this name with the variables.

    Raises:
        MissingTemplateError: the template, or one that it includes, is missing.
        TemplateFailedError: it cannot be filled in, or gives no text.
    """
    text = StringIO()
    try:
        for piece in environment.get_template(template).generate(dict(variables)):
            text.write(piece)
            if text.tell() > RENDERED_LIMIT_CHARACTERS:
                raise ValueError(_TOO_LONG)
    except jinja2.TemplateNotFound as error:
        raise MissingTemplateError(error.name or template) from error
    except (jinja2.TemplateError, *_FAILURES) as error:
        raise _failure(template, error) from error
    if not text.getvalue().strip():
        raise TemplateFailedError(template, "it renders no text")
    return text.getvalue()


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The same in a process of its own: a text, what is ``missing``, or what failed.

    The request has the ``template``, the ``variables``, the ``texts`` by name, and the
    ``problems`` of what cannot be read, reason and line; where a name ends in a slash, of all
    below it. ``asked`` are the names that were used.
    """
    texts, problems, asked = request["texts"], request["problems"], dict[str, None]()

    def source(name: str) -> str | None:
        asked[name] = None
        above = [name[: at + 1] for at, each in enumerate(name) if each == "/"]
        for place in ("/", *above, name):
            if place in problems:
                raise TemplateFailedError(name, *problems[place])
        return cast("str | None", texts.get(name))

    try:
        text = filled_in(environment_of(source), request["template"], request["variables"])
    except MissingTemplateError as error:
        return {"missing": str(error)}
    except TemplateFailedError as error:
        return {"failed": [error.template, str(error)[:REASON_CHARACTERS], error.line]}
    return {"text": text, "asked": list(asked)}


def _failure(template: str, error: Exception) -> TemplateFailedError:
    """With the template and the line that failed, where they are known."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return TemplateFailedError(error.name or template, error.message or "", error.lineno)
    name, line, at = template, None, error.__traceback__
    while at is not None:
        file = at.tb_frame.f_code.co_filename
        if file.startswith(_FILE):
            name, line = file.removeprefix(_FILE), at.tb_lineno
        at = at.tb_next
    if isinstance(error, RecursionError):
        reason = "it is nested too deep, or includes or calls itself"
    elif isinstance(error, MemoryError):
        reason = "it takes too much memory"
    else:
        reason = str(error) or type(error).__name__
    return TemplateFailedError(name, reason, line)


def _shown(value: Any) -> Any:
    if isinstance(value, Iterator):  # its text would be the name of a Python object
        raise TypeError("it shows what a filter goes through one by one; add | list or | join")
    if isinstance(value, str) and len(value) > RENDERED_LIMIT_CHARACTERS:
        raise ValueError(_TOO_LONG)  # here the line is known
    return value
