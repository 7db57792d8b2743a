"""What a project goes through where the files are watched that are opened meanwhile.

``python -m tests.security.workload PROJECT begin`` makes one, ``go`` uses it, each command in a
process that is forked from this one: so ``strace`` sees them all, and each module imported once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType

from tests.command_line import TIMEOUT_SECONDS, program
from tests.fork_server import become, preload

WORKFLOW = """\
version: 1
default: short
workflows:
  short:
    phases:
      - id: plan
        prompt: own.md
        outputs:
          - {id: plan, path: "specs/{feature}/plan.md"}
      - id: work
        prompt: own.md
        outputs:
          - {id: work, path: "specs/{feature}/work.md"}
      - id: close
        prompt: standard/review.md
        outputs:
          - {id: close, path: "specs/{feature}/close.md"}
"""
SETTINGS = f"""\
log_level = "DEBUG"

[agents.mine]
command = ["{sys.executable}", "-c", "print(1)", "{{prompt_file}}"]
prompt = "file"
"""
FILES = {
    ".cde/workflow.yml": WORKFLOW,
    ".cde/config.toml": SETTINGS,
    ".cde/rules.md": "Name units.\n",
    ".cde/prompts/own.md": "Do {{ phase.id }}. {% include 'part.md' %}\n",
    ".cde/prompts/part.md": "In part.\n",
    "pyproject.toml": '[project]\nname = "one"\n',
    "Makefile": "test:\n\ttrue\n",
    "package.json": "{}\n",
    "tox.ini": "[testenv:style]\n",
    "src/one.py": "x = 1\n",
}
BEGINNING = (
    ("init",),
    ("agents", "trust", "mine", "--yes"),
    ("start", "Do one", "--name", "one"),
    ("submit", "one", "plan", "--results", json.dumps({"plan": "words\n" * 40})),
    ("start", "Do two", "--name", "two"),
    ("state", "compact"),
    ("submit", "two", "plan", "--failed", "--reason", "it is hard"),
    ("status", "nothing"),
)
"""A project with all that it may have."""

COMMANDS = (
    ("status",),
    ("list",),
    ("logs",),
    ("health",),
    ("errors", "list"),
    ("alerts",),
    ("trust", "--list"),
    ("agents", "list"),
    ("workflow", "validate"),
    ("project", "settings"),
    ("state", "verify"),
    ("state", "backups"),
    ("state", "export"),
    ("doctor",),
    ("init",),
    ("start", "Do three", "--name", "three"),
    ("submit", "one", "work", "--results", json.dumps({"work": "words\n" * 40})),
    ("save", "one", "A note"),
    ("resume", "two"),
    ("status", "one", "--prompt"),
    ("run", "two", "--agent", "mine"),
    ("rollback", "one", "plan", "--reason", "it is wrong"),
    ("close", "two", "cancelled", "--reason", "not needed"),
    ("state", "compact"),
    ("state", "restore", "--at", "5"),
    ("doctor", "--fix"),
)
"""What is tried on it, in this order."""

CALLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("cde_getProjectInfo", {}),
    ("cde_startFeature", {"prompt": "Do four", "name": "four"}),
    ("cde_getFeatureStatus", {"feature_id": "one"}),
    (
        "cde_submitWork",
        {"feature_id": "one", "phase_id": "work", "results": {"work": "words\n" * 40}},
    ),
    ("cde_saveProgress", {"feature_id": "one", "phase_id": "close", "note": "A note"}),
    ("cde_getHealth", {}),
)
"""What an agent asks a server for."""


def ask(
    server: subprocess.Popen[bytes],
    calls: Iterable[tuple[str, Mapping[str, object]]] = CALLS,
    replaced: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """The answers of a server over stdio, each request sent after the answer to the one before.

    What is under way when a client closes its end is not done.

    Args:
        server: which has pipes for its input and output.
        calls: the tools, with their arguments.
        replaced: texts in the requests, by what is sent for them.

    Raises:
        TimeoutError: it does not answer.
    """
    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    lines: list[dict[str, object]] = [
        {"id": 0, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        *(
            {"id": number, "method": "tools/call", "params": {"name": name, "arguments": given}}
            for number, (name, given) in enumerate(calls, 1)
        ),
    ]
    assert server.stdin
    assert server.stdout
    late = threading.Event()

    def end() -> None:
        late.set()
        server.kill()

    watch = threading.Timer(TIMEOUT_SECONDS, end)
    watch.start()
    answers = []
    try:
        for line in lines:
            text = json.dumps({"jsonrpc": "2.0", **line})
            for each, sent in replaced.items():
                text = text.replace(each, sent)
            server.stdin.write(text.encode() + b"\n")
            server.stdin.flush()
            if "id" in line:
                answers.append(server.stdout.readline().decode())
    except BrokenPipeError:
        pass  # it refused to start
    finally:
        watch.cancel()
    if late.is_set():
        raise TimeoutError
    return answers


def served(
    root: Path,
    environment: Mapping[str, str],
    calls: Iterable[tuple[str, Mapping[str, object]]] = CALLS,
    replaced: Mapping[str, str] = MappingProxyType({}),
    *,
    is_powerless: bool = False,
) -> tuple[list[str], str]:
    """The answers of a new server of the project, and what it said else; raises as ``ask``.

    Args:
        root: the project's folder.
        environment: the whole of the server's.
        calls: as of ``ask``.
        replaced: as of ``ask``.
        is_powerless: whether the server has no rights over what is others'.
    """
    with (
        TemporaryFile() as errors,
        subprocess.Popen(
            [*program(is_powerless=is_powerless), "serve", "--project", str(root)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as server,
    ):
        answers = ask(server, calls, replaced)
        rest, _ = server.communicate()
        errors.seek(0)
        return answers, (rest + errors.read()).decode()


def make(root: Path) -> None:
    """Write the files that a project's people write."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(root: Path, commands: tuple[tuple[str, ...], ...]) -> None:
    """Run the commands one after the other, whatever comes of them."""
    for words in commands:
        if os.fork() == 0:
            opened = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
            become({"words": words, "folder": str(root), "environment": dict(os.environ)}, opened)
        os.wait()


if __name__ == "__main__":
    preload()
    run(Path(sys.argv[1]), BEGINNING if sys.argv[2] == "begin" else COMMANDS)
