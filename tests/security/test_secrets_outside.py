"""No secret that somebody writes is on a page, in a figure or in a trace that is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.command_line import cde
from tests.security.http_stage import served
from tests.security.test_secrets import SAMPLES, TEXT, given_away, project

__all__ = ["project"]  # a fixture


@pytest.fixture
def at_work(project: Path) -> Path:
    """The project, in which agents and people wrote secrets wherever they can."""
    for words, text in (
        (("start", "-", "--name", "shop"), f"Use these:\n{TEXT}"),
        (("save", "shop", "-"), TEXT),
        (("submit", "shop", "plan", "--failed", "--reason", f"it said {TEXT[:1500]}"), ""),
        (("close", "shop", "cancelled", "--reason", SAMPLES["huggingface"]), ""),
        (("start", "-", "--name", "cart"), f"The cart needs\n{TEXT}"),
    ):
        done = cde(*words, cwd=project, stdin=text.encode())
        assert done.returncode == 0, done.stderr.decode()
    for sample in SAMPLES.values():
        assert cde("status", sample, cwd=project).returncode in {1, 2}
    return project


def test_no_page_and_no_figure_has_a_secret(at_work: Path) -> None:
    pages = ["/dashboard", "/dashboard/data", "/health", "/health/metrics", "/metrics", "/errors"]
    pages += ["/dashboard/feature/shop", "/dashboard/feature/cart", "/errors/E102"]
    with served(at_work) as server:
        answers = {path: server.ask(path, server.token) for path in pages}
        strange = [server.ask(f"/{sample}", server.token) for sample in ("a", SAMPLES["stripe"])]
        data = answers["/dashboard/data"].body.decode()
    said = "\n".join(
        each.body.decode() + str(each.headers) for each in [*answers.values(), *strange]
    )
    assert "shop" in data
    assert "cart" in data
    assert given_away(said) == []


class Collector(ThreadingHTTPServer):
    """Takes what is sent, as it comes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def test_no_trace_has_a_secret(
    project: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{collector.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    cde("start", "-", "--name", "shop", cwd=project, stdin=f"Use these:\n{TEXT}".encode())
    (project / "plan.md").write_text(f"# Plan\n\n{TEXT[:1100]}\n")
    assert cde("submit", "shop", "plan", cwd=project).returncode in {0, 1}
    for sample in list(SAMPLES.values())[::3]:
        assert cde("status", sample, cwd=project).returncode in {1, 2}
    sent = b"\n".join(collector.bodies).decode("utf-8", "replace")
    assert "start_feature" in sent
    assert "E102" in sent
    assert given_away(sent) == []
