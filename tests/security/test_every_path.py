"""Whatever is in the place of a file that the product opens: nothing outside changes, none hangs.

Which files these are is found with ``strace``, so that a new one is tried as soon as there is one.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests import command_line
from tests.integration.cli.commands import environment
from tests.nobody import NOBODY
from tests.repository import git
from tests.security import traced, workload
from tests.security.swap import contents
from tests.soak import SOAK

pytestmark = [
    pytest.mark.faults,
    pytest.mark.soak,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="strace is a program of Linux"),
]
SAMPLE = 4
OUTSIDE = "outside"
CLOSED = 0o600
ACTING = (".cde/config.toml", ".cde/workflow.yml", ".cde/prompts")
SQLITE = ("telemetry.db", "telemetry.db-journal")


def device(path: Path, outside: Path) -> None:
    """One that never ends; who may make none has a link to it."""
    if os.geteuid() == 0:
        os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5))
    else:
        path.symlink_to("/dev/zero")


def sealed(path: Path, outside: Path) -> None:
    """A file of somebody else, or of nobody's to read."""
    path.write_text("theirs")
    path.chmod(0)
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def huge(path: Path, outside: Path) -> None:
    """A file of a gigabyte without content."""
    with path.open("wb") as file:
        file.truncate(2**30)


def listening(path: Path, outside: Path) -> None:
    """A socket."""
    here = Path.cwd()
    os.chdir(path.parent)  # its whole path may be too long for one
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.chdir(here)


KINDS: dict[str, Callable[[Path, Path], object]] = {
    "a link to a file": lambda path, outside: path.symlink_to(outside / "file"),
    "a link to a folder": lambda path, outside: path.symlink_to(outside),
    "a link to nothing": lambda path, outside: path.symlink_to(outside / "nothing"),
    "a pipe": lambda path, outside: os.mkfifo(path),
    "a socket": listening,
    "a device": device,
    "a folder": lambda path, outside: path.mkdir(),
    "a sealed file": sealed,
    "a huge file": huge,
}
FOREIGN = {
    f"{which} of somebody else's, {rights}": (which == "its folder", mode)
    for which in ("itself", "its folder")
    for rights, mode in (("closed", CLOSED), ("to read", 0o644), ("to write", 0o666))
}
"""Whether the folder is somebody else's that a thing is in, and what others may do there.

Only root can give anything away. Who calls is then one that may not pass over rights.
"""


