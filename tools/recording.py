"""Makes docs/images/session.svg, a recorded session: ``python -m tools.recording``.

The commands run for real, each on a terminal of its own, in a project made for them. What they
print is drawn as one SVG that shows a command after the other; it needs no font, script or
address of anywhere else.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from cde_orchestrator.domain.lease import PERSON
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from cde_orchestrator.infrastructure.trust.person import person_name
from tests.terminal import of_a_person

IMAGE = Path(__file__).parents[1] / "docs" / "images" / "session.svg"
COLUMNS, ROWS = 88, 24
CELL, LINE, SIZE = 9.0, 19, 15
"""Pixels: a character's width, a line's height, a letter's size."""
MOST_LINES = 24
"""Lines that are shown of an answer."""
TOP, SIDE, BOTTOM = 46, 22, 18
TYPED_SECONDS = 0.04
"""How long one character is typed."""
ANSWER_SECONDS = 60.0
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"
THEME = TerminalTheme(
    (24, 28, 38),
    (214, 220, 232),
    [
        *((90, 98, 115), (243, 121, 131), (141, 207, 128), (233, 196, 116)),
        *((125, 174, 247), (204, 150, 240), (107, 205, 210), (214, 220, 232)),
    ],
)
WORKFLOW = """\
version: 1
default: small
proof: required
runner: unittest
workflows:
  small:
    description: A small change, after a plan that a person approves.
    branch: true
    phases:
      - id: plan
        description: Say what will be different, and how anybody can see that it is.
        prompt: lean/plan.md
        outputs:
          - id: plan
            path: specs/{feature}/plan.md
            must_contain: ["## Goal", "## Acceptance criteria"]
      - id: review-plan
        description: Read the plan. Is it what you want?
        prompt: standard/approve-spec.md
        handler: human_input
        inputs: [plan]
        outputs: []
      - id: build
        description: Make the change, and note what was done.
        prompt: lean/build.md
        inputs: [plan]
        changes: required
        proves: plan
        outputs:
          - {id: notes, path: "specs/{feature}/notes.md"}
          - {id: proofs, path: "specs/{feature}/proofs.yml", type: yaml}
"""
CODE = 'def greeting():\n    return "Hello!"\n'
BUILT = 'def greeting(name):\n    return f"Hello, {name}!"\n'
PLAN = "# Greet people by their name\n\n## Goal\n\nThe greeting has the name.\n"
TEST = """\
import unittest

from greet import greeting


class GreetingTest(unittest.TestCase):
    def test_a_greeting_has_the_name(self):
        self.assertEqual(greeting("Ann"), "Hello, Ann!")
"""
PROOFS = "AC1: test_greet.py::GreetingTest::test_a_greeting_has_the_name\n"
CRITERIA = '\n## Acceptance criteria\n\n- AC1: greeting("Ann") is "Hello, Ann!"\n'


@dataclass(frozen=True, slots=True)
class Scene:
    """One command of the session.

    Attributes:
        command: its words, as they are typed.
        seconds: how long its answer is shown.
        note: a line of a comment above it.
        writes: what somebody wrote into files before it: texts by path.
        answers: what is answered when the command asks.
        code: with which exit code it must end.
        first: lines of a long answer that are shown before what is left out.
    """

    command: tuple[str, ...]
    seconds: float
    note: str
    writes: tuple[tuple[str, str], ...] = ()
    answers: tuple[str, ...] = ()
    code: int = 0
    first: int = 4

    @property
    def typed(self) -> str:
        """The command as it is shown."""
        return " ".join(f"'{word}'" if " " in word else word for word in self.command)


SCENES = (
    Scene(
        ("cde", "start", "Greet people by their name", "--name", "greet"),
        5.0,
        "A goal becomes a feature, in phases",
    ),
    Scene(
        ("cde", "submit"),
        6.0,
        "An agent wrote the plan, but not all of it: the gate says what is missing",
        (("specs/greet/plan.md", PLAN),),
        code=1,
    ),
    Scene(
        ("cde", "submit"),
        4.0,
        "It adds the section",
        (("specs/greet/plan.md", PLAN + CRITERIA),),
    ),
    Scene(("cde",), 4.0, "What waits, and for whom"),
    Scene(("cde", "approve"), 7.0, "A person decides", answers=("y",), first=20),
    Scene(
        ("cde", "submit"),
        4.5,
        "The agent makes the change, with a test: does it prove the criterion?",
        (
            ("greet.py", BUILT),
            ("test_greet.py", TEST),
            ("specs/greet/notes.md", "# Notes\n\nDone as planned.\n"),
            ("specs/greet/proofs.yml", PROOFS),
        ),
    ),
    Scene(
        ("cde", "finish"),
        7.0,
        "And a person commits exactly that",
        answers=("y",),
    ),
)


