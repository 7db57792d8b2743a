"""Servers with Prometheus and Alertmanager around them, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx2
import yaml
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from cde_orchestrator.infrastructure.settings.settings import Settings
from tests.integration.mcp_client import SERVE
from tests.programs import program
from tools.generate_ops import prometheus_rules

TOKEN = "0123456789abcdef"
PATIENCE_SECONDS = 180.0
Found = TypeVar("Found")

SHORTER = {"[5m]": "[20s]", "[2m]": "[2s]", "for: 60s": "for: 20s"}
"""What is shorter than in the file of the rules, so that nobody waits; all else is as it is."""

OWN_MEMORY = """
mount --bind "$0" /proc/meminfo
if [ -d /sys/fs/cgroup ]; then mount -t tmpfs none /sys/fs/cgroup; fi
exec "$@"
"""
"""Has a program read of the machine's memory in another file, which nobody else's use changes."""


def until(ask: Callable[[], Found], what: str | Callable[[], str]) -> Found:
    """What is found, as soon as something is; ``what`` says what is waited for."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := ask()):
        in_vain = time.monotonic() > deadline
        assert not in_vain, f"in vain: {what if isinstance(what, str) else what()}"
        time.sleep(0.1)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def fetched(url: str) -> bytes | None:
    """What is answered with success; None for everything else."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            body: bytes = answer.read()
            return body
    except OSError:  # an answer without success among them
        return None


@contextmanager
def running(words: Sequence[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A program, ended by its number."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, **environment},
            text=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@dataclass
class Server:
    """A server of a project that can be killed and started again, at the same address.

    Attributes:
        memory: what it reads of the machine's memory; no control group says otherwise.
    """

    root: Path
    log: Path
    environment: Mapping[str, str]
    memory: Path
    port: int = 0
    _running: ExitStack = field(default_factory=ExitStack)
    process: subprocess.Popen[str] | None = None

    @property
    def instance(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        own = ["unshare", "--mount", "sh", "-ec", OWN_MEMORY, str(self.memory)]
        words = [*SERVE, "--transport", "http", "--json", "--port", str(self.port)]
        started = [*own, sys.executable, *words, "--project", str(self.root)]
        self.process = self._running.enter_context(running(started, self.log, **self.environment))
        assert self.process.stdout is not None
        told = ""
        while not told.endswith("}\n"):
            line = self.process.stdout.readline()
            assert line, self.log.read_text()
            told += line
        self.port = json.loads(told)["port"]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self._running.close()

    def call(self, tool: str, times: int = 1, **arguments: Any) -> list[bool]:
        """Call a tool; for each time whether it succeeded."""

        async def work() -> list[bool]:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
                transport = streamable_http_client(f"http://{self.instance}/mcp", http_client=http)
                async with Client(transport) as client:
                    results = [await client.call_tool(tool, arguments) for _ in range(times)]
            return [not each.is_error for each in results]

        return anyio.run(work)


@dataclass(frozen=True)
class Monitoring:
    """Prometheus, with the rules of ``ops/`` in haste, and an Alertmanager that sends on.

    Attributes:
        address: of Prometheus.
        rules: those in force.
    """

    address: str
    rules: list[dict[str, Any]]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples that an expression gives now.

        Raises:
            AssertionError: Prometheus refused it.
        """
        words = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"{self.address}/api/v1/query?{words}") as answer:
                result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return result
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from error


@contextmanager
def monitoring(
    folder: Path, servers: Sequence[Server], settings: Settings, webhook: str
) -> Iterator[Monitoring]:
    """Both, at work on these servers."""
    folder.mkdir()
    rules = prometheus_rules(settings)
    for usual, short in SHORTER.items():
        assert usual in rules
        rules = rules.replace(usual, short)
    (folder / "rules.yml").write_text(rules)
    (folder / "token").write_text(TOKEN)
    sender, watcher = free_port(), free_port()
    route = {
        "receiver": "test",
        "group_by": ["alertname", "instance"],
        "group_wait": "100ms",
        "group_interval": "1s",
        "repeat_interval": "1h",
    }
    receivers = [{"name": "test", "webhook_configs": [{"url": webhook, "send_resolved": True}]}]
    _write(folder / "alertmanager.yml", {"route": route, "receivers": receivers})
    scraped = {
        "job_name": "cde",
        "authorization": {"credentials_file": str(folder / "token")},
        "static_configs": [{"targets": [each.instance for each in servers]}],
    }
    sent = {"static_configs": [{"targets": [f"127.0.0.1:{sender}"]}]}
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yml")],
        "scrape_configs": [scraped],
        "alerting": {"alertmanagers": [sent]},
    }
    _write(folder / "prometheus.yml", configuration)
    alertmanager = [
        program("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{sender}",
        "--cluster.listen-address=",
    ]
    address = f"http://127.0.0.1:{watcher}"
    prometheus = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=1h",
        f"--web.listen-address=127.0.0.1:{watcher}",
        f"--web.external-url={address}",
    ]
    log = folder / "log"
    with running(alertmanager, log), running(prometheus, log):
        for ready in (f"http://127.0.0.1:{sender}/-/ready", f"{address}/-/ready"):
            until(partial(fetched, ready), log.read_text)
        (group,) = yaml.safe_load(rules)["groups"]
        yield Monitoring(address, group["rules"])


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content))  # which is YAML, too
