"""The demo's agent: a script instead of a model.

Its texts were written beforehand (``deliverables``). The code that it writes works, and the runs
that its reports tell of take place.
"""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from examples.walkthrough.failure import DemoError

NAME = "list-since"
GOAL = "Understand moments such as 36h, 2d or 2026-11-01: the first step to `cde list --since`"
CODE = {
    "since.py.txt": "src/cde_orchestrator/domain/since.py",
    "test_since.py.txt": "tests/unit/domain/test_since.py",
}
WRITES_ITSELF = {"decompose", "implement", "review"}
"""Phases whose outputs the agent writes as files; it passes the others in ``results``."""

LIE = "tests/unit/domain/test_done.py"
_LYING_TEST = """\
import unittest


class DoneTest(unittest.TestCase):
    def test_it_is_done(self) -> None:
        self.assertTrue(True)
"""
_LYING_PROOFS = "".join(f"AC{n}: {LIE}::DoneTest::test_it_is_done\n" for n in (1, 2, 3))

_DELIVERABLES = Path(__file__).parent / "deliverables"
_TRY = (
    "from datetime import datetime, UTC; from cde_orchestrator.domain.since import parse_since; "
    "print(parse_since('2d', datetime(2026, 11, 10, 12, tzinfo=UTC)))"
)
_RUN_SECONDS = 30.0

_TEST = (
    "import sys, unittest; sys.path.insert(0, 'src'); "
    f"unittest.main(module=None, argv=['unittest', '{CODE['test_since.py.txt']}'])"
)
CHECK = [sys.executable, "-B", "-c", _TEST]
"""The command that gates the last two phases, as a person chose it."""


class Agent:
    """Does the work of each phase in the project, as an AI agent would.

    Args:
        project: the folder to work in.
        tell: is told of each thing done.
    """

    def __init__(self, project: Path, tell: Callable[[str], None]) -> None:
        self._project = project
        self._tell = tell

    def deliver(self, phase: dict[str, Any]) -> dict[str, str]:
        """Do a phase; the text of each output by its id, for those that are not files yet."""
        facts = self._work(phase["id"])
        texts = {}
        for output in phase["outputs"]:
            ending = "yml" if output["type"] == "yaml" else "md"
            template = string.Template(_deliverable(f"{output['id']}.{ending}"))
            text = template.substitute(facts)
            _require_gate(output, text)
            if phase["id"] in WRITES_ITSELF:
                self._write(output["path"], text)
            else:
                texts[output["id"]] = text
        return texts

    def lie(self) -> str:
        """Write a test that asserts nothing, and name it as the proof of everything."""
        self._write(LIE, _LYING_TEST)
        return _LYING_PROOFS

    def stop_lying(self) -> None:
        """Take that test back."""
        (self._project / LIE).unlink()
        self._tell(f"agent removed {LIE}, and names tests that show something")

    def _work(self, phase_id: str) -> dict[str, object]:
        """What a phase takes besides its report; the facts that the report tells."""
        if phase_id == "implement":
            for name, path in CODE.items():
                self._write(path, _deliverable(name))
            printed = self._run("-c", _TRY)
            self._tell(f"agent tried its code, which printed {printed}")
            return {"tried": f'python -c "{_TRY}"', "printed": printed}
        if phase_id == "test":
            ran, _, verdict = self._run("-c", _TEST).splitlines()[-3:]
            self._tell(f"agent ran its tests: {ran}: {verdict}")
            command = f"python -m unittest {CODE['test_since.py.txt']}"
            return {"command": command, "exit_code": 0, "summary": f"{ran}: {verdict}"}
        return {}

    def _write(self, relative: str, text: str) -> None:
        path = self._project / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._tell(f"agent wrote {relative}, {path.stat().st_size} bytes")

    def _run(self, *words: str) -> str:
        """Run Python in the project, on the project's own sources; what it printed."""
        kept = {key: os.environ[key] for key in ("HOME", "PATH", "SYSTEMROOT") if key in os.environ}
        environment = {**kept, "PYTHONPATH": str(self._project / "src"), "PYTHONUTF8": "1"}
        done = subprocess.run(
            [sys.executable, "-B", *words],
            cwd=self._project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_RUN_SECONDS,
        )
        if done.returncode != 0:
            raise DemoError(f"The agent ran {words}, which failed:\n{done.stdout.strip()}")
        return done.stdout.strip()


def _deliverable(name: str) -> str:
    try:
        return (_DELIVERABLES / name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DemoError(f"The scripted agent has no text for {name}: the workflow grew?") from error


def _require_gate(output: dict[str, Any], text: str) -> None:
    """Read a text against the declared gate before it is submitted, as any agent should."""
    lines = text.splitlines()
    missing = [
        wanted
        for wanted in output["must_contain"]
        if not (
            re.search(wanted[3:], text, re.MULTILINE) if wanted[:3] == "re:" else wanted in lines
        )
    ]
    if missing or len(text.encode()) < output["min_bytes"] or "<fill:" in text:
        raise DemoError(f"The agent's text for {output['path']} lacks {missing or 'substance'}.")
