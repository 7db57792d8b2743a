"""Serves the fixtures over HTTP, by the product's own factory, guards and transport.

``python -m tests.conformance.server FOLDER PORT [--plain]``; plain is without the fixtures.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_app, build_server
from tests.conformance.fixtures import add_fixtures

HOST = "127.0.0.1"


def serve(root: Path, port: int, *, plain: bool) -> None:
    """Serve until the process ends."""
    served = ServedProject(root, pinned=True)
    served.handle(OnboardProject())
    server = build_server(served)
    server.add_tools()
    if not plain:
        add_fixtures(server)
    app = build_app(served, host=HOST, address=HOST, token=None, server=server)
    uvicorn.run(app, host=HOST, port=port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), plain="--plain" in sys.argv)