def give_away(path: Path, mode: int) -> None:
    """Let it be somebody else's; a file, where there is nothing."""
    if not os.path.lexists(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("theirs")
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    if not path.is_symlink():
        path.chmod(mode | (mode & 0o444) >> 2 if path.is_dir() else mode)


@dataclass
class Attacked:
    """A project that is made as it was again and again, in one folder.

    Attributes:
        root: its folder.
        outside: what is none of its.
        kept: the project as it was.
        places: what is opened in it, relative.
        calls: how.
        own: the environment of the person, who trusts the project.
    """

    root: Path
    outside: Path
    kept: Path
    places: list[str]
    calls: list[traced.Call]
    own: dict[str, str]

    def begin(self) -> None:
        """Have the project as it was; its folder stays the same one."""
        os.chown(self.root, os.geteuid(), os.getegid())
        for entry in self.root.iterdir():
            remove(entry)
        shutil.copytree(self.kept, self.root, symlinks=True, dirs_exist_ok=True)

    def put(self, place: str, kind: str) -> None:
        """Have something else in the place of what is there."""
        path = self.root / place
        if kind in FOREIGN:
            give_away(self.given(place, kind), FOREIGN[kind][1])
            return
        remove(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        KINDS[kind](path, self.outside)

    def given(self, place: str, kind: str) -> Path:
        """What is somebody else's, of a kind of these."""
        path = self.root / place
        return path.parent if FOREIGN[kind][0] else path

    def allowed(self, place: str, kind: str) -> str:
        """What the rule of trust may say, as a regular expression.

        E327 where the folder or its ``.cde`` is somebody else's (E003, E320 where closed),
        E325 and E326 where what acts is new or cannot be read. Anything else is as it was,
        whoever owns it.
        """
        if kind not in FOREIGN:
            return "E32"
        given = self.given(place, kind)
        if given in {self.root, self.root / ".cde"}:
            return "E327|E003|E320|belongs to"
        inner = given.relative_to(self.root)
        is_new = not os.path.lexists(self.kept / inner)
        if inner.as_posix().startswith(ACTING) and (is_new or FOREIGN[kind][1] == CLOSED):
            return "E325|E326"
        return "nothing"


def remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    """A project that has been worked on, and what is opened where it is worked on further."""
    top = tmp_path_factory.mktemp("every")
    root, outside, kept = top / "project", top / OUTSIDE, top / "kept"
    root.mkdir()
    own = environment(XDG_CONFIG_HOME=str(top / "config"))
    (outside / "logs").mkdir(parents=True)
    for name in ("file", "cde.log", "state.json", "logs/cde.log", "config.toml"):
        (outside / name).write_text("theirs")
    git(root, "init", "--quiet")
    workload.make(root)
    script = ["-m", "tests.security.workload", str(root)]
    calls = traced.calls_of([*script, "begin"], top / "trace", own)
    shutil.copytree(root, kept, symlinks=True)
    calls += traced.calls_of([*script, "go"], top / "trace", own)
    serve = ["-m", "cde_orchestrator", "serve", "--project", str(root)]
    calls += traced.calls_of(serve, top / "trace", own, workload.ask)
    attacked = Attacked(root, outside, kept, traced.places(calls, root), calls, own)
    attacked.begin()
    asked = {name: value for name, value in own.items() if name != VARIABLE}
    said = command_line.cde("trust", "--yes", cwd=root, environment=asked)
    assert said.returncode == 0, said
    return attacked


def test_files_are_reached_from_the_folder_that_they_are_in(attacked: Attacked) -> None:
    top = f"{attacked.root}/"
    by_path = {
        call.words
        for call in attacked.calls
        if call.named.startswith(top) and not call.named.endswith(SQLITE)
        if "/" in call.named.removeprefix(top)
        or (call.words.startswith("open") and "O_NOFOLLOW" not in call.words)
    }

    # What git opens by path is looked at by path before.
    assert {each for each in by_path if "/.git" not in each or "O_DIRECTORY" not in each} == set()


def test_what_is_tried_is_what_is_opened(attacked: Attacked) -> None:
    known = {
        *(".cde", ".cde/config.toml", ".cde/workflow.yml", ".cde/prompts/own.md", ".cde/lock"),
        *(".cde/logs", ".cde/logs/cde.log", ".cde/errors", ".cde/state.json", ".cde/runs"),
        *(".cde/journal.jsonl", ".cde/telemetry.db", ".cde/telemetry.db-pending", ".cde/objects"),
        *(".cde/breakers", ".git/info/exclude", ".git/cde", "pyproject.toml", "specs/one/plan.md"),
    }

    assert known - set(attacked.places) == set()


def cases(attacked: Attacked) -> Iterator[tuple[str, str, tuple[tuple[str, ...], ...]]]:
    """Places, what to put there and commands: all of them in `make soak`, else a sample."""
    every = [(place, kind) for place in attacked.places for kind in KINDS]
    every.remove((".cde", "a link to a folder"))  # its owner's choice
    given = {
        (attacked.given(place, kind), kind): (place, kind)
        for place in attacked.places
        for kind in FOREIGN
        if os.geteuid() == 0
    }
    chosen = random.Random(os.environ.get("CDE_SIMULATION_SEED", "1"))
    for tried in every, [*given.values()]:
        for place, kind in tried if SOAK else chosen.sample(tried, min(SAMPLE, len(tried))):
            some = set(chosen.sample(workload.COMMANDS, SAMPLE))
            yield place, kind, tuple(each for each in workload.COMMANDS if SOAK or each in some)


def faults_of(
    attacked: Attacked, place: str, kind: str, commands: tuple[tuple[str, ...], ...]
) -> Iterator[str]:
    """What should not be, where something is in a place while all is done."""
    attacked.begin()
    attacked.put(place, kind)
    is_foreign, allowed = kind in FOREIGN, attacked.allowed(place, kind)
    own = {n: value for n, value in attacked.own.items() if n != VARIABLE or not is_foreign}
    before = contents(attacked.root) if allowed.startswith("E327") else None
    for words in commands:
        try:
            done = command_line.in_words(
                command_line.cde(
                    *words, cwd=attacked.root, environment=own, is_powerless=is_foreign
                )
            )
        except TimeoutError:
            yield f"{words} hangs"
            continue
        yield from faults_in(done.stdout + done.stderr, words, allowed)
    try:
        answers, said = workload.served(attacked.root, own, is_powerless=is_foreign)
    except TimeoutError:
        yield "the server hangs"
    else:
        yield from faults_in("".join(answers) + said, ("serve",), allowed)
    if before is not None and contents(attacked.root) != before:
        yield "what is somebody else's was changed"


def faults_in(said: str, words: tuple[str, ...], allowed: str) -> Iterator[str]:
    """What a command should not say, or should and does not."""
    trust = set(re.findall(r"\bE32[5-8]\b", said))
    if "Traceback" in said or "E999" in said:
        yield f"{words}: {said}"
    elif allowed.startswith("E327") and not re.search(allowed, said):
        yield f"{words} uses what is somebody else's: {said}"
    elif any(not re.match(allowed, code) for code in trust):
        yield f"{words} says {trust}: {said}"


def test_nothing_outside_changes_and_nothing_hangs(attacked: Attacked) -> None:
    before = contents(attacked.outside)
    found = []
    for place, kind, commands in cases(attacked):
        faults = faults_of(attacked, place, kind, commands)
        found += [f"{kind} at {place}: {fault}" for fault in faults]
        if contents(attacked.outside) != before:
            found.append(f"{kind} at {place}: something outside was changed")
            before = contents(attacked.outside)

    assert found == []


def test_a_copy_of_the_history_that_is_closed_is_a_finding_of_the_doctor(
    attacked: Attacked,
) -> None:
    attacked.begin()
    copy = min(attacked.root.glob(".git/cde/*/journal-*.jsonl"))
    copy.chmod(0)
    for words in (("doctor",), ("doctor", "--fix")):
        done = command_line.cde(
            *words, cwd=attacked.root, environment=attacked.own, is_powerless=True
        )
        said = command_line.in_words(done)
        assert (said.returncode, copy.name in said.stdout) == (1, True), said
        assert "E999" not in said.stdout + said.stderr
