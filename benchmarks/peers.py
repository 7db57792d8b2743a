"""The list of a hundred tasks, as a whole process, beside two programs of others.

They come from npm, into the cache of ``tools.kept_programs``; one that cannot be installed or
run is reported as such.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commands import CDE
from benchmarks.launcher import Launcher
from benchmarks.measure import Figure, interleaved, own_folder, runs_of
from benchmarks.states import OPEN_EVERY, build, name_of
from tools.kept_programs import NotInstalledError, node, npm_script

TASKS = 100
OWN = "cde"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A program that lists tasks.

    Attributes:
        name: its package.
        entry: its script in the package.
        words: what lists the tasks.
        prepare: writes as many tasks as its own command does, into an empty folder.
    """

    name: str
    version: str
    entry: str
    words: tuple[str, ...]
    first: str
    prepare: Callable[[Path], None]


def _backlog_tasks(folder: Path) -> None:
    tasks = folder / "backlog" / "tasks"
    tasks.mkdir(parents=True)
    config = 'project_name: "benchmark"\nstatuses: ["To Do", "In Progress", "Done"]\n'
    config += 'default_status: "To Do"\nfilesystem_only: true\ntask_prefix: "task"\n'
    (folder / "backlog" / "config.yml").write_text(config, encoding="utf-8")
    for number in range(TASKS):
        status = "Done" if number % OPEN_EVERY else "To Do"
        lines = [
            *("---", f"id: TASK-{number + 1}", f"title: {name_of(number)}", f"status: {status}"),
            *("assignee: []", "created_date: '2026-01-01 12:00'", "labels: []"),
            *("dependencies: []", "---", "", "## Description", "", f"Change number {number}", ""),
        ]
        path = tasks / f"task-{number + 1} - {name_of(number)}.md"
        path.write_text("\n".join(lines), encoding="utf-8")


def _taskmaster_tasks(folder: Path) -> None:
    tasks: list[dict[str, object]] = [
        {
            "id": number + 1,
            "title": name_of(number),
            "description": f"Change number {number}",
            "status": "done" if number % OPEN_EVERY else "pending",
            "dependencies": [],
            "priority": "medium",
            "details": "",
            "testStrategy": "",
            "subtasks": [],
        }
        for number in range(TASKS)
    ]
    place = folder / ".taskmaster" / "tasks"
    place.mkdir(parents=True)
    (place / "tasks.json").write_text(json.dumps({"master": {"tasks": tasks, "metadata": {}}}))


PEERS = (
    Peer(
        name="backlog.md",
        version="1.52.0",
        entry="cli.js",
        words=("task", "list", "--plain"),
        first="0.38 s",
        prepare=_backlog_tasks,
    ),
    Peer(
        name="task-master-ai",
        version="0.43.1",
        entry="dist/task-master.js",
        words=("list",),
        first="3.6 s",
        prepare=_taskmaster_tasks,
    ),
)
KEY = "peer-"
"""How the keys of the peers' own figures begin."""


def measure() -> list[Figure]:
    """List the tasks with each program, in turns."""
    with own_folder() as folder, Launcher() as launcher:
        commands = {OWN: ([*CDE, "status"], build(folder / "cde", TASKS))}
        missing: dict[str, str] = {}
        for peer in PEERS:
            place = folder / peer.name
            place.mkdir()
            peer.prepare(place)
            try:
                script = npm_script(peer.name, peer.version, peer.entry)
                commands[peer.name] = ([str(node()), str(script), *peer.words], place)
            except (NotInstalledError, OSError) as error:
                missing[peer.name] = _reason(error)

        def timing(name: str) -> Callable[[], float]:
            """What runs it; one that failed is not run again."""
            words, place = commands[name]

            def run() -> float:
                if name not in missing:
                    try:
                        return launcher.run(words, place, _private(folder)).ms
                    except RuntimeError as error:
                        if name == OWN:
                            raise
                        missing[name] = _reason(error)
                return math.nan

            return run

        samples = interleaved(runs_of(7, 1), *map(timing, commands), warm_up=1)
    taken = dict(zip(commands, samples, strict=True))
    return figures_of({name: taken[name] for name in taken if name not in missing}, missing)


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def figures_of(taken: dict[str, list[float]], missing: dict[str, str]) -> list[Figure]:
    """The figures of what each program took, or why it is not there."""
    others = {name: samples for name, samples in taken.items() if name != OWN}
    faster = min(others, key=lambda name: statistics.median(others[name]), default=None)
    own = Figure(
        key=f"status-{TASKS}",
        name=f"cde status, {TASKS} features",
        samples=taken[OWN],
        yardstick=f"{faster}, the faster peer" if faster else "no peer could be measured",
        yardstick_samples=others[faster] if faster else (),
        paired=True,
        reach=0.5,
        first="1.4 (0.53 s)",
        features=TASKS,
    )
    return [
        own,
        *(
            Figure(
                key=f"{KEY}{peer.name}",
                name=f"{peer.name} {' '.join(peer.words)}, {TASKS} tasks",
                samples=taken.get(peer.name, ()),
                compared="value",
                first=peer.first,
                missing=missing.get(peer.name, ""),
            )
            for peer in PEERS
        ),
    ]


def versions_of(figures: Sequence[Figure]) -> dict[str, str]:
    """The versions of the peers that were measured."""
    measured = {figure.key for figure in figures if not figure.missing}
    return {peer.name: peer.version for peer in PEERS if f"{KEY}{peer.name}" in measured}


def _private(folder: Path) -> dict[str, str]:
    """A home of the run, so that nothing of the user's is read or written."""
    home = str(folder)
    return {"HOME": home, "XDG_CONFIG_HOME": home, "NO_COLOR": "1"}
