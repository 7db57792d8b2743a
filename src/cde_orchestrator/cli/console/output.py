"""Standard output and standard error: beautiful on a terminal, plain and whole elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO, TypeAlias, TypeVar

from cde_orchestrator.cli.console.wording import RenderTarget, clean_lines
from cde_orchestrator.domain.errors.template import json_escaped
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.trust.person import agent_at_work

if TYPE_CHECKING:
    from rich.console import RenderableType

PLAIN_WIDTH = 30_000
"""Columns where there is no terminal: nothing is wrapped or cut for a width."""

BROKEN_PIPE = 141
"""What a shell sees of a program whose reader went away: 128 and SIGPIPE."""

_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"

_BEYOND_ASCII = re.compile("[^\x00-\x7e]")
_PLAIN_MARKS = str.maketrans(
    {
        "✓": "+",
        "●": "*",
        "○": "o",
        "✗": "x",
        "↺": "<",
        "·": "-",
        "•": "*",
        "→": "->",
        "…": "...",
        "≥": ">=",
    }
)

Reply = TypeVar("Reply")
Render: TypeAlias = "Callable[[Reply, RenderTarget], RenderableType | None]"
"""Renders a reply for people; None if there is nothing to show."""
Remark: TypeAlias = "Callable[[RenderTarget], RenderableType | None]"
"""Renders what is known already."""


def say(reply: Reply, render: Render[Reply], *, project: Path | None, as_json: bool) -> None:
    """Print a reply: itself as JSON, or as ``render`` tells it to people."""
    if as_json:
        say_json(reply)
    else:
        renderable = render(reply, _look(sys.stdout, project))
        if renderable is not None:
            show(renderable)


def redraw(reply: Reply, page: Render[Reply], line: Render[Reply], *, project: Path | None) -> None:
    """Show what is looked at again and again: in the same place on a terminal, else as a line."""
    look = _look(sys.stdout, project)
    renderable = (page if look.terminal else line)(reply, look)
    if renderable is None:
        return
    text = rendered(renderable, sys.stdout)
    if look.terminal:  # from the top, each line to its end, then all below: nothing flickers
        text = _HOME + text.replace("\n", _REST_OF_LINE + "\n") + _REST_OF_SCREEN
    _write(sys.stdout, text)


def say_json(value: object, indent: int | None = 2) -> None:
    """Print a JSON value on standard output, in the encoding it has; without indent on a line."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    text = json_escaped(text)
    if not _encodable(text, sys.stdout):
        text = json.dumps(value, indent=indent)
    _write(sys.stdout, text + "\n")


def say_raw(text: str) -> None:
    """Print a text as it is, with a line's end; on a terminal without control characters."""
    if is_terminal(sys.stdout):
        text = clean_lines(text)
    whole = text if text.endswith("\n") else text + "\n"
    _write(sys.stdout, _fitted(whole, sys.stdout))


def say_json_text(text: str) -> None:
    """Print a text that is JSON as it is, escaping only what the stream cannot take."""
    if is_terminal(sys.stdout):
        text = json_escaped(text)
    if not _encodable(text, sys.stdout):
        text = _BEYOND_ASCII.sub(lambda match: json.dumps(match.group())[1:-1], text)
    _write(sys.stdout, text)


def show_aside(render: Remark, *, project: Path | None) -> None:
    """Print a remark on standard error, so that it is no part of what a program reads."""
    renderable = render(_look(sys.stderr, project))
    if renderable is not None:
        show(renderable, on_stderr=True)


def print_to_stderr(text: str) -> None:
    """Print on standard error what a command that runs prints; harmless on a terminal."""
    if sys.stderr is None:
        return
    if is_terminal(sys.stderr):
        text = clean_lines(text)
    _write(sys.stderr, _fitted(text, sys.stderr))


@contextmanager
def printed_once(watch: object) -> Iterator[None]:
    """Let a refusal of a command refer to its output, where a ``watch`` has printed that."""
    try:
        yield
    except FeatureError as error:
        if watch is not None and "tail" in error.context:
            del error.context["tail"]
        raise


def show(renderable: RenderableType, *, on_stderr: bool = False) -> None:
    """Print something for people."""
    stream = sys.stderr if on_stderr else sys.stdout
    if stream is not None:
        _write(stream, rendered(renderable, stream))


def rendered(renderable: RenderableType, stream: TextIO) -> str:
    """What is written to show something on a stream: with colours only on a terminal."""
    from rich.console import Console, Group  # noqa: PLC0415 - no JSON needs it

    terminal = is_terminal(stream)
    page = _Page(_encoding(stream))
    console = Console(
        file=page,
        force_terminal=terminal,
        width=None if terminal else PLAIN_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
    )
    # A text by itself would be joined with others, and lose that it must not be wrapped.
    console.print(Group(renderable), crop=False)
    text = page.getvalue()
    if not terminal:
        text = "".join(f"{line.rstrip()}\n" for line in text.split("\n")[:-1])
    return text if _encodable(text, stream) else _fitted(text.translate(_PLAIN_MARKS), stream)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at the stream."""
    return stream is not None and stream.isatty()


def reads_prompts() -> bool:
    """Whether an agent or a program reads standard output, and no person at a terminal."""
    return not is_terminal(sys.stdout) or agent_at_work() is not None


def _look(stream: TextIO | None, project: Path | None) -> RenderTarget:
    width = shutil.get_terminal_size().columns
    prompts = stream is sys.stdout and reads_prompts()
    return RenderTarget(is_terminal(stream), width=width, project=project, prompts=prompts)


class _Page(StringIO):
    """Takes what is rendered, for a stream of an encoding: boxes are drawn in what it has."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override] # the base has a settable attribute
        return self._encoding


def _encoding(stream: TextIO | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _fitted(text: str, stream: TextIO | None) -> str:
    """The text with a question mark for each character that the stream has no word for."""
    return text.encode(_encoding(stream), "replace").decode(_encoding(stream))


def _encodable(text: str, stream: TextIO | None) -> bool:
    try:
        text.encode(_encoding(stream))
    except UnicodeEncodeError:
        return False
    return True


def _write(stream: TextIO | None, text: str) -> None:
    """Write and flush; a stream that takes nothing more ends the command quietly."""
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _abandon(stream, BROKEN_PIPE)
    except OSError as error:
        if stream is not sys.stderr:
            _write(sys.stderr, f"cde: standard output: {error.strerror}\n")
        _abandon(stream, 1)


def _abandon(stream: TextIO, exit_code: int) -> NoReturn:
    """End the command; what is left in the stream's buffer goes nowhere, without a word."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    raise SystemExit(exit_code) from None
