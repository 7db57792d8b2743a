"""Fills in the prompt templates of phases: the project's own, else the packaged ones.

A template comes with a project that may be a stranger's. It runs in a sandbox, sees only the
variables that it is given, and what it may read, repeat and produce is bounded.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from functools import cache, wraps
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.infrastructure.system.file_ops import read_regular_file
from cde_orchestrator.infrastructure.system.os_errors import error_words
from cde_orchestrator.infrastructure.system.spans import PROMPT, span

if TYPE_CHECKING:
    from types import CodeType

    from jinja2 import BytecodeCache, Environment, Undefined, nodes
    from jinja2.bccache import Bucket
    from jinja2.runtime import Context

PROMPTS_FOLDER = Path(".cde", "prompts")
PACKAGED_PROMPTS = Path(__file__).with_name("packaged") / "prompts"
TEMPLATE_LIMIT_BYTES = 256 * 1024
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

_Source: TypeAlias = Callable[[str], tuple[str, str, None] | None]


class JinjaPromptRenderer:
    """Renders prompt templates, which are Markdown with Jinja2."""

    @span(PROMPT)
    def render(self, root: Path, template: str, variables: Mapping[str, Any]) -> str:
        """The template with the variables filled in.

        Args:
            root: the project's folder; its ``.cde/prompts`` comes before the packaged prompts.
            template: name of the template, as ``standard/define.md``.
            variables: what the template may use; another name in it is an error.

        Raises:
            ValidationError: E312, the template, or one that it includes, is missing; E313, it
                cannot be read or filled in, or gives no text.
        """
        import jinja2

        templates = _Templates(root)
        environment = _environment_class()(templates.source)
        try:
            pieces = environment.get_template(template).generate(dict(variables))
            text = "".join(_bounded(pieces))
        except jinja2.TemplateNotFound as error:
            phase = variables.get("phase")
            phase_id = phase.get("id", "?") if isinstance(phase, Mapping) else "?"
            missing = error.name or template
            raise ValidationError.of("E312", template=missing, phase=phase_id) from error
        except (
            jinja2.TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            OSError,
            RuntimeError,
            SyntaxError,
            TypeError,
            ValueError,
        ) as error:
            raise templates.failure(template, error) from error
        if not text.strip():
            raise _not_valid(template, "it gives no text")
        return text


class _RunawayTemplateError(ValueError):
    """A template repeats or produces more than any prompt needs."""


class _Templates:
    """The templates that one rendering reads, and where among them it failed."""

    def __init__(self, root: Path) -> None:
        self._own = Path(os.path.realpath(root / PROMPTS_FOLDER.parent)) / PROMPTS_FOLDER.name
        self._names: dict[str, str] = {}

    def source(self, name: str) -> tuple[str, str, None] | None:
        """The template's text and file, as Jinja's loader wants them; None when missing."""
        if path_problem(name) is not None:
            return None
        try:
            path = self._find(name)
            if path is None:
                return None
            data, size = read_regular_file(path, TEMPLATE_LIMIT_BYTES, follow=True)
        except OSError as error:
            raise _not_valid(name, error_words(error)) from error
        if size > TEMPLATE_LIMIT_BYTES:
            raise _not_valid(name, f"it has {size} bytes; {TEMPLATE_LIMIT_BYTES} are accepted")
        self._names[str(path)] = name
        return _decoded(name, data), str(path), None

    def failure(self, template: str, error: Exception) -> ValidationError:
        """The error E313, with the template and the line that failed where they are known."""
        import jinja2

        if isinstance(error, jinja2.TemplateSyntaxError):
            return _not_valid(error.name or template, error.message or "", error.lineno)
        name, line = template, None
        for frame, number in walk_tb(error.__traceback__):
            if frame.f_code.co_filename in self._names:
                name, line = self._names[frame.f_code.co_filename], number
        if isinstance(error, RecursionError):
            return _not_valid(name, "it is nested too deep, or includes or calls itself", line)
        return _not_valid(name, str(error) or type(error).__name__, line)

    def _find(self, name: str) -> Path | None:
        own = self._own / name
        if os.path.lexists(own):
            real = Path(os.path.realpath(own))
            if not real.is_relative_to(self._own):
                raise PermissionError("a symbolic link leads out of .cde/prompts")
            return real
        packaged = PACKAGED_PROMPTS / name
        return packaged if packaged.exists() else None


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _not_valid(name, "it is not UTF-8", line) from error


def _not_valid(template: str, reason: str, line: int | None = None) -> ValidationError:
    place = "" if line is None else f"line {line}: "
    return ValidationError.of("E313", template=template, reason=place + reason)


def _bounded(pieces: Iterable[str]) -> Iterator[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > RENDERED_LIMIT_CHARACTERS:
            raise _RunawayTemplateError(
                f"it gives more than {RENDERED_LIMIT_CHARACTERS} characters"
            )
        yield piece


@cache
def _environment_class() -> Callable[[_Source], Environment]:
    """The sandbox's class, made when it is first needed: Jinja is slow to import."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class BoundedEnvironment(ImmutableSandboxedEnvironment):
        """A sandbox for one rendering, which also counts the steps."""

        intercepted_binops = frozenset({"*", "**", "%", "+"})

        def __init__(self, source: _Source) -> None:
            super().__init__(
                loader=jinja2.FunctionLoader(source),
                undefined=_missing_class(),
                finalize=_shown,
                trim_blocks=True,
                lstrip_blocks=True,
                autoescape=False,  # Markdown for an agent, never HTML
                bytecode_cache=_code_cache(),
            )
            self.filters = {name: _bounded_filter(each) for name, each in self.filters.items()}
            self.filters |= {"_counted": self._counted, "_joined": _joined}
            del self.globals["lipsum"]  # made-up text has no place in a prompt
            self._steps = 0

        def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
            """Count the call; a macro may call itself."""
            self._step()
            _require_small_call(called, args, kwargs)
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
            # Jinja's own hook for changing a template before it is compiled.
            _instrument(source)
            return super()._generate(source, *args, **kwargs)

        def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
            for item in items:
                self._step()
                yield item

        def _step(self) -> None:
            self._steps += 1
            if self._steps > STEP_LIMIT:
                raise _RunawayTemplateError(f"it takes more than {STEP_LIMIT} steps")

    return BoundedEnvironment


