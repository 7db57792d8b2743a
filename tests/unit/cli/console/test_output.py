"""What reaches a terminal, a file, and a stream that takes nothing."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from cde_orchestrator.cli.console.output import (
    reads_prompts,
    redraw,
    rendered,
    say,
    say_json,
    say_json_text,
    say_raw,
    show,
    show_aside,
)
from cde_orchestrator.cli.console.wording import RenderTarget


class Stream(io.TextIOWrapper):
    """A stream of an encoding, with or without a person behind it."""

    def __init__(self, encoding: str = "utf-8", *, person: bool = False) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding, newline="\n")
        self._person = person

    def isatty(self) -> bool:
        return self._person

    @property
    def text(self) -> str:
        """What was written."""
        self.flush()
        return self.bytes.getvalue().decode(self.encoding)


class BrokenStream(Stream):
    """A stream that fails when it is written to."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, _: str) -> int:
        raise self._error


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 40 columns with colours."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


def test_a_terminal_gets_colours_and_lines_of_its_width() -> None:
    text = rendered(Text("word " * 20, style="red"), Stream(person=True))

    assert "\x1b[31m" in text
    assert len(text.splitlines()) == 3


def test_a_file_gets_whole_lines_without_colours_or_trailing_blanks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    text = rendered(Text("word " * 20, style="red"), Stream())

    assert text == ("word " * 20).rstrip() + "\n"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    assert rendered(Text("x", style="red"), Stream(person=True)) == "x\n"


def test_markup_in_a_text_stays_text() -> None:
    assert rendered("[red]x[/red] :smile:", Stream(person=True)) == "[red]x[/red] :smile:\n"


def test_a_stream_without_the_signs_gets_others() -> None:
    renderable = Group(Text("✓ done → nächste 日"), Panel(Text("x"), width=5))

    text = rendered(renderable, Stream("latin-1"))

    assert text == "+ done -> nächste ?\n+---+\n| x |\n+---+\n"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_json_means_the_same_in_any_encoding(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = {"name": "日本 ä \x1b \x9b \u202e \u2028 \udcff 😀"}
    stdout = Stream(encoding)
    monkeypatch.setattr(sys, "stdout", stdout)

    say_json(value)

    assert json.loads(stdout.text) == value
    assert ("日本" in stdout.text) == (encoding == "utf-8")
    assert not {"\x1b", "\x9b", "\u202e", "\u2028"} & set(stdout.text)


@pytest.mark.parametrize(
    ("person", "expected"), [(False, "\x1b[31mä\n\tx\n"), (True, "\\x1b[31mä\n    x\n")]
)
def test_a_raw_text_is_made_harmless_for_people_only(
    person: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = Stream(person=person)
    monkeypatch.setattr(sys, "stdout", stdout)

    say_raw("\x1b[31mä\n\tx")

    assert stdout.text == expected


def test_a_raw_text_that_ends_its_line_gets_no_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = Stream("ascii")
    monkeypatch.setattr(sys, "stdout", stdout)

    say_raw("ä\n")

    assert stdout.text == "?\n"


def test_a_reply_is_told_with_the_look_of_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[RenderTarget] = []

    def render(reply: str, look: RenderTarget) -> Text | None:
        looks.append(look)
        return Text(reply) if reply else None

    for person in (True, False):
        monkeypatch.setattr(sys, "stdout", Stream(person=person))
        say("told", render, project=Path("/shop"), as_json=False)
        say("", render, project=None, as_json=False)

    assert [(look.terminal, look.width) for look in looks] == [(True, 40)] * 2 + [(False, 40)] * 2
    assert looks[0].project == Path("/shop")


def test_only_a_person_at_a_terminal_reads_no_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def looked(_: str, look: RenderTarget) -> Text:
        seen.append(look.prompts)
        return Text()

    for person, agent in ((True, ""), (False, ""), (True, "1")):
        monkeypatch.setattr(sys, "stdout", Stream(person=person))
        monkeypatch.setenv("CLAUDECODE", agent)
        assert reads_prompts() is (not person or bool(agent))
        say("x", looked, project=None, as_json=False)
        show_aside(lambda look: looked("x", look), project=None)

    assert seen == [False, False, True, False, True, False]  # never on standard error


def test_a_remark_goes_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Stream()
    monkeypatch.setattr(sys, "stderr", stderr)

    show_aside(lambda _: Text("by the way"), project=None)
    show_aside(lambda _: None, project=None)

    assert stderr.text == "by the way\n"


def test_a_process_without_standard_output_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    show(Text("unheard"))
    say_json({})
    say_raw("unheard")


def test_a_reader_that_went_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(sys, "stdout", BrokenStream(BrokenPipeError()))

    with pytest.raises(SystemExit) as ended:
        say_json({})

    assert (ended.value.code, stderr.text) == (141, "")


def test_a_full_disk_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(sys, "stdout", BrokenStream(OSError(28, "No space left on device")))

    with pytest.raises(SystemExit) as ended:
        say_json({})

    assert ended.value.code == 1
    assert stderr.text == "cde: standard output: No space left on device\n"


def test_standard_error_that_takes_nothing_ends_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", BrokenStream(OSError(28, "No space left on device")))

    with pytest.raises(SystemExit) as ended:
        show(Text("x"), on_stderr=True)

    assert ended.value.code == 1


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
@pytest.mark.parametrize("person", [False, True])
def test_a_text_of_json_means_the_same_in_any_encoding(
    encoding: str, person: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = Stream(encoding, person=person)
    monkeypatch.setattr(sys, "stdout", stdout)
    text = '{"goal": "日本 \u202e 😀 é"}\n'
    say_json_text(text)
    assert json.loads(stdout.text) == json.loads(text)


@pytest.mark.parametrize("person", [True, False])
def test_what_is_looked_at_again_stays_in_its_place_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, person: bool
) -> None:
    stream = Stream(person=person)
    monkeypatch.setattr(sys, "stdout", stream)

    for reply in ("first", "then"):
        redraw(
            reply,
            lambda said, _: Text(f"{said}\nin full"),
            lambda said, _: Text(f"{said} in short"),
            project=None,
        )

    if person:
        assert stream.text.count("\x1b[H") == stream.text.count("\x1b[J") == 2
        assert "then\x1b[K\nin full\x1b[K\n" in stream.text
    else:
        assert stream.text == "first in short\nthen in short\n"