def set_up(root: Path, environment: Mapping[str, str]) -> None:
    """Make the project that the session is about."""
    (root / ".cde").mkdir(parents=True)
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW, encoding="utf-8")
    (root / "greet.py").write_text(CODE, encoding="utf-8")
    for words in (
        ["git", "init", "-q", "-b", "main"],
        ["cde", "init"],
        ["cde", "trust", "--yes"],
        ["git", "add", "."],
        ["git", "commit", "-q", "-m", "Start"],
    ):
        subprocess.run(words, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)


def on_a_terminal(scene: Scene, root: Path, environment: Mapping[str, str]) -> str:
    """All that the command writes on a terminal, with what is answered."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        scene.command, cwd=root, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written, answers = b"", list(scene.answers)
    while True:
        if not select.select([ours], [], [], ANSWER_SECONDS)[0]:
            process.kill()
            raise TimeoutError(f"{scene.typed}: {written.decode(errors='replace')}")
        try:
            part = os.read(ours, 65_536)
        except OSError:  # how a terminal says that its other side is closed
            break
        if not part:
            break
        written += part
        if answers and written.endswith(b"]: "):
            os.write(ours, f"{answers.pop(0)}\n".encode())
    os.close(ours)
    said = written.decode("utf-8").replace("\r\n", "\n").rstrip("\n")
    if process.wait() != scene.code:
        raise RuntimeError(f"{scene.typed} ended with {process.returncode}:\n{said}")
    return said


def shown(written: str, root: Path, first: int) -> list[Text]:
    """The lines that a person sees; folder and person as one reads them, and not as they were."""
    text = written.replace(str(root), "~/shop").replace(
        person_name().removeprefix(PERSON), "ann@laptop"
    )
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-ln-z]", "", text)  # all but colours
    lines: list[Text] = []
    for each in text.split("\n"):
        line = Text.from_ansi(each.rpartition("\r")[2])
        lines += line.divide(range(COLUMNS, len(line), COLUMNS))
    if len(lines) > MOST_LINES:
        omitted = len(lines) - MOST_LINES + 1
        lines[first : first + omitted] = [Text(f"… {omitted} more lines", "dim")]
    return lines


class Drawing:
    """Lines of a terminal as elements of SVG."""

    def __init__(self) -> None:
        self._console = Console(width=2 * COLUMNS, color_system="truecolor", legacy_windows=False)
        self.classes: dict[str, str] = {}

    def line(self, text: Text, row: int) -> Iterator[str]:
        """One line: its words in their places, and the frames of panels as lines."""
        column = 0
        y = TOP + row * LINE
        for segment in self._console.render(text):
            style = segment.style or Style()
            for run in _RUNS.finditer(segment.text):
                x = SIDE + (column + run.start()) * CELL
                if run[0][0] in _FRAMES:
                    yield self._frame(run[0], x, y)
                else:
                    yield self._words(run[0], style, x, y)
            column += len(segment.text.rstrip("\n"))

    def _frame(self, run: str, x: float, y: float) -> str:
        width, half = len(run) * CELL, CELL / 2
        path = _FRAMES[run[0]].format(
            x=x, right=x + width, middle=x + half, end=x + CELL, y=y, low=y + LINE, mid=y + LINE / 2
        )
        return f'<path d="{path}"/>'

    def _words(self, run: str, style: Style, x: float, y: float) -> str:
        width = len(run) * CELL
        name = self._class(style)
        about = f' class="{name}"' if name else ""
        return (
            f'<text x="{x:g}" y="{y + LINE * 0.72:g}" textLength="{width:g}"{about}>'
            f"{escape(run, quote=False)}</text>"
        )

    def _class(self, style: Style) -> str:
        rules = []
        if style.color is not None and not style.color.is_default:
            red, green, blue = style.color.get_truecolor(THEME)
            rules.append(f"fill:#{red:02x}{green:02x}{blue:02x}")
        if style.bold:
            rules.append("font-weight:600")
        if style.dim:
            rules.append("fill-opacity:.62")
        if style.italic:
            rules.append("font-style:italic")
        if not rules:
            return ""
        return self.classes.setdefault(";".join(rules), f"c{len(self.classes)}")


_FRAMES = {
    "─": "M{x:g} {mid:g}H{right:g}",
    "│": "M{middle:g} {y:g}V{low:g}",
    "╭": "M{end:g} {mid:g}Q{middle:g} {mid:g} {middle:g} {low:g}",
    "╮": "M{x:g} {mid:g}Q{middle:g} {mid:g} {middle:g} {low:g}",
    "╰": "M{end:g} {mid:g}Q{middle:g} {mid:g} {middle:g} {y:g}",
    "╯": "M{x:g} {mid:g}Q{middle:g} {mid:g} {middle:g} {y:g}",
}

_RUNS = re.compile(r"─+|[│╭╮╰╯]|[^\s─│╭╮╰╯](?:[^─│╭╮╰╯]*[^\s─│╭╮╰╯])?")


def drawn(session: Sequence[tuple[Scene, list[Text]]]) -> str:
    """The session as one SVG; without animation, as where a person wants none, its last scene."""
    drawing = Drawing()
    rows = 2 + max(len(lines) for _, lines in session)
    width, height = 2 * SIDE + COLUMNS * CELL, TOP + rows * LINE + BOTTOM
    total = sum(len(each.typed) * TYPED_SECONDS + 0.9 + each.seconds for each, _ in session)
    rules: list[str] = []
    scenes, begin = [], 0.0
    for number, (scene, lines) in enumerate(session):
        typing = len(scene.typed) * TYPED_SECONDS
        end = begin + typing + 0.9 + scene.seconds
        at = [100 * moment / total for moment in (begin, begin + 0.4, begin + 0.4 + typing, end)]
        rules += _animation(number, at, begin + 0.5 + typing, total, len(scene.typed))
        note = Text(f"# {scene.note}", style="italic dim")
        prompt = Text.assemble(("$ ", "bold green"), (scene.typed, "bold"))
        cover = (
            f'<rect class="t t{number}" x="{SIDE + 2 * CELL:g}" y="{TOP + LINE}" '
            f'width="{len(scene.typed) * CELL:g}" height="{LINE}"/>'
        )
        answer = [each for row, line in enumerate(lines, 2) for each in drawing.line(line, row)]
        scenes.append(
            f'<g class="s s{number}">{"".join([*drawing.line(note, 0), *drawing.line(prompt, 1)])}'
            f'{cover}<g class="o o{number}">{"".join(answer)}</g></g>'
        )
        begin = end
    background, foreground = THEME.background_color.hex, THEME.foreground_color.hex
    styles = [
        f"text{{font:{SIZE}px {FONTS};fill:{foreground};white-space:pre}}",
        "path{fill:none;stroke:#626b7d;stroke-width:1}",
        f".t{{fill:{background};transform:scaleX(0);transform-box:fill-box}}",
        ".t{transform-origin:right}",
        f".s{{visibility:hidden}}.s{len(session) - 1}{{visibility:visible}}",
        *(f".{name}{{{rule}}}" for rule, name in drawing.classes.items()),
        f"@media(prefers-reduced-motion:no-preference){{{''.join(rules)}}}",
    ]
    told = escape("; ".join(scene.typed for scene, _ in session))
    dots = "".join(
        f'<circle cx="{SIDE + 6 + 20 * place}" cy="22" r="6" fill="{colour}"/>'
        for place, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-labelledby="title">'
        f'<title id="title">A session of cde in a terminal: {told}</title>'
        f"<style>{''.join(styles)}</style>"
        f'<rect width="{width:g}" height="{height:g}" rx="10" fill="{background}"/>'
        f"{dots}{''.join(scenes)}</svg>\n"
    )


def _animation(
    number: int, at: Sequence[float], answered: float, total: float, letters: int
) -> Iterator[str]:
    """When a scene is seen, its command typed and its answer given, in percent of the whole."""
    begin, typing, typed, end = at
    answer = 100 * answered / total
    around = f"0%{{visibility:hidden}}{begin:.3f}%{{visibility:visible}}{end:.3f}%"
    yield f"@keyframes s{number}{{{around}{{visibility:hidden}}100%{{visibility:hidden}}}}"
    yield (
        f"@keyframes t{number}{{0%{{transform:scaleX(1)}}{typing:.3f}%{{transform:scaleX(1);"
        f"animation-timing-function:steps({letters})}}{typed:.3f}%{{transform:scaleX(0)}}"
        "100%{transform:scaleX(0)}}"
    )
    yield (
        f"@keyframes o{number}{{0%{{opacity:0}}{answer:.3f}%{{opacity:0}}"
        f"{answer + 0.01:.3f}%{{opacity:1}}100%{{opacity:1}}}}"
    )
    yield f".s{number}{{animation:s{number} {total:g}s step-end infinite}}"
    yield f".t{number}{{animation:t{number} {total:g}s linear infinite}}"
    yield f".o{number}{{animation:o{number} {total:g}s linear infinite}}"


def main() -> None:
    """Record the session, and draw it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        root = home / "shop"
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        environment = of_a_person(kept) | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "HOME": str(home),
            "TERM": "xterm-256color",
            VARIABLE: str(root),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_NAME": "Ann" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ann@example.org" for who in ("AUTHOR", "COMMITTER")},
        }
        set_up(root, environment)
        session = []
        for scene in SCENES:
            for name, text in scene.writes:
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            written = on_a_terminal(scene, root, environment)
            session.append((scene, shown(written, root, scene.first)))
            print(f"$ {scene.typed}", *(line.plain for line in session[-1][1]), sep="\n")
        IMAGE.write_text(drawn(session), encoding="utf-8")
    print(f"{IMAGE.name}: {IMAGE.stat().st_size / 1_000:.1f} kB")


if __name__ == "__main__":
    main()