@cache
def _missing_class() -> type[Undefined]:
    """What a name is that nobody gave; not even a list that holds it can be shown."""
    import jinja2

    class Missing(jinja2.StrictUndefined):
        """Fails wherever it is used."""

        __slots__ = ()
        __repr__ = jinja2.StrictUndefined._fail_with_undefined_error

    return Missing


@cache
def _code_cache() -> BytecodeCache:
    """Compiled templates of this process; to compile one takes ten times as long as to fill it."""
    import jinja2

    codes: dict[tuple[str, str], CodeType] = {}

    class CodeCache(jinja2.BytecodeCache):
        """Keeps code by the template's name, file and content."""

        def load_bytecode(self, bucket: Bucket) -> None:
            """Put the code into the bucket, if it is there."""
            bucket.code = codes.get((bucket.key, bucket.checksum))

        def dump_bytecode(self, bucket: Bucket) -> None:
            """Keep the bucket's code."""
            if len(codes) >= CACHED_TEMPLATES:
                codes.clear()
            codes[bucket.key, bucket.checksum] = cast("CodeType", bucket.code)

    return CodeCache()


def _shown(value: Any) -> Any:
    if isinstance(value, Iterator):  # its text would be the name of a Python object
        raise TypeError("it shows what a filter goes through one by one; add | list or | join")
    return value


def _joined(parts: list[Any]) -> str:
    return str(_within_limit("".join(map(str, parts))))


def _instrument(source: nodes.Template) -> None:
    """Let loops count their turns, and joined texts be measured."""
    from jinja2 import nodes

    for loop in list(source.find_all(nodes.For)):
        counted = nodes.Filter(loop.iter, "_counted", [], [], None, None)
        loop.iter = counted.set_lineno(loop.lineno)
    for concat in list(source.find_all(nodes.Concat)):
        parts = nodes.List(concat.nodes).set_lineno(concat.lineno)
        joined = nodes.Filter(parts, "_joined", [], [], None, None)
        joined.set_lineno(concat.lineno)
        concat.nodes = [joined]


def _require_small_call(called: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    _require_small_numbers(args, kwargs)
    if isinstance(receiver := getattr(called, "__self__", None), str):
        _require_small_product((receiver, *args, *kwargs.values()))


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
        raise _RunawayTemplateError(f"it gives more than {RENDERED_LIMIT_CHARACTERS} characters")
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
