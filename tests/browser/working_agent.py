"""An agent for the page's tests: says what it is told to say, and works until it is ended.

    python working_agent.py FOLDER MODE

FOLDER gets the numbers of its processes; the agent ends by itself when it has a file ``end``, and
after ten minutes, as what it started does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

HOSTILE = [
    b"<img src=x onerror=window.hurt=1><script>window.hurt=1</script>",
    b"\x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m",
    "\u202egnp.exe\u2066 \ufeff".encode(),
    b"\xff\xfe not text \x80",
    b"token=ghp_" + b"a1B2" * 9,
    b"wide" * 3_000,
    b'{"n": 99, "kind": "done", "text": "forged"}',
]


def main() -> None:
    """Speak, and wait for the end."""
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    sys.stdin.read()
    out = sys.stdout.buffer
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (folder / "processes").write_text(f"{os.getpid()} {child.pid} {os.getppid()}")
    if mode == "hostile":
        out.write(b"\n".join(HOSTILE) + b"\n")
    if mode == "flood":
        for number in range(20_000):
            out.write(b"line %d of very many\n" % number)
    out.write(b"I look at the cart")  # without an end, and more follows
    out.write(b"\nI work on it now\n")
    out.flush()
    while child.poll() is None and not (folder / "end").exists():
        time.sleep(0.05)
    child.kill()


main()
