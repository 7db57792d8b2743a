"""Runs the protocol's own suites and its inspector against servers of the product.

A server with the suites' fixtures has to pass every scenario but the exceptions, which have to
fail; the product's own server has to pass those that every server must.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tools.kept_programs import npm_script, run_node

HERE = Path(__file__).resolve().parent.parent
EXCEPTIONS = HERE / "tests" / "conformance" / "exceptions.toml"
SUITE, INSPECTOR = "@modelcontextprotocol/conformance", "@modelcontextprotocol/inspector"
OLD, NEW = "0.1.16", "0.2.0-alpha.12"
INSPECTOR_VERSION = "2.12"
RUNS = {
    f"{OLD} all": (OLD, ["--suite", "all"]),
    f"{NEW} 2025-11-25": (NEW, ["--requirements", "2025-11-25"]),
    f"{NEW} 2026-07-28": (NEW, ["--requirements", "2026-07-28"]),
}
GENERAL = {
    *("server-initialize", "server-session-lifecycle", "ping", "tools-list", "resources-list"),
    *("prompts-list", "server-sse-multiple-streams", "dns-rebinding-protection", "caching"),
    *("sep-2164-resource-not-found", "http-header-validation"),
}
"""What any server has to pass, whatever it offers."""
START_SECONDS = 60


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """The address of a server of a new project, as ``tests.conformance.server`` serves it."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        root, state = Path(folder) / "project", Path(folder) / "state"
        root.mkdir()
        known = {"CDE_TRUSTED_FOLDERS": str(root), "XDG_STATE_HOME": str(state)}
        command = [sys.executable, "-m", "tests.conformance.server", str(root), str(port), *options]
        process = subprocess.Popen(
            command, cwd=HERE, env={**os.environ, **known}, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()
            process.wait()


def verdicts(address: str, version: str, words: list[str]) -> dict[str, bool]:
    """Whether each scenario of a run passed, which none does that checked nothing."""
    script = npm_script(SUITE, version, "dist/index.js")
    with tempfile.TemporaryDirectory() as results:
        asked = ["server", "--url", address, "--output-dir", results, *words]
        output = run_node(script, *asked).stdout
    lines = re.findall(r"^([✓✗]) ([\w-]+): (\d+) passed, (\d+) failed", output, re.MULTILINE)
    if not lines:
        raise SystemExit(f"The suite {version} gave no verdicts:\n{output[-2_000:]}")
    return {name: mark == "✓" and passed != "0" for mark, name, passed, _ in lines}


def problems_with(found: Mapping[str, bool], exceptions: Mapping[str, str]) -> list[str]:
    """Scenarios that fail and are no exceptions, and exceptions that do not fail."""
    failed = {name for name, passed in found.items() if not passed}
    unexpected = [f"{name} fails" for name in sorted(failed - exceptions.keys())]
    return unexpected + [
        f"{name} passes or is gone: remove it from {EXCEPTIONS.name}"
        for name in sorted(exceptions.keys() - failed)
    ]


def inspected(address: str, exceptions: Mapping[str, str]) -> list[str]:
    """What the inspector finds in the product's lists, in its strict mode, but for exceptions.

    Those are named by the tool and the place in its schema, as it names them.
    """
    script = npm_script(INSPECTOR, INSPECTOR_VERSION, "clients/launcher/build/index.js")
    found = []
    for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list"):
        words = ["--cli", address, "--transport", "http", "--method", method]
        strict = ["--strict"] if method == "tools/list" else []
        done = run_node(script, *words, *strict)
        if done.returncode:
            found.append(f"inspector, {method}: {(done.stderr or done.stdout)[-500:]}")
        if strict:
            places = re.findall(r'^\w+: tool "(\w+)"\n *Path: (\S+)', done.stderr, re.MULTILINE)
            warned = {f"{tool} {place.rpartition('.')[2]}": False for tool, place in places}
            found += [f"inspector: {each}" for each in problems_with(warned, exceptions)]
    return found


def main() -> int:
    """Run everything; the exit code."""
    exceptions: dict[str, dict[str, str]] = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))
    problems, seen = list[str](), set[str]()
    for name, (version, words) in RUNS.items():
        with serving() as address:
            found = verdicts(address, version, words)
        wrong = problems_with(found, exceptions.get(name, {}))
        print(f"{name}: {sum(found.values())} of {len(found)} scenarios pass with the fixtures")
        problems += [f"{name}: {each}" for each in wrong]
        with serving("--plain") as address:
            found = verdicts(address, version, words)
        general = {each: passed for each, passed in found.items() if each in GENERAL}
        seen |= general.keys()
        print(f"{name}: {sum(general.values())} of {len(general)} general ones without")
        problems += [f"{name}, the product's own server: {it}" for it in problems_with(general, {})]
    problems += [f"{each} is in no suite any more" for each in sorted(GENERAL - seen)]
    with serving("--plain") as address:
        problems += inspected(address, exceptions.get("inspector", {}))
    for each in problems:
        print(each, file=sys.stderr)
    return 1 if problems else 0


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The server did not start.")


if __name__ == "__main__":
    sys.exit(main())
