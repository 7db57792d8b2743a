"""The sandbox that prompt templates are rendered in, and what it bounds (ADR 18).

Jinja's own keeps a template away from Python's internals, but not from all memory and time: so
loops and calls are counted, operators are checked before they run, and what a filter or a method
is given and gives is bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from functools import wraps
from io import StringIO
from types import CodeType
from typing import Any, cast

from jinja2 import BytecodeCache, FunctionLoader, StrictUndefined, nodes
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

RENDERED_LIMIT_CHARACTERS = 200_000
STEP_LIMIT = 200_000
"""Turns of loops and calls in one rendering."""
CACHED_TEMPLATES = 128
PRODUCT_LIMIT = 20_000_000
"""Greatest product of what a filter or a method of a text is given: lengths and numbers."""
NUMBER_LIMIT = 10**18
"""Greatest factor of a product."""

_WIDE = re.compile(r"\d{5}|:[^{}]*\{|%[^%a-zA-Z]*\*")
"""Formats that pad by more than 4 digits say, or by a width that is an argument."""
_TOO_LONG = f"it gives more than {RENDERED_LIMIT_CHARACTERS} characters"


class _RunawayTemplateError(ValueError):
    """A template repeats or produces more than any prompt needs."""


def bounded_text(pieces: Iterable[str]) -> str:
    """The pieces in one, up to the limit; ValueError where they give more."""
    text = StringIO()
    for piece in pieces:
        text.write(piece)
        if text.tell() > RENDERED_LIMIT_CHARACTERS:
            raise _RunawayTemplateError(_TOO_LONG)
    return text.getvalue()


class _Missing(StrictUndefined):
    """A name that nobody gave; not even a list that holds it can be shown."""

    __slots__ = ()
    __repr__ = StrictUndefined._fail_with_undefined_error


class _CodeCache(BytecodeCache):
    """Compiled templates of this process: to compile one takes ten times as long as to fill it."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Put the code into the bucket, if it is there."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's code."""
        if len(self._codes) >= CACHED_TEMPLATES:
            self._codes.clear()
        self._codes[bucket.key, bucket.checksum] = cast("CodeType", bucket.code)


_CODE_CACHE = _CodeCache()


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox for one rendering, which also counts the steps; ``source`` gives the templates."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, source: Callable[[str], tuple[str, str, None] | None]) -> None:
        super().__init__(
            loader=FunctionLoader(source),
            undefined=_Missing,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # Markdown for an agent, never HTML
            bytecode_cache=_CODE_CACHE,
        )
        self.filters = {name: _bounded_filter(each) for name, each in self.filters.items()}
        self.filters |= {"_counted": self._counted, "_joined": _joined}
        del self.globals["lipsum"]  # made-up text has no place in a prompt
        self._steps = 0

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Count the call; a macro may call itself."""
        self._step()
        _require_small_numbers(args, kwargs)
        if isinstance(receiver := getattr(called, "__self__", None), str):
            _require_small_product((receiver, *args, *kwargs.values()))
        return _within_limit(super().call(context, called, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Jinja's safe ``format``, unless the text pads by more than any prompt needs."""
        wrapped = super().wrap_str_format(value)
        if wrapped is not None and _WIDE.search(getattr(value, "__self__", "")):
            raise _RunawayTemplateError("its format pads by too much")
        return wrapped

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse what may take all memory or time, then work it out."""
        if _is_excessive(operator, left, right):
            raise _RunawayTemplateError(f"its use of {operator} may give too much")
        return _within_limit(super().call_binop(context, operator, left, right))

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        """Let loops count their turns, and joined texts be measured, before it is compiled."""
        for loop in list(source.find_all(nodes.For)):
            counted = nodes.Filter(loop.iter, "_counted", [], [], None, None)
            loop.iter = counted.set_lineno(loop.lineno)
        for concat in list(source.find_all(nodes.Concat)):
            parts = nodes.List(concat.nodes).set_lineno(concat.lineno)
            joined = nodes.Filter(parts, "_joined", [], [], None, None)
            joined.set_lineno(concat.lineno)
            concat.nodes = [joined]
        return super()._generate(source, *args, **kwargs)

    def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._step()
            yield item

    def _step(self) -> None:
        self._steps += 1
        if self._steps > STEP_LIMIT:
            raise _RunawayTemplateError(f"it takes more than {STEP_LIMIT} steps")


def _shown(value: Any) -> Any:
    if isinstance(value, Iterator):  # its text would be the name of a Python object
        raise TypeError("it shows what a filter goes through one by one; add | list or | join")
    return value


def _joined(parts: list[Any]) -> str:
    return str(_within_limit("".join(map(str, parts))))


def _bounded_filter(each: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, given no huge number and giving no huge text or list."""

    @wraps(each)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        _require_small_numbers(args[1:], kwargs)
        if each.__name__ == "do_format" and _WIDE.search(str(args[0])):
            raise _RunawayTemplateError("its format pads by too much")
        _require_small_product((*args, *kwargs.values()))
        return _within_limit(each(*args, **kwargs))

    return bounded


def _require_small_numbers(args: Iterable[Any], kwargs: Mapping[str, Any]) -> None:
    for value in (*args, *kwargs.values()):
        if isinstance(value, int) and abs(value) > RENDERED_LIMIT_CHARACTERS:
            raise _RunawayTemplateError(f"the number {value} is too large here")


def _require_small_product(values: Iterable[Any]) -> None:
    """Refuse what could repeat one long thing for each part of another."""
    sizes = [
        len(value) if isinstance(value, (str, list, tuple, dict)) else abs(value)
        for value in values
        if isinstance(value, (str, list, tuple, dict, int))
    ]
    if math.prod(sorted(sizes)[-2:]) > PRODUCT_LIMIT:
        raise _RunawayTemplateError("it may give too much")


def _within_limit(result: Any) -> Any:
    if isinstance(result, (str, list, tuple, dict)) and len(result) > RENDERED_LIMIT_CHARACTERS:
        raise _RunawayTemplateError(_TOO_LONG)
    return result


def _is_excessive(operator: str, left: Any, right: Any) -> bool:
    """Powers, texts that ``%`` pads, texts or lists many times over, numbers without end."""
    if operator == "+":
        return False
    if operator != "*":
        return operator == "**" or isinstance(left, str)
    if isinstance(left, Sized):
        return bool(len(left) * right > RENDERED_LIMIT_CHARACTERS)
    if isinstance(right, Sized):
        return bool(len(right) * left > RENDERED_LIMIT_CHARACTERS)
    return bool(abs(left) > NUMBER_LIMIT or abs(right) > NUMBER_LIMIT)
