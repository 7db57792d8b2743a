"""The recorded session in the documentation: whole, small, and of nobody's machine."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path
from xml.etree import ElementTree

from rich.text import Text

from cde_orchestrator.cli.app import LISTED
from tools import recording

SVG = "{http://www.w3.org/2000/svg}"


def test_the_recorded_session_shows_the_commands_that_there_are() -> None:
    drawing = ElementTree.fromstring(recording.IMAGE.read_bytes())
    words = " ".join(drawing.itertext())

    for scene in recording.SCENES:
        assert scene.typed in words
        assert scene.command[:1] == ("cde",)
        assert {*scene.command[1:2]} <= LISTED.keys()


def test_the_recorded_session_names_nothing_outside() -> None:
    text = recording.IMAGE.read_text(encoding="utf-8")

    assert len(text.encode()) < 150_000
    assert text.count("http") == 1  # the name of the format
    for word in ("/tmp", "/home", socket.gethostname(), f"{getpass.getuser()}@", "<script"):
        assert word not in text


def test_what_a_command_writes_is_text_in_its_place() -> None:
    written = "\x1b[1m<b>&\x1b[0m ok\x1b[2K\n╭─ a ─╮\n" + "x" * 100
    lines = recording.shown(written, Path("/none"), 4)
    session = [(recording.SCENES[0], lines)]

    drawing = ElementTree.fromstring(recording.drawn(session))

    texts = [each.text for each in drawing.iter(f"{SVG}text")]
    assert {"<b>&", "ok", "a", "x" * recording.COLUMNS, "x" * 12} <= {*texts}
    assert len([*drawing.iter(f"{SVG}path")]) == 4


def test_a_long_answer_is_shortened_and_says_so() -> None:
    lines = recording.shown("\n".join(map(str, range(100))), Path("/none"), 4)

    assert len(lines) == recording.MOST_LINES
    assert lines[4] == Text("… 77 more lines", "dim")
    assert [lines[0].plain, lines[-1].plain] == ["0", "99"]
