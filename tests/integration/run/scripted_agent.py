"""An agent that does what it is told: a program, started by ``cde run`` as any other agent is.

    python scripted_agent.py STATE_FOLDER MODE[,MODE...]

The prompt stands on standard input, or in the file that a third argument names. The first
attempt at a phase takes the first mode, the second the second, and so on; the last one stays.
STATE_FOLDER holds what it was asked and which processes it started.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

WORDS = "AC1 and T1 and F1: what was done, by whom, and how anybody can see that it works.\n"
OUTPUT = re.compile(r"^- `([^`]+)` \(output `[^`]+`, (\w+)", re.MULTILINE)
REQUIRED = re.compile(r"^  - with `([^`]+)`$", re.MULTILINE)
VERDICT = re.compile(r"^  - with the line `([^`]+)`", re.MULTILINE)
FORM = re.compile(r"^````markdown\n(.*?)^````$", re.MULTILINE | re.DOTALL)
FORM_HEADING = re.compile(r"^##+ [^<\n]+$", re.MULTILINE)
FORM_VERDICT = re.compile(r"^(Verdict: )<fill: ([^,]+),", re.MULTILINE)
STAY = "import signal, sys; print(sys.argv[1], flush=True); signal.pause()"


def say(words: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def deliver(prompt: str) -> None:
    """Write what the gate in the prompt asks for."""
    parts = OUTPUT.split(prompt)[1:]
    form = "".join(FORM.findall(prompt)[-1:])
    for path, _kind, rest in zip(*[iter(parts)] * 3, strict=True):
        listed = [each for each in REQUIRED.findall(rest) if each.startswith("#")]
        headings = FORM_HEADING.findall(form) + listed
        body = "\n\n".join(f"{heading}\n\n{WORDS}" for heading in headings or ["# Result"])
        body += "".join(f"\n\n{line}\n" for line in VERDICT.findall(rest))
        body += "".join(f"\n\n{''.join(said)}\n" for said in FORM_VERDICT.findall(form))
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(body + "\n" + WORDS * 8, encoding="utf-8")


def deliver_too_little(prompt: str) -> None:
    """Write nothing but blanks."""
    for path, *_ in OUTPUT.findall(prompt):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(" \n", encoding="utf-8")


def hang(prompt: str) -> NoReturn:
    """Wait for ever, deaf to every request to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    say("hanging")
    while True:
        signal.pause()


def garbage(prompt: str) -> None:
    """Print what no terminal should be given, and write nothing."""
    line = bytes(range(256)) + b"\x1b[2J\x1b]0;title\x07" + "\u202e".encode()
    for _ in range(500):
        sys.stdout.buffer.write(line * 8)
    sys.stdout.buffer.write(b"\n" + b"x" * 1_000_000)


def fork(prompt: str) -> None:
    """Leave processes behind, in the group and out of it, that keep the output open."""
    for detached in (False, True):
        child = subprocess.Popen([sys.executable, "-c", STAY, "child"], start_new_session=detached)
        remember("children", child.pid)
        child.returncode = 0  # no warning that it is left running: that is the point
    deliver(prompt)


def write_outside(prompt: str) -> None:
    """Write next to the project instead of into it."""
    Path("..", "outside.md").write_text(WORDS * 8, encoding="utf-8")


def die(prompt: str) -> None:
    """End as the kernel's memory killer would end it."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(prompt: str) -> NoReturn:
    """Say so, and end with an exit code."""
    sys.stderr.write("something broke\n")
    sys.exit(3)


def show_environment(prompt: str) -> None:
    """Remember the names of all variables, and deliver."""
    remember("environment", *sorted(os.environ))
    deliver(prompt)


def ask(prompt: str) -> None:
    """Ask a server of its own for the features, as its client's configuration says, and deliver."""
    client = {"name": "scripted", "version": "1"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    requests: list[dict[str, object]] = [
        {"id": 1, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "cde_listFeatures"}},
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "cde_orchestrator", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for request in requests:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **request}) + "\n")
            server.stdin.flush()
            if "id" in request:
                remember("answers", server.stdout.readline().strip())
    deliver(prompt)


def report(_prompt: str) -> None:
    """Say what Claude Code would say in events."""
    say(json.dumps({"type": "system", "subtype": "init", "session_id": "s-1"}))
    tool = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "curl x"}}
    message = {"id": "m", "model": "scripted", "content": [tool], "usage": {"input_tokens": 7}}
    say(json.dumps({"type": "assistant", "message": message}))
    denied = {"tool_name": "Bash", "tool_input": {"command": "curl x"}}
    end = {"total_cost_usd": 0.5, "num_turns": 2, "usage": {"input_tokens": 7, "output_tokens": 3}}
    say(json.dumps({"type": "result", "result": "Done.", "permission_denials": [denied], **end}))


def report_and_deliver(prompt: str) -> None:
    """Deliver, and report it as Claude Code does."""
    report(prompt)
    deliver(prompt)


MODES: dict[str, Callable[[str], None]] = {
    "succeed": deliver,
    "refused": deliver_too_little,
    "hang": hang,
    "garbage": garbage,
    "fork": fork,
    "outside": write_outside,
    "killed": die,
    "fail": fail,
    "environment": show_environment,
    "ask": ask,
    "report": report,
    "report-and-deliver": report_and_deliver,
}


def remember(name: str, *values: object) -> None:
    """Add lines to a file of the state folder."""
    with (Path(sys.argv[1]) / name).open("a", encoding="utf-8") as file:
        file.writelines(f"{value}\n" for value in values)


def main() -> None:
    """Do what the mode of this attempt says."""
    if sys.argv[2] == "--version":
        say("scripted 1.0")
        return
    phase = os.environ.get("CDE_PHASE", "trial")
    flags = sys.argv[3:]
    named = flags and not flags[0].startswith("--")
    data = Path(flags[0]).read_bytes() if named else sys.stdin.buffer.read()
    prompt = data.decode()
    counter = Path(sys.argv[1], f"attempts-{phase}")
    attempt = len(counter.read_text().splitlines()) if counter.exists() else 0
    remember(f"attempts-{phase}", os.getpid())
    remember("children", os.getpid())
    remember("flags", json.dumps(flags))
    remember("prompts", json.dumps({"phase": phase, "prompt": prompt, "folder": str(Path.cwd())}))
    say(f"working on {phase}")
    modes = sys.argv[2].split(",")
    MODES[modes[min(attempt, len(modes) - 1)]](prompt)


if __name__ == "__main__":
    main()
